// SPDX-License-Identifier: MIT OR Apache-2.0
//! Simulated terminals, each with its own ledger: they run whole payments by themselves, whether or
//! not anybody still listens.
//!
//! A terminal never lies about what it did, except by amounts that cannot be. What was told lost on
//! its way to it never reaches it later.

use crate::ledger::{Entry, answer};
use crate::world::{Happening, World};
use payhal_engine::answer::Outcome;
use payhal_engine::device::{
    CardRefusal, DeviceAbilities, DeviceCommand, DeviceReply, DeviceStatus, Inquiry, Purpose,
    TerminalOutcome, TerminalReversal,
};
use payhal_engine::event::Event;
use payhal_engine::gateway::{Ability, Change, Collected, Decision, Totals};
use payhal_engine::ids::{CallId, DeviceId, TransactionId};
use payhal_engine::request::{Kind, Request, Resolve};
use std::collections::{BTreeMap, BTreeSet};

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

/// What one terminal did.
#[derive(Debug, Default)]
pub(crate) struct Till {
    pub(crate) entries: BTreeMap<TransactionId, Entry>,
    /// The payment that it is at.
    pub(crate) running: Option<TransactionId>,
    last: Option<TransactionId>,
    told: BTreeMap<TransactionId, DeviceReply>,
    /// Offline approvals that were not collected.
    offline: BTreeSet<TransactionId>,
    /// What each close told.
    pub(crate) closes: BTreeMap<TransactionId, Totals>,
    detached: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Terminals {
    pub(crate) tills: BTreeMap<DeviceId, Till>,
    /// What the host waits for.
    pub(crate) busy: BTreeMap<CallId, DeviceId>,
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
            let kind = Kind::Void {
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
    let reply = match command {
        DeviceCommand::Pay {
            transaction_id,
            purpose,
            amounts,
            total_minor_max,
            original,
            ..
        } => {
            if till(world, device).running != Some(*transaction_id) {
                return; // It was cancelled.
            }
            let original = original.as_ref().map(|original| original.transaction_id);
            let asked = Asked {
                id: *transaction_id,
                purpose: *purpose,
                minor: amounts.total.minor,
                max: *total_minor_max,
                original,
            };
            pay(world, device, &asked)
        }
        DeviceCommand::Inquire { transaction_id, .. } => inquire(world, device, *transaction_id),
        DeviceCommand::Reverse { transaction_id, .. } => {
            reverse(world, device, *transaction_id, subject)
        }
        DeviceCommand::Reconcile { wire, close } => {
            reconcile(world, device, wire.transaction_id, *close)
        }
        _ => DeviceReply::Unsupported,
    };
    world.changed = true;
    world.note(|| format!("at {device}, {subject}: {reply:?}"));
    for time in 0..heard {
        let delay_ms = 50 + u64::from(time) * world.random.below(60_000);
        world.in_ms(delay_ms, replied(call, reply.clone()));
    }
}

struct Asked {
    id: TransactionId,
    purpose: Purpose,
    minor: i64,
    max: Option<i64>,
    original: Option<TransactionId>,
}

fn pay(world: &mut World, device: &DeviceId, asked: &Asked) -> DeviceReply {
    let scripted = world.script.is_some();
    let chance = if scripted {
        50
    } else {
        world.random.below(100)
    };
    let whole = !matches!(
        asked.purpose,
        Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance
    );
    let lies = world.faults && world.random.percent(4);
    let offline = !scripted && asked.purpose == Purpose::Sale && world.random.percent(10);
    let moves = !matches!(asked.purpose, Purpose::Verify | Purpose::Balance);
    let refuses_reversal = world.faults && world.random.percent(5);
    let till = till(world, device);
    till.running = None;
    if chance < 8 {
        return DeviceReply::Refused {
            refusal: CardRefusal::NoCard,
            text: "no".into(),
        };
    }
    let stands = |id| till.entries.get(&id).is_some_and(Entry::stands);
    let declines = chance < 16 || asked.original.is_some_and(|original| !stands(original));
    let (mut minor, mut tip) = (asked.minor, None);
    match (chance, asked.max) {
        (..16, _) => {}
        (16..26, _) if !whole => minor = (minor / 2).max(1),
        (26..40, Some(max)) if !whole && max > minor => {
            tip = Some(max - minor);
            minor = max;
        }
        _ => {}
    }
    let mut told = (moves && !declines).then_some(minor);
    if lies && !declines && !whole {
        match chance % 3 {
            0 => {
                minor = asked.max.unwrap_or(minor).max(asked.minor) + 10;
                tip = Some(minor - asked.minor);
                told = Some(minor);
            }
            1 => told = None,
            _ => tip = Some(7),
        }
    }
    let decision = if declines {
        Decision::Declined
    } else {
        Decision::Approved
    };
    let mut answer = answer(decision, told);
    answer.extras.tip_minor = tip;
    answer.extras.offline = offline && !declines;
    answer.extras.reference =
        (&*device.0 == TERMINALS[0]).then(|| asked.id.to_string().as_str().into());
    if answer.extras.offline {
        till.offline.insert(asked.id);
    }
    let change = match asked.purpose {
        Purpose::Capture => Change::Capture,
        Purpose::Adjust => Change::Adjust,
        _ => Change::Refund,
    };
    let entry = Entry {
        answer: Some(answer.clone()),
        minor,
        original: asked.original.map(|original| (original, change)),
        reversed: false,
        refuses_reversal,
        moves,
    };
    till.entries.insert(asked.id, entry);
    let reply = DeviceReply::Paid(Box::new(TerminalOutcome {
        answer,
        entry: None,
        cvm: None,
        card: None,
    }));
    till.told.insert(asked.id, reply.clone());
    reply
}

fn inquire(world: &mut World, device: &DeviceId, id: TransactionId) -> DeviceReply {
    let (inquiry, _) = kind_of(&device.0);
    let till = till(world, device);
    let known = inquiry == Inquiry::ById || till.last == Some(id);
    match inquiry {
        Inquiry::None => DeviceReply::Unsupported,
        _ if till.running == Some(id) => DeviceReply::Running,
        _ => {
            let told = till.told.get(&id).filter(|_| known).cloned();
            told.unwrap_or(DeviceReply::NotFound)
        }
    }
}

fn reverse(
    world: &mut World,
    device: &DeviceId,
    id: TransactionId,
    subject: TransactionId,
) -> DeviceReply {
    let leaves = world.faults && world.random.percent(10);
    let (_, reversal) = kind_of(&device.0);
    let till = till(world, device);
    let refused = DeviceReply::Refused {
        refusal: CardRefusal::Other,
        text: "not here".into(),
    };
    if reversal == TerminalReversal::None {
        return DeviceReply::Unsupported;
    }
    if till.entries.contains_key(&subject) && id != subject {
        return DeviceReply::Reversed;
    }
    let Some(entry) = till.entries.get_mut(&id) else {
        return refused;
    };
    if id == subject {
        if entry.refuses_reversal {
            return refused;
        }
        entry.reversed = true;
        return DeviceReply::Reversed;
    }
    if !entry.stands() || (leaves && reversal == TerminalReversal::NeedsCard) {
        return refused;
    }
    let minor = held(&till.entries, id);
    let void = Entry {
        answer: Some(answer(Decision::Approved, Some(minor))),
        minor,
        original: Some((id, Change::Void)),
        reversed: false,
        refuses_reversal: false,
        moves: true,
    };
    till.entries.insert(subject, void);
    DeviceReply::Reversed
}

/// What an authorization was adjusted to, or what was taken.
pub(crate) fn held(entries: &BTreeMap<TransactionId, Entry>, id: TransactionId) -> i64 {
    let adjusted = entries.values().rev();
    let mut adjusted =
        adjusted.filter(|entry| entry.stands() && entry.original == Some((id, Change::Adjust)));
    let own = || entries.get(&id).map_or(0, |entry| entry.minor);
    adjusted.next().map_or_else(own, |entry| entry.minor)
}

fn reconcile(world: &mut World, device: &DeviceId, id: TransactionId, close: bool) -> DeviceReply {
    let lost = world.random.below(5);
    let till = till(world, device);
    let mut totals = Totals {
        batch: "1".into(),
        rows: Vec::new(),
        collected: Vec::new(),
    };
    if !close {
        return DeviceReply::Reconciled(Box::new(totals));
    }
    if let Some(told) = till.closes.get(&id) {
        return DeviceReply::Reconciled(Box::new(told.clone()));
    }
    let collected = std::mem::take(&mut till.offline);
    totals.collected = (0_u64..)
        .zip(collected)
        .map(|(place, transaction_id)| Collected {
            transaction_id,
            accepted: place % 5 != lost,
        })
        .collect();
    till.closes.insert(id, totals.clone());
    DeviceReply::Reconciled(Box::new(totals))
}

/// A reply reaches the host, in time or not.
pub(crate) fn done(world: &mut World, call: CallId, reply: DeviceReply) -> Event {
    if world.terminals.busy.remove(&call).is_none() {
        world.tally.count("terminals replied late or twice");
    }
    Event::DeviceReplied { call, reply }
}

/// It is asked to stop, and does or does not.
pub(crate) fn cancelled(world: &mut World, call: CallId) {
    let Some(device) = world.terminals.busy.get(&call).cloned() else {
        return;
    };
    let obeys = world.script.is_some() || world.random.percent(60);
    let till = till(world, &device);
    if obeys && till.running.take().is_some() {
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
    };
    Event::DeviceChanged {
        device: id.into(),
        status: Some(status),
    }
}

/// A person looks at the terminal's ledger and says what is there.
pub(crate) fn resolve(world: &World, id: TransactionId) -> Request {
    let entry = world.terminals.entry(id);
    let closed = |it: &Till| it.closes.contains_key(&id);
    let done = entry.is_some_and(Entry::stands) || world.terminals.tills.values().any(closed);
    Request::Resolve(Box::new(Resolve {
        transaction_id: id,
        outcome: if done {
            Outcome::Approved
        } else {
            Outcome::Failed
        },
        evidence: "the terminal's ledger".into(),
        operator: "Ada".into(),
    }))
}

fn kind_of(id: &str) -> (Inquiry, TerminalReversal) {
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
