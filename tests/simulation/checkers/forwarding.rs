// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale that was accepted without its gateway: nothing of it was sent before, its chip agreed, and
//! its read is kept. It is forwarded in its turn, under one name, never once it was taken back; it is
//! taken back only while its gateway cannot have heard of it; and its register hears once what became
//! of it. What waits is never more than the rules allow is in `offline_limits.rs`.

use super::{Checker, Sight, violated};
use crate::gateways;
use crate::journal::Line;
use crate::world::World;
use payhal_engine::answer::{Answer, Notification};
use payhal_engine::card::{Cvm, Entry};
use payhal_engine::forwarding::{self, ForwardingState};
use payhal_engine::gateway::{GatewayCommand, Wire};
use payhal_engine::ids::{GatewayId, Kept, TransactionId};
use payhal_engine::record::{Fact, Intent, Record};
use payhal_engine::request::Kind;

/// After so many tries without an answer those behind it need not wait.
const TRIES: u32 = 3;

pub(super) const LAW: &str = "sales without their gateway";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Append(record) => appended(world, record),
        Sight::Gateway(gateway, GatewayCommand::Forward { wire, .. }) => {
            forwards(world, gateway, wire);
        }
        Sight::Answer(_, Answer::Approved { approved, .. }) if approved.accepted_offline => {
            told(world, approved.transaction_id);
        }
        Sight::Notify(notification) => heard(world, notification),
        Sight::Destroy(id, Kept::Read) if world.journal.is_waiting(*id) => {
            violated(LAW, format_args!("the read of {id} is destroyed early"));
        }
        _ => {}
    },
    step: |_| {},
    rest,
};

fn appended(world: &World, record: &Record) {
    let id = record.transaction_id;
    match &record.fact {
        Fact::Ended(ending) => {
            if let Some(stored) = &ending.stored {
                is_stored(world, id, &stored.intent);
            }
        }
        Fact::Forwarding { wire } => is_named(world, id, wire),
        Fact::Withdrawn { by, .. } => {
            if !is_waiting(world, id) {
                violated(LAW, format_args!("{by} takes {id} back, which is over"));
            }
            if world.sent_to.contains_key(&id) {
                violated(LAW, format_args!("{by} takes {id} back, which was sent"));
            }
        }
        _ => {}
    }
}

fn is_waiting(world: &World, id: TransactionId) -> bool {
    let line = world.journal.line(id);
    line.is_some_and(|line| line.waiting().is_some())
}

fn has_read(world: &World, id: TransactionId) -> bool {
    world.vault.held.contains(&(id, Kept::Read)) || world.vault.outlived
}

fn is_stored(world: &World, id: TransactionId, intent: &Intent) {
    if let Some(gateway) = world.sent_to.get(&id) {
        violated(LAW, format_args!("{id} is stored, and {gateway} may know"));
    }
    if !has_read(world, id) {
        violated(LAW, format_args!("{id} is stored before its read is kept"));
    }
    if !world.chips_agreed.contains(&id) {
        violated(LAW, format_args!("{id} is stored, and its chip said no"));
    }
    let (request, terms) = (&intent.request, &intent.request.terms);
    let chip = matches!(intent.entry, Some(Entry::Chip | Entry::Contactless));
    let plain = request.kind == Kind::Sale
        && terms.allow_offline
        && !terms.online_always
        && terms.voice_code.is_none()
        && terms.keep.is_none()
        && !request.is_by_token()
        && intent.amounts.cashback_minor.is_none_or(|minor| minor == 0);
    if !plain || !chip || intent.cvm == Some(Cvm::OnlinePin) {
        violated(LAW, format_args!("only its issuer can allow {intent:?}"));
    }
}

/// One name for ever, that is nobody else's; given while nothing is on its way back that must be
/// there first.
fn is_named(world: &World, id: TransactionId, wire: &Wire) {
    let line = world.journal.line(id);
    if line.is_some_and(|line| line.forwarding.is_some()) {
        violated(LAW, format_args!("{id} is forwarded under two names"));
    }
    let Some((_, own)) = line.and_then(|line| line.intent.as_ref()) else {
        violated(LAW, format_args!("{id} is forwarded, and never began"));
    };
    let barrier = own.gateway.as_ref().is_some_and(gateways::has_barrier);
    for (other, line) in world.journal.lines() {
        let Some((_, intent)) = line.intent.as_ref().filter(|_| other != id) else {
            continue;
        };
        if intent.gateway != own.gateway || intent.wire.acceptor != wire.acceptor {
            continue;
        }
        let forwarded = line.forwarding.as_ref().map(|(_, wire)| wire.stan);
        if [Some(intent.wire.stan), forwarded].contains(&Some(wire.stan)) {
            violated(LAW, format_args!("{id} has the trace number of {other}"));
        }
        if barrier && line.is_reversing() {
            violated(
                LAW,
                format_args!("{id} is forwarded before {other} is back"),
            );
        }
    }
}

/// Nobody is told before its read is kept.
fn told(world: &World, id: TransactionId) {
    if is_waiting(world, id) && !has_read(world, id) {
        violated(LAW, format_args!("{id} is told, and its read is gone"));
    }
}

fn forwards(world: &World, gateway: &GatewayId, wire: &Wire) {
    let id = wire.transaction_id;
    if world.journal.forwarding_of(id) != Some(wire) {
        violated(LAW, format_args!("{id} is forwarded under another name"));
    }
    let line = world.journal.line(id);
    let Some((own, since)) = line.and_then(Line::waiting) else {
        violated(LAW, format_args!("{id} is forwarded, and nobody waits"));
    };
    if !has_read(world, id) {
        violated(LAW, format_args!("the read of {id} is gone before its end"));
    }
    if since.gateway.as_ref() != Some(gateway) {
        violated(LAW, format_args!("{id} is forwarded to {gateway}"));
    }
    for (other, line) in world.journal.lines() {
        let same = line.intent.as_ref().is_some_and(|(_, intent)| {
            intent.gateway.as_ref() == Some(gateway) && intent.wire.acceptor == wire.acceptor
        });
        if other == id || !same {
            continue;
        }
        if let Some((place, earlier)) = line.waiting() {
            let passed = place < own && earlier.at_micros < since.at_micros;
            if passed && line.needs_operator.is_none() && !is_passed(world, other) {
                violated(LAW, format_args!("{id} is forwarded before {other}"));
            }
            if world.is_asked(other) {
                violated(LAW, format_args!("{id} is forwarded beside {other}"));
            }
        }
        let in_flight = line.ended.is_none() && line.needs_operator.is_none();
        if in_flight && gateways::is_narrow(gateway) {
            violated(LAW, format_args!("{id} is forwarded while {other} runs"));
        }
    }
}

/// It was tried so often without an answer that others do not wait for it.
fn is_passed(world: &World, id: TransactionId) -> bool {
    let tries = world.forwards.get(&id);
    tries.is_some_and(|tries| *tries >= TRIES)
}

/// What became of it is told once it is durable, once, and with what is lost.
fn heard(world: &World, notification: &Notification) {
    let Notification::Forwarded {
        transaction_id: id,
        forwarding,
        loss,
        ..
    } = notification
    else {
        return;
    };
    let state = forwarding.state;
    if world.journal.became(*id) != Some(state) {
        violated(LAW, format_args!("not recorded yet: {notification:?}"));
    }
    match world.news.told.get(id) {
        None => {}
        Some(ForwardingState::NeedsOperator) if state != ForwardingState::NeedsOperator => {}
        Some(before) => violated(LAW, format_args!("{before:?} was told: {notification:?}")),
    }
    let lost = loss.as_ref().map(|loss| loss.amount.minor);
    let gone = (state == ForwardingState::Declined).then(|| world.journal.approved_minor(*id));
    if lost != gone.flatten() {
        violated(LAW, format_args!("a loss of {gone:?}: {notification:?}"));
    }
}

/// Journal, books and registers say the same of each.
fn rest(world: &World) {
    if let Some(id) = world.news.owed.first() {
        violated(LAW, format_args!("nobody heard what became of {id}"));
    }
    for id in world.journal.transactions() {
        let Some(state) = world
            .journal
            .became(id)
            .filter(|_| world.journal.is_stored(id))
        else {
            continue;
        };
        let seen = forwarding::became(&world.journal.records_of(id));
        if seen.map(|seen| seen.state) != Some(state) {
            violated(LAW, format_args!("{id} is shown as another than {state:?}"));
        }
        let booked = world.entry(id).filter(|entry| entry.stands());
        let booked = booked.map(|entry| entry.minor);
        let expected = match state {
            ForwardingState::Approved => world.journal.approved_minor(id),
            _ => None,
        };
        if booked != expected {
            violated(LAW, format_args!("{id} is {state:?}, booked: {booked:?}"));
        }
    }
}
