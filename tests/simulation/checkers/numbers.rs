// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reversal that needs the card's number has it, from the intent on; and no number outlives what
//! it was kept for.

use super::{Checker, Sight, violated};
use crate::gateways;
use crate::world::World;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{Kept, TransactionId};
use payhal_engine::record::{Fact, Intent};

const LAW: &str = "numbers for reversals";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Append(record) => {
            if let Fact::Intent(intent) = &record.fact {
                begins(world, record.transaction_id, intent);
            }
        }
        Sight::Gateway(
            _,
            GatewayCommand::Reverse {
                wire, with_number, ..
            },
        ) => reverses(world, wire.transaction_id, *with_number),
        Sight::Destroy(id, Kept::Number) => destroys(world, *id),
        _ => {}
    },
    step: |_| {},
    rest: |world| {
        for (id, part) in &world.vault.held {
            if !world.journal.needs_operator(*id) {
                violated(
                    LAW,
                    format_args!("the {part:?} of {id} is kept for nothing"),
                );
            }
        }
    },
};

fn needs_number(intent: &Intent) -> bool {
    let gateway = intent.gateway.as_ref();
    let kind = intent.request.kind;
    gateway.is_some_and(gateways::needs_number)
        && intent.device.is_some()
        && !intent.request.is_by_token()
        && kind.purpose().is_some()
        && kind.moves_money()
}

fn begins(world: &World, id: TransactionId, intent: &Intent) {
    if needs_number(intent) != intent.number_kept {
        violated(
            LAW,
            format_args!("{id} begins, kept: {}", intent.number_kept),
        );
    }
    if intent.number_kept && !world.vault.held.contains(&(id, Kept::Number)) {
        violated(LAW, format_args!("{id} begins before its number is kept"));
    }
}

fn reverses(world: &World, id: TransactionId, with_number: bool) {
    let kept = world.journal.intent_of(id).map(|intent| intent.number_kept);
    if kept != Some(with_number) {
        violated(
            LAW,
            format_args!("{id} is reversed, with it: {with_number}"),
        );
    }
    let there = world.vault.held.contains(&(id, Kept::Number)) || world.vault.outlived;
    if with_number && !there {
        violated(
            LAW,
            format_args!("the number for the reversal of {id} is gone"),
        );
    }
}

fn destroys(world: &World, id: TransactionId) {
    let journal = &world.journal;
    // Its gateway may be another by now, which wants none.
    let intent = journal.line(id).and_then(|line| line.intent.as_ref());
    let wanted = intent.is_some_and(|(_, intent)| intent.number_kept);
    let over = journal.ending_of(id).is_some_and(|ending| {
        ending.reversal.is_none() || journal.is_reversed(id) || journal.resolved(id).is_some()
    });
    if wanted && !over {
        violated(LAW, format_args!("the number of {id} goes before its end"));
    }
}
