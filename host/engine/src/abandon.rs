// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal failed under the engine: everybody who waits is told what is certain.
//!
//! Never says that nothing moved where a record, or a key nobody could look up, may say otherwise.

use crate::answer::{Answer, Reason, Refused};
use crate::engine::{CallFor, Engine};
use crate::ids::{CallId, Position, Ticket};
use crate::keys::RecallFor;
use crate::time::Now;
use crate::transaction::Transaction;

impl Engine {
    /// What every waiting ticket must be told. Only [`Self::successor`] makes sense afterwards.
    /// `unmade`: device calls that never left.
    pub fn abandon(&mut self, now: Now, unmade: &[CallId]) -> Vec<(Ticket, Answer)> {
        self.set_now(now);
        self.out.clear();
        self.keep_payments(unmade);
        self.drop_calls(unmade);
        let mut unanswered = Vec::new();
        for transaction in self.open.values() {
            let refused = self.without_journal(transaction);
            let waiters = transaction.waiters.iter();
            unanswered.extend(waiters.map(|waiter| (waiter.ticket, refused.clone())));
        }
        for (ticket, key) in self.pending.values().flat_map(|pending| pending.waiting()) {
            // Nobody could look its key up: it may have been approved long ago.
            let reason = match key {
                Some(_) => Reason::OutcomeUnknown,
                None => Reason::JournalUnavailable,
            };
            let mut refused = self.refusal(reason);
            refused.key = key.cloned();
            unanswered.push((ticket, refused));
        }
        let cancels = self.recalls.values().filter_map(|purpose| match purpose {
            RecallFor::Cancel { ticket, .. }
            | RecallFor::Resolve { ticket, .. }
            | RecallFor::Sign { ticket, .. } => *ticket,
            RecallFor::Key(_)
            | RecallFor::Parent(_)
            | RecallFor::Spent(_)
            | RecallFor::Tokens(..)
            | RecallFor::Holders(_)
            | RecallFor::Collected { .. } => None,
        });
        let looks = self.calls.values().filter_map(|purpose| match purpose {
            CallFor::Identify { ticket, .. } => Some(*ticket),
            CallFor::Totals { ticket } => *ticket,
            CallFor::Lease { errand, .. } => errand.as_ref().map(|errand| errand.ticket),
            CallFor::Device { .. } | CallFor::Gateway { .. } => None,
        });
        let leases = self.leases.values().map(|lease| lease.ticket);
        for ticket in cancels.chain(looks).chain(leases) {
            unanswered.push((ticket, self.refusal(Reason::JournalUnavailable)));
        }
        self.open.clear();
        self.leases.clear();
        self.pending.clear();
        self.recalls.clear();
        self.calls
            .retain(|_, purpose| !matches!(purpose, CallFor::Totals { .. }));
        let answer = |refused| Answer::Refused {
            refused: Box::new(refused),
            replayed: false,
        };
        unanswered
            .into_iter()
            .map(|(ticket, refused)| (ticket, answer(refused)))
            .collect()
    }

    /// What a successor must know of payments that terminals run, or never began.
    fn keep_payments(&mut self, unmade: &[CallId]) {
        // Of one whose word came and was lost with the disk, no other word will come.
        let calls = &self.calls;
        self.payments.retain(|call, _| calls.contains_key(call));
        for transaction in self.open.values() {
            let Some(call) = transaction.payment else {
                continue;
            };
            if unmade.contains(&call) {
                self.never_made.insert(transaction.id);
            } else if self.calls.contains_key(&call) {
                self.payments.insert(call, transaction.id);
            }
        }
    }

    fn without_journal(&self, transaction: &Transaction) -> Refused {
        let mut refused = self.unknown_answer(transaction);
        if transaction.position == Position(0) && !transaction.intent {
            refused.reason = Reason::JournalUnavailable;
            refused.resolution = None;
        }
        refused
    }
}
