// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine: every open transaction, and the one function through which anything happens.
//!
//! Never reads a clock, never blocks, never decides on the order of a randomly seeded map.

use crate::Config;
use crate::answer::Answer;
use crate::devices::Devices;
use crate::effect::Effect;
use crate::errands::Sent;
use crate::event::Event;
use crate::forwarding::Forwards;
use crate::gateway::{GatewayReply, GatewayStatus};
use crate::ids::{
    CallId, DeviceId, GatewayId, IdempotencyKey, Kept, Position, RecallId, RegisterId, Scope,
    Ticket, TimerId, TransactionId,
};
use crate::keys::{Pending, RecallFor};
use crate::leases::Lease;
use crate::parents::Parents;
use crate::receipts::Receipts;
use crate::recent::{Ended, Recent};
use crate::record::{BatchClosed, Epoch, Record, Restored};
use crate::request::{Caller, Request};
use crate::spent::SpentKeys;
use crate::time::Now;
use crate::transaction::{Phase, Transaction};
use crate::turns::Turns;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A key and what it belongs to.
pub(crate) type ScopedKey = (Scope, IdempotencyKey);

/// Decides every transaction's fate.
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: Config,
    /// The instant of the event under way.
    pub(crate) now: Now,
    pub(crate) out: Vec<Effect>,
    pub(crate) position: Position,
    pub(crate) durable: Position,
    pub(crate) stan: u32,
    pub(crate) last_call: u64,
    pub(crate) last_timer: u64,
    pub(crate) last_recall: u64,
    pub(crate) stopping: bool,
    pub(crate) open: BTreeMap<TransactionId, Transaction>,
    /// Keys of open and recent transactions.
    pub(crate) keys: BTreeMap<ScopedKey, TransactionId>,
    pub(crate) recent: Recent,
    pub(crate) spent: SpentKeys,
    /// Keys whose first request waits for the journal.
    pub(crate) pending: BTreeMap<ScopedKey, Pending>,
    pub(crate) recalls: BTreeMap<RecallId, RecallFor>,
    pub(crate) parents: Parents,
    pub(crate) receipts: Receipts,
    /// The last change of a payment token: what was recalled before it may be wrong.
    pub(crate) token_change: Position,
    pub(crate) turns: Turns,
    pub(crate) forwards: Forwards,
    /// The transaction whose report is on its way to each gateway.
    pub(crate) reporting: BTreeMap<GatewayId, TransactionId>,
    /// The last close of each batch.
    pub(crate) closed: Vec<BatchClosed>,
    pub(crate) devices: Devices,
    /// Readers that are lent to registers.
    pub(crate) leases: BTreeMap<DeviceId, Lease>,
    pub(crate) gateways: BTreeMap<GatewayId, GatewayStatus>,
    pub(crate) calls: BTreeMap<CallId, CallFor>,
    pub(crate) timers: BTreeMap<TimerId, (TransactionId, Alarm)>,
    pub(crate) epoch: Epoch,
    /// When the last record was made: no later one is dated before it.
    pub(crate) last_at_micros: i64,
    /// Taken up by the first step, which brings the time.
    pub(crate) found: Vec<Vec<Record>>,
    /// Device calls of a former engine in this process, to be stopped by the first step.
    pub(crate) orphans: Vec<(DeviceId, CallId)>,
    /// Payments among them that terminals still run.
    pub(crate) payments: BTreeMap<CallId, TransactionId>,
    /// Payments of a former engine whose call never left.
    pub(crate) never_made: BTreeSet<TransactionId>,
    /// Terminals that registers were told to be quarantined.
    pub(crate) told_quarantined: Vec<DeviceId>,
    /// The latest payment that each terminal named, and its name.
    pub(crate) named: BTreeMap<DeviceId, (TransactionId, Arc<str>)>,
}

/// What a call is for.
#[derive(Clone, Debug)]
pub(crate) enum CallFor {
    /// A transaction's device.
    Device {
        device: DeviceId,
        transaction: Option<TransactionId>,
    },
    /// A person looks for a device, or at a terminal's totals.
    Identify { device: DeviceId, ticket: Ticket },
    /// A reader that watches for its register, which may want it for something else.
    Lease {
        device: DeviceId,
        owner: RegisterId,
        errand: Option<Box<Sent>>,
    },
    /// A transaction's gateway.
    Gateway { transaction: TransactionId },
    /// Somebody wants to see a batch's totals; absent when nobody does any more.
    Totals { ticket: Option<Ticket> },
}

/// What an alarm is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Alarm {
    /// The next attempt to reach the gateway.
    Attempt,
    /// The end of a register's patience.
    Patience,
    /// The end of a question.
    Prompt,
    /// The end of waiting in line.
    Turn,
    /// The end of waiting for an offer.
    Offer,
    /// The end of waiting for a card at a terminal.
    Card,
    /// The end of a lease.
    Lease,
    /// The end of a pause between watches.
    Watch,
    /// The end of a presentation that nobody uses.
    Presentation,
}

impl Engine {
    /// An engine over what the journal holds. Recovery begins with the first step.
    pub fn new(config: Config, restored: Restored) -> Self {
        Self {
            config,
            now: Now {
                boot_ms: 0,
                wall_micros: 0,
                wall_trusted: false,
            },
            out: Vec::new(),
            position: restored.position,
            durable: restored.position,
            stan: restored.stan,
            last_call: 0,
            last_timer: 0,
            last_recall: 0,
            stopping: false,
            open: BTreeMap::new(),
            keys: BTreeMap::new(),
            recent: Recent::default(),
            spent: SpentKeys::default(),
            pending: BTreeMap::new(),
            recalls: BTreeMap::new(),
            parents: Parents::default(),
            receipts: Receipts::default(),
            token_change: Position(0),
            turns: Turns::default(),
            forwards: Forwards::default(),
            reporting: BTreeMap::new(),
            closed: restored.closed,
            devices: Devices::default(),
            leases: BTreeMap::new(),
            gateways: BTreeMap::new(),
            calls: BTreeMap::new(),
            timers: BTreeMap::new(),
            epoch: restored.epoch,
            last_at_micros: restored.last_at_micros,
            found: restored.open,
            orphans: Vec::new(),
            payments: BTreeMap::new(),
            never_made: BTreeSet::new(),
            told_quarantined: Vec::new(),
            named: BTreeMap::new(),
        }
    }

    /// Takes one event and says what must be done.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        self.set_now(now);
        self.recover();
        match event {
            Event::Asked {
                ticket,
                caller,
                transaction_id,
                request,
            } => {
                self.asked(ticket, caller, transaction_id, request);
            }
            Event::Forgotten { ticket } => self.forgotten(ticket),
            Event::Recalled { recall, past } => self.recalled(recall, past.map(|past| *past)),
            Event::Kept {
                transaction,
                part,
                refused,
            } => match part {
                Kept::Number => self.number_kept(transaction, refused),
                Kept::Read => self.read_kept(transaction, refused),
            },
            Event::Durable(position) => self.became_durable(position),
            Event::DeviceReplied { call, reply } => self.device_replied(call, reply),
            Event::DeviceProgressed {
                call,
                stage,
                pin,
                text,
            } => {
                self.device_progressed(call, stage, pin, text);
            }
            Event::DevicePrompted { call, prompt } => self.device_prompted(call, &prompt),
            Event::GatewayReplied { call, reply } => self.gateway_replied(call, reply),
            Event::DeviceChanged { device, status } => self.device_changed(&device, status),
            Event::GatewayChanged { gateway, status } => self.gateway_changed(&gateway, status),
            Event::Configured {
                part,
                acceptor,
                software_sealing,
            } => self.configured(part, acceptor, software_sealing),
            Event::TimerFired(timer) => self.timer_fired(timer),
            Event::Stopping => self.stop(),
        }
        self.serve_forwards();
        self.serve_turns();
        self.serve_leases();
        self.tell_quarantine();
        std::mem::take(&mut self.out)
    }

    /// A wall clock that was set back stands still until the time of the last record comes again:
    /// what is told and recorded is in order. Deadlines run on boot time and never notice.
    pub(crate) fn set_now(&mut self, now: Now) {
        self.now = now;
        self.now.wall_micros = now.wall_micros.max(self.last_at_micros);
    }

    /// Which life of the journal it runs on.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last position it gave to a record.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether nobody waits for an answer and no device is in use: a good moment to stop.
    pub fn is_quiet(&self) -> bool {
        self.pending.is_empty()
            && self.recalls.is_empty()
            && self
                .open
                .values()
                .all(|transaction| transaction.waiters.is_empty())
            && self.devices.all_free()
            && !(self.calls.values())
                .any(|purpose| matches!(purpose, CallFor::Totals { ticket: Some(_) }))
    }

    /// An engine over what the journal holds, which knows this one's devices, gateways and calls.
    pub fn successor(&self, restored: Restored) -> Self {
        let mut next = Self::new(self.config.clone(), restored);
        next.last_call = self.last_call;
        next.last_timer = self.last_timer;
        next.last_recall = self.last_recall;
        next.stopping = self.stopping;
        next.gateways = self.gateways.clone();
        next.devices = self.devices.orphaned();
        next.payments.clone_from(&self.payments);
        next.never_made.clone_from(&self.never_made);
        next.told_quarantined.clone_from(&self.told_quarantined);
        next.named.clone_from(&self.named);
        for (call, purpose) in &self.calls {
            if let CallFor::Device { device, .. }
            | CallFor::Identify { device, .. }
            | CallFor::Lease { device, .. } = purpose
            {
                let orphan = CallFor::Device {
                    device: device.clone(),
                    transaction: None,
                };
                next.calls.insert(*call, orphan);
                next.orphans.push((device.clone(), *call));
            }
        }
        next
    }

    fn asked(&mut self, ticket: Ticket, caller: Caller, id: TransactionId, request: Request) {
        match request {
            Request::Money(request) => self.asked_for_money(ticket, caller, id, *request),
            Request::Cancel(which) => self.asked_to_cancel(ticket, &caller, which),
            Request::Resolve(resolve) => self.asked_to_resolve(ticket, &caller, *resolve),
            Request::Sign(sign) => self.asked_to_sign(ticket, caller, *sign),
            Request::Totals { gateway, device } => {
                self.asked_for_totals(ticket, id, gateway.as_ref(), device.as_ref());
            }
            Request::Quote(quote) => {
                self.asked_for_quote(ticket, &caller.scope.register, &quote);
            }
            Request::Live(which) => self.look(ticket, &caller, &which),
            Request::LiveAll => self.look_at_all(ticket, &caller),
            Request::Quarantined => {
                let quarantined = self.quarantined();
                self.answer(Position(0), ticket, Answer::Quarantined(quarantined));
            }
            Request::Identify { device, lines } => self.identify(ticket, &caller, &device, lines),
            Request::Errand { device, order } => self.errand(ticket, &caller, &device, order),
            Request::Lend(wish) => self.lend(ticket, &caller, id, wish),
            Request::GiveBack { device } => self.give_back(ticket, &caller, &device),
            Request::Lent => {
                let lent = self.lent();
                self.answer(Position(0), ticket, Answer::Lent(lent));
            }
            Request::Rooms => {
                let rooms = self.rooms();
                self.answer(Position(0), ticket, Answer::Rooms(rooms));
            }
            Request::SetAside { part, wholly } => self.set_aside(ticket, &part, wholly),
            Request::Respond { prompt, response } => {
                self.responded(ticket, &caller, prompt, response);
            }
        }
    }

    fn gateway_replied(&mut self, call: CallId, reply: GatewayReply) {
        let transaction = match self.calls.get(&call).cloned() {
            Some(CallFor::Gateway { transaction }) => transaction,
            Some(CallFor::Totals { ticket }) => {
                self.calls.remove(&call);
                self.totals_told(ticket, reply);
                return;
            }
            _ => return,
        };
        self.calls.remove(&call);
        self.with(transaction, |engine, transaction| {
            if transaction.call != Some(call) {
                return;
            }
            transaction.call = None;
            match transaction.phase.clone() {
                Phase::OfferingCurrency => engine.currency_offered(transaction, reply),
                Phase::Preparing(read) => engine.prepared(transaction, read, reply),
                Phase::Authorizing | Phase::Modifying => engine.exchanged(transaction, reply),
                Phase::Inquiring => engine.inquired(transaction, reply),
                Phase::Reversing => engine.reversed(transaction, reply),
                Phase::Reporting => engine.report_replied(transaction, &reply),
                Phase::Stored => engine.forward_prepared(transaction, reply),
                Phase::Forwarding => engine.forward_replied(transaction, reply),
                Phase::AwaitingReader
                | Phase::AwaitingTurn(_)
                | Phase::CheckingKeys(_)
                | Phase::Keeping(_)
                | Phase::Presenting
                | Phase::AwaitingAmount
                | Phase::Pricing { .. }
                | Phase::ChoosingCurrency(_)
                | Phase::AskingCurrency(_)
                | Phase::Paying
                | Phase::AuthorizingCard
                | Phase::Asking
                | Phase::Completing
                | Phase::CompletingOffline(_)
                | Phase::Storing(_)
                | Phase::NeedsOperator
                | Phase::Settled => {}
            }
        });
        self.serve_reports();
    }

    fn gateway_changed(&mut self, gateway: &GatewayId, status: Option<GatewayStatus>) {
        let was_ready = self
            .gateways
            .get(gateway)
            .is_some_and(|gateway| gateway.ready);
        let ready = status.as_ref().is_some_and(|status| status.ready);
        match status {
            Some(status) => self.gateways.insert(gateway.clone(), status),
            None => self.gateways.remove(gateway),
        };
        if was_ready || !ready {
            return;
        }
        let waiting: Vec<_> = self
            .open
            .values()
            .filter(|transaction| {
                transaction.awaited_gateway() == Some(gateway) && transaction.call.is_none()
            })
            .map(|transaction| transaction.id)
            .collect();
        for id in waiting {
            self.with(id, |engine, transaction| {
                transaction.attempts = 0;
                engine.attempt(transaction);
            });
        }
    }

    fn timer_fired(&mut self, timer: TimerId) {
        let Some((id, alarm)) = self.timers.remove(&timer) else {
            return;
        };
        if self.lease_alarm(id, alarm) {
            return;
        }
        self.with(id, |engine, transaction| match alarm {
            Alarm::Attempt => {
                transaction.pause = None;
                engine.attempt(transaction);
            }
            Alarm::Patience => {
                transaction.patience = None;
                engine.out_of_patience(transaction);
            }
            Alarm::Prompt => engine.prompt_expired(transaction),
            Alarm::Turn => {
                transaction.pause = None;
                engine.turn_expired(transaction);
            }
            Alarm::Offer => {
                transaction.pause = None;
                engine.offer_overdue(transaction);
            }
            Alarm::Card => {
                transaction.pause = None;
                engine.no_card_came(transaction);
            }
            Alarm::Lease | Alarm::Watch | Alarm::Presentation => {}
        });
    }

    /// The next attempt to learn or undo what became of it.
    pub(crate) fn attempt(&mut self, transaction: &mut Transaction) {
        if transaction.call.is_some() {
            return;
        }
        match transaction.phase {
            Phase::Inquiring | Phase::Modifying => self.resume_unknown(transaction),
            Phase::Reversing => self.try_reverse(transaction),
            Phase::Reporting => self.try_report(transaction),
            // Its turn comes at the end of the step.
            Phase::Stored | Phase::Forwarding => self.end_pause(transaction),
            _ => {}
        }
    }

    fn became_durable(&mut self, position: Position) {
        self.durable = self.durable.max(position);
        while let Some((id, ended)) = self.recent.forget_one(self.durable) {
            self.spent.forget(id, &ended.spent);
            self.keys.remove(&(ended.scope, ended.key));
        }
        self.parents.sweep(self.durable);
    }

    /// Lends one open transaction out, and puts it where it then belongs.
    pub(crate) fn with(
        &mut self,
        id: TransactionId,
        happens: impl FnOnce(&mut Self, &mut Transaction),
    ) {
        let Some(mut transaction) = self.open.remove(&id) else {
            return;
        };
        happens(self, &mut transaction);
        self.put(transaction);
    }

    /// Keeps an open transaction, or moves an ended one to the recent ones.
    pub(crate) fn put(&mut self, mut transaction: Transaction) {
        self.destroy_kept(&mut transaction);
        if transaction.phase != Phase::Settled {
            if transaction.is_decided() {
                self.parents.note(&transaction);
                self.receipts.note(&transaction);
            }
            self.open.insert(transaction.id, transaction);
            return;
        }
        self.clear_timers(&mut transaction);
        self.free_unspent(&mut transaction);
        let key = (transaction.scope.clone(), transaction.request.key.clone());
        self.parents.note(&transaction);
        self.receipts.note(&transaction);
        match transaction.ending {
            Some(answer) => {
                let ended = Ended {
                    scope: key.0,
                    key: key.1,
                    fingerprint: transaction.fingerprint,
                    answer,
                    forwarding: transaction.forwarding,
                    spent: [transaction.spent, transaction.tried.spent].concat(),
                    position: transaction.after,
                };
                self.recent.insert(transaction.id, ended);
            }
            None => {
                self.keys.remove(&key);
            }
        }
    }
}
