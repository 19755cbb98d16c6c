// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of readers that are spent once: the second transaction that comes with one gets no further.
//!
//! The engine knows those of its open and recent transactions; the journal knows the older ones.
//! Never asks a gateway about a read before it is known that nobody else spent its keys.

use crate::answer::Reason;
use crate::card::SpentKey;
use crate::device::IssuerAnswer;
use crate::effect::RecallBy;
use crate::engine::Engine;
use crate::ids::{DeviceId, Position, TransactionId};
use crate::keys::RecallFor;
use crate::record::Past;
use crate::transaction::{Phase, SealedRead, Transaction};
use std::collections::BTreeMap;

/// A key, and whose it is.
pub(crate) type DeviceKey = (DeviceId, SpentKey);

/// The keys of open and recent transactions.
#[derive(Debug, Default)]
pub(crate) struct SpentKeys(BTreeMap<DeviceKey, TransactionId>);

impl SpentKeys {
    /// Who has one of these keys.
    fn holder(&self, keys: &[DeviceKey]) -> Option<TransactionId> {
        keys.iter().find_map(|key| self.0.get(key).copied())
    }

    /// From now on they are this transaction's.
    pub(crate) fn hold(&mut self, id: TransactionId, keys: &[DeviceKey]) {
        for key in keys {
            self.0.insert(key.clone(), id);
        }
    }

    /// The journal answers for them from now on, or they were not spent.
    pub(crate) fn forget(&mut self, id: TransactionId, keys: &[DeviceKey]) {
        for key in keys {
            if self.0.get(key) == Some(&id) {
                self.0.remove(key);
            }
        }
    }
}

impl Engine {
    /// The card was read. A read without such keys goes on at once.
    pub(crate) fn check_keys(
        &mut self,
        transaction: &mut Transaction,
        read: SealedRead,
        keys: &[SpentKey],
    ) {
        if transaction.number_wanted && read.number.is_none() {
            self.refuse_without_number(transaction);
            return;
        }
        let Some(device) = transaction.device.clone().filter(|_| !keys.is_empty()) else {
            self.line_up(transaction, Some(read));
            return;
        };
        let held = keys_of(Some(&device), keys);
        if let Some(holder) = self.spent.holder(&held) {
            self.refuse_spent(transaction, &held, Some(holder));
            return;
        }
        self.spent.hold(transaction.id, &held);
        // Those of a read that came to nothing stay with it.
        transaction.spent.extend(held);
        transaction.phase = Phase::CheckingKeys(read);
        let by = RecallBy::Spent(device, keys.to_vec());
        self.recall(Position(0), by, RecallFor::Spent(transaction.id));
    }

    /// The journal has looked.
    pub(crate) fn keys_recalled(&mut self, id: TransactionId, past: Option<&Past>) {
        self.with(id, |engine, transaction| {
            let Phase::CheckingKeys(read) = transaction.phase.clone() else {
                return;
            };
            let Some(past) = past else {
                engine.line_up(transaction, Some(read));
                return;
            };
            let spender = past.records.first().map(|record| record.transaction_id);
            let keys = transaction.spent.clone();
            engine.refuse_spent(transaction, &keys, spender);
        });
    }

    fn refuse_spent(
        &mut self,
        transaction: &mut Transaction,
        keys: &[DeviceKey],
        spender: Option<TransactionId>,
    ) {
        let spender = match spender {
            Some(id) => format!("transaction {id}"),
            None => "an earlier transaction".to_owned(),
        };
        let slots: Vec<&str> = keys.iter().map(|(_, key)| &*key.slot).collect();
        let detail = format!(
            "the reader repeated a key of slot {}, which {spender} spent; nothing was sent: restart \
             the reader, and if it does this again, take it out of use and give it new keys",
            slots.join(" or "),
        );
        let mut refused = self.refused(transaction, Reason::CardError);
        refused.detail = Some(detail.into());
        self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
    }

    /// It is over; what it did not spend, another may.
    pub(crate) fn free_unspent(&mut self, transaction: &mut Transaction) {
        if !transaction.intent {
            let keys = std::mem::take(&mut transaction.spent);
            self.spent.forget(transaction.id, &keys);
        }
    }
}

/// A device's keys.
pub(crate) fn keys_of(device: Option<&DeviceId>, keys: &[SpentKey]) -> Vec<DeviceKey> {
    let device = device.into_iter();
    device
        .flat_map(|device| keys.iter().map(|key| (device.clone(), key.clone())))
        .collect()
}
