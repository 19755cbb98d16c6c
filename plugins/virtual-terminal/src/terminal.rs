// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal as the SDK sees it: one file for each command, what lies between commands here.

use crate::config::Config;
use crate::error::TerminalError;
use crate::ledger::Ledger;
use crate::screen::Screen;
use crate::state::Shared;
use crate::{inquire, pay, reconcile, reverse};
use payhal_messages::gateway::{Reconcile, Reversal, Totals};
use payhal_messages::reader::{Identity, Show};
use payhal_messages::terminal::{
    InquireTerminal, Pay, ReverseTerminal, TerminalFinding, TerminalOutcome,
};
use payhal_plugin::{Context, Outcome, PluginError, Simulated, Terminal};
use std::sync::Arc;

/// One virtual terminal.
pub(crate) struct VirtualTerminal {
    pub(crate) shared: Arc<Shared>,
    /// The last payment's answer, for the fault that repeats it.
    pub(crate) former: Option<TerminalOutcome>,
}

impl VirtualTerminal {
    /// The door for people and tests.
    pub(crate) fn simulator(&self) -> Arc<dyn Simulated> {
        self.shared.clone()
    }
}

impl Terminal for VirtualTerminal {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        let plan = config.plan().map_err(TerminalError::Configuration)?;
        let ledger = Ledger::open(&context.state_dir().join("ledger.sqlite"))?;
        Ok(Self {
            shared: Arc::new(Shared::new(plan, ledger, context)),
            former: None,
        })
    }

    fn identify(&mut self, context: &Context) -> Outcome<Identity> {
        self.shared.attached()?;
        Ok(Ok(Identity {
            sealing: None,
            incomplete: None,
            model: "payhal virtual terminal".to_owned(),
            serial_number: Some(format!("VT-{}", context.instance_name())),
            firmware: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }))
    }

    fn pay(&mut self, request: Pay, context: &Context) -> Outcome<TerminalOutcome> {
        pay::pay(self, &request, context)
    }

    fn inquire(&mut self, request: InquireTerminal, context: &Context) -> Outcome<TerminalFinding> {
        inquire::inquire(self, &request, context)
    }

    fn reverse(&mut self, request: ReverseTerminal, context: &Context) -> Outcome<Reversal> {
        reverse::reverse(self, &request, context)
    }

    fn reconcile(&mut self, request: Reconcile, context: &Context) -> Outcome<Totals> {
        reconcile::reconcile(self, &request, context)
    }

    fn show(&mut self, request: Show, _: &Context) -> Outcome<()> {
        self.shared.attached()?;
        let mut lines = request.lines;
        if request.beep && lines.is_empty() {
            lines = vec![String::new(), "*** I am here ***".to_owned()];
        }
        self.shared.show(Screen::of(&lines));
        Ok(Ok(()))
    }

    fn close(&mut self, _: &Context) {
        self.shared.close();
    }
}
