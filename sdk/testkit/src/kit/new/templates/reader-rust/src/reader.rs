// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader: what its commands share, and which file has which.

use crate::config::Config;
use crate::wire::{Cancel, Line, Wire};
use crate::{authorize_card, complete, identify, present};
use payhal_plugin::messages::card::Entry;
use payhal_plugin::messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, Identity, Present, Presentation, Show,
};
use payhal_plugin::{Context, Outcome, PluginError, Reader};

/// One device.
#[derive(Debug)]
pub(crate) struct BeeperReader {
    pub(crate) wire: Wire,
    pub(crate) config: Config,
    /// Scheme and slot of its keys, once it was asked.
    pub(crate) keys: Option<Keys>,
    /// The card that is held to it.
    pub(crate) held: Option<Held>,
}

/// Under which key the device encrypts.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) scheme: String,
    pub(crate) slot: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) presentation_id: String,
    pub(crate) entry: Entry,
}

impl BeeperReader {
    /// A command with one answer, which needs nobody.
    pub(crate) fn ask(
        &mut self,
        command: &str,
        cancel: Cancel,
        context: &Context,
    ) -> Result<Line, PluginError> {
        self.wire.ask(command)?;
        let until = context.now() + self.config.patience();
        self.wire.hear(until, cancel, context)
    }

    /// The card, if it is the one that is meant.
    pub(crate) fn held(&self, presentation_id: &str) -> Option<Held> {
        let held = self.held.as_ref();
        held.filter(|held| held.presentation_id == presentation_id)
            .cloned()
    }
}

impl Reader for BeeperReader {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        config.check()?;
        Ok(Self {
            wire: Wire::new(context.port("main")?),
            config,
            keys: None,
            held: None,
        })
    }

    fn identify(&mut self, context: &Context) -> Outcome<Identity> {
        identify::identify(self, context)
    }

    fn present(&mut self, request: Present, context: &Context) -> Outcome<Presentation> {
        present::present(self, &request, context)
    }

    fn authorize_card(&mut self, request: AuthorizeCard, context: &Context) -> Outcome<CardRead> {
        authorize_card::authorize_card(self, &request, context)
    }

    fn complete(&mut self, request: Complete, context: &Context) -> Outcome<CompletionRead> {
        complete::complete(self, &request, context)
    }

    fn show(&mut self, request: Show, context: &Context) -> Outcome<()> {
        identify::show(self, &request, context)
    }
}
