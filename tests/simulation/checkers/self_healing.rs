// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 5: After a crash every open transaction ends without a person, wherever the gateway can be asked
//! or can undo; and everybody who waits gets an answer.

use super::{Checker, violated};
use crate::world::World;
use payhal_engine::answer::{Answer, Reason};

const LAW: &str = "5 self-healing";

/// How many happenings the world may need to come to rest: far more than it does.
pub(crate) const QUIET_STEPS: u64 = 100_000;

pub(crate) const CHECKER: Checker = Checker {
    rest,
    ..Checker::BLIND
};

fn rest(world: &World) {
    if let Some(records) = world.journal.restored().open.first() {
        let id = records[0].transaction_id;
        if world.journal.needs_operator(id) {
            violated(LAW, format_args!("no person was heard about {id}"));
        }
        violated(LAW, format_args!("{id} never ends: {records:#?}"));
    }
    if let Some(ticket) = world.registers.unanswered() {
        violated(LAW, format_args!("{ticket:?} waits for ever"));
    }
    for seen in &world.registers.attempts {
        if let Some(Answer::Refused { refused, .. }) = &seen.last_answer
            && refused.reason == Reason::OutcomeUnknown
            && let Some(id) = refused.transaction_id
            && !world.journal.needs_operator(id)
        {
            violated(LAW, format_args!("told unknown to the end: {refused:?}"));
        }
    }
}

pub(crate) fn never_rests() -> ! {
    violated(LAW, format_args!("no rest after {QUIET_STEPS} happenings"));
}
