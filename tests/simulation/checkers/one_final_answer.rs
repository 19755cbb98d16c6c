// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 1: Every accepted request ends in one final outcome, the same for every retry, for ever.
//! Unknown is never stored as an answer. A key is its register's own, and belongs to one body.

use super::{Checker, Sight, is_final, transaction_of, violated};
use crate::registers::{Purpose, Waiting};
use crate::world::World;
use payhal_engine::answer::{Answer, Reason, Refused};
use payhal_engine::ids::{IdempotencyKey, Scope};
use payhal_engine::record::FinalAnswer;

const LAW: &str = "1 one final answer";

pub(crate) const CHECKER: Checker = Checker {
    sight,
    step: told_as_recorded,
    rest: |_| {},
};

fn sight(world: &World, sight: &Sight<'_>) {
    if let Sight::Answer(waiting, answer) = sight {
        unknown_is_not_stored(answer);
        the_same_as_before(world, waiting, answer);
        its_own(world, waiting, answer);
    }
}

fn unknown_is_not_stored(answer: &Answer) {
    if let Answer::Refused { refused, replayed } = answer
        && *replayed
        && !refused.reason.uses_key()
    {
        violated(LAW, format_args!("it was stored: {refused:?}"));
    }
}

fn the_same_as_before(world: &World, waiting: &Waiting, answer: &Answer) {
    let Purpose::Money(attempt) = waiting.purpose else {
        return;
    };
    let Some(first) = &world.registers.attempts[attempt].final_answer else {
        return;
    };
    if let Answer::Refused { refused, .. } = answer
        && (refused.reason == Reason::RateLimited || nobody_could_look(world, refused))
    {
        return;
    }
    if !says_the_same(first, answer) {
        violated(LAW, format_args!("{answer:?} after {first:?}"));
    }
}

/// While the journal is closed a known key may be told that nothing is known.
fn nobody_could_look(world: &World, refused: &Refused) -> bool {
    let closed = world.journal_closed || world.journal.failing;
    closed && refused.reason == Reason::OutcomeUnknown
}

fn its_own(world: &World, waiting: &Waiting, answer: &Answer) {
    let asked = match waiting.purpose {
        Purpose::Money(attempt) => attempt,
        Purpose::OtherBody => {
            if is_final(answer) {
                violated(LAW, format_args!("another body got {answer:?}"));
            }
            return;
        }
        Purpose::Signs(_) | Purpose::Shows(_) | Purpose::Other => return,
    };
    let attempt = &world.registers.attempts[asked];
    if let Answer::Refused { refused, .. } = answer
        && refused.reason == Reason::KeyReused
    {
        violated(LAW, "a key was refused that its register never used before");
    }
    if !is_final(answer) {
        return;
    }
    let id = transaction_of(answer);
    let Some((scope, key)) = id.and_then(|id| owner(world, id)) else {
        return; // Not durable: the second invariant's business.
    };
    if (scope, key) != (&attempt.scope, &attempt.request.key) {
        violated(LAW, format_args!("the answer is that of {scope:?} {key}"));
    }
}

fn owner(
    world: &World,
    id: payhal_engine::ids::TransactionId,
) -> Option<(&Scope, &IdempotencyKey)> {
    if let Some(intent) = world.journal.intent_of(id) {
        return Some((&intent.scope, &intent.request.key));
    }
    let unsent = world.journal.ending_of(id)?.unsent.as_ref()?;
    Some((&unsent.scope, &unsent.request.key))
}

/// What was told is what the journal holds, for ever.
fn told_as_recorded(world: &World) {
    for seen in &world.registers.attempts {
        let Some(told) = &seen.final_answer else {
            continue;
        };
        let recorded = transaction_of(told).and_then(|id| world.journal.ending_of(id));
        if !recorded.is_some_and(|ending| is_told(told, &ending.answer)) {
            violated(LAW, format_args!("told {told:?}, recorded {recorded:?}"));
        }
    }
}

/// Apart from what differs between a first telling and a replay.
fn says_the_same(first: &Answer, second: &Answer) -> bool {
    match (first, second) {
        (
            Answer::Approved {
                approved: first, ..
            },
            Answer::Approved { approved, .. },
        ) => first == approved,
        (Answer::Refused { refused: first, .. }, Answer::Refused { refused, .. }) => {
            first == refused
        }
        _ => false,
    }
}

/// Whether an answer is what was recorded.
pub(super) fn is_told(told: &Answer, recorded: &FinalAnswer) -> bool {
    match (told, recorded) {
        (Answer::Approved { approved, .. }, FinalAnswer::Approved(recorded)) => {
            approved == recorded
        }
        (Answer::Refused { refused, .. }, FinalAnswer::Refused(recorded)) => refused == recorded,
        _ => false,
    }
}
