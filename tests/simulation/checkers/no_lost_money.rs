// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 4: An approval at the gateway is recorded as such, or reversed, or waits for a person; until
//! then it is among the open ones. Where the chip has the last word, no approval stands without it.

use super::{Checker, violated};
use crate::world::World;
use payhal_engine::answer::Outcome;

const LAW: &str = "4 no lost money";

pub(crate) const CHECKER: Checker = Checker {
    step: |world| {
        nothing_is_forgotten(world);
        chips_agreed(world);
    },
    rest: everything_is_accounted_for,
    ..Checker::BLIND
};

/// What stands and has an ending is approved, or being undone.
fn nothing_is_forgotten(world: &World) {
    for (id, entry) in world.entries() {
        let Some(ending) = world.journal.ending_of(*id).filter(|_| entry.stands()) else {
            continue;
        };
        let approved = world.journal.outcome_of(*id) == Some(Outcome::Approved);
        let undoing = world.journal.is_undoing(*id);
        let known = world.journal.resolved(*id) == Some(Outcome::Approved);
        if !approved && !undoing && !known && !world.journal.needs_operator(*id) {
            violated(LAW, format_args!("money of {id} is lost: {ending:?}"));
        }
    }
}

fn chips_agreed(world: &World) {
    for (id, line) in world.journal.lines() {
        let intent = line.intent.as_ref();
        let owed = intent.is_some_and(|(_, intent)| intent.completion_owed);
        if !owed || world.chips_agreed.contains(&id) {
            continue;
        }
        if world.journal.outcome_of(id) == Some(Outcome::Approved) {
            violated(LAW, format_args!("the chip never agreed to {id}"));
        }
    }
}

fn everything_is_accounted_for(world: &World) {
    for (id, _) in world.entries().filter(|(_, at)| at.stands()) {
        let approved = world.journal.outcome_of(*id) == Some(Outcome::Approved);
        let known = world.journal.resolved(*id) == Some(Outcome::Approved);
        if !approved && !known && !world.journal.needs_operator(*id) {
            violated(LAW, format_args!("money of {id} is lost in the end"));
        }
    }
}
