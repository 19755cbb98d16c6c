// SPDX-License-Identifier: MIT OR Apache-2.0
//! Invariant 2: No exchange that may move money before its intent is durable, no reversal before the ending
//! that announces it, and nothing final is told before it is durable.

use super::one_final_answer::is_told;
use super::{Checker, Sight, is_final, transaction_of, violated};
use crate::terminals;
use crate::world::World;
use payhal_engine::answer::{Answer, Notification, Outcome};
use payhal_engine::device::{DeviceCommand, IssuerAnswer};
use payhal_engine::gateway::GatewayCommand;

const LAW: &str = "2 journal first";

pub(crate) const CHECKER: Checker = Checker {
    sight,
    step: every_exchange_has_its_intent,
    rest: |_| {},
};

fn sight(world: &World, sight: &Sight<'_>) {
    match sight {
        Sight::Gateway(_, command) => at_gateway(world, command),
        Sight::Device(_, command) => {
            at_device(world, command);
            at_terminal(world, command);
        }
        Sight::Answer(_, answer) => answered(world, answer),
        Sight::Notify(notification) => notified(world, notification),
        Sight::Append(_) | Sight::Destroy(..) => {}
    }
}

fn at_gateway(world: &World, command: &GatewayCommand) {
    match command {
        GatewayCommand::Authorize { wire, .. } | GatewayCommand::Modify { wire, .. } => {
            let intent = world.journal.intent_of(wire.transaction_id);
            if intent.map(|intent| &intent.wire) != Some(wire) {
                violated(LAW, format_args!("no durable intent for {command:?}"));
            }
        }
        GatewayCommand::Reverse { wire, reason, .. } => {
            let ending = world.journal.ending_of(wire.transaction_id);
            if ending.and_then(|ending| ending.reversal) != Some(*reason) {
                violated(LAW, format_args!("no durable ending before {command:?}"));
            }
        }
        _ => {}
    }
}

/// A chip is told of no approval whose intent is not durable.
fn at_device(world: &World, command: &DeviceCommand) {
    if let DeviceCommand::Complete {
        transaction_id,
        answer: IssuerAnswer::Approved { .. },
        ..
    } = command
        && world.journal.intent_of(*transaction_id).is_none()
    {
        violated(LAW, format_args!("no durable intent before {command:?}"));
    }
}

/// A terminal begins nothing, and undoes nothing, before that is written down.
fn at_terminal(world: &World, command: &DeviceCommand) {
    let own = match command {
        DeviceCommand::Pay { transaction_id, .. } => Some(*transaction_id),
        DeviceCommand::Reconcile { wire, close: true } => Some(wire.transaction_id),
        DeviceCommand::Reverse { transaction_id, .. } => {
            let subject = terminals::subject(world, command);
            if subject == Some(*transaction_id) && !world.journal.is_undoing(*transaction_id) {
                violated(LAW, format_args!("no durable ending before {command:?}"));
            }
            subject
        }
        _ => return,
    };
    if own.is_none_or(|id| world.journal.intent_of(id).is_none()) {
        violated(LAW, format_args!("no durable intent for {command:?}"));
    }
}

fn answered(world: &World, answer: &Answer) {
    if !is_final(answer) {
        return;
    }
    let recorded = transaction_of(answer).and_then(|id| world.journal.ending_of(id));
    if !recorded.is_some_and(|ending| is_told(answer, &ending.answer)) {
        violated(LAW, format_args!("told before it was durable: {answer:?}"));
    }
}

/// Nobody is notified of what a crash could take back.
fn notified(world: &World, notification: &Notification) {
    let (id, told) = match notification {
        Notification::Resolved {
            transaction_id,
            outcome,
            reversed,
            ..
        } => {
            let by_person = world.journal.resolved(*transaction_id) == Some(Outcome::Failed);
            if *reversed && !world.journal.is_reversed(*transaction_id) && !by_person {
                violated(LAW, format_args!("not undone yet: {notification:?}"));
            }
            (*transaction_id, *outcome)
        }
        Notification::Moved {
            progress,
            outcome: Some(Outcome::Approved),
            ..
        } => (progress.transaction_id, Outcome::Approved),
        _ => return,
    };
    let recorded = match told {
        Outcome::Unknown => world.journal.was_left_to_people(id),
        told => world.journal.outcome_of(id) == Some(told),
    };
    if !recorded {
        violated(LAW, format_args!("not recorded yet: {notification:?}"));
    }
}

fn every_exchange_has_its_intent(world: &World) {
    for (id, _) in world.entries() {
        if world.journal.intent_of(*id).is_none() {
            violated(LAW, format_args!("{id} reached its gateway without intent"));
        }
    }
}
