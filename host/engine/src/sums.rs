// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can still be done to an original: captured, adjusted, given back, taken back.
//!
//! What may stand counts as if it stood where that makes the limit smaller, and as if it did not
//! where that would make it larger. Never lets the changes of a transaction exceed it.

use crate::admit::NotNow;
use crate::answer::{Outcome, Reason};
use crate::card::CardFace;
use crate::gateway::{Change, Decision, Wire};
use crate::ids::{DeviceId, GatewayId, Position, Scope, TransactionId};
use crate::keys::Ask;
use crate::money::{Amount, Amounts};
use crate::record::{Fact, FinalAnswer, Intent, Past, Record};
use crate::request::{Kind, UndoRule};
use crate::transaction::{Phase, Transaction};
use crate::withdrawal::Withdrawn;
use std::sync::Arc;

/// An original.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) scope: Scope,
    kind: Kind,
    /// Absent where a terminal authorized it.
    pub(crate) gateway: Option<GatewayId>,
    /// The device that took part.
    pub(crate) device: Option<DeviceId>,
    pub(crate) wire: Wire,
    /// The terminal's own name for it, if it gave one.
    pub(crate) reference: Option<Arc<str>>,
    pub(crate) card: Option<CardFace>,
    /// What was approved, and when; absent when it was not.
    approved: Option<(Amount, i64)>,
    /// What an adjustment may raise it to, minor units.
    most_minor: Option<i64>,
    /// In the order in which they were accepted.
    changes: Vec<(TransactionId, Standing)>,
    /// What was accepted offline, if it was.
    pub(crate) accepted_offline: Option<Amount>,
    /// Who took it back before it was forwarded.
    pub(crate) withdrawn: Option<Withdrawn>,
    /// Must be durable before it may be forgotten.
    pub(crate) pinned: Position,
}

/// What became of one change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    change: Change,
    amount_minor: i64,
    stands: Stands,
    /// It is among the open ones, and its outcome may change.
    pub(crate) open: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stands {
    Yes,
    /// Not decided, or on its way back.
    Maybe,
    No,
}

/// What is known of the other side when a change is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// The batch of the original was closed since.
    pub(crate) closed: bool,
    /// The other side can void.
    pub(crate) can_void: bool,
}

impl Standing {
    /// As an open or ending transaction has it.
    pub(crate) fn of(transaction: &Transaction) -> Option<Self> {
        let at_rest = transaction.is_decided();
        // Where a reversal was refused, a person said whether the money stands.
        let stands = match transaction.resolved.or(transaction.outcome()) {
            _ if transaction.phase == Phase::NeedsOperator => Stands::Maybe,
            Some(Outcome::Approved) => Stands::Yes,
            _ if at_rest => Stands::No,
            _ => Stands::Maybe,
        };
        Some(Self {
            change: transaction.request.kind.change()?,
            amount_minor: transaction.amounts.total.minor,
            stands,
            open: !at_rest,
        })
    }
}

impl Standing {
    /// What of it stands or may stand, minor units.
    pub(crate) fn may_stand(&self) -> i64 {
        match self.stands {
            Stands::No => 0,
            Stands::Yes | Stands::Maybe => self.amount_minor,
        }
    }
}

impl Parent {
    /// An original out of its records.
    pub(crate) fn recalled(intent: &Intent, answer: Option<&FinalAnswer>, past: &Past) -> Self {
        let approved = match answer {
            Some(FinalAnswer::Approved(approved)) => {
                let amount = Amount {
                    minor: approved.approved_minor,
                    ..intent.amounts.total
                };
                Some((amount, approved.at_micros))
            }
            Some(FinalAnswer::Refused(_)) | None => None,
        };
        let changes = past.changes.iter().map(|change| {
            let standing = Standing {
                change: change.change,
                amount_minor: change.amount_minor,
                // What is not decided is among the open ones as well, which are looked at next.
                stands: if change.counts {
                    Stands::Yes
                } else {
                    Stands::No
                },
                open: false,
            };
            (change.transaction_id, standing)
        });
        let mut parent = Self {
            scope: intent.scope.clone(),
            kind: intent.request.kind,
            gateway: intent.gateway.clone(),
            device: intent.device.clone(),
            wire: intent.wire.clone(),
            reference: answer.and_then(reference),
            card: intent.card.clone(),
            approved,
            most_minor: intent.request.amount_max.map(|most| most.minor),
            changes: changes.collect(),
            accepted_offline: None,
            withdrawn: None,
            pinned: Position(0),
        };
        for record in &past.records {
            parent.forwarded(record);
        }
        parent
    }

    /// What a record says of it, if it was accepted offline.
    fn forwarded(&mut self, record: &Record) {
        let stands = match &record.fact {
            Fact::Ended(ending) if ending.stored.is_some() => {
                self.accepted_offline = self.approved.map(|(amount, _)| amount);
                return;
            }
            // Its gateway knows it by these.
            Fact::Forwarding { wire } => {
                self.wire = wire.clone();
                return;
            }
            Fact::Withdrawn { by, scope, key } => {
                self.withdrawn = Some(Withdrawn {
                    by: *by,
                    scope: scope.clone(),
                    key: key.clone(),
                });
                return;
            }
            Fact::Forwarded { answer } => answer.decision == Decision::Approved,
            Fact::Resolved(word) if self.accepted_offline.is_some() => {
                word.outcome == Outcome::Approved
            }
            _ => return,
        };
        // It is in the batch of its forwarding.
        let at_micros = record.at_micros;
        self.approved = self
            .approved
            .filter(|_| stands)
            .map(|(it, _)| (it, at_micros));
    }

    /// Takes up what is known of a change now.
    pub(crate) fn note(&mut self, id: TransactionId, standing: Standing) {
        match self.changes.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => *known = standing,
            None => self.changes.push((id, standing)),
        }
    }

    pub(crate) fn is_changing(&self) -> bool {
        self.changes.iter().any(|(_, standing)| standing.open)
    }

    /// When it was approved, microseconds since 1970 UTC.
    pub(crate) fn approved_at_micros(&self) -> Option<i64> {
        self.approved.map(|(_, at_micros)| at_micros)
    }

    /// What an undo becomes: the kind, the rule, and of a refund the amount.
    pub(crate) fn undo(&self, original: TransactionId, batch: Batch) -> Result<Undone, NotNow> {
        let approved = self.approved(original)?;
        let refund = |rule, minor| Undone {
            kind: Kind::Refund { original },
            amounts: Some(whole(Amount { minor, ..approved })),
            rule,
        };
        let void = Undone {
            kind: Kind::Void { original },
            amounts: None,
            rule: UndoRule::BatchOpen,
        };
        let left = self.left_to_refund(approved);
        let captured = self.may_stand(Change::Capture) > 0;
        if self.is_undecided(Change::Capture) {
            return not_allowed(format!("a capture of {original} has no outcome yet"));
        }
        let refund_by = if captured {
            UndoRule::Captured
        } else if self.kind == Kind::Authorize {
            return Ok(void);
        } else if self.may_stand(Change::Refund) > 0 {
            UndoRule::PartlyRefunded
        } else if batch.closed {
            UndoRule::BatchClosed
        } else if !batch.can_void {
            UndoRule::VoidUnsupported
        } else {
            return Ok(void);
        };
        if left <= 0 {
            return not_allowed(format!("nothing is left of {original} to take back"));
        }
        Ok(refund(refund_by, left))
    }

    /// The amounts of an allowed change.
    pub(crate) fn allows(
        &self,
        ask: &Ask,
        original: TransactionId,
        batch: Batch,
    ) -> Result<Amounts, NotNow> {
        let approved = self.approved(original)?;
        let given = ask.request.amounts;
        if given.is_some_and(|given| given.total.currency != approved.currency) {
            let code = approved.currency.code();
            return not_allowed(format!("transaction {original} was in {code}"));
        }
        let Some(change) = ask.request.kind.change() else {
            return not_allowed("this kind changes no transaction".into());
        };
        let asked = given.map(|given| given.total.minor);
        match change {
            Change::Capture => self.allows_capture(original, approved, asked)?,
            Change::Adjust => self.allows_adjustment(original, asked)?,
            Change::Refund => {
                let left = self.left_to_refund(approved);
                if asked.is_none_or(|asked| asked > left) {
                    return not_allowed(format!("at most {left} minor units can be refunded"));
                }
            }
            Change::Void => self.allows_void(original, approved, asked, batch)?,
        }
        let minor = self.held(approved);
        Ok(given.unwrap_or_else(|| whole(Amount { minor, ..approved })))
    }

    /// What was approved, if that can be changed at all.
    fn approved(&self, original: TransactionId) -> Result<Amount, NotNow> {
        if !matches!(self.kind, Kind::Sale | Kind::Authorize) {
            return not_allowed(format!(
                "transaction {original} is no sale and no authorization"
            ));
        }
        let Some((approved, _)) = self.approved else {
            return not_allowed(format!("transaction {original} was not approved"));
        };
        if self
            .changes
            .iter()
            .any(|(_, standing)| standing.change == Change::Void && standing.stands != Stands::No)
        {
            return not_allowed(format!("transaction {original} is voided or being voided"));
        }
        Ok(approved)
    }

    fn allows_capture(
        &self,
        original: TransactionId,
        approved: Amount,
        asked: Option<i64>,
    ) -> Result<(), NotNow> {
        self.is_adjustable(original, "captured")?;
        let left = self.held(approved) - self.may_stand(Change::Capture);
        if asked.is_none_or(|asked| asked > left) {
            return not_allowed(format!("at most {left} minor units can be captured"));
        }
        Ok(())
    }

    fn allows_adjustment(&self, original: TransactionId, asked: Option<i64>) -> Result<(), NotNow> {
        self.is_adjustable(original, "adjusted")?;
        if self.may_stand(Change::Capture) > 0 {
            return not_allowed(format!(
                "transaction {original} is captured or being captured"
            ));
        }
        match self.most_minor {
            Some(most) if asked.is_none_or(|asked| asked > most) => {
                not_allowed(format!("its amount_max allows at most {most} minor units"))
            }
            _ => Ok(()),
        }
    }

    /// Only an authorization can, and not while an earlier adjustment is undecided.
    fn is_adjustable(&self, original: TransactionId, done: &str) -> Result<(), NotNow> {
        if self.kind != Kind::Authorize {
            return not_allowed(format!(
                "transaction {original} is a sale: only an authorization can be {done}"
            ));
        }
        self.no_adjustment_open(original)
    }

    fn no_adjustment_open(&self, original: TransactionId) -> Result<(), NotNow> {
        if self.is_undecided(Change::Adjust) {
            return not_allowed(format!("an adjustment of {original} has no outcome yet"));
        }
        Ok(())
    }

    fn allows_void(
        &self,
        original: TransactionId,
        approved: Amount,
        asked: Option<i64>,
        batch: Batch,
    ) -> Result<(), NotNow> {
        self.no_adjustment_open(original)?;
        let left = self.left_to_refund(approved);
        let refunded = self.may_stand(Change::Refund);
        if refunded > 0 {
            return not_allowed(format!(
                "{refunded} minor units of it are refunded; payment.refund can give back {left}"
            ));
        }
        if self.may_stand(Change::Capture) > 0 {
            return not_allowed(format!(
                "it is captured or being captured; payment.refund can give back {left}"
            ));
        }
        // An authorization that was not captured is in no batch.
        if batch.closed && self.kind == Kind::Sale {
            return not_allowed(format!(
                "its batch is closed; payment.refund can give back {left}"
            ));
        }
        let held = self.held(approved);
        match asked {
            Some(asked) if asked != held => {
                not_allowed(format!("a void takes back the whole amount of {held}"))
            }
            _ => Ok(()),
        }
    }

    /// The amount as the last adjustment left it.
    fn held(&self, approved: Amount) -> i64 {
        let adjusted = self.changes.iter().rev().find(|(_, standing)| {
            standing.change == Change::Adjust && standing.stands == Stands::Yes
        });
        adjusted.map_or(approved.minor, |(_, standing)| standing.amount_minor)
    }

    fn left_to_refund(&self, approved: Amount) -> i64 {
        let taken = match self.kind {
            Kind::Authorize => self.sum(Change::Capture, |stands| stands == Stands::Yes),
            _ => approved.minor,
        };
        taken - self.may_stand(Change::Refund)
    }

    fn may_stand(&self, change: Change) -> i64 {
        self.sum(change, |stands| stands != Stands::No)
    }

    fn is_undecided(&self, change: Change) -> bool {
        self.changes
            .iter()
            .any(|(_, standing)| standing.change == change && standing.stands == Stands::Maybe)
    }

    fn sum(&self, change: Change, counts: impl Fn(Stands) -> bool) -> i64 {
        let counted = self.changes.iter().map(|(_, standing)| standing);
        counted
            .filter(|standing| standing.change == change && counts(standing.stands))
            .map(|standing| standing.amount_minor)
            .sum()
    }
}

/// What an undo became.
#[derive(Debug)]
pub(crate) struct Undone {
    pub(crate) kind: Kind,
    pub(crate) amounts: Option<Amounts>,
    pub(crate) rule: UndoRule,
}

/// What of an original's records counts: its intent and its answer.
pub(crate) fn sent(past: &Past) -> Option<(&Intent, Option<&FinalAnswer>)> {
    let mut intent = None;
    let mut answer = None;
    for record in &past.records {
        intent = intent.or(record.fact.intent());
        if let Fact::Ended(ending) = &record.fact {
            answer = Some(&ending.answer);
        }
    }
    Some((intent?, answer))
}

fn reference(answer: &FinalAnswer) -> Option<Arc<str>> {
    match answer {
        FinalAnswer::Approved(approved) => approved.extras.reference.clone(),
        FinalAnswer::Refused(_) => None,
    }
}

/// An amount without parts.
pub(crate) fn whole(total: Amount) -> Amounts {
    Amounts {
        total,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn not_allowed<T>(detail: String) -> Result<T, NotNow> {
    Err(NotNow::new(Reason::NotAllowed, detail))
}
