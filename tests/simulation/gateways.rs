// SPDX-License-Identifier: MIT OR Apache-2.0
//! Simulated gateways and the way to them: requests and replies are lost, late, doubled, overtaken
//! and contradicted. What money really did is in `ledger.rs`.

use crate::currencies;
use crate::ledger::Chance;
use crate::outages;
use crate::prices;
use crate::world::{Happening, World};
use payhal_engine::event::Event;
use payhal_engine::gateway::{
    Ability, Decision, Finding, GatewayCommand, GatewayParameters, GatewayReply, GatewayStatus,
    Recipient,
};
use payhal_engine::ids::{CallId, GatewayId, Opaque, TransactionId};

/// One answers inquiries; one does not, wants reversals acknowledged before anything new, and offers
/// no currencies; one takes a single transaction at a time, and knows no void.
pub(crate) const GATEWAYS: [&str; 3] = ["asking", "mute", "narrow"];

/// What becomes of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Arrives,
    /// The line is down, and the connector knows.
    NotSent,
    /// It is lost on the way, and the host waits to its deadline.
    Lost,
    /// It arrives; its reply does not.
    ReplyLost,
    /// The host gives it up; then it arrives.
    Late,
    /// The host gives it up; then the reply comes all the same.
    ReplyAfterDeadline,
    /// It arrives twice, and is answered twice.
    Twice,
}

/// Whether a gateway wants reversals acknowledged before anything new of the same acceptor.
pub(crate) fn has_barrier(gateway: &GatewayId) -> bool {
    &*gateway.0 != GATEWAYS[0]
}

/// Whether a gateway has one transaction of an acceptor in flight, and no more.
pub(crate) fn is_narrow(gateway: &GatewayId) -> bool {
    &*gateway.0 == GATEWAYS[2]
}

/// Whether a gateway offers cards their own currency.
fn offers_currencies(gateway: &GatewayId) -> bool {
    &*gateway.0 != GATEWAYS[1]
}

/// Whether a gateway's reversals need the card's number.
pub(crate) fn needs_number(gateway: &GatewayId) -> bool {
    is_narrow(gateway)
}

/// The transaction whose money a request may move.
pub(crate) fn may_move(command: &GatewayCommand) -> Option<TransactionId> {
    match command {
        GatewayCommand::Authorize { wire, .. }
        | GatewayCommand::Modify { wire, .. }
        | GatewayCommand::VoiceApproval { wire, .. }
        | GatewayCommand::Forward { wire, .. }
        | GatewayCommand::Reconcile { wire, close: true } => Some(wire.transaction_id),
        _ => None,
    }
}

/// A request sets out.
pub(crate) fn called(
    world: &mut World,
    gateway: &GatewayId,
    call: CallId,
    command: &GatewayCommand,
    deadline_boot_ms: u64,
) {
    if let GatewayCommand::Inquire { wire } = command {
        world.asked_about.insert(wire.transaction_id);
    }
    if let GatewayCommand::Forward { wire, .. } = command {
        *world.forwards.entry(wire.transaction_id).or_default() += 1;
    }
    currencies::asked(world, gateway, command);
    world.exchanges.insert(call);
    let travel_ms = match world.script {
        Some(_) => 500,
        None => 20 + world.random.below(2_000),
    };
    let until_ms = deadline_boot_ms.saturating_sub(world.now_ms);
    let fate = fate(world, command);
    if let GatewayCommand::Authorize { wire, .. } | GatewayCommand::Forward { wire, .. } = command
        && fate != Fate::NotSent
    {
        world.sent_to.insert(wire.transaction_id, gateway.clone());
    }
    let exchange = |reply_comes| Happening::Exchange {
        call,
        command: Box::new(command.clone()),
        reply_comes,
    };
    match fate {
        Fate::Arrives => world.in_ms(travel_ms, exchange(true)),
        Fate::NotSent => world.in_ms(travel_ms, failed(call, false)),
        Fate::Lost => world.in_ms(until_ms, failed(call, true)),
        Fate::ReplyLost => {
            world.in_ms(travel_ms, exchange(false));
            world.in_ms(travel_ms + 100, failed(call, true));
        }
        Fate::Late => {
            world.in_ms(travel_ms, failed(call, true));
            let late_ms = travel_ms + world.random.below(120_000);
            world.in_ms(late_ms, exchange(false));
        }
        Fate::ReplyAfterDeadline => {
            world.in_ms(until_ms, failed(call, true));
            let late_ms = until_ms + world.random.below(20_000);
            world.in_ms(late_ms, exchange(true));
        }
        Fate::Twice => {
            world.in_ms(travel_ms, exchange(true));
            world.in_ms(travel_ms + 700, exchange(true));
        }
    }
}

fn fate(world: &mut World, command: &GatewayCommand) -> Fate {
    if let Some(fates) = &mut world.script {
        if matches!(
            command,
            GatewayCommand::Prepare { .. } | GatewayCommand::OfferCurrency { .. }
        ) {
            return Fate::Arrives;
        }
        return fates.exchanges.pop_front().unwrap_or(Fate::Arrives);
    }
    if !world.faults {
        return Fate::Arrives;
    }
    match world.random.below(15) {
        0 | 14 => Fate::NotSent,
        1 => Fate::Lost,
        2 => Fate::ReplyLost,
        3 => Fate::Late,
        4 => Fate::ReplyAfterDeadline,
        5 => Fate::Twice,
        _ => Fate::Arrives,
    }
}

/// An exchange happens. The reply, if it finds its way.
pub(crate) fn exchange(
    world: &mut World,
    call: CallId,
    command: &GatewayCommand,
    reply_comes: bool,
) -> Option<Event> {
    let chance = match &world.script {
        Some(fates) => fates.chance,
        None => Chance {
            declines: world.random.percent(10),
            partial: world.random.percent(10),
            contradicts: world.faults && world.random.percent(2),
            refuses_reversal: world.faults && world.random.percent(2),
            refers: world.random.percent(12),
            signature: world.random.percent(6),
        },
    };
    let pending = world.faults && world.random.percent(15);
    let reply = match command {
        GatewayCommand::Inquire { .. } if pending => GatewayReply::Found(Finding::Pending),
        GatewayCommand::OfferCurrency { card, amounts, .. } => {
            currencies::offered(world, card, amounts)
        }
        _ => world.ledger.exchange(command, chance),
    };
    if let GatewayCommand::VoiceApproval { .. } = command {
        world.tally.count("issuers called");
    }
    world.changed = true;
    world.note(|| format!("at the gateway, {command:?}: {reply:?}"));
    if !reply_comes {
        return None;
    }
    let awaited = world.exchanges.remove(&call);
    if let (GatewayCommand::Inquire { wire }, GatewayReply::Found(Finding::Answered(answer))) =
        (command, &reply)
        && awaited
        && answer.decision == Decision::Approved
        && !world.registers.waits_for(wire.transaction_id)
    {
        world.found_too_late.insert(wire.transaction_id);
    }
    let event = Event::GatewayReplied { call, reply };
    if world.faults && world.random.percent(5) {
        let delay_ms = world.random.below(90_000);
        world.in_ms(delay_ms, Happening::Deliver(event.clone()));
    }
    if world.faults && world.random.percent(3) {
        let delay_ms = world.random.below(90_000);
        world.in_ms(delay_ms, contradiction(call, &event));
    }
    Some(event)
}

/// The other thing that could have been said.
fn contradiction(call: CallId, event: &Event) -> Happening {
    let reply = match event {
        Event::GatewayReplied {
            reply: GatewayReply::Answered(answer),
            ..
        } => {
            let mut answer = answer.clone();
            answer.decision = match answer.decision {
                Decision::Approved => Decision::Declined,
                _ => Decision::Approved,
            };
            GatewayReply::Answered(answer)
        }
        _ => GatewayReply::Reversed,
    };
    Happening::Deliver(Event::GatewayReplied { call, reply })
}

fn failed(call: CallId, sent: bool) -> Happening {
    let reply = GatewayReply::Failed {
        sent,
        reason: "line".into(),
    };
    Happening::Deliver(Event::GatewayReplied { call, reply })
}

/// One gateway cannot be reached for a while; what is under way goes on.
pub(crate) fn lose_one(world: &mut World) {
    let id = GATEWAYS[world.random.index(GATEWAYS.len())];
    outages::lose(world, id);
}

/// The plugins of all gateways crash: nobody learns what becomes of what they sent.
pub(crate) fn all_die(world: &mut World) {
    world.tally.count("plugins died");
    for id in GATEWAYS {
        outages::lose(world, id);
    }
    for call in std::mem::take(&mut world.exchanges) {
        world.in_ms(0, failed(call, true));
    }
}

pub(crate) fn changed(id: &str, ready: bool) -> Event {
    let recipient = Recipient {
        gateway: id.into(),
        key_id: "1".into(),
        public_key: Opaque(vec![4; 65]),
        certificates: [].into(),
    };
    let mut can = vec![
        Ability::Authorize,
        Ability::Adjust,
        Ability::Refund,
        Ability::RefundByReceipt,
        Ability::RefundUnreferenced,
        Ability::Verify,
        Ability::Token,
        Ability::Balance,
        Ability::CashAdvance,
        Ability::Cashback,
        Ability::VoiceApproval,
        Ability::BatchTotals,
        Ability::BatchClose,
        Ability::Advice,
        Ability::NotifyOrder,
        Ability::Forward,
        Ability::ForgetToken,
    ];
    let name: GatewayId = id.into();
    if offers_currencies(&name) {
        can.push(Ability::Dcc);
    }
    if !is_narrow(&name) {
        can.push(Ability::Void);
    }
    let parameters = GatewayParameters {
        currencies: Vec::new(),
        recipient,
        inquiry: id != GATEWAYS[1],
        in_flight_per_acceptor: is_narrow(&name).then_some(1),
        reversal_before_next: has_barrier(&name),
        reversal_needs_number: needs_number(&name),
        can,
        live: false,
        opens: Vec::new(),
        lists: prices::lists(),
    };
    let status = GatewayStatus {
        parameters: Some(parameters),
        ready,
        retry_after_ms: None,
    };
    Event::GatewayChanged {
        gateway: id.into(),
        status: Some(status),
    }
}
