// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 3: An approval that a register was told of exists exactly once at the gateway.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::answer::Answer;
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::ids::TransactionId;
use payhal_engine::request::Kind;
use std::collections::BTreeMap;

const LAW: &str = "3 no double money";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Answer(_, answer) = sight {
            exists(world, answer);
        }
    },
    step,
    rest: one_charge_for_a_key,
};

fn exists(world: &World, answer: &Answer) {
    let Answer::Approved { approved, .. } = answer else {
        return;
    };
    let id = approved.transaction_id;
    if approved.accepted_offline || approved.withdrawal {
        went_without(world, id);
        return;
    }
    let kind = world.registers.attempt_of(id).map(|it| it.request.kind);
    if kind == Some(Kind::BatchClose) {
        if !world.is_closed_by(id) {
            violated(LAW, format_args!("no batch was closed: {answer:?}"));
        }
        return;
    }
    let moves = kind.is_none_or(|kind| kind.moves_money());
    let entry = world.entry(id);
    // A token may be kept, changed or deleted in the host's own books alone.
    let of_books = approved.stan.is_none() && kind.is_some_and(|kind| kind.is_of_token());
    if entry.is_none() && of_books {
        return;
    }
    let Some(entry) = entry.filter(|entry| entry.stands() || !moves) else {
        violated(LAW, format_args!("the gateway says otherwise: {answer:?}"));
    };
    if entry.minor != approved.approved_minor && moves {
        violated(
            LAW,
            format_args!("{} at the gateway: {answer:?}", entry.minor),
        );
    }
}

/// What was accepted offline stands once its gateway took it, and never once it was taken back.
fn went_without(world: &World, id: TransactionId) {
    let became = world.journal.became(id);
    let stands = world.entry(id).is_some_and(|entry| entry.stands());
    match became {
        Some(ForwardingState::Approved) if !stands && world.journal.resolved(id).is_none() => {
            violated(
                LAW,
                format_args!("{id} was forwarded, and the gateway has nothing"),
            );
        }
        Some(ForwardingState::Withdrawn) if stands => {
            violated(
                LAW,
                format_args!("{id} was taken back, and forwarded all the same"),
            );
        }
        None => violated(LAW, format_args!("nobody knows what becomes of {id}")),
        _ => {}
    }
}

fn step(world: &World) {
    for seen in &world.registers.attempts {
        if let Some(told) = &seen.final_answer {
            exists(world, told);
        }
    }
}

fn one_charge_for_a_key(world: &World) {
    let mut charged = BTreeMap::new();
    for (id, entry) in world.entries() {
        if !entry.stands() || world.journal.needs_operator(*id) {
            continue;
        }
        let Some(intent) = world.journal.intent_of(*id) else {
            continue; // The second invariant's business.
        };
        let twice = charged.insert((&intent.scope, &intent.request.key), *id);
        if let Some(other) = twice {
            violated(LAW, format_args!("one key charged as {other} and as {id}"));
        }
    }
}
