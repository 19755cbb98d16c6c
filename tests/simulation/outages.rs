// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways that cannot be reached, for a moment or for as long as the trouble lasts, whether or not
//! the host lives through it; and what registers hear of the sales that were accepted meanwhile.

use crate::gateways::{self, GATEWAYS};
use crate::world::{Happening, World};
use payhal_engine::answer::Notification;
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Fact, Record};
use std::collections::{BTreeMap, BTreeSet};

/// Until when which gateway is away.
pub(crate) type Outages = BTreeMap<&'static str, u64>;

/// What registers are told of sales that were accepted offline.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Who must hear of them in this life of the host.
    pub(crate) owed: BTreeSet<TransactionId>,
    /// What was told last.
    pub(crate) told: BTreeMap<TransactionId, ForwardingState>,
}

/// What is under way goes on.
pub(crate) fn lose(world: &mut World, id: &'static str) {
    if world.outages.get(id).is_some_and(|at| *at > world.now_ms) {
        return;
    }
    let for_ms = match world.random.percent(50) {
        true => 60_000 + world.random.below(600_000),
        false => 1_000 + world.random.below(90_000),
    };
    world.outages.insert(id, world.now_ms + for_ms);
    world.in_ms(0, Happening::Deliver(gateways::changed(id, false)));
    world.in_ms(for_ms, Happening::Deliver(gateways::changed(id, true)));
}

/// A fresh host sees each gateway as it is.
pub(crate) fn attach(world: &mut World) {
    for id in GATEWAYS {
        let delay_ms = world.random.below(3_000);
        let until_ms = world.outages.get(id).copied().unwrap_or(0);
        let ready = world.away != Some(id) && until_ms <= world.now_ms;
        world.in_ms(delay_ms, Happening::Deliver(gateways::changed(id, ready)));
        if until_ms > world.now_ms {
            let rest_ms = (until_ms - world.now_ms).max(delay_ms + 1);
            world.in_ms(rest_ms, Happening::Deliver(gateways::changed(id, true)));
        }
    }
}

/// A script says whether a gateway is there.
pub(crate) fn set(world: &mut World, id: &'static str, there: bool) {
    world.away = (!there).then_some(id);
    world.in_ms(0, Happening::Deliver(gateways::changed(id, there)));
}

/// Something is written down of a transaction.
pub(crate) fn recorded(world: &mut World, record: &Record) {
    let id = record.transaction_id;
    let stored = |world: &World| {
        let line = world.journal.line(id);
        line.is_some_and(|line| line.waiting().is_some())
    };
    match &record.fact {
        Fact::Ended(ending) if ending.stored.is_some() => world.tally.count("accepted offline"),
        Fact::Withdrawn { .. } => world.tally.count("taken back before they were forwarded"),
        _ => {}
    }
    let is_news = match record.fact {
        Fact::Forwarded { .. } | Fact::Withdrawn { .. } => true,
        Fact::NeedsOperator { .. } | Fact::Resolved(_) => stored(world),
        _ => false,
    };
    if is_news {
        world.news.owed.insert(id);
    }
}

/// Registers are told something.
pub(crate) fn told(world: &mut World, notification: &Notification) {
    let Notification::Forwarded {
        transaction_id: id,
        forwarding,
        loss,
        ..
    } = notification
    else {
        return;
    };
    world.news.owed.remove(id);
    world.news.told.insert(*id, forwarding.state);
    if let Some(loss) = loss {
        world.tally.count("losses told");
        world.registers.lost.insert(*id, loss.amount.minor);
    }
}
