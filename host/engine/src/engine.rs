// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine: every open transaction, and the one function through which anything happens.
//!
//! Never reads a clock, never blocks, never decides on the order of a randomly seeded map.

use crate::Config;
use crate::answer::Answer;
use crate::effect::Effect;
use crate::event::Event;
use crate::ids::{Position, Ticket};
use crate::record::Restored;
use crate::time::Now;

/// Decides every transaction's fate.
#[derive(Debug)]
pub struct Engine {
    out: Vec<Effect>,
}

impl Engine {
    /// An engine over what the journal holds. Recovery begins with the first step.
    pub fn new(_config: Config, _restored: Restored) -> Self {
        Self { out: Vec::new() }
    }

    /// Takes one event and says what must be done.
    pub fn step(&mut self, _now: Now, _event: Event) -> Vec<Effect> {
        std::mem::take(&mut self.out)
    }

    /// The last position it gave to a record.
    pub fn position(&self) -> Position {
        Position(0)
    }

    /// Whether nobody waits for an answer and no device is in use.
    pub fn is_quiet(&self) -> bool {
        self.out.is_empty()
    }

    /// The journal failed: what every waiting ticket must be told. Nothing may be stepped after.
    pub fn abandon(&mut self, _now: Now) -> Vec<(Ticket, Answer)> {
        Vec::new()
    }

    /// An engine over what the journal holds, which knows what this one's calls were.
    pub fn successor(&self, restored: Restored) -> Self {
        Self::new(Config::default(), restored)
    }
}
