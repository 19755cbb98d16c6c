// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 3: An approval that a register was told of exists exactly once at the gateway.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::answer::Answer;
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
    let kind = world.registers.attempt_of(id).map(|it| it.request.kind);
    if kind == Some(Kind::BatchClose) {
        if !world.is_closed_by(id) {
            violated(LAW, format_args!("no batch was closed: {answer:?}"));
        }
        return;
    }
    let moves = kind.is_none_or(|kind| kind.moves_money());
    let entry = world.entry(id);
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
