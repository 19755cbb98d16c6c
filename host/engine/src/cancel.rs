// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cancel, and the stopping host: what has not sent anything yet is stopped.
//!
//! Never undoes money.

use crate::answer::{Answer, CancelState, Outcome};
use crate::effect::RecallBy;
use crate::engine::{Engine, ScopedKey};
use crate::ids::{Position, Scope, Ticket, TransactionId};
use crate::keys::RecallFor;
use crate::record::{Fact, Past};
use crate::request::{Caller, Which};
use crate::transaction::{Phase, Stop, Transaction, outcome};

impl Engine {
    pub(crate) fn asked_to_cancel(&mut self, ticket: Ticket, caller: &Caller, which: Which) {
        match which {
            Which::Key(key) => {
                let key = (caller.scope.of(&key), key);
                if !self.queue_cancel(&key, ticket, caller) {
                    self.cancel_key(ticket, caller, &key);
                }
            }
            Which::Transaction(id) => {
                if !self.cancel_known(ticket, caller, id) {
                    let by = RecallBy::Transaction(id);
                    self.recall_to_cancel(ticket, caller, by);
                }
            }
        }
    }

    pub(crate) fn cancel_key(&mut self, ticket: Ticket, caller: &Caller, key: &ScopedKey) {
        let known = self.keys.get(key).copied();
        if !known.is_some_and(|id| self.cancel_known(ticket, caller, id)) {
            let by = RecallBy::Key(key.0.clone(), key.1.clone());
            self.recall_to_cancel(ticket, caller, by);
        }
    }

    fn recall_to_cancel(&mut self, ticket: Ticket, caller: &Caller, by: RecallBy) {
        let purpose = RecallFor::Cancel {
            ticket: Some(ticket),
            caller: caller.clone(),
        };
        self.recall(Position(0), by, purpose);
    }

    /// Whether it is in memory.
    fn cancel_known(&mut self, ticket: Ticket, caller: &Caller, id: TransactionId) -> bool {
        if let Some(ended) = self.recent.find(id) {
            let state = if may_touch(caller, &ended.scope) {
                ended_state(outcome(&ended.answer))
            } else {
                CancelState::NotFound
            };
            self.answer(ended.position, ticket, Answer::Cancel(state));
            return true;
        }
        let known = self.open.contains_key(&id);
        self.with(id, |engine, transaction| {
            let state = if may_touch(caller, &transaction.scope) {
                engine.cancel_open(transaction)
            } else {
                CancelState::NotFound
            };
            engine.answer(transaction.after, ticket, Answer::Cancel(state));
        });
        known
    }

    fn cancel_open(&mut self, transaction: &mut Transaction) -> CancelState {
        if let Some(outcome) = transaction.outcome() {
            return ended_state(outcome);
        }
        if transaction.phase == Phase::Paying {
            // The terminal may have gone too far: its word is the call's answer.
            self.cancel_reader(transaction);
            return CancelState::Cancelling;
        }
        let allowed = matches!(
            transaction.phase,
            Phase::CompletingOffline(_) | Phase::Storing(_)
        );
        if transaction.intent || allowed {
            return CancelState::TooLate;
        }
        self.stop_one(transaction, Stop::Cancelled);
        CancelState::Cancelling
    }

    pub(crate) fn cancel_recalled(
        &mut self,
        ticket: Option<Ticket>,
        caller: &Caller,
        past: Option<&Past>,
    ) {
        let Some(ticket) = ticket else { return };
        let state = past.map_or(CancelState::NotFound, |past| past_state(caller, past));
        self.answer(Position(0), ticket, Answer::Cancel(state));
    }

    /// The host stops: no new money; what has sent nothing yet ends.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.end_leases();
        let early: Vec<_> = self
            .open
            .values()
            .filter(|open| open.before_intent() || open.phase == Phase::Paying)
            .map(|transaction| transaction.id)
            .collect();
        for id in early {
            self.with(id, |engine, transaction| {
                engine.stop_one(transaction, Stop::HostStopping)
            });
        }
    }

    /// Stops what has sent nothing yet.
    pub(crate) fn stop_one(&mut self, transaction: &mut Transaction, stop: Stop) {
        match transaction.phase {
            // Nobody was asked yet, or nobody is being asked.
            Phase::AwaitingReader
            | Phase::AwaitingAmount
            | Phase::Pricing { .. }
            | Phase::AskingCurrency(_)
            | Phase::CheckingKeys(_)
            | Phase::AwaitingTurn(_)
            | Phase::Keeping(_) => self.finish_stop(transaction, stop),
            Phase::Presenting | Phase::ChoosingCurrency(_) | Phase::AuthorizingCard => {
                let first = transaction.stop.is_none();
                // A cancel outranks the other reasons: its register was told so.
                if first || stop == Stop::Cancelled {
                    transaction.stop = Some(stop);
                }
                if first {
                    self.cancel_reader(transaction);
                }
            }
            Phase::Preparing(_) | Phase::OfferingCurrency => {
                transaction.call = None;
                self.finish_stop(transaction, stop);
            }
            // The terminal may have gone too far: its word counts.
            Phase::Paying => self.cancel_reader(transaction),
            Phase::Authorizing
            | Phase::Asking
            | Phase::Completing
            | Phase::CompletingOffline(_)
            | Phase::Storing(_)
            | Phase::Stored
            | Phase::Forwarding
            | Phase::Modifying
            | Phase::Inquiring
            | Phase::Reversing
            | Phase::NeedsOperator
            | Phase::Reporting
            | Phase::Settled => {}
        }
    }
}

pub(crate) fn may_touch(caller: &Caller, scope: &Scope) -> bool {
    caller.others || caller.scope.register == scope.register
}

fn ended_state(outcome: Outcome) -> CancelState {
    if outcome == Outcome::Cancelled {
        CancelState::Cancelled
    } else {
        CancelState::Finished
    }
}

fn past_state(caller: &Caller, past: &Past) -> CancelState {
    let mut whose = None;
    let mut state = CancelState::TooLate;
    for record in &past.records {
        whose = whose.or(record.fact.intent().map(|intent| &intent.scope));
        if let Fact::Ended(ending) = &record.fact {
            state = ended_state(outcome(&ending.answer));
            whose = whose.or(ending.unsent.as_ref().map(|unsent| &unsent.scope));
        }
    }
    match whose {
        Some(scope) if may_touch(caller, scope) => state,
        _ => CancelState::NotFound,
    }
}
