// SPDX-License-Identifier: MIT OR Apache-2.0
//! A batch is closed when nothing of its acceptor is in flight and nothing is on its way back, or
//! in spite of what is named, which may be what waits to be forwarded; nothing new passes the close; and no void of a sale is accepted whose
//! batch was closed.

use super::{Checker, Sight, violated};
use crate::gateways;
use crate::journal::Line;
use crate::world::World;
use payhal_engine::answer::Outcome;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Fact, Intent};
use payhal_engine::request::Kind;

const LAW: &str = "batches in order";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| {
        if let Sight::Append(record) = sight
            && let Fact::Intent(intent) = &record.fact
        {
            in_turn(world, record.transaction_id, intent);
            not_too_late(world, record.transaction_id, intent);
        }
    },
    ..Checker::BLIND
};

fn in_turn(world: &World, id: TransactionId, intent: &Intent) {
    let Some(gateway) = &intent.gateway else {
        return; // What a terminal owes, keeps everything else from it.
    };
    let closes = intent.request.kind == Kind::BatchClose;
    for (other, line) in world.journal.lines() {
        let Some((_, earlier)) = &line.intent else {
            continue;
        };
        if other == id || earlier.gateway.as_ref() != Some(gateway) {
            continue;
        }
        let despite = closes && intent.request.despite.contains(&other);
        let waits = line.waiting().is_some_and(|(since, _)| {
            let accepted = world.accepted.get(&id);
            !despite && accepted.is_some_and(|(_, at)| since <= *at)
        });
        let on_its_way = line.waiting().is_some() && world.is_asked(other);
        if closes && (waits || on_its_way) || on_its_way && gateways::is_narrow(gateway) {
            violated(LAW, format_args!("{id} passes {other}, which waits"));
        }
        let in_flight = is_in_flight(line) && !despite;
        let closing = in_flight && earlier.request.kind == Kind::BatchClose;
        let full = in_flight && gateways::is_narrow(gateway);
        if closing || full || closes && (in_flight || line.is_reversing()) {
            violated(LAW, format_args!("{id} passes {other}: {line:?}"));
        }
    }
}

fn is_in_flight(line: &Line) -> bool {
    line.ended.is_none() && line.needs_operator.is_none()
}

fn not_too_late(world: &World, id: TransactionId, intent: &Intent) {
    let Kind::Void { original } = intent.request.kind else {
        return;
    };
    let line = world.journal.line(original);
    let (Some(line), Some((_, accepted))) = (line, world.accepted.get(&id)) else {
        return;
    };
    let (Some((_, sold)), Some((ended_at, _))) = (&line.intent, &line.ended) else {
        return;
    };
    // What was accepted offline lies in the batch in which it was forwarded.
    let sold_at = line.forwarded.as_ref().map_or(ended_at, |(at, _)| at);
    if sold.request.kind != Kind::Sale {
        return;
    }
    for (close, line) in world.journal.lines() {
        let (Some((_, closing)), Some((closed_at, ending))) = (&line.intent, &line.ended) else {
            continue;
        };
        let same = closing.request.kind == Kind::BatchClose
            && closing.gateway == sold.gateway
            && (sold.gateway.is_some() || closing.device == sold.device);
        let done = crate::journal::outcome(&ending.answer) == Outcome::Approved;
        if same && done && sold_at < closed_at && closed_at <= accepted {
            violated(LAW, format_args!("{id} voids what {close} had closed"));
        }
    }
}
