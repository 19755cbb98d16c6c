// SPDX-License-Identifier: MIT OR Apache-2.0
//! No command that moves money reaches a terminal that may still have to tell what became of
//! another payment. A terminal's word is taken whenever it comes, its approval is never above what
//! its register allowed, and one that undoes by reference is given the reference.

use super::{Checker, Sight, violated};
use crate::journal::Line;
use crate::terminals;
use crate::world::World;
use payhal_engine::device::DeviceCommand;
use payhal_engine::ids::{DeviceId, TransactionId};
use payhal_engine::record::{Fact, FinalAnswer};

const LAW: &str = "terminals in order";

pub(crate) const CHECKER: Checker = Checker {
    sight: |world, sight| match sight {
        Sight::Device(device, command) => {
            alone(world, device, command);
            by_reference(device, command);
        }
        Sight::Append(record) => {
            if let Fact::Ended(ending) = &record.fact {
                allowed(world, &ending.answer);
            }
        }
        _ => {}
    },
    step: |world| {
        if let Some(id) = world.terminals.heard
            && !world.journal.failing
            && world.journal.line(id).is_some_and(|line| {
                line.ended.is_none() && line.answered.is_none() && line.resolved.is_none()
            })
        {
            violated(LAW, format_args!("its word on {id} was not taken"));
        }
    },
    ..Checker::BLIND
};

fn by_reference(device: &DeviceId, command: &DeviceCommand) {
    if let DeviceCommand::Reverse {
        reference: None, ..
    } = command
        && terminals::undoes_by_reference(device)
    {
        violated(LAW, format_args!("no reference: {command:?}"));
    }
}

fn alone(world: &World, device: &DeviceId, command: &DeviceCommand) {
    let moves = match command {
        DeviceCommand::Pay { .. } | DeviceCommand::Reverse { .. } => true,
        DeviceCommand::Reconcile { close, .. } => *close,
        _ => false,
    };
    if !moves || !terminals::is_terminal(device) {
        return;
    }
    let subject = terminals::subject(world, command);
    for (id, line) in world.journal.lines() {
        if Some(id) != subject && on_terminal(line) == Some(device) && is_open(line) {
            violated(
                LAW,
                format_args!("{device} owes a word on {id} and gets {command:?}"),
            );
        }
    }
    let till = world.terminals.tills.get(device);
    let moves = |id: &TransactionId| {
        let intent = world.journal.intent_of(*id);
        intent.is_some_and(|intent| intent.request.kind.moves_money())
    };
    if let Some(running) = till.and_then(|till| till.running).filter(moves) {
        violated(
            LAW,
            format_args!("{device} is at {running} and gets {command:?}"),
        );
    }
}

/// The terminal that it is on.
fn on_terminal(line: &Line) -> Option<&DeviceId> {
    let (_, intent) = line.intent.as_ref()?;
    let device = intent.device.as_ref()?;
    intent.gateway.is_none().then_some(device)
}

/// Whether nobody has written down how it came to its end.
fn is_open(line: &Line) -> bool {
    let Some((ended, ending)) = &line.ended else {
        return true;
    };
    let asked = line.needs_operator.filter(|at| at > ended).is_some();
    (ending.reversal.is_some() || asked) && line.reversed.is_none() && line.resolved.is_none()
}

fn allowed(world: &World, answer: &FinalAnswer) {
    let FinalAnswer::Approved(approved) = answer else {
        return;
    };
    let Some(asked) = world.registers.attempt_of(approved.transaction_id) else {
        return;
    };
    let Some(amounts) = asked.request.amounts else {
        return;
    };
    let max = asked.request.amount_max.map(|max| max.minor);
    let max = max.unwrap_or(amounts.total.minor).max(amounts.total.minor);
    if approved.approved_minor > max {
        violated(LAW, format_args!("more than {max}: {approved:?}"));
    }
}
