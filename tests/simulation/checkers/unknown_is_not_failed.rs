// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 6: "No money moved" is said only when it is known.

use super::{Checker, Sight, violated};
use crate::world::World;
use payhal_engine::answer::{Answer, Reason};

const LAW: &str = "6 unknown is not failed";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Answer(_, answer) = sight {
            nothing_moved(world, answer);
        }
    },
    step: |world| {
        for seen in &world.registers.attempts {
            if let Some(told) = &seen.final_answer {
                nothing_moved(world, told);
            }
        }
    },
    rest: |_| {},
};

fn nothing_moved(world: &World, answer: &Answer) {
    let Answer::Refused { refused, .. } = answer else {
        return;
    };
    let said = refused.reason != Reason::OutcomeUnknown && !refused.reversing;
    let id = refused.transaction_id;
    if said && id.is_some_and(|id| world.stands(id)) {
        violated(LAW, format_args!("money moved: {refused:?}"));
    }
}
