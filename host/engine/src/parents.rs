// SPDX-License-Identifier: MIT OR Apache-2.0
//! Originals of captures, adjustments, refunds and voids, kept in one place.
//!
//! An original stays here as long as a change of it is open or not durable, so that sums never
//! miss one.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::effect::RecallBy;
use crate::engine::{Engine, ScopedKey};
use crate::ids::{Position, Scope, TransactionId};
use crate::keys::{Ask, RecallFor};
use crate::record::{Fact, Past};
use crate::sums::{Parent, Standing, sent};
use crate::transaction::Transaction;
use crate::withdrawal::Withdrawn;
use std::collections::BTreeMap;

/// The originals that are being changed, or were a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Parents(BTreeMap<TransactionId, Known>);

#[derive(Debug)]
enum Known {
    /// The journal is asked.
    Loading {
        waiting: Vec<ScopedKey>,
        /// Changes that came to rest meanwhile: the journal may tell of them as they were.
        settled: Vec<(TransactionId, Standing)>,
        /// It changed itself meanwhile: the journal is asked again.
        outdated: bool,
    },
    /// There is none.
    Absent,
    /// It ended before its intent: nothing of it can be changed.
    Unsent { scope: Scope },
    /// What can be changed.
    Loaded(Box<Parent>),
}

impl Parents {
    /// An original that can be changed, or why there is none.
    pub(crate) fn changeable(&self, id: TransactionId, ask: &Ask) -> Result<&Parent, NotNow> {
        match self.0.get(&id) {
            Some(Known::Loaded(parent)) if ask.may_touch(&parent.scope) => Ok(parent),
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

    /// Takes up how a change stands: from its acceptance on, and when it leaves the open ones.
    pub(crate) fn note(&mut self, transaction: &Transaction) {
        let Some(original) = transaction.request.kind.original() else {
            return;
        };
        let Some(standing) = Standing::of(transaction) else {
            return;
        };
        match self.0.get_mut(&original) {
            Some(Known::Loaded(parent)) => {
                parent.pinned = parent.pinned.max(transaction.position);
                parent.note(transaction.id, standing);
            }
            Some(Known::Loading { settled, .. }) => settled.push((transaction.id, standing)),
            _ => {}
        }
    }

    /// A sale that was accepted offline is another since: it was forwarded.
    pub(crate) fn outdated(&mut self, id: TransactionId) {
        match self.0.get_mut(&id) {
            Some(Known::Loading { outdated, .. }) => *outdated = true,
            Some(Known::Loaded(parent)) if !parent.is_changing() => {
                self.0.remove(&id);
            }
            _ => {}
        }
    }

    /// A sale was taken back before it was forwarded.
    pub(crate) fn withdrawn(&mut self, id: TransactionId, by: Withdrawn) {
        if let Some(Known::Loaded(parent)) = self.0.get_mut(&id) {
            parent.withdrawn = Some(by);
        }
    }

    /// Forgets originals of which the journal now knows everything.
    pub(crate) fn sweep(&mut self, durable: Position) {
        self.0.retain(|_, known| match known {
            Known::Loading { .. } => true,
            Known::Absent | Known::Unsent { .. } => false,
            Known::Loaded(parent) => parent.pinned > durable || parent.is_changing(),
        });
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
            Some(Known::Loading { waiting, .. }) => {
                waiting.push(key.clone());
                true
            }
            Some(Known::Absent | Known::Unsent { .. } | Known::Loaded(_)) => false,
            None => {
                let open = open.map(|open| open.after);
                let recent = || self.recent.find(original).map(|ended| ended.position);
                let after = open.or_else(recent).unwrap_or_default();
                let loading = Known::Loading {
                    waiting: vec![key.clone()],
                    settled: Vec::new(),
                    outdated: false,
                };
                self.parents.0.insert(original, loading);
                let by = RecallBy::Transaction(original);
                self.recall(after, by, RecallFor::Parent(original));
                true
            }
        }
    }

    pub(crate) fn parent_recalled(&mut self, original: TransactionId, past: Option<&Past>) {
        if let Some(Known::Loading { outdated, .. }) = self.parents.0.get_mut(&original)
            && std::mem::take(outdated)
        {
            let open = self.open.get(&original).map(|open| open.after);
            let recent = || self.recent.find(original).map(|ended| ended.position);
            let after = open.or_else(recent).unwrap_or_default();
            let by = RecallBy::Transaction(original);
            self.recall(after, by, RecallFor::Parent(original));
            return;
        }
        let known = past.and_then(recalled).unwrap_or(Known::Absent);
        let loading = self.parents.0.insert(original, known);
        let Some(Known::Loading {
            waiting, settled, ..
        }) = loading
        else {
            return;
        };
        if let Some(Known::Loaded(parent)) = self.parents.0.get_mut(&original) {
            for (id, standing) in settled {
                parent.note(id, standing);
            }
            for change in self.open.values() {
                if change.request.kind.original() == Some(original)
                    && let Some(standing) = Standing::of(change)
                {
                    parent.note(change.id, standing);
                }
            }
        }
        for key in waiting {
            self.run_pending(&key);
        }
        self.parents.sweep(self.durable);
    }
}

/// An original out of its records.
fn recalled(past: &Past) -> Option<Known> {
    if let Some((intent, answer)) = sent(past) {
        let parent = Parent::recalled(intent, answer, past);
        return Some(Known::Loaded(Box::new(parent)));
    }
    past.records.iter().find_map(|record| match &record.fact {
        Fact::Ended(ending) => ending.unsent.as_ref().map(|unsent| Known::Unsent {
            scope: unsent.scope.clone(),
        }),
        _ => None,
    })
}
