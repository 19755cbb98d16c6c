// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must always be true: one file for each line of the list in `docs/transaction-states.md`,
//! and a few for what these lines rest on.
//!
//! Checkers look at the journal, the gateways' ledger and what registers were told; never into the
//! engine. A new checker is a file with a `CHECKER`, a line in [`ALL`], and a mutation that it
//! catches.

mod acceptors;
mod batches;
pub(crate) mod contract;
mod dates;
mod forwarding;
mod inquiries;
mod journal_first;
mod no_double_money;
mod no_lost_money;
mod numbers;
mod offline_limits;
mod one_basket;
mod one_final_answer;
mod one_gateway;
mod people;
mod prices;
mod recovery;
mod reports;
pub(crate) mod self_healing;
mod signatures;
mod spent;
mod sums_hold;
mod terminals;
mod tokens;
mod unknown_is_not_failed;
mod watches;

use crate::registers::Waiting;
use crate::world::World;
use payhal_engine::answer::{Answer, Notification};
use payhal_engine::device::DeviceCommand;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{DeviceId, GatewayId, Kept, TransactionId};
use payhal_engine::record::Record;
use std::fmt::Display;

/// An effect, as it is about to happen.
pub(crate) enum Sight<'a> {
    Append(&'a Record),
    Device(&'a DeviceId, &'a DeviceCommand),
    Gateway(&'a GatewayId, &'a GatewayCommand),
    Answer(&'a Waiting, &'a Answer),
    Notify(&'a Notification),
    /// A number that is kept for a reversal.
    Destroy(TransactionId, Kept),
}

/// One thing that must always be true.
pub(crate) struct Checker {
    /// Before an effect.
    pub(crate) sight: fn(&World, &Sight<'_>),
    /// After a step in which journal or ledger changed.
    pub(crate) step: fn(&World),
    /// When everything has come to its end.
    pub(crate) rest: fn(&World),
}

impl Checker {
    /// Looks at nothing; each file says what it looks at.
    pub(crate) const BLIND: Self = Self {
        sight: |_, _| {},
        step: |_| {},
        rest: |_| {},
    };
}

pub(crate) const ALL: [Checker; 26] = [
    one_final_answer::CHECKER,
    journal_first::CHECKER,
    no_double_money::CHECKER,
    unknown_is_not_failed::CHECKER,
    no_lost_money::CHECKER,
    self_healing::CHECKER,
    sums_hold::CHECKER,
    one_basket::CHECKER,
    one_gateway::CHECKER,
    inquiries::CHECKER,
    recovery::CHECKER,
    acceptors::CHECKER,
    batches::CHECKER,
    people::CHECKER,
    prices::CHECKER,
    reports::CHECKER,
    terminals::CHECKER,
    dates::CHECKER,
    numbers::CHECKER,
    spent::CHECKER,
    tokens::CHECKER,
    signatures::CHECKER,
    forwarding::CHECKER,
    offline_limits::CHECKER,
    watches::CHECKER,
    contract::CHECKER,
];

pub(crate) fn sight(world: &World, sight: &Sight<'_>) {
    for checker in &ALL {
        (checker.sight)(world, sight);
    }
}

pub(crate) fn step(world: &World) {
    for checker in &ALL {
        (checker.step)(world);
    }
}

pub(crate) fn rest(world: &World) {
    for checker in &ALL {
        (checker.step)(world);
        (checker.rest)(world);
    }
}

/// Ends the history. The words in brackets are what `--mutations` prints.
pub(crate) fn violated(law: &str, what: impl Display) -> ! {
    panic!("violated [{law}]: {what}");
}

/// The transaction that an answer names.
pub(crate) fn transaction_of(answer: &Answer) -> Option<TransactionId> {
    match answer {
        Answer::Approved { approved, .. } => Some(approved.transaction_id),
        Answer::Refused { refused, .. } => refused.transaction_id,
        _ => None,
    }
}

/// Whether an answer is final and stored under its key.
pub(crate) fn is_final(answer: &Answer) -> bool {
    match answer {
        Answer::Approved { .. } => true,
        Answer::Refused { refused, .. } => refused.reason.uses_key(),
        _ => false,
    }
}
