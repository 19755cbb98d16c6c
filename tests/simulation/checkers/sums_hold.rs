// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 7: Refunds and voids never exceed their original. A change counts from its acceptance until it
//! is declined or its reversal is acknowledged.

use super::{Checker, violated};
use crate::world::World;
use payhal_engine::ids::TransactionId;
use std::collections::BTreeMap;

const LAW: &str = "7 sums hold";

pub(crate) const CHECKER: Checker = Checker {
    step: |world| {
        at_the_gateway(world);
        in_the_journal(world);
    },
    ..Checker::BLIND
};

/// What was given back never exceeds what was taken.
fn at_the_gateway(world: &World) {
    let mut given_back: BTreeMap<TransactionId, i64> = BTreeMap::new();
    for (id, entry) in world.entries() {
        let (Some((original, _)), true) = (entry.original, entry.stands()) else {
            continue;
        };
        let sum = given_back.entry(original).or_default();
        *sum += entry.minor;
        let taken = world.entry(original);
        let taken = taken.map_or(0, |entry| entry.minor);
        if *sum > taken {
            violated(LAW, format_args!("{id} gives back {sum} of {taken}"));
        }
    }
}

/// Not even for a moment may more be on its way than was taken.
fn in_the_journal(world: &World) {
    let mut reserved: BTreeMap<TransactionId, i64> = BTreeMap::new();
    for id in world.journal.transactions() {
        let Some(intent) = world.journal.intent_of(id) else {
            continue;
        };
        let Some(original) = intent.request.kind.original() else {
            continue;
        };
        if !world.journal.counts(id) {
            continue;
        }
        let sum = reserved.entry(original).or_default();
        *sum += intent.amounts.total.minor;
        let taken = world.journal.approved_minor(original).unwrap_or(0);
        if *sum > taken {
            violated(LAW, format_args!("{id} asks for {sum} back, of {taken}"));
        }
    }
}
