// SPDX-License-Identifier: MIT OR Apache-2.0
//! Simulated terminals, as the host reaches them: they run whole payments by themselves, whether or
//! not anybody still listens. What each does is in `tills.rs`.
//!
//! What was told lost on its way to a terminal never reaches it later.

use crate::ledger::Entry;
use crate::tills::{Chance, Kind, Till};
use crate::world::{Happening, World};
use payhal_engine::answer::Outcome;
use payhal_engine::device::{
    DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus, Inquiry, TerminalReversal,
};
use payhal_engine::event::Event;
use payhal_engine::gateway::Ability;
use payhal_engine::ids::{CallId, DeviceId, TransactionId};
use payhal_engine::protection::Protection;
use payhal_engine::request;
use std::collections::BTreeMap;

/// One can be asked about everything and undoes by reference, one remembers its last payment and
/// needs the card again, one can do neither.
pub(crate) const TERMINALS: [&str; 3] = ["till-a", "till-b", "till-c"];

/// What becomes of one command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Arrives,
    /// The plugin knows that it did not leave.
    NotSent,
    /// It is lost on the way, and the host waits to its deadline.
    Lost,
    /// It is done; the host learns that something broke.
    ReplyLost,
    /// It is done after the host has given up, and said so then.
    Late,
    /// It is answered twice.
    Twice,
}

#[derive(Debug, Default)]
pub(crate) struct Terminals {
    pub(crate) tills: BTreeMap<DeviceId, Till>,
    /// What the host waits for.
    pub(crate) busy: BTreeMap<CallId, DeviceId>,
    /// The payment on which a terminal just gave its word to a host that can write it down.
    pub(crate) heard: Option<TransactionId>,
    /// Whose word each call of this life is.
    payments: BTreeMap<CallId, TransactionId>,
}

impl Terminals {
    pub(crate) fn entry(&self, id: TransactionId) -> Option<&Entry> {
        self.tills.values().find_map(|till| till.entries.get(&id))
    }

    pub(crate) fn is_running(&self, id: TransactionId) -> bool {
        self.tills.values().any(|till| till.running == Some(id))
    }
}

pub(crate) fn is_terminal(device: &DeviceId) -> bool {
    TERMINALS.contains(&&*device.0)
}

/// Whose a command is: a void names its original.
pub(crate) fn subject(world: &World, command: &DeviceCommand) -> Option<TransactionId> {
    match command {
        DeviceCommand::Pay { transaction_id, .. }
        | DeviceCommand::Inquire { transaction_id, .. } => Some(*transaction_id),
        DeviceCommand::Reconcile { wire, .. } => Some(wire.transaction_id),
        DeviceCommand::Reverse { transaction_id, .. } => {
            if world.journal.outcome_of(*transaction_id) != Some(Outcome::Approved) {
                return Some(*transaction_id);
            }
            let kind = request::Kind::Void {
                original: *transaction_id,
            };
            let mut lines = world.journal.lines();
            let void = lines.find(|(_, line)| {
                let intent = line.intent.as_ref();
                line.ended.is_none() && intent.is_some_and(|(_, it)| it.request.kind == kind)
            });
            void.map(|(id, _)| id)
        }
        _ => None,
    }
}

/// A terminal takes a call.
pub(crate) fn called(
    world: &mut World,
    device: DeviceId,
    call: CallId,
    command: &DeviceCommand,
    deadline_boot_ms: u64,
) {
    world.terminals.busy.insert(call, device.clone());
    if let DeviceCommand::Pay { transaction_id, .. } = command {
        let payments = &mut world.terminals.payments;
        payments.insert(call, *transaction_id);
    }
    let Some(subject) = subject(world, command) else {
        world.in_ms(100, replied(call, DeviceReply::Unsupported));
        return;
    };
    let detached = till(world, &device).detached;
    let fate = if detached { Fate::NotSent } else { fate(world) };
    let until_ms = deadline_boot_ms.saturating_sub(world.now_ms);
    let work_ms = match (&world.script, command) {
        (Some(_), _) => 500,
        (None, DeviceCommand::Pay { .. }) => 500 + world.random.below(20_000),
        (None, _) => 100 + world.random.below(1_000),
    };
    let arrives = !matches!(fate, Fate::NotSent | Fate::Lost);
    if let (true, DeviceCommand::Pay { transaction_id, .. }) = (arrives, command) {
        let till = till(world, &device);
        till.running = Some(*transaction_id);
        till.last = Some(*transaction_id);
    }
    let act = |heard| Happening::TillActs {
        device,
        call,
        command: Box::new(command.clone()),
        subject,
        heard,
    };
    match fate {
        Fate::NotSent => world.in_ms(100, replied(call, failed(false))),
        Fate::Lost => world.in_ms(until_ms, replied(call, failed(true))),
        Fate::Arrives => world.in_ms(work_ms, act(1)),
        Fate::Twice => world.in_ms(work_ms, act(2)),
        Fate::ReplyLost => {
            let broken_ms = world.random.below(2 * work_ms);
            world.in_ms(broken_ms, replied(call, failed(true)));
            world.in_ms(work_ms, act(0));
        }
        Fate::Late => {
            world.tally.count("terminals too late");
            let late_ms = until_ms + world.random.below(60_000);
            world.in_ms(until_ms, replied(call, failed(true)));
            world.in_ms(late_ms, act(1));
        }
    }
}

fn fate(world: &mut World) -> Fate {
    if let Some(fates) = &mut world.script {
        return fates.terminals.pop_front().unwrap_or(Fate::Arrives);
    }
    if !world.faults {
        return Fate::Arrives;
    }
    match world.random.below(16) {
        0 => Fate::NotSent,
        1 => Fate::Lost,
        2 | 3 => Fate::ReplyLost,
        4 => Fate::Late,
        5 => Fate::Twice,
        _ => Fate::Arrives,
    }
}

/// It does what it was told, whether or not the host still lives.
pub(crate) fn acts(
    world: &mut World,
    device: &DeviceId,
    call: CallId,
    command: &DeviceCommand,
    subject: TransactionId,
    heard: u32,
) {
    if let DeviceCommand::Pay { transaction_id, .. } = command
        && till(world, device).running != Some(*transaction_id)
    {
        return; // It was cancelled.
    }
    let chance = chance(world);
    let kind = kind_of(&device.0);
    let reply = till(world, device).does(command, subject, kind, chance);
    world.changed = true;
    world.note(|| format!("at {device}, {subject}: {reply:?}"));
    for time in 0..heard {
        let delay_ms = 50 + u64::from(time) * world.random.below(60_000);
        world.in_ms(delay_ms, replied(call, reply.clone()));
    }
}

/// What chance has in store for one command; nothing, in a script.
fn chance(world: &mut World) -> Chance {
    if world.script.is_some() {
        return Chance::PLAIN;
    }
    let faults = world.faults;
    let random = &mut world.random;
    let lies = (faults && random.percent(4)).then(|| random.below(3));
    Chance {
        pay: random.below(100),
        lies,
        offline: random.percent(10),
        nameless: random.percent(10),
        refuses_reversal: faults && random.percent(5),
        card_leaves: faults && random.percent(10),
        forgets_voids: random.percent(50),
        lost: random.below(5),
    }
}

/// A reply reaches the host, in time or not.
pub(crate) fn done(world: &mut World, call: CallId, reply: DeviceReply) -> Event {
    if world.terminals.busy.remove(&call).is_none() {
        world.tally.count("terminals replied late or twice");
    }
    let word = matches!(
        reply,
        DeviceReply::Paid(_) | DeviceReply::Refused { .. } | DeviceReply::Cancelled
    );
    let writes = !world.journal_closed && !world.journal.failing;
    let payment = world.terminals.payments.get(&call).copied();
    world.terminals.heard = payment.filter(|_| word && writes);
    world.changed = true;
    Event::DeviceReplied { call, reply }
}

/// The host has another journal; it knows only of the calls that still go on.
pub(crate) fn reopened(world: &mut World) {
    let terminals = &mut world.terminals;
    let busy = &terminals.busy;
    terminals.payments.retain(|call, _| busy.contains_key(call));
    terminals.heard = None;
}

/// The host forgets, and its calls begin anew.
pub(crate) fn forgotten(world: &mut World) {
    world.terminals.busy.clear();
    world.terminals.payments.clear();
    world.terminals.heard = None;
}

pub(crate) fn undoes_by_reference(device: &DeviceId) -> bool {
    is_terminal(device) && kind_of(&device.0).1 == TerminalReversal::ByReference
}

/// It is asked to stop, and does or does not.
pub(crate) fn cancelled(world: &mut World, call: CallId) {
    let Some(device) = world.terminals.busy.get(&call).cloned() else {
        return;
    };
    let obeys = world.script.is_some() || world.random.percent(60);
    let payment = world.terminals.payments.get(&call).copied();
    let till = till(world, &device);
    // It stops what this call began, never a payment of another.
    if obeys && payment.is_some() && till.running == payment {
        till.running = None;
        world.tally.count("terminals obeyed a cancel");
        world.in_ms(200, replied(call, DeviceReply::Cancelled));
    } else {
        world.tally.count("terminals ignored a cancel");
    }
}

/// Detached for a while; what it is at goes on.
pub(crate) fn detach_one(world: &mut World) {
    let id = TERMINALS[world.random.index(TERMINALS.len())];
    detach(world, id);
}

pub(crate) fn all_die(world: &mut World) {
    for id in TERMINALS {
        detach(world, id);
    }
}

fn detach(world: &mut World, id: &str) {
    till(world, &id.into()).detached = true;
    let back_in_ms = 1_000 + world.random.below(600_000);
    world.in_ms(0, Happening::Deliver(changed(id, false)));
    world.in_ms(back_in_ms, Happening::TillBack(id.into()));
    let busy = world.terminals.busy.iter();
    let broken: Vec<CallId> = busy
        .filter(|(_, device)| &*device.0 == id)
        .map(|(call, _)| *call)
        .collect();
    for call in broken {
        world.in_ms(0, replied(call, failed(true)));
    }
}

pub(crate) fn back(world: &mut World, device: &DeviceId) -> Event {
    till(world, device).detached = false;
    changed(&device.0, true)
}

pub(crate) fn changed(id: &str, ready: bool) -> Event {
    let (inquiry, reversal) = kind_of(id);
    let can = vec![
        Ability::Authorize,
        Ability::Adjust,
        Ability::Refund,
        Ability::RefundUnreferenced,
        Ability::Verify,
        Ability::Balance,
        Ability::CashAdvance,
        Ability::BatchTotals,
        Ability::BatchClose,
    ];
    let status = DeviceStatus {
        abilities: DeviceAbilities::Terminal {
            inquiry,
            reversal,
            can,
        },
        ready,
        retry_after_ms: None,
        why: None,
        protection: Protection::default(),
    };
    Event::DeviceChanged {
        device: id.into(),
        status: Some(status),
    }
}

fn kind_of(id: &str) -> Kind {
    if id == TERMINALS[0] {
        (Inquiry::ById, TerminalReversal::ByReference)
    } else if id == TERMINALS[1] {
        (Inquiry::LastOnly, TerminalReversal::NeedsCard)
    } else {
        (Inquiry::None, TerminalReversal::None)
    }
}

fn till<'a>(world: &'a mut World, device: &DeviceId) -> &'a mut Till {
    world.terminals.tills.entry(device.clone()).or_default()
}

fn replied(call: CallId, reply: DeviceReply) -> Happening {
    Happening::TillReplied { call, reply }
}

fn failed(effect_possible: bool) -> DeviceReply {
    DeviceReply::Failed {
        effect_possible,
        reason: "line".into(),
    }
}
