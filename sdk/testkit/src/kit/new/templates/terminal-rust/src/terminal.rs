// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal: what its commands share, and which file has which.

use crate::config::Config;
use crate::wire::{Cancel, Line, Wire};
use crate::{identify, inquire, pay};
use payhal_plugin::messages::gateway::Reversal;
use payhal_plugin::messages::reader::{Identity, Show};
use payhal_plugin::messages::terminal::{
    InquireTerminal, Pay, ReverseTerminal, TerminalFinding, TerminalOutcome,
};
use payhal_plugin::{Context, Outcome, PluginError, Terminal};

/// One terminal.
#[derive(Debug)]
pub(crate) struct BeeperTerminal {
    pub(crate) wire: Wire,
    config: Config,
}

impl BeeperTerminal {
    /// A command with one answer, which needs nobody.
    pub(crate) fn ask(&mut self, command: &str, context: &Context) -> Result<Line, PluginError> {
        self.wire.ask(command)?;
        let until = context.now() + self.config.patience();
        self.wire.hear(until, Cancel::Heeded, context)
    }
}

impl Terminal for BeeperTerminal {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        config.check()?;
        Ok(Self {
            wire: Wire::new(context.port("main")?),
            config,
        })
    }

    fn identify(&mut self, context: &Context) -> Outcome<Identity> {
        identify::identify(self, context)
    }

    fn pay(&mut self, request: Pay, context: &Context) -> Outcome<TerminalOutcome> {
        pay::pay(self, &request, context)
    }

    fn inquire(&mut self, request: InquireTerminal, context: &Context) -> Outcome<TerminalFinding> {
        inquire::inquire(self, &request, context)
    }

    fn reverse(&mut self, request: ReverseTerminal, context: &Context) -> Outcome<Reversal> {
        inquire::reverse(self, &request, context)
    }

    fn show(&mut self, request: Show, context: &Context) -> Outcome<()> {
        identify::show(self, &request, context)
    }
}
