// SPDX-License-Identifier: MIT OR Apache-2.0
//! A signature is kept with an approved payment, once, as a register gave it; and nobody is told so
//! before it is on disk.

use super::{Checker, Sight, violated};
use crate::registers::Purpose;
use crate::world::World;
use payhal_engine::answer::{Answer, Approved};
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Fact, FinalAnswer, Record};
use std::sync::Arc;

const LAW: &str = "one signature";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Append(record) => {
            if let Some(signature) = record.fact.signature() {
                is_kept(world, record, signature);
            }
        }
        Sight::Answer(waiting, Answer::Signed { .. }) => {
            if let Purpose::Signs(place) = waiting.purpose {
                let (id, signature) = &world.registers.drawn[place];
                told(world, *id, signature);
            }
        }
        Sight::Answer(_, Answer::Approved { approved, .. }) => stands(world, approved),
        _ => {}
    },
    ..Checker::BLIND
};

fn is_kept(world: &World, record: &Record, signature: &Arc<str>) {
    if world.journal.failing {
        return; // Neither is its ending there.
    }
    let id = record.transaction_id;
    let line = world.journal.line(id);
    let ending = match &record.fact {
        Fact::Ended(ending) => Some(&**ending),
        _ => line
            .and_then(|line| line.ended.as_ref())
            .map(|(_, ending)| &**ending),
    };
    if !ending.is_some_and(|ending| matches!(ending.answer, FinalAnswer::Approved(_))) {
        violated(LAW, format_args!("{id} is signed and not approved"));
    }
    if line.is_some_and(|line| !line.signatures.is_empty()) {
        violated(LAW, format_args!("{id} has its signature"));
    }
    let mut drawn = world.registers.drawn.iter();
    if !drawn.any(|(of, text)| *of == id && text == signature) {
        violated(LAW, format_args!("nobody drew {signature} for {id}"));
    }
}

/// Whose signature was taken, and is asked for no more, has it.
fn stands(world: &World, approved: &Approved) {
    let id = approved.transaction_id;
    let taken = world.registers.drawn_in_time.contains(&id) && !approved.signature_required;
    let mut signatures = (world.journal.line(id).into_iter()).flat_map(|line| &line.signatures);
    if taken && !signatures.any(|(position, _)| world.journal.is_durable(*position)) {
        violated(LAW, format_args!("the signature of {id} is gone"));
    }
}

fn told(world: &World, id: TransactionId, signature: &Arc<str>) {
    let kept = world.journal.line(id).is_some_and(|line| {
        let mut signatures = line.signatures.iter();
        signatures.any(|(position, text)| world.journal.is_durable(*position) && text == signature)
    });
    if !kept {
        violated(LAW, format_args!("{signature} of {id} is not on disk"));
    }
}
