// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of what may be sold without a gateway is used, for the decision and for whoever looks.

use crate::engine::Engine;
use crate::ids::TransactionId;
use crate::offline::Rule;

/// A rule, and what is used of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Room {
    /// The rule.
    pub rule: Rule,
    /// What is used.
    pub used: Used,
}

/// What waits to be forwarded, or is about to, under one rule.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Used {
    /// How many sales.
    pub count: u32,
    /// What they come to, minor units.
    pub total_minor: i64,
    /// How long the oldest has waited, milliseconds.
    pub oldest_ms: u64,
}

impl Engine {
    /// What is used under a rule, but for one sale, which takes no room from itself.
    pub(crate) fn used(&self, rule: &Rule, but: Option<TransactionId>) -> Used {
        let mut used = Used::default();
        for open in self.open.values() {
            if open.takes_room() && Some(open.id) != but && rule.fits_open(open) {
                used.count = used.count.saturating_add(1);
                used.total_minor = used.total_minor.saturating_add(open.amounts.total.minor);
                used.oldest_ms = used.oldest_ms.max(self.age_ms(open));
            }
        }
        used
    }

    /// Every rule, with what is used of it.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        let rules = self.config.offline.iter();
        let room = |rule: &Rule| Room {
            rule: rule.clone(),
            used: self.used(rule, None),
        };
        rules.map(room).collect()
    }
}
