// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connector: what its messages share, and which file has which.

use crate::config::Config;
use crate::{authorize, inquire, modify};
use payhal_plugin::messages::card::Recipient;
use payhal_plugin::messages::gateway::{
    Answer, Authorize, Finding, Inquire, Modify, Parameters, Prepare, Prepared, Reversal, Reverse,
};
use payhal_plugin::{Context, GatewayConnector, Outcome, PluginError};

/// One merchant's way to the service.
#[derive(Debug)]
pub(crate) struct BeeperGateway {
    pub(crate) config: Config,
}

impl GatewayConnector for BeeperGateway {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<(Self, Parameters), PluginError> {
        config.check()?;
        let parameters = Parameters {
            name: "Beeper".to_owned(),
            currencies: Vec::new(),
            // Nothing is sealed to this connector: readers encrypt to the service, under DUKPT.
            recipient: Recipient {
                gateway: context.instance_name().to_owned(),
                key_id: "none".to_owned(),
                public_key: Vec::new(),
                certificates: Vec::new(),
            },
            opens: vec!["dukpt-aes".to_owned()],
            live: false,
            reader_parameters: None,
            settings: None,
        };
        Ok((Self { config }, parameters))
    }

    /// The service knows transactions by our own name for them.
    fn prepare(&self, request: Prepare, _: &Context) -> Outcome<Prepared> {
        let reference = request.wire.transaction_id;
        Ok(Ok(Prepared { reference }))
    }

    fn authorize(&self, request: Authorize, context: &Context) -> Outcome<Answer> {
        authorize::authorize(&self.config, &request, context)
    }

    fn modify(&self, request: Modify, context: &Context) -> Outcome<Answer> {
        modify::modify(&self.config, &request, context)
    }

    fn inquire(&self, request: Inquire, context: &Context) -> Outcome<Finding> {
        inquire::inquire(&self.config, &request, context)
    }

    fn reverse(&self, request: Reverse, context: &Context) -> Outcome<Reversal> {
        inquire::reverse(&self.config, &request, context)
    }
}
