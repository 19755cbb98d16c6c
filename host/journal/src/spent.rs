// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of readers that are spent: each by one transaction, for ever.
//!
//! The engine asks before it spends one. The unique index is the backstop: where the engine was
//! wrong, the intent is not written, and nothing that waits for it happens.

use crate::error::{Doing, JournalError};
use payhal_engine::card::SpentKey;
use payhal_engine::ids::{DeviceId, Position, TransactionId};
use payhal_engine::record::Record;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::path::Path;
use uuid::Uuid;

/// The keys that a record spends, and whose they are.
fn spent_by(record: &Record) -> impl Iterator<Item = (&DeviceId, &SpentKey)> {
    let intent = record.fact.intent();
    intent
        .and_then(|intent| Some((intent.device.as_ref()?, &intent.spent)))
        .into_iter()
        .flat_map(|(device, keys)| keys.iter().map(move |key| (device, key)))
}

/// Writes down the keys that a record spends.
pub(crate) fn put(
    connection: &Connection,
    position: Position,
    record: &Record,
) -> Result<(), JournalError> {
    for (device, key) in spent_by(record) {
        let mut statement = connection
            .prepare_cached(
                "INSERT INTO spent(device, slot, serial, transaction_id) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET serial = serial
                 WHERE transaction_id = excluded.transaction_id",
            )
            .doing("write to")?;
        let written = statement
            .execute(params![
                device.0,
                key.slot,
                key.serial,
                record.transaction_id.0.as_bytes()
            ])
            .doing("write to")?;
        if written == 0 {
            return Err(JournalError::SpentTwice {
                position: position.0,
            });
        }
    }
    Ok(())
}

/// Who spent one of these keys.
pub(crate) fn by(
    connection: &Connection,
    device: &DeviceId,
    keys: &[SpentKey],
) -> Result<Option<TransactionId>, JournalError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT transaction_id FROM spent WHERE device = ?1 AND slot = ?2 AND serial = ?3",
        )
        .doing("read")?;
    for key in keys {
        let found: Option<[u8; 16]> = statement
            .query_row(params![device.0, key.slot, key.serial], |row| row.get(0))
            .optional()
            .doing("read")?;
        if let Some(id) = found {
            return Ok(Some(TransactionId(Uuid::from_bytes(id))));
        }
    }
    Ok(None)
}

/// That a record's keys are its transaction's.
pub(crate) fn check(
    connection: &Connection,
    path: &Path,
    record: &Record,
) -> Result<(), JournalError> {
    for (device, key) in spent_by(record) {
        if by(connection, device, std::slice::from_ref(key))? != Some(record.transaction_id) {
            let id = record.transaction_id;
            let what = format!("a key that transaction {id} spent is not among the spent ones");
            return Err(JournalError::damaged(path, what));
        }
    }
    Ok(())
}
