// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal in memory: what is appended is lost by a crash until it is committed.

use payhal_engine::answer::Outcome;
use payhal_engine::effect::RecallBy;
use payhal_engine::gateway::Change;
use payhal_engine::ids::{Position, TransactionId};
use payhal_engine::record::{Fact, FinalAnswer, Intent, Past, PastChange, Record, Restored};
use payhal_engine::request::Kind;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Vec<Record>,
    durable: usize,
    by_transaction: BTreeMap<TransactionId, Vec<usize>>,
    pub(crate) commit_scheduled: bool,
}

impl Journal {
    pub(crate) fn append(&mut self, position: Position, record: Record) {
        assert_eq!(
            position.0,
            self.records.len() as u64 + 1,
            "records have gaps"
        );
        let place = self.records.len();
        self.by_transaction
            .entry(record.transaction_id)
            .or_default()
            .push(place);
        self.records.push(record);
    }

    /// Everything appended is on disk.
    pub(crate) fn commit(&mut self) -> Position {
        self.durable = self.records.len();
        self.commit_scheduled = false;
        Position(self.durable as u64)
    }

    pub(crate) fn unsynced(&self) -> usize {
        self.records.len() - self.durable
    }

    /// Power fails; of what was not synced, `kept` records reached the disk all the same.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.durable += kept.min(self.unsynced());
        self.records.truncate(self.durable);
        let durable = self.durable;
        for places in self.by_transaction.values_mut() {
            places.retain(|place| *place < durable);
        }
        self.by_transaction.retain(|_, places| !places.is_empty());
        self.commit_scheduled = false;
    }

    /// The durable records of one transaction.
    pub(crate) fn records_of(&self, id: TransactionId) -> Vec<Record> {
        let places = self
            .by_transaction
            .get(&id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let durable = places.iter().filter(|place| **place < self.durable);
        durable.map(|place| self.records[*place].clone()).collect()
    }

    pub(crate) fn intent_of(&self, id: TransactionId) -> Option<Intent> {
        self.records_of(id)
            .into_iter()
            .find_map(|record| match record.fact {
                Fact::Intent(intent) => Some(*intent),
                _ => None,
            })
    }

    pub(crate) fn ending_of(&self, id: TransactionId) -> Option<payhal_engine::record::Ending> {
        self.records_of(id)
            .into_iter()
            .find_map(|record| match record.fact {
                Fact::Ended(ending) => Some(*ending),
                _ => None,
            })
    }

    /// Whether an ending was appended, durable or not.
    pub(crate) fn is_ending(&self, id: TransactionId) -> bool {
        let places = self
            .by_transaction
            .get(&id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        places
            .iter()
            .any(|place| matches!(self.records[*place].fact, Fact::Ended(_)))
    }

    pub(crate) fn needs_operator(&self, id: TransactionId) -> bool {
        let records = self.records_of(id);
        records
            .iter()
            .any(|record| matches!(record.fact, Fact::NeedsOperator { .. }))
    }

    pub(crate) fn transactions(&self) -> Vec<TransactionId> {
        self.by_transaction.keys().copied().collect()
    }

    pub(crate) fn recall(&self, by: &RecallBy) -> Option<Past> {
        let id = match by {
            RecallBy::Transaction(id) => *id,
            RecallBy::Key(scope, key) => {
                let known = self.by_transaction.keys().copied();
                known.into_iter().find(|id| {
                    self.records_of(*id)
                        .iter()
                        .any(|record| match &record.fact {
                            Fact::Intent(intent) => {
                                intent.scope == *scope && intent.request.key == *key
                            }
                            Fact::Ended(ending) => ending.unsent.as_ref().is_some_and(|unsent| {
                                unsent.scope == *scope && unsent.request.key == *key
                            }),
                            _ => false,
                        })
                })?
            }
        };
        let records = self.records_of(id);
        if records.is_empty() {
            return None;
        }
        Some(Past {
            records,
            changes: self.changes_of(id),
        })
    }

    fn changes_of(&self, original: TransactionId) -> Vec<PastChange> {
        let mut changes = Vec::new();
        for id in self.transactions() {
            let Some(intent) = self.intent_of(id) else {
                continue;
            };
            let change = match intent.request.kind {
                Kind::Refund { original: changed } if changed == original => Change::Refund,
                Kind::Void { original: changed } if changed == original => Change::Void,
                _ => continue,
            };
            let amount_minor = intent.amounts.total.minor;
            let counts = self.counts(id);
            changes.push(PastChange {
                transaction_id: id,
                change,
                amount_minor,
                counts,
            });
        }
        changes
    }

    fn counts(&self, id: TransactionId) -> bool {
        let Some(ending) = self.ending_of(id) else {
            return true;
        };
        if self.needs_operator(id) {
            return true;
        }
        let approved = outcome(&ending.answer) == Outcome::Approved;
        approved || (ending.reversal.is_some() && !self.is_reversed(id))
    }

    fn is_reversed(&self, id: TransactionId) -> bool {
        self.records_of(id)
            .iter()
            .any(|record| record.fact == Fact::Reversed)
    }

    /// What a starting host is handed.
    pub(crate) fn restored(&self) -> Restored {
        let mut restored = Restored {
            position: Position(self.durable as u64),
            ..Restored::default()
        };
        for id in self.transactions() {
            let Some(intent) = self.intent_of(id) else {
                continue;
            };
            restored.stan = restored.stan.max(intent.wire.stan);
            let at_rest = match self.ending_of(id) {
                None => false,
                Some(ending) => ending.reversal.is_none() || self.is_reversed(id),
            };
            if !at_rest || self.needs_operator(id) {
                restored.open.push(self.records_of(id));
            }
        }
        restored
    }
}

pub(crate) fn outcome(answer: &FinalAnswer) -> Outcome {
    match answer {
        FinalAnswer::Approved(_) => Outcome::Approved,
        FinalAnswer::Refused(refused) => refused.reason.outcome(),
    }
}
