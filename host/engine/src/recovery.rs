// SPDX-License-Identifier: MIT OR Apache-2.0
//! After a restart: every transaction that the journal holds open goes on to its end.
//!
//! An approval stands only if its answer is on disk and no chip completion was owed; every other
//! sale or refund is undone, since its register may have been paid otherwise meanwhile.

use crate::answer::Reason;
use crate::effect::Action;
use crate::engine::Engine;
use crate::exchange::{Verdict, judge};
use crate::forwarding::became;
use crate::gateway::{GatewayAnswer, ReversalReason};
use crate::ids::{Kept, Position};
use crate::money::{Amount, Currency};
use crate::questions::question;
use crate::record::{Fact, Intent, Owed, Record, Stored, Unsent};
use crate::spent::keys_of;
use crate::sums::whole;
use crate::transaction::{Phase, Transaction};

impl Engine {
    /// Takes up what was found, once.
    pub(crate) fn recover(&mut self) {
        for (device, call) in std::mem::take(&mut self.orphans) {
            self.emit(Position(0), Action::CancelDevice { device, call });
        }
        for records in std::mem::take(&mut self.found) {
            let Some(mut transaction) = found(&records, self.position) else {
                continue;
            };
            transaction.known_boot_ms = self.now.boot_ms;
            let key = (transaction.scope.clone(), transaction.request.key.clone());
            self.keys.insert(key, transaction.id);
            self.receipts.note(&transaction);
            self.spent.hold(transaction.id, &transaction.spent);
            if transaction.tried.recorded && !transaction.number_kept {
                // One that was kept for a former gateway is wanted no more.
                self.destroy(&transaction, Kept::Number);
            }
            self.spent.hold(transaction.id, &transaction.tried.spent);
            self.resume(&mut transaction);
            self.put(transaction);
        }
    }

    fn resume(&mut self, transaction: &mut Transaction) {
        if transaction.phase == Phase::NeedsOperator {
            return;
        }
        if transaction.ending.is_some() {
            if transaction.reversal.is_some() {
                transaction.phase = Phase::Reversing;
                self.try_reverse(transaction);
            } else if transaction.stored.is_some() && is_waiting(transaction) {
                self.wait_to_forward(transaction);
            } else {
                self.come_to_rest(transaction);
            }
            return;
        }
        if !transaction.intent {
            self.resume_unsent(transaction);
            return;
        }
        if let Some(word) = transaction.resolved {
            // The ending that follows from it did not get to disk.
            self.end_as_resolved(transaction, word);
            return;
        }
        if transaction.on_terminal() {
            self.resume_on_terminal(transaction);
            return;
        }
        let answered = transaction.answered.clone();
        if let Some(answer) = answered
            && stands_alone(transaction, &answer)
        {
            self.decided(transaction, answer, true);
        } else if transaction.is_irrevocable() {
            transaction.phase = Phase::Modifying;
            self.resume_unknown(transaction);
        } else {
            let (reason, reversal) = (Reason::TimedOut, ReversalReason::HostRestarted);
            let detail = "the host restarted before the outcome was certain";
            self.end_reversing(transaction, reason, reversal, detail, None);
        }
    }
}

/// Whether an answer needs nobody's word any more: no chip's and no person's.
fn stands_alone(transaction: &Transaction, answer: &GatewayAnswer) -> bool {
    match judge(transaction, answer) {
        Verdict::Approved { .. } => {
            !transaction.completion_owed && question(transaction, answer).is_none()
        }
        // A code may have been passed on meanwhile.
        Verdict::Referred => false,
        Verdict::Declined | Verdict::Rejected | Verdict::Contradictory(_) => true,
    }
}

/// A transaction out of its records.
pub(crate) fn found(records: &[Record], position: Position) -> Option<Transaction> {
    // Those before the last one came to nothing.
    let intents: Vec<&Intent> = records.iter().filter_map(|it| it.fact.intent()).collect();
    let first = records.first()?;
    let mut transaction = match intents.split_last() {
        Some((last, former)) => {
            let mut transaction = from_intent(last, first);
            for intent in former.iter().filter(|intent| intent.wire != last.wire) {
                let spent = keys_of(intent.device.as_ref(), &intent.spent);
                transaction.tried.spent.extend(spent);
            }
            transaction
        }
        None => records.iter().find_map(|record| match &record.fact {
            Fact::Ended(ending) => Some(from_unsent(ending.unsent.as_ref()?, record)),
            _ => None,
        })?,
    };
    transaction.after = position;
    transaction.position = position;
    for record in records {
        match &record.fact {
            Fact::Intent(_) => transaction.intent = true,
            Fact::Unsent { .. } => {
                transaction.intent = false;
                transaction.tried.recorded = true;
            }
            Fact::Answered(answer) => transaction.answered = Some((**answer).clone()),
            Fact::Ended(ending) => {
                transaction.ending = Some(ending.answer.clone());
                transaction.reversal = ending.reversal;
                transaction.owed = ending.owed.clone();
                transaction.phase = Phase::Inquiring;
                if let Some(stored) = &ending.stored {
                    store(&mut transaction, stored);
                }
            }
            Fact::Reversed => transaction.reversal = None,
            Fact::NeedsOperator { .. } => transaction.phase = Phase::NeedsOperator,
            Fact::Resolved(resolved) => {
                transaction.resolved = Some(resolved.outcome);
                transaction.reversal = None;
                transaction.phase = Phase::Inquiring;
            }
            Fact::Reported { .. } => transaction.owed = Owed::default(),
            Fact::Forwarding { wire } => {
                transaction.wire = Some(wire.clone());
                transaction.phase = Phase::Forwarding;
                transaction.sent_before = true;
            }
            Fact::Forwarded { .. } | Fact::Withdrawn { .. } => transaction.phase = Phase::Inquiring,
            Fact::Collected { .. } | Fact::Signed { .. } => {}
        }
    }
    transaction.forwarding = became(records);
    Some(transaction)
}

/// It was accepted offline: its register was answered, and its gateway has not heard of it.
fn store(transaction: &mut Transaction, stored: &Stored) {
    transaction.stored = Some(Box::new(stored.clone()));
    transaction.phase = Phase::Stored;
    transaction.read_kept = true;
    transaction.intent = true;
    transaction.sent_before = false;
    transaction.unknown = false;
}

/// Whether its gateway must still be told of it.
fn is_waiting(transaction: &Transaction) -> bool {
    matches!(transaction.phase, Phase::Stored | Phase::Forwarding)
}

/// One that ended without an intent, and has something to tell all the same.
fn from_unsent(unsent: &Unsent, record: &Record) -> Transaction {
    let registered = unsent.request.terms.registered.as_ref();
    let acceptor = registered.map(|registered| registered.acceptor.clone());
    let nothing = Amount {
        minor: 0,
        currency: Currency::XXX,
    };
    Transaction::new(
        record.transaction_id,
        unsent.scope.clone(),
        unsent.request.clone(),
        unsent.fingerprint,
        unsent.request.amounts.unwrap_or_else(|| whole(nothing)),
        unsent.gateway.clone(),
        acceptor.unwrap_or_default(),
        record.at_micros,
    )
}

fn from_intent(intent: &Intent, record: &Record) -> Transaction {
    let mut transaction = Transaction::new(
        record.transaction_id,
        intent.scope.clone(),
        intent.request.clone(),
        intent.fingerprint,
        intent.amounts,
        intent.gateway.clone(),
        intent.wire.acceptor.clone(),
        record.at_micros,
    );
    transaction.device.clone_from(&intent.device);
    transaction.original.clone_from(&intent.original);
    transaction.card.clone_from(&intent.card);
    transaction.entry = intent.entry;
    transaction.cvm = intent.cvm;
    transaction.completion_owed = intent.completion_owed;
    transaction.spent = keys_of(intent.device.as_ref(), &intent.spent);
    transaction.number_kept = intent.number_kept;
    transaction.dcc.clone_from(&intent.dcc);
    transaction.wire = Some(intent.wire.clone());
    transaction.intent = true;
    transaction.sent_before = true;
    transaction.unknown = true;
    // Before its first decision it is as one under inquiry.
    transaction.phase = Phase::Inquiring;
    transaction
}
