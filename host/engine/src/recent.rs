// SPDX-License-Identifier: MIT OR Apache-2.0
//! Endings kept in memory, so that a retry is answered without a look at the disk.
//!
//! Never forgets an ending that is not durable yet: the journal could not recall it.

use crate::forwarding::Forwarding;
use crate::ids::{Fingerprint, IdempotencyKey, Position, Scope, TransactionId};
use crate::limits::RECENT_MAX;
use crate::record::FinalAnswer;
use crate::spent::DeviceKey;
use std::collections::{BTreeMap, VecDeque};

/// A transaction that came to rest.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) scope: Scope,
    pub(crate) key: IdempotencyKey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) answer: FinalAnswer,
    /// What became of it, if it was accepted offline.
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) spent: Vec<DeviceKey>,
    /// Its last record.
    pub(crate) position: Position,
}

/// The recent endings, oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    by_id: BTreeMap<TransactionId, Ended>,
    order: VecDeque<TransactionId>,
}

impl Recent {
    pub(crate) fn find(&self, id: TransactionId) -> Option<&Ended> {
        self.by_id.get(&id)
    }

    pub(crate) fn insert(&mut self, id: TransactionId, ended: Ended) {
        if self.by_id.insert(id, ended).is_none() {
            self.order.push_back(id);
        }
    }

    /// Forgets one ending beyond the bound, if the journal can recall it.
    pub(crate) fn forget_one(&mut self, durable: Position) -> Option<(TransactionId, Ended)> {
        if self.order.len() <= RECENT_MAX {
            return None;
        }
        let oldest = *self.order.front()?;
        if self.by_id.get(&oldest)?.position > durable {
            return None;
        }
        self.order.pop_front();
        Some((oldest, self.by_id.remove(&oldest)?))
    }
}
