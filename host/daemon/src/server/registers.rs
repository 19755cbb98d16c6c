// SPDX-License-Identifier: MIT OR Apache-2.0
//! The registers that wait: each ticket gets its progress and exactly one answer.

use super::events::{Events, Subject};
use crate::supervisor::{Outlet, View as InstanceView};
use payhal_dispatcher::ports::RegisterPort;
use payhal_engine::answer::{Answer, Notification, Progress};
use payhal_engine::event::Event;
use payhal_engine::ids::Ticket;
use payhal_engine::leases::LeaseNews;
use payhal_engine::prompt::Prompt;
use payhal_protocol::instances::InstanceKind;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// What a waiting call is told.
#[derive(Debug)]
pub(super) enum Update {
    /// A step on the way.
    Progress(Progress),
    /// A question.
    Prompt(Prompt),
    /// News of a lease.
    Lease(LeaseNews),
    /// The end.
    Answer(Answer),
}

/// All waiting calls, and whoever subscribed.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    waiting: Arc<Mutex<HashMap<Ticket, mpsc::UnboundedSender<Update>>>>,
    next: Arc<AtomicU64>,
    events: Arc<Events>,
}

impl Registers {
    pub(crate) fn new(events: Arc<Events>) -> Self {
        Self {
            waiting: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            events,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Ticket, mpsc::UnboundedSender<Update>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new ticket. Its updates are few: the engine bounds the steps of a transaction.
    pub(super) fn wait(&self, outlet: Arc<dyn Outlet>) -> Waiting {
        let ticket = Ticket(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, updates) = mpsc::unbounded_channel();
        self.waiting().insert(ticket, sender);
        Waiting {
            ticket,
            updates,
            registers: self.clone(),
            outlet,
            answered: false,
        }
    }

    /// What registers see of a device or gateway changed.
    pub(crate) fn instance_changed(&self, name: &str, view: Option<&InstanceView>) {
        let Some(view) = view else {
            return;
        };
        self.events.push(match view.kind {
            InstanceKind::Gateway => Subject::Gateway(name.to_owned()),
            InstanceKind::Device => Subject::Device(name.to_owned()),
        });
    }

    /// Calls that wait for an answer.
    pub(crate) fn count(&self) -> usize {
        self.waiting().len()
    }
}

/// One call that waits. Dropped early, the engine forgets its ticket; the money goes on.
pub(super) struct Waiting {
    /// Names it.
    pub(super) ticket: Ticket,
    updates: mpsc::UnboundedReceiver<Update>,
    registers: Registers,
    outlet: Arc<dyn Outlet>,
    answered: bool,
}

impl Waiting {
    /// The next update; `None` only when the host ends.
    pub(super) async fn next(&mut self) -> Option<Update> {
        let update = self.updates.recv().await;
        self.answered |= matches!(update, Some(Update::Answer(_)));
        update
    }

    /// Whether the last update was its answer.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            self.registers.waiting().remove(&self.ticket);
            self.outlet.event(Event::Forgotten {
                ticket: self.ticket,
            });
        }
    }
}

impl RegisterPort for Registers {
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if let Some(sender) = self.waiting().remove(&ticket) {
            // Whoever waited may be gone; the answer stays in the journal.
            let _gone = sender.send(Update::Answer(answer));
        }
    }

    fn progress(&mut self, ticket: Ticket, progress: Progress) {
        if let Some(sender) = self.waiting().get(&ticket) {
            let _gone = sender.send(Update::Progress(progress));
        }
    }

    fn prompt(&mut self, ticket: Ticket, prompt: Prompt) {
        if let Some(sender) = self.waiting().get(&ticket) {
            let _gone = sender.send(Update::Prompt(prompt));
        }
    }

    fn tell(&mut self, ticket: Ticket, news: LeaseNews) {
        if let Some(sender) = self.waiting().get(&ticket) {
            let _gone = sender.send(Update::Lease(news));
        }
    }

    fn notify(&mut self, notification: Notification) {
        self.events.notified(notification);
    }
}
