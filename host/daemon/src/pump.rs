// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pumps the dispatcher: takes what happened from everywhere, one thing at a time, and hands it on.
//!
//! Decides nothing about money. When the journal fails, it answers what is certain, closes, and
//! opens anew from disk before any further money is taken.

use crate::clock::Clock;
use crate::records::Records;
use crate::server::Registers;
use crate::supervisor::{Outlet, Supervisor};
use payhal_dispatcher::Dispatcher;
use payhal_dispatcher::ports::{JournalPort, PluginPort, RegisterPort};
use payhal_engine::answer::{Answer, Notification, Progress, Reason, Refused};
use payhal_engine::device::DeviceCommand;
use payhal_engine::effect::RecallBy;
use payhal_engine::event::Event;
use payhal_engine::gateway::GatewayCommand;
use payhal_engine::ids::{CallId, DeviceId, GatewayId, IdempotencyKey, Position, RecallId, Ticket};
use payhal_engine::prompt::{Prompt, PromptAnswer};
use payhal_engine::record::Record;
use payhal_engine::request::Request;
use payhal_journal::Happened;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Pauses between attempts to open a failed journal: the last one repeats.
const REOPEN_PAUSE: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(10),
];

/// When to ask again while the journal is closed: after the next attempt to open it.
const RETRY_AFTER_MS: u64 = 2_000;

/// What comes in. Each source is bounded where it arises: connections, calls, lanes, appends.
#[derive(Debug)]
pub(crate) enum Input {
    /// For the engine.
    Event(Event),
    /// The journal cannot be used any more.
    JournalFailed(String),
    /// What registers see of this device or gateway changed.
    Changed(String),
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

    /// From the journal's threads.
    pub(crate) fn journal(&self, happened: Happened) {
        self.send(match happened {
            Happened::Durable(position) => Input::Event(Event::Durable(position)),
            Happened::Recalled(recall, past) => Input::Event(Event::Recalled { recall, past }),
            Happened::Failed(why) => Input::JournalFailed(why.to_string()),
        });
    }
}

impl Outlet for Inbox {
    fn event(&self, event: Event) {
        self.send(Input::Event(event));
    }

    fn changed(&self, instance: &str) {
        self.send(Input::Changed(instance.to_owned()));
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

impl RegisterPort for HostPorts {
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.registers.answer(ticket, answer);
    }

    fn progress(&mut self, ticket: Ticket, progress: Progress) {
        self.registers.progress(ticket, progress);
    }

    fn prompt(&mut self, ticket: Ticket, prompt: Prompt) {
        self.registers.prompt(ticket, prompt);
    }

    fn notify(&mut self, notification: Notification) {
        self.registers.notify(notification);
    }
}

/// The loop.
#[derive(Debug)]
pub(crate) struct Pump {
    dispatcher: Dispatcher,
    ports: HostPorts,
    clock: Clock,
    /// Set while the journal is broken: why, when to try again, how often it was tried.
    broken: Option<(String, Instant, usize)>,
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

    /// Runs until the inbox closes, or until `quiet` once that is asked for.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Input>,
        mut stop: tokio::sync::oneshot::Receiver<Instant>,
    ) {
        let mut stop_by = None;
        loop {
            if stop_by.is_some() && self.dispatcher.is_quiet() {
                return;
            }
            tokio::select! {
                biased;
                input = inbox.recv() => match input {
                    Some(input) => self.take(input),
                    None => return,
                },
                () = sleep_until(self.next_wake()) => self.wake(),
                by = &mut stop, if stop_by.is_none() => {
                    stop_by = Some(by.unwrap_or_else(|_| Instant::now()));
                    self.take(Input::Event(Event::Stopping));
                }
                () = sleep_until(stop_by) => return,
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Changed(name) => self
                .ports
                .registers
                .instance_changed(&name, self.ports.supervisor.view(&name).as_ref()),
            Input::JournalFailed(why) => self.journal_failed(why),
            Input::Event(event) if self.broken.is_some() => self.refuse(event),
            Input::Event(event) => {
                self.dispatcher
                    .step(self.clock.now(), event, &mut self.ports);
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        match &self.broken {
            Some((_, again, _)) => Some(*again),
            None => self
                .dispatcher
                .next_alarm_boot_ms()
                .map(|at| self.clock.instant_of(at)),
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
        self.broken = Some((why, Instant::now() + REOPEN_PAUSE[0], 0));
    }

    fn reopen(&mut self) {
        match self.ports.records.open() {
            Ok(restored) => {
                tracing::info!("the journal is open again");
                self.dispatcher.restart(restored);
                self.broken = None;
                for event in self.ports.supervisor.statuses() {
                    self.take(Input::Event(event));
                }
            }
            Err(error) => {
                let tries = self.broken.as_ref().map_or(0, |(_, _, tries)| tries + 1);
                let pause = REOPEN_PAUSE[tries.min(REOPEN_PAUSE.len() - 1)];
                tracing::error!("the journal stays closed: {error}");
                self.broken = Some((error.to_string(), Instant::now() + pause, tries));
            }
        }
    }

    /// While the journal is broken nothing is promised; what is asked is refused with the reason.
    /// A key that may be known is never told that nothing moved.
    fn refuse(&mut self, event: Event) {
        let Event::Asked {
            ticket,
            caller,
            request,
            ..
        } = event
        else {
            return;
        };
        let answer = match request {
            Request::Live(_) | Request::LiveAll => Answer::Live(Vec::new()),
            Request::Money(money) => {
                let known = self.ports.records.may_hold(caller.scope, money.key.clone());
                let reason = match known {
                    true => Reason::OutcomeUnknown,
                    false => Reason::JournalUnavailable,
                };
                self.refusal(reason, Some(money.key))
            }
            _ => self.refusal(Reason::JournalUnavailable, None),
        };
        self.ports.registers.answer(ticket, answer);
    }

    fn refusal(&self, reason: Reason, key: Option<IdempotencyKey>) -> Answer {
        let mut refused = Refused::new(reason, self.clock.now());
        refused.key = key;
        refused.retry_after_ms = Some(RETRY_AFTER_MS);
        refused.detail = self.broken.as_ref().map(|(why, _, _)| why.as_str().into());
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
