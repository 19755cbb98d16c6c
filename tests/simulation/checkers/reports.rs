// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway should know about an outcome, it is told once the outcome is durable, until it
//! knows.

use super::{Checker, Sight, violated};
use crate::prices;
use crate::world::World;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Ending, Fact, FinalAnswer};

const LAW: &str = "gateways are told";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Append(record) => {
            if let Fact::Ended(ending) = &record.fact {
                order_is_owed(world, record.transaction_id, ending);
            }
        }
        Sight::Gateway(_, GatewayCommand::Report { wire, report }) => {
            let id = wire.transaction_id;
            let ending = world.journal.ending_of(id);
            let there = !world.journal.is_waiting(id) && !world.journal.is_not_taken(id);
            if !there {
                violated(LAW, format_args!("{id} is no payment: {report:?}"));
            }
            if ending.is_none_or(|ending| ending.owed.is_nothing()) {
                violated(LAW, format_args!("nothing durable to tell: {report:?}"));
            }
        }
        _ => {}
    },
    rest: everybody_knows,
    ..Checker::BLIND
};

/// Every gateway takes orders; those of terminals go to the default one.
fn order_is_owed(world: &World, id: TransactionId, ending: &Ending) {
    let line = world.journal.line(id);
    let Some((_, intent)) = line.and_then(|line| line.intent.as_ref()) else {
        return;
    };
    let approved = matches!(ending.answer, FinalAnswer::Approved(_));
    let default = prices::config().gateway;
    let expected = intent.gateway.as_ref().or(default.as_ref());
    let expected = expected.filter(|_| approved);
    let expected = expected.filter(|_| intent.request.order.is_some());
    if ending.owed.order.as_ref() != expected {
        violated(LAW, format_args!("the order of {id}: {:?}", ending.owed));
    }
}

fn everybody_knows(world: &World) {
    for (id, line) in world.journal.lines() {
        let Some((_, ending)) = &line.ended else {
            continue;
        };
        if world.journal.is_not_taken(id) {
            continue; // There is no payment.
        }
        let owed = &ending.owed;
        let order = owed.order.is_some() && !world.ledger.orders.contains(&id);
        let advice = owed.advice.is_some() && !world.ledger.advices.contains(&id);
        if order || advice {
            violated(LAW, format_args!("nobody told of {id}: {owed:?}"));
        }
    }
}
