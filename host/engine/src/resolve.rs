// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person settles what nobody can find out.
//!
//! Never changes an answer that was given, and never lets a person overrule an exchange that is
//! still under way.

use crate::answer::{Answer, NOTHING_MOVED, Outcome, Reason};
use crate::cancel::may_touch;
use crate::effect::RecallBy;
use crate::engine::Engine;
use crate::exchange::{Verdict, judge};
use crate::forwarding::Forwarding;
use crate::gateway::{Decision, Extras, GatewayAnswer};
use crate::ids::{Opaque, Position, RegisterId, Ticket};
use crate::keys::RecallFor;
use crate::record::{Fact, Past, Resolved};
use crate::recovery::found;
use crate::request::{Caller, Resolve};
use crate::transaction::{Phase, Transaction};

/// Why a person's word is not taken.
type NotTaken = (Reason, &'static str);

const ENDED: NotTaken = (Reason::NotAllowed, "the transaction has its outcome");
const NOT_FOUND: NotTaken = (Reason::TransactionNotFound, "there is no such transaction");

impl Engine {
    pub(crate) fn asked_to_resolve(&mut self, ticket: Ticket, caller: &Caller, resolve: Resolve) {
        let id = resolve.transaction_id;
        if !matches!(resolve.outcome, Outcome::Approved | Outcome::Failed) {
            let detail = "a person can say that it was approved, or that it failed";
            self.not_taken(Position(0), Some(ticket), (Reason::NotAllowed, detail));
        } else if let Some(ended) = self.recent.find(id) {
            let not_taken = if may_touch(caller, &ended.scope) {
                ENDED
            } else {
                NOT_FOUND
            };
            let after = ended.position;
            self.not_taken(after, Some(ticket), not_taken);
        } else if self.open.contains_key(&id) {
            self.with(id, |engine, transaction| {
                engine.resolve(transaction, Some(ticket), caller, &resolve);
            });
        } else {
            let purpose = RecallFor::Resolve {
                ticket: Some(ticket),
                caller: caller.clone(),
                resolve: Box::new(resolve),
            };
            self.recall(Position(0), RecallBy::Transaction(id), purpose);
        }
    }

    /// One that is not in memory: it has ended, or it was not handed over at start.
    pub(crate) fn resolve_recalled(
        &mut self,
        ticket: Option<Ticket>,
        caller: &Caller,
        resolve: &Resolve,
        past: Option<&Past>,
    ) {
        let id = resolve.transaction_id;
        if self.open.contains_key(&id) {
            self.with(id, |engine, transaction| {
                engine.resolve(transaction, ticket, caller, resolve);
            });
            return;
        }
        let Some(past) = past else {
            self.not_taken(Position(0), ticket, NOT_FOUND);
            return;
        };
        match found(&past.records, self.position) {
            Some(mut transaction) if is_unsettled(&transaction) => {
                transaction.known_boot_ms = self.now.boot_ms;
                let key = (transaction.scope.clone(), transaction.request.key.clone());
                self.keys.insert(key, id);
                self.resolve(&mut transaction, ticket, caller, resolve);
                self.put(transaction);
            }
            Some(transaction) if may_touch(caller, &transaction.scope) => {
                self.not_taken(Position(0), ticket, ENDED);
            }
            Some(_) => self.not_taken(Position(0), ticket, NOT_FOUND),
            // It ended before its intent.
            None => self.not_taken(Position(0), ticket, ENDED),
        }
    }

    fn resolve(
        &mut self,
        transaction: &mut Transaction,
        ticket: Option<Ticket>,
        caller: &Caller,
        resolve: &Resolve,
    ) {
        if let Err(not_taken) = may_resolve(transaction, caller) {
            self.not_taken(transaction.after, ticket, not_taken);
            return;
        }
        self.record_word(transaction, resolve, caller.scope.register.clone());
        if transaction.owes_forwarding() {
            let forwarding = Forwarding::resolved(resolve.outcome, self.now.wall_micros);
            self.no_longer_waits(transaction, forwarding);
            if let Some(ticket) = ticket {
                self.answer(transaction.after, ticket, Answer::Resolved);
            }
            return;
        }
        transaction.unknown = true;
        if let Some(told) = transaction.outcome() {
            // What was told stands; whether the money went back is what the person says.
            transaction.reversal = None;
            self.resolved(transaction, told, resolve.outcome == Outcome::Failed);
            self.come_to_rest(transaction);
        } else {
            self.end_as_resolved(transaction, resolve.outcome);
        }
        if let Some(ticket) = ticket {
            self.answer(transaction.after, ticket, Answer::Resolved);
        }
    }

    fn record_word(
        &mut self,
        transaction: &mut Transaction,
        resolve: &Resolve,
        register: RegisterId,
    ) {
        let resolved = Resolved {
            outcome: resolve.outcome,
            evidence: resolve.evidence.clone(),
            operator: resolve.operator.clone(),
            register,
        };
        self.append(transaction, Fact::Resolved(Box::new(resolved)));
        transaction.resolved = Some(resolve.outcome);
    }

    /// The final answer that follows from a person's word.
    pub(crate) fn end_as_resolved(&mut self, transaction: &mut Transaction, word: Outcome) {
        if word == Outcome::Approved {
            let asked = transaction.amounts.total.minor;
            let answered = transaction.answered.clone();
            let (answer, minor) = match answered {
                Some(answer) => match judge(transaction, &answer) {
                    Verdict::Approved { minor } => (answer, minor),
                    _ => (answer, asked),
                },
                None => (unsaid(), asked),
            };
            self.end_approved(transaction, &answer, minor, None);
        } else {
            let mut refused = self.refused(transaction, Reason::TimedOut);
            refused.detail = Some(NOTHING_MOVED.into());
            self.end_refused(transaction, refused, None);
        }
    }

    fn not_taken(&mut self, after: Position, ticket: Option<Ticket>, (reason, detail): NotTaken) {
        let mut refused = self.refusal(reason);
        refused.detail = Some(detail.into());
        self.refuse(after, ticket, refused);
    }
}

fn is_unsettled(transaction: &Transaction) -> bool {
    transaction.ending.is_none() || transaction.phase == Phase::NeedsOperator
}

fn may_resolve(transaction: &Transaction, caller: &Caller) -> Result<(), NotTaken> {
    if !may_touch(caller, &transaction.scope) {
        return Err(NOT_FOUND);
    }
    if transaction.phase == Phase::NeedsOperator {
        return Ok(());
    }
    if transaction.is_decided() {
        return Err(ENDED);
    }
    if transaction.owes_forwarding() {
        return may_resolve_stored(transaction);
    }
    if transaction.ending.is_some() {
        let detail = "the transaction has its outcome, and its money is on its way back";
        return Err((Reason::NotAllowed, detail));
    }
    if !transaction.intent || !transaction.unknown {
        let detail = "the transaction is in its normal course: wait for its outcome";
        return Err((Reason::NotAllowed, detail));
    }
    let only_asked = transaction.phase == Phase::Inquiring
        && !(transaction.on_terminal() && transaction.is_irrevocable());
    if transaction.call.is_some() && !only_asked {
        let detail = "the other side is at it right now: wait until it has answered";
        return Err((Reason::NotAllowed, detail));
    }
    Ok(())
}

/// A sale that was accepted offline is for a person once nobody can forward it, or once its gateway
/// was asked and has not answered.
fn may_resolve_stored(transaction: &Transaction) -> Result<(), NotTaken> {
    let detail = match transaction.phase {
        Phase::Forwarding if transaction.call.is_none() => return Ok(()),
        Phase::Forwarding => "the gateway is at it right now: wait until it has answered",
        _ => "the sale waits to be forwarded: it can be taken back by payment.undo",
    };
    Err((Reason::NotAllowed, detail))
}

/// What the other side never said.
fn unsaid() -> GatewayAnswer {
    GatewayAnswer {
        decision: Decision::Approved,
        response_code: "".into(),
        response_text: None,
        approved_minor: None,
        approval_code: None,
        rrn: None,
        signature_required: false,
        issuer: Opaque::default(),
        extras: Extras::default(),
    }
}
