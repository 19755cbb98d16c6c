// SPDX-License-Identifier: MIT OR Apache-2.0
//! Originals of refunds and voids: what stands of them, decided in one place.
//!
//! An original stays here as long as a change of it is open or not durable, so that sums never
//! miss one. Never lets the changes of a transaction exceed it.

use crate::admit::NotNow;
use crate::answer::{Outcome, Reason};
use crate::card::CardFace;
use crate::effect::RecallBy;
use crate::engine::{Engine, ScopedKey};
use crate::gateway::{Change, Wire};
use crate::ids::{GatewayId, Position, Scope, TransactionId};
use crate::keys::{Ask, RecallFor};
use crate::money::{Amount, Amounts};
use crate::record::{Fact, FinalAnswer, Past};
use crate::request::Kind;
use crate::transaction::Transaction;
use std::collections::BTreeMap;

/// The originals that are being changed, or were a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Parents(BTreeMap<TransactionId, Known>);

#[derive(Debug)]
enum Known {
    /// The journal is asked.
    Loading { waiting: Vec<ScopedKey> },
    /// There is none.
    Absent,
    /// It ended before its intent: nothing of it can be changed.
    Unsent { scope: Scope },
    /// What can be changed.
    Loaded(Box<Parent>),
}

/// An original.
#[derive(Debug)]
pub(crate) struct Parent {
    scope: Scope,
    kind: Kind,
    pub(crate) gateway: GatewayId,
    pub(crate) wire: Wire,
    pub(crate) card: Option<CardFace>,
    /// What was approved; absent when it was not.
    approved: Option<Amount>,
    changes: BTreeMap<TransactionId, Standing>,
    /// Must be durable before it may be forgotten.
    pinned: Position,
}

#[derive(Debug)]
struct Standing {
    change: Change,
    amount_minor: i64,
    /// It stands, or may stand.
    counts: bool,
    /// It is among the open ones.
    open: bool,
}

impl Parents {
    /// An original that can be changed, or why there is none.
    pub(crate) fn changeable(&self, id: TransactionId, ask: &Ask) -> Result<&Parent, NotNow> {
        match self.0.get(&id) {
            Some(Known::Loaded(parent)) => Ok(parent),
            Some(Known::Unsent { scope }) if ask.may_touch(scope) => {
                let detail = format!("transaction {id} was not approved");
                Err(NotNow::new(Reason::NotAllowed, detail))
            }
            _ => Err(NotNow::new(
                Reason::TransactionNotFound,
                format!("no transaction {id}"),
            )),
        }
    }

    /// Counts a change from its acceptance on.
    pub(crate) fn reserve(&mut self, transaction: &Transaction) {
        if let Some(parent) = self.parent_of(transaction) {
            parent.changes.insert(transaction.id, standing(transaction));
        }
    }

    /// A change left the open ones.
    pub(crate) fn settled(&mut self, transaction: &Transaction) {
        let Some(parent) = self.parent_of(transaction) else {
            return;
        };
        parent.pinned = parent.pinned.max(transaction.position);
        if let Some(standing) = parent.changes.get_mut(&transaction.id) {
            standing.open = false;
            standing.counts = transaction.outcome() == Some(Outcome::Approved);
        }
    }

    /// Forgets originals of which the journal now knows everything.
    pub(crate) fn sweep(&mut self, durable: Position) {
        self.0.retain(|_, known| match known {
            Known::Loading { .. } => true,
            Known::Absent | Known::Unsent { .. } => false,
            Known::Loaded(parent) => {
                parent.pinned > durable || parent.changes.values().any(|standing| standing.open)
            }
        });
    }

    fn parent_of(&mut self, transaction: &Transaction) -> Option<&mut Parent> {
        match self.0.get_mut(&transaction.request.kind.original()?) {
            Some(Known::Loaded(parent)) => Some(parent),
            _ => None,
        }
    }
}

impl Parent {
    /// The amounts of an allowed change.
    pub(crate) fn allows(&self, ask: &Ask, original: TransactionId) -> Result<Amounts, NotNow> {
        if !ask.may_touch(&self.scope) {
            let detail = format!("no transaction {original}");
            return Err(NotNow::new(Reason::TransactionNotFound, detail));
        }
        let not_allowed = |detail: String| Err(NotNow::new(Reason::NotAllowed, detail));
        if self.kind != Kind::Sale {
            return not_allowed(format!("transaction {original} is not a sale"));
        }
        let Some(approved) = self.approved else {
            return not_allowed(format!("transaction {original} was not approved"));
        };
        if self
            .standing()
            .any(|standing| standing.change == Change::Void)
        {
            return not_allowed(format!("transaction {original} is voided or being voided"));
        }
        let given = ask.request.amounts;
        if given.is_some_and(|given| given.total.currency != approved.currency) {
            let code = approved.currency.code();
            return not_allowed(format!("transaction {original} was in {code}"));
        }
        let refunded: i64 = self.standing().map(|standing| standing.amount_minor).sum();
        let left = approved.minor - refunded;
        match (ask.request.kind, given) {
            (Kind::Void { .. }, _) if refunded > 0 => not_allowed(format!(
                "{refunded} minor units of it are refunded; at most {left} can be refunded"
            )),
            (Kind::Void { .. }, Some(given)) if given.total.minor != approved.minor => not_allowed(
                format!("a void takes back the whole amount of {}", approved.minor),
            ),
            (Kind::Refund { .. }, Some(given)) if given.total.minor > left => {
                not_allowed(format!("at most {left} minor units can be refunded"))
            }
            (Kind::Refund { .. }, Some(given)) => Ok(given),
            _ => Ok(Amounts {
                total: approved,
                tip_minor: None,
                surcharge_minor: None,
                cashback_minor: None,
            }),
        }
    }

    fn standing(&self) -> impl Iterator<Item = &Standing> {
        self.changes.values().filter(|standing| standing.counts)
    }
}

impl Engine {
    /// Whether a request must wait for its original; asks the journal for it if nobody did.
    pub(crate) fn parent_awaited(&mut self, ask: &Ask, key: &ScopedKey) -> bool {
        let Some(original) = ask.request.kind.original() else {
            return false;
        };
        let open = self.open.get(&original);
        if open.is_some_and(|open| open.ending.is_none()) {
            return false;
        }
        match self.parents.0.get_mut(&original) {
            Some(Known::Loading { waiting }) => {
                waiting.push(key.clone());
                true
            }
            Some(Known::Absent | Known::Unsent { .. } | Known::Loaded(_)) => false,
            None => {
                let open = open.map(|open| open.after);
                let recent = || self.recent.find(original).map(|ended| ended.position);
                let after = open.or_else(recent).unwrap_or_default();
                let waiting = vec![key.clone()];
                self.parents.0.insert(original, Known::Loading { waiting });
                let by = RecallBy::Transaction(original);
                self.recall(after, by, RecallFor::Parent(original));
                true
            }
        }
    }

    pub(crate) fn parent_recalled(&mut self, original: TransactionId, past: Option<&Past>) {
        let mut known = past.and_then(recalled).unwrap_or(Known::Absent);
        if let Known::Loaded(parent) = &mut known {
            let open = self.open.values();
            for change in open.filter(|open| open.request.kind.original() == Some(original)) {
                parent.changes.insert(change.id, standing(change));
            }
        }
        let Some(Known::Loading { waiting }) = self.parents.0.insert(original, known) else {
            return;
        };
        for key in waiting {
            self.run_pending(&key);
        }
        self.parents.sweep(self.durable);
    }
}

fn standing(transaction: &Transaction) -> Standing {
    let change = if transaction.is_void() {
        Change::Void
    } else {
        Change::Refund
    };
    let amount_minor = transaction.amounts.total.minor;
    Standing {
        change,
        amount_minor,
        counts: true,
        open: true,
    }
}

/// An original out of its records.
fn recalled(past: &Past) -> Option<Known> {
    let mut sent = None;
    let mut unsent = None;
    let mut answer = None;
    for record in &past.records {
        match &record.fact {
            Fact::Intent(intent) => sent = Some(intent),
            Fact::Ended(ending) => {
                answer = Some(&ending.answer);
                unsent = ending.unsent.as_ref();
            }
            _ => {}
        }
    }
    let Some(intent) = sent else {
        return unsent.map(|unsent| Known::Unsent {
            scope: unsent.scope.clone(),
        });
    };
    let approved = match answer {
        Some(FinalAnswer::Approved(approved)) => Some(Amount {
            minor: approved.approved_minor,
            ..intent.amounts.total
        }),
        Some(FinalAnswer::Refused(_)) | None => None,
    };
    let changes = past.changes.iter().map(|change| {
        let standing = Standing {
            change: change.change,
            amount_minor: change.amount_minor,
            counts: change.counts,
            open: false,
        };
        (change.transaction_id, standing)
    });
    Some(Known::Loaded(Box::new(Parent {
        scope: intent.scope.clone(),
        kind: intent.request.kind,
        gateway: intent.gateway.clone()?,
        wire: intent.wire.clone(),
        card: intent.card.clone(),
        approved,
        changes: changes.collect(),
        pinned: Position(0),
    })))
}
