// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of an instance, as `configuration.schema.json` describes it.

use payhal_plugin::PluginError;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The service, as host:port.
    pub(crate) server: String,
    /// How long it may take for an answer.
    #[serde(default = "usual_patience")]
    patience_ms: u64,
}

fn usual_patience() -> u64 {
    15_000
}

impl Config {
    /// What no type says.
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        match self.patience_ms {
            100..=60_000 => Ok(()),
            _ => {
                let what = "use the configuration: patience_ms must be 100 to 60000";
                Err(PluginError::not_sent(what))
            }
        }
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }
}
