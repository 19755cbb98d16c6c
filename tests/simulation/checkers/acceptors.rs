// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a gateway wants reversals acknowledged first, nothing new of the same acceptor is sent
//! before; and no trace number stands for two transactions of one acceptor.

use super::{Checker, Sight, violated};
use crate::gateways;
use crate::world::World;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Fact, Intent};

const LAW: &str = "acceptors in order";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Fact::Intent(intent) = &record.fact
        {
            begins(world, record.transaction_id, intent);
        }
    },
    ..Checker::BLIND
};

fn begins(world: &World, id: TransactionId, intent: &Intent) {
    let barrier = intent.gateway.as_ref().is_some_and(gateways::has_barrier);
    for (other, line) in world.journal.lines() {
        let Some((_, earlier)) = &line.intent else {
            continue;
        };
        if other == id
            || earlier.gateway != intent.gateway
            || earlier.wire.acceptor != intent.wire.acceptor
        {
            continue;
        }
        if earlier.wire.stan == intent.wire.stan {
            violated(LAW, format_args!("{id} has the trace number of {other}"));
        }
        if barrier && line.is_reversing() {
            violated(
                LAW,
                format_args!("{id} begins while {other} is being undone"),
            );
        }
    }
}
