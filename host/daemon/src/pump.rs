// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pumps the dispatcher: takes what happened from everywhere, one thing at a time, and hands it on.
//!
//! Decides nothing about money. When the journal fails, it answers what is certain, closes, and
//! opens anew from disk before any further money is taken.

use crate::clock::Clock;
use crate::records::Records;
use crate::server::Registers;
use crate::supervisor::{Outlet, Supervisor};
use crate::vault::Vault;
use payhal_dispatcher::Dispatcher;
use payhal_dispatcher::ports::{JournalPort, PluginPort, RegisterPort, VaultPort};
use payhal_engine::answer::{Answer, Notification, Progress, Reason, Refused};
use payhal_engine::device::DeviceCommand;
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{
    CallId, DeviceId, GatewayId, IdempotencyKey, Kept, Opaque, Position, RecallId, Scope, Ticket,
    TransactionId,
};
use payhal_engine::leases::LeaseNews;
use payhal_engine::prompt::{Prompt, PromptAnswer, PromptKinds};
use payhal_engine::record::Record;
use payhal_engine::request::{Caller, Part, Request};
use payhal_journal::Happened;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Pauses between attempts to open a failed journal: the last one repeats.
const REOPEN_PAUSE_MS: [u64; 3] = [200, 2_000, 10_000];

/// When to ask again while the journal is closed: after the next attempt to open it.
const RETRY_AFTER_MS: u64 = 2_000;

/// The ticket of the host's own questions; registers' count up from one.
const OWN: Ticket = Ticket(u64::MAX);

/// What comes in. Each source is bounded where it arises: connections, calls, lanes, appends.
#[derive(Debug)]
pub(crate) enum Input {
    /// For the engine.
    Event(Box<Event>),
    /// The journal cannot be used any more.
    JournalFailed(String),
    /// What registers see of this device or gateway changed.
    Changed(String),
    /// Somebody wants to replace what drives a device or gateway.
    SetAside(Part, bool, oneshot::Sender<Answer>),
}

fn event(event: Event) -> Input {
    Input::Event(Box::new(event))
}

/// Where everything arrives.
#[derive(Clone, Debug)]
pub(crate) struct Inbox(mpsc::UnboundedSender<Input>);

impl Inbox {
    /// An inbox and what the pump takes from it.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Input>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    fn send(&self, input: Input) {
        // Closed only while the host ends; by then nobody is owed an answer from memory.
        self.0.send(input).ok();
    }

    /// From the vault's thread.
    pub(crate) fn kept(
        &self,
        (transaction, part): (TransactionId, Kept),
        refused: Option<Arc<str>>,
    ) {
        self.send(event(Event::Kept {
            transaction,
            part,
            refused,
        }));
    }

    /// From the journal's threads.
    pub(crate) fn journal(&self, happened: Happened) {
        self.send(match happened {
            Happened::Durable(position) => event(Event::Durable(position)),
            Happened::Recalled(recall, past) => event(Event::Recalled { recall, past }),
            Happened::Failed(why) => Input::JournalFailed(why.to_string()),
        });
    }
}

impl Outlet for Inbox {
    fn event(&self, event: Event) {
        self.send(Input::Event(Box::new(event)));
    }

    fn changed(&self, instance: &str) {
        self.send(Input::Changed(instance.to_owned()));
    }

    fn set_aside(&self, part: Part, wholly: bool) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        self.send(Input::SetAside(part, wholly, sender));
        answer
    }
}

/// Everything the dispatcher drives.
#[derive(Debug)]
pub(crate) struct HostPorts {
    /// The journal.
    pub(crate) records: Records,
    /// The plugins.
    pub(crate) supervisor: Supervisor,
    /// The registers.
    pub(crate) registers: Registers,
    /// Sealed numbers for reversals, sealed reads for forwarding.
    pub(crate) vault: Vault,
    /// The host's own question under way, which is answered in the same step.
    pub(crate) own: Option<oneshot::Sender<Answer>>,
}

impl JournalPort for HostPorts {
    fn append(&mut self, position: Position, record: Box<Record>, lazy: bool) {
        self.records.append(position, record, lazy);
    }

    fn recall(&mut self, recall: RecallId, by: RecallBy) {
        self.records.recall(recall, by);
    }
}

impl PluginPort for HostPorts {
    fn call_device(&mut self, device: DeviceId, call: CallId, command: DeviceCommand, by: u64) {
        self.supervisor.call_device(device, call, command, by);
    }

    fn cancel_device(&mut self, device: DeviceId, call: CallId) {
        self.supervisor.cancel_device(device, call);
    }

    fn deliver_device(&mut self, device: DeviceId, call: CallId, number: u64, said: PromptAnswer) {
        self.supervisor.deliver_device(device, call, number, said);
    }

    fn call_gateway(&mut self, gateway: GatewayId, call: CallId, command: GatewayCommand, by: u64) {
        self.supervisor.call_gateway(gateway, call, command, by);
    }
}

impl VaultPort for HostPorts {
    fn keep(&mut self, transaction: TransactionId, part: Kept, sealed: Opaque) {
        self.vault.keep((transaction, part), sealed.0);
    }

    fn destroy(&mut self, transaction: TransactionId, part: Kept) {
        self.vault.destroy((transaction, part));
    }
}

impl RegisterPort for HostPorts {
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if ticket != OWN {
            self.registers.answer(ticket, answer);
        } else if let Some(own) = self.own.take() {
            // Whoever asked may be gone.
            let _gone = own.send(answer);
        }
    }

    fn progress(&mut self, ticket: Ticket, progress: Progress) {
        self.registers.progress(ticket, progress);
    }

    fn prompt(&mut self, ticket: Ticket, prompt: Prompt) {
        self.registers.prompt(ticket, prompt);
    }

    fn tell(&mut self, ticket: Ticket, news: LeaseNews) {
        self.registers.tell(ticket, news);
    }

    fn notify(&mut self, notification: Notification) {
        self.registers.notify(notification);
    }
}

/// A journal that cannot be used.
#[derive(Debug)]
struct Broken {
    why: String,
    /// When to try to open it.
    again_boot_ms: u64,
    /// How often that was tried.
    tries: usize,
    /// What plugins said meanwhile: the next engine must know which calls have ended. Bounded by
    /// the calls that were under way.
    heard: Vec<Event>,
}

/// The loop.
#[derive(Debug)]
pub(crate) struct Pump {
    dispatcher: Dispatcher,
    ports: HostPorts,
    clock: Clock,
    /// Set while the journal is broken.
    broken: Option<Broken>,
}

impl Pump {
    pub(crate) fn new(dispatcher: Dispatcher, ports: HostPorts, clock: Clock) -> Self {
        Self {
            dispatcher,
            ports,
            clock,
            broken: None,
        }
    }

    /// Runs until the inbox closes. Once it is asked to stop: until nobody waits, or until then.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Input>,
        mut stop: tokio::sync::oneshot::Receiver<Instant>,
    ) {
        let mut stop_by = None;
        // One alarm that is moved: a new one for each turn would wake the timer each time.
        let alarm = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(alarm);
        let mut armed = None;
        loop {
            let next = self.next_wake_boot_ms();
            if next != armed {
                armed = next;
                if let Some(at) = next {
                    alarm.as_mut().reset(self.clock.instant_of(at));
                }
            }
            if stop_by.is_some() && self.dispatcher.is_quiet() {
                return;
            }
            tokio::select! {
                biased;
                input = inbox.recv() => match input {
                    Some(input) => self.take(input),
                    None => return,
                },
                () = &mut alarm, if armed.is_some() => {
                    armed = None;
                    self.wake();
                }
                by = &mut stop, if stop_by.is_none() => {
                    stop_by = Some(by.unwrap_or_else(|_| Instant::now()));
                    self.take(event(Event::Stopping));
                }
                () = sleep_until(stop_by) => {
                    // Who still waits is told what is certain; the next start takes the rest up.
                    self.dispatcher.stop_short(self.clock.now(), &mut self.ports);
                    return;
                }
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Changed(name) => {
                let supervisor = &self.ports.supervisor;
                let view = supervisor.view(&name).or_else(|| supervisor.removed(&name));
                self.ports.registers.instance_changed(&name, view.as_ref());
            }
            Input::JournalFailed(why) => self.journal_failed(why),
            Input::SetAside(part, wholly, answer) => self.set_aside(part, wholly, answer),
            Input::Event(event) if self.broken.is_some() => self.meanwhile(*event),
            Input::Event(event) => {
                self.dispatcher
                    .step(self.clock.now(), *event, &mut self.ports);
            }
        }
    }

    /// The engine answers at once: nothing of it is recorded.
    fn set_aside(&mut self, part: Part, wholly: bool, answer: oneshot::Sender<Answer>) {
        self.ports.own = Some(answer);
        let scope = Scope {
            register: "host".into(),
            generation: 0,
        };
        let caller = Caller {
            scope,
            others: true,
            prompts: PromptKinds::default(),
        };
        self.take(event(Event::Asked {
            ticket: OWN,
            caller,
            transaction_id: TransactionId(uuid::Uuid::nil()),
            request: Request::SetAside { part, wholly },
        }));
        self.ports.own = None;
    }

    fn next_wake_boot_ms(&self) -> Option<u64> {
        match &self.broken {
            Some(broken) => Some(broken.again_boot_ms),
            None => self.dispatcher.next_alarm_boot_ms(),
        }
    }

    fn wake(&mut self) {
        if self.broken.is_some() {
            self.reopen();
        } else {
            self.dispatcher.fire_due(self.clock.now(), &mut self.ports);
        }
    }

    /// A failed commit is never retried: what is on disk is the truth, and is read anew.
    fn journal_failed(&mut self, why: String) {
        if self.broken.is_some() {
            return;
        }
        tracing::error!("the journal failed, no new money is taken: {why}");
        self.dispatcher
            .journal_failed(self.clock.now(), &mut self.ports);
        self.ports.records.close();
        self.broken = Some(self.broken(why, 0, Vec::new()));
    }

    fn reopen(&mut self) {
        let Some(broken) = self.broken.take() else {
            return;
        };
        match self.ports.records.open() {
            Ok(restored) => {
                tracing::info!("the journal is open again");
                self.ports.vault.keep_only(restored.kept());
                self.dispatcher.restart(restored);
                let now_known = self.ports.supervisor.statuses();
                for event in broken.heard.into_iter().chain(now_known) {
                    self.take(Input::Event(Box::new(event)));
                }
            }
            Err(error) => {
                tracing::error!("the journal stays closed: {error}");
                let why = error.to_string();
                self.broken = Some(self.broken(why, broken.tries + 1, broken.heard));
            }
        }
    }

    fn broken(&self, why: String, tries: usize, heard: Vec<Event>) -> Broken {
        let pause_ms = REOPEN_PAUSE_MS[tries.min(REOPEN_PAUSE_MS.len() - 1)];
        Broken {
            why,
            again_boot_ms: self.clock.now().boot_ms + pause_ms,
            tries,
            heard,
        }
    }

    /// While the journal is broken nothing is promised; what is asked is refused with the reason.
    /// A key that may be known is never told that nothing moved.
    fn meanwhile(&mut self, event: Event) {
        let (ticket, caller, request) = match event {
            Event::Asked {
                ticket,
                caller,
                request,
                ..
            } => (ticket, caller, request),
            Event::DeviceReplied { .. } | Event::GatewayReplied { .. } => {
                if let Some(broken) = &mut self.broken {
                    broken.heard.push(event);
                }
                return;
            }
            _ => return,
        };
        let answer = match request {
            Request::Live(_) | Request::LiveAll => Answer::Live(Vec::new()),
            Request::Money(money) => {
                let records = &self.ports.records;
                let known = records.outlived(&money.key)
                    || records.may_hold(caller.scope.of(&money.key), money.key.clone());
                let reason = match known {
                    true => Reason::OutcomeUnknown,
                    false => Reason::JournalUnavailable,
                };
                self.refusal(reason, Some(money.key))
            }
            _ => self.refusal(Reason::JournalUnavailable, None),
        };
        self.ports.answer(ticket, answer);
    }

    fn refusal(&self, reason: Reason, key: Option<IdempotencyKey>) -> Answer {
        let mut refused = Refused::new(reason, self.clock.now());
        refused.key = key;
        refused.retry_after_ms = Some(RETRY_AFTER_MS);
        refused.detail = self
            .broken
            .as_ref()
            .map(|broken| broken.why.as_str().into());
        Answer::Refused {
            refused: Box::new(refused),
            replayed: false,
        }
    }
}

/// Never, for `None`.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
