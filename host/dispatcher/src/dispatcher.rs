// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parks each effect until the journal position it names is durable, and keeps the alarms.
//!
//! Never lets an effect out early, never changes the order of one transaction's effects, never
//! reads a clock.

use crate::ports::Ports;
use crate::timers::Timers;
use payhal_engine::Engine;
use payhal_engine::answer::{Answer, Reason, Refused};
use payhal_engine::effect::{Action, Effect};
use payhal_engine::event::Event;
use payhal_engine::ids::{Position, Ticket};
use payhal_engine::record::Restored;
use payhal_engine::time::Now;
use std::collections::BTreeMap;

/// The engine, its parked effects and its alarms.
#[derive(Debug)]
pub struct Dispatcher {
    engine: Engine,
    durable: Position,
    parked: BTreeMap<Position, Vec<Action>>,
    timers: Timers,
}

impl Dispatcher {
    /// A dispatcher over a fresh engine; everything the engine was restored from is durable.
    pub fn new(engine: Engine) -> Self {
        let durable = engine.position();
        Self {
            engine,
            durable,
            parked: BTreeMap::new(),
            timers: Timers::default(),
        }
    }

    /// Lets one thing happen.
    pub fn step<P: Ports>(&mut self, now: Now, event: Event, ports: &mut P) {
        match &event {
            Event::Durable(position) => self.release(*position, ports),
            Event::Forgotten { ticket } => self.drop_words_for(*ticket),
            _ => {}
        }
        for Effect { after, action } in self.engine.step(now, event) {
            if after <= self.durable || matches!(action, Action::Append { .. }) {
                self.perform(action, ports);
            } else {
                self.parked.entry(after).or_default().push(action);
            }
        }
    }

    /// When [`Self::fire_due`] must be called next, milliseconds since boot.
    pub fn next_alarm_boot_ms(&self) -> Option<u64> {
        self.timers.next_boot_ms()
    }

    /// Lets every alarm go off that is due.
    pub fn fire_due<P: Ports>(&mut self, now: Now, ports: &mut P) {
        while let Some(timer) = self.timers.take_due(now.boot_ms) {
            self.step(now, Event::TimerFired(timer), ports);
        }
    }

    /// The journal failed: nothing that is not durable yet will ever be. Answers every waiting
    /// ticket with what is certain, and drops what was parked. Afterwards the dispatcher must be
    /// restarted from disk ([`Self::restart`]) before its next step.
    pub fn journal_failed<P: Ports>(&mut self, now: Now, ports: &mut P) {
        self.leave_off(now, ports, &Reason::JournalUnavailable);
    }

    /// The host ends before everything came to rest: who still waits is told what is certain, and
    /// nothing more happens. The next start takes up what is open.
    pub fn stop_short<P: Ports>(&mut self, now: Now, ports: &mut P) {
        self.leave_off(now, ports, &Reason::HostStopping);
    }

    /// `why`: told to whom nothing has happened yet.
    fn leave_off<P: Ports>(&mut self, now: Now, ports: &mut P, why: &Reason) {
        let mut unmade = Vec::new();
        for action in std::mem::take(&mut self.parked).into_values().flatten() {
            match action {
                Action::Answer { ticket, answer } => {
                    ports.answer(ticket, because(why, without_journal(answer, now)));
                }
                Action::CallDevice { call, .. } => unmade.push(call),
                _ => {}
            }
        }
        for (ticket, answer) in self.engine.abandon(now, &unmade) {
            ports.answer(ticket, because(why, answer));
        }
        self.timers = Timers::default();
    }

    /// Begins afresh from what the journal holds on disk, in the same process: the numbers of
    /// calls go on, so that late replies to the former engine's calls are known as such.
    pub fn restart(&mut self, restored: Restored) {
        self.engine = self.engine.successor(restored);
        self.durable = self.engine.position();
        self.parked.clear();
        self.timers = Timers::default();
    }

    /// Whether nobody waits for an answer and no device is in use: a good moment to stop.
    pub fn is_quiet(&self) -> bool {
        self.parked.is_empty() && self.engine.is_quiet()
    }

    /// The engine, for looks.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn release<P: Ports>(&mut self, position: Position, ports: &mut P) {
        if position <= self.durable {
            return;
        }
        self.durable = position;
        let later = self.parked.split_off(&Position(position.0 + 1));
        for action in std::mem::replace(&mut self.parked, later)
            .into_values()
            .flatten()
        {
            self.perform(action, ports);
        }
    }

    fn drop_words_for(&mut self, forgotten: Ticket) {
        for actions in self.parked.values_mut() {
            actions.retain(|action| match action {
                Action::Answer { ticket, .. }
                | Action::Progress { ticket, .. }
                | Action::Tell { ticket, .. }
                | Action::Prompt { ticket, .. } => *ticket != forgotten,
                _ => true,
            });
        }
        self.parked.retain(|_, actions| !actions.is_empty());
    }

    fn perform<P: Ports>(&mut self, action: Action, ports: &mut P) {
        match action {
            Action::Append {
                position,
                record,
                lazy,
            } => ports.append(position, record, lazy),
            Action::Recall { recall, by } => ports.recall(recall, by),
            Action::Keep {
                transaction,
                part,
                sealed,
            } => ports.keep(transaction, part, sealed),
            Action::Destroy { transaction, part } => ports.destroy(transaction, part),
            Action::CallDevice {
                device,
                call,
                command,
                deadline_boot_ms,
            } => {
                ports.call_device(device, call, *command, deadline_boot_ms);
            }
            Action::CancelDevice { device, call } => ports.cancel_device(device, call),
            Action::CallGateway {
                gateway,
                call,
                command,
                deadline_boot_ms,
            } => {
                ports.call_gateway(gateway, call, *command, deadline_boot_ms);
            }
            Action::Answer { ticket, answer } => ports.answer(ticket, answer),
            Action::Progress { ticket, progress } => ports.progress(ticket, progress),
            Action::Prompt { ticket, prompt } => ports.prompt(ticket, *prompt),
            Action::Tell { ticket, news } => ports.tell(ticket, *news),
            Action::DeliverDevice {
                device,
                call,
                number,
                answer,
            } => ports.deliver_device(device, call, number, answer),
            Action::Notify(notification) => ports.notify(*notification),
            Action::SetTimer { timer, at_boot_ms } => self.timers.set(timer, at_boot_ms),
            Action::ClearTimer { timer } => self.timers.clear(timer),
        }
    }
}

/// The same answer, with this reason where it blames the journal.
fn because(why: &Reason, mut answer: Answer) -> Answer {
    if let Answer::Refused { refused, .. } = &mut answer
        && refused.reason == Reason::JournalUnavailable
    {
        refused.reason = why.clone();
    }
    answer
}

/// What may be said instead of an answer whose record never became durable.
fn without_journal(answer: Answer, now: Now) -> Answer {
    let (transaction_id, key) = match answer {
        Answer::Approved { approved, .. } => (Some(approved.transaction_id), Some(approved.key)),
        Answer::Refused { refused, .. } => (refused.transaction_id, refused.key),
        _ => (None, None),
    };
    let reason = match transaction_id {
        Some(_) => Reason::OutcomeUnknown,
        None => Reason::JournalUnavailable,
    };
    let mut refused = Refused::new(reason, now);
    refused.transaction_id = transaction_id;
    refused.key = key;
    Answer::Refused {
        refused: Box::new(refused),
        replayed: false,
    }
}
