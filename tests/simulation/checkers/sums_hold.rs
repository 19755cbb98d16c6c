// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 7: Captures, refunds and voids never exceed their original. A change counts from its acceptance
//! until it is declined or its reversal is acknowledged.

use super::{Checker, violated};
use crate::world::World;
use payhal_engine::gateway::Change;
use payhal_engine::ids::TransactionId;
use payhal_engine::request::Kind;
use std::collections::BTreeMap;

const LAW: &str = "7 sums hold";

pub(crate) const CHECKER: Checker = Checker {
    step: |world| {
        at_the_other_side(world);
        in_the_journal(world);
        of_receipts(world);
    },
    ..Checker::BLIND
};

/// What was done to one original.
#[derive(Debug, Default)]
struct Done {
    /// What its last adjustment made of it.
    adjusted: Option<i64>,
    captured: i64,
    /// What was captured and cannot fail any more.
    taken: i64,
    refunded: i64,
    voided: i64,
}

impl Done {
    /// `stands`: it is certain.
    fn add(&mut self, change: Change, minor: i64, stands: bool) {
        match change {
            Change::Adjust if stands => self.adjusted = Some(minor),
            Change::Adjust => {}
            Change::Capture => {
                self.captured += minor;
                self.taken += if stands { minor } else { 0 };
            }
            Change::Refund => self.refunded += minor,
            Change::Void => self.voided += minor,
        }
    }

    fn is_too_much(&self, kind: Option<Kind>, approved: i64) -> bool {
        let held = self.adjusted.unwrap_or(approved);
        match kind {
            Some(Kind::Authorize) => {
                self.captured + self.voided > held || self.refunded > self.taken
            }
            _ => self.refunded + self.voided + self.captured > approved,
        }
    }
}

/// What was given back never exceeds what was taken, nor that what was held.
fn at_the_other_side(world: &World) {
    let mut all: BTreeMap<TransactionId, Done> = BTreeMap::new();
    for (_, entry) in world.entries().filter(|(_, entry)| entry.stands()) {
        if let Some((original, change)) = entry.original {
            let done = all.entry(original).or_default();
            done.add(change, entry.minor, true);
        }
    }
    for (original, done) in all {
        let minor = world.entry(original).map_or(0, |entry| entry.minor);
        let intent = world.journal.intent_of(original);
        if done.is_too_much(intent.map(|intent| intent.request.kind), minor) {
            violated(LAW, format_args!("of {minor} of {original}: {done:?}"));
        }
    }
}

/// Not even for a moment may more be on its way.
fn in_the_journal(world: &World) {
    let mut all: BTreeMap<TransactionId, Done> = BTreeMap::new();
    for (id, line) in world.journal.lines() {
        let Some((_, intent)) = &line.intent else {
            continue;
        };
        let kind = intent.request.kind;
        let (Some(original), Some(change)) = (kind.original(), kind.change()) else {
            continue;
        };
        if world.journal.intent_of(id).is_some() && world.journal.counts(id) {
            let minor = intent.amounts.total.minor;
            let done = all.entry(original).or_default();
            done.add(change, minor, world.journal.is_approved(id));
        }
    }
    for (original, done) in all {
        let minor = world.journal.approved_minor(original).unwrap_or(0);
        let intent = world.journal.intent_of(original);
        if done.is_too_much(intent.map(|intent| intent.request.kind), minor) {
            violated(
                LAW,
                format_args!("on its way, of {minor} of {original}: {done:?}"),
            );
        }
    }
}

/// What this life of the host gave back for a receipt never exceeds it.
fn of_receipts(world: &World) {
    let mut given: BTreeMap<_, i64> = BTreeMap::new();
    for id in world.accepted.keys().copied() {
        let Some(intent) = world.journal.intent_of(id) else {
            continue;
        };
        let Some(receipt) = &intent.request.terms.receipt else {
            continue;
        };
        if !world.journal.counts(id) {
            continue;
        }
        let sum = given.entry((&intent.gateway, &receipt.reference));
        let sum = sum.or_default();
        *sum += intent.amounts.total.minor;
        if *sum > receipt.amount_minor {
            violated(LAW, format_args!("{id} gives back {sum} for {receipt:?}"));
        }
    }
}
