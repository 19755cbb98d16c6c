// SPDX-License-Identifier: MIT OR Apache-2.0
//! The terminal as the SDK sees it: one file for each command, what lies between commands here.

use crate::answer::Told;
use crate::config::{Config, Protocol};
use crate::limits::BEFORE_DEADLINE;
use crate::line::Line;
use crate::order::Order;
use crate::waiting::Waiting;
use crate::{credit, debit, identification, reversal, serial, status, upload, v3};
use payhal_messages::gateway::{Reconcile, Reversal, Totals};
use payhal_messages::money::Purpose;
use payhal_messages::reader::Identity;
use payhal_messages::terminal::{
    InquireTerminal, Pay, ReverseTerminal, TerminalFinding, TerminalOutcome,
};
use payhal_plugin::{Context, Outcome, PluginError, Terminal};
use std::time::{Duration, Instant};

/// How the terminal is reached.
#[derive(Debug)]
pub(crate) enum Link {
    /// V3: by a connection for each request.
    Network,
    /// E, E+.
    Serial(Line),
}

/// One terminal.
#[derive(Debug)]
pub(crate) struct ConcertTerminal {
    pub(crate) config: Config,
    pub(crate) link: Link,
    pub(crate) waiting: Waiting,
}

impl ConcertTerminal {
    /// Has the terminal carry out an order, and hears how it ended.
    pub(crate) fn run(&mut self, order: &Order, context: &Context) -> Result<Told, PluginError> {
        context.check_cancelled()?;
        let until = until(self.config.answer_timeout(), context);
        match &mut self.link {
            Link::Network => v3::run(&self.config, order, until, context),
            Link::Serial(line) => serial::run(&self.config, line, order, until, context),
        }
    }
}

/// When to stop waiting: after so long, and before the host would stop us.
pub(crate) fn until(patience: Duration, context: &Context) -> Instant {
    let now = context.now();
    let left = context.deadline().saturating_duration_since(now);
    now + patience.min(left.saturating_sub(BEFORE_DEADLINE))
}

impl Terminal for ConcertTerminal {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        config.check()?;
        let link = match config.protocol {
            Protocol::V3 => Link::Network,
            Protocol::E | Protocol::EPlus => {
                Link::Serial(Line::new(context.port("main")?, context.now()))
            }
        };
        Ok(Self {
            config,
            link,
            waiting: Waiting::open(context),
        })
    }

    fn identify(&mut self, context: &Context) -> Outcome<Identity> {
        identification::identify(self, context)
    }

    fn pay(&mut self, request: Pay, context: &Context) -> Outcome<TerminalOutcome> {
        match request.purpose {
            Purpose::Sale => debit::debit(self, &request, context),
            Purpose::Refund => credit::credit(self, &request, context),
            // The manifest claims nothing else.
            _ => Err(PluginError::Unsupported),
        }
    }

    fn inquire(&mut self, request: InquireTerminal, context: &Context) -> Outcome<TerminalFinding> {
        status::inquire(self, &request, context)
    }

    fn reverse(&mut self, request: ReverseTerminal, context: &Context) -> Outcome<Reversal> {
        reversal::reverse(self, &request, context)
    }

    fn reconcile(&mut self, request: Reconcile, context: &Context) -> Outcome<Totals> {
        upload::reconcile(self, &request, context)
    }
}
