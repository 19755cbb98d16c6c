// SPDX-License-Identifier: MIT OR Apache-2.0
//! What subscribers are told, in order: a bounded ring of what changed. An entry names its
//! subject; what is sent shows the subject as it is when it is sent.

use super::limits::EVENTS_KEPT;
use payhal_engine::answer::Notification;
use payhal_engine::ids::TransactionId;
use payhal_protocol::access::PairingState;
use payhal_protocol::events::Topic;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    /// A transaction began, moved on or ended.
    Changed(TransactionId),
    /// An unknown outcome or a reversal came to its end, or needs a person.
    Resolved(TransactionId),
    /// A device.
    Device(String),
    /// A gateway.
    Gateway(String),
    /// The host is about to stop.
    Stopping,
    /// A pairing, and how far it has come.
    Pairing(String, PairingState),
    /// A register.
    Register(String),
}

impl Subject {
    /// The topic it belongs to.
    pub(super) fn topic(&self) -> Topic {
        match self {
            Self::Changed(_) => Topic::PaymentChanged,
            Self::Resolved(_) => Topic::PaymentResolved,
            Self::Device(_) => Topic::DeviceChanged,
            Self::Gateway(_) => Topic::GatewayChanged,
            Self::Stopping => Topic::HostStopping,
            Self::Pairing(..) => Topic::PairingChanged,
            Self::Register(_) => Topic::RegisterChanged,
        }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its number.
    pub(super) seq: u64,
    /// When, microseconds since 1970 UTC.
    pub(super) at_micros: i64,
    /// What.
    pub(super) subject: Subject,
}

/// What a subscriber finds after its last number.
#[derive(Debug)]
pub(super) enum Next {
    /// This.
    Entry(Entry),
    /// Nothing yet.
    Nothing,
    /// What came next is gone.
    Missed,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    /// Number of the newest entry that had to make room, and was not only superseded.
    lost: u64,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Events {
    ring: Mutex<Ring>,
    latest: watch::Sender<u64>,
    /// Sales whose goods are gone and whose issuer did not take them.
    losses: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            ring: Mutex::default(),
            latest: watch::Sender::new(0),
            losses: AtomicU64::new(0),
        }
    }
}

impl Events {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, subject: Subject) {
        let mut ring = self.ring();
        let seq = *self.latest.borrow() + 1;
        // A transaction that moves on makes its earlier, unread step superfluous.
        let entries = &mut ring.entries;
        if let Some(earlier) = entries.iter().rposition(|entry| entry.subject == subject) {
            entries.remove(earlier);
        }
        entries.push_back(Entry {
            seq,
            at_micros: crate::clock::wall_micros(),
            subject,
        });
        if entries.len() > EVENTS_KEPT
            && let Some(oldest) = entries.pop_front()
        {
            ring.lost = oldest.seq;
        }
        self.latest.send_replace(seq);
    }

    /// From the engine.
    pub(super) fn notified(&self, notification: Notification) {
        if let Notification::NotCollected { .. } | Notification::Forwarded { loss: Some(_), .. } =
            notification
        {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        self.push(match notification {
            Notification::Resolved { transaction_id, .. }
            | Notification::NotCollected { transaction_id, .. }
            | Notification::Forwarded { transaction_id, .. } => Subject::Resolved(transaction_id),
            Notification::Quarantine { device, .. } => Subject::Device(device.0.to_string()),
            Notification::Moved { progress, .. } => Subject::Changed(progress.transaction_id),
        });
    }

    /// Sales that were lost since the start.
    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// The number of the latest change.
    pub(super) fn latest(&self) -> u64 {
        *self.latest.borrow()
    }

    /// Wakes up when there is something new.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// The first entry after `seq` that `wanted` lets through.
    pub(super) fn after(&self, seq: u64, wanted: impl Fn(Topic) -> bool) -> Next {
        let ring = self.ring();
        let latest = *self.latest.borrow();
        // Beyond the latest is a number of another life of this host.
        if seq > latest || seq < ring.lost {
            return Next::Missed;
        }
        ring.entries
            .iter()
            .find(|entry| entry.seq > seq && wanted(entry.subject.topic()))
            .map_or(Next::Nothing, |entry| Next::Entry(entry.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: usize) -> Subject {
        Subject::Device(n.to_string())
    }

    #[test]
    fn entries_come_in_order_and_repeated_subjects_once() {
        let events = Events::default();
        events.push(device(1));
        events.push(Subject::Stopping);
        events.push(device(1));
        let Next::Entry(first) = events.after(0, |_| true) else {
            panic!("nothing")
        };
        assert_eq!((first.seq, first.subject), (2, Subject::Stopping));
        let Next::Entry(second) = events.after(2, |_| true) else {
            panic!("nothing")
        };
        assert_eq!((second.seq, second.subject), (3, device(1)));
        assert!(matches!(events.after(3, |_| true), Next::Nothing));
        let only_gateways = |topic| topic == Topic::GatewayChanged;
        assert!(matches!(events.after(0, only_gateways), Next::Nothing));
    }

    #[test]
    fn what_fell_out_is_missed_even_when_something_was_superseded_since() {
        let events = Events::default();
        for n in 0..EVENTS_KEPT + 2 {
            events.push(device(n));
        }
        events.push(device(EVENTS_KEPT));
        assert!(matches!(events.after(0, |_| true), Next::Missed));
        assert!(matches!(events.after(2, |_| true), Next::Entry(_)));
    }

    #[test]
    fn what_fell_out_of_the_ring_is_said_to_be_missed() {
        let events = Events::default();
        for n in 0..EVENTS_KEPT + 2 {
            events.push(device(n));
        }
        assert!(matches!(events.after(0, |_| true), Next::Missed));
        assert!(matches!(
            events.after(2, |_| true),
            Next::Entry(Entry { seq: 3, .. })
        ));
        assert!(matches!(events.after(99_999, |_| true), Next::Missed));
    }
}
