// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers of keys whose transactions were pruned: one record each, as of an ending that says by
//! itself whose key it is.
//!
//! It must never stand for a transaction that is still in the journal.

use crate::error::{Doing, JournalError};
use crate::rows;
use payhal_engine::forwarding;
use payhal_engine::ids::{IdempotencyKey, Position, Scope, TransactionId};
use payhal_engine::record::{Ending, Fact, Record, Unsent};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

/// Answers dropped in one commit.
const DROPPED_AT_A_TIME: i64 = 500;

/// A kept answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Kept {
    pub(crate) first: Position,
    pub(crate) record: Record,
}

/// The one record that answers for a transaction's key: its ending, with whose key it was.
pub(crate) fn answer(records: &[Record]) -> Option<Record> {
    // The last intent: those before it came to nothing.
    let whose = records.iter().rev().find_map(|record| {
        let intent = record.fact.intent();
        let sent = intent.map(|intent| Unsent {
            scope: intent.scope.clone(),
            request: intent.request.clone(),
            fingerprint: intent.fingerprint,
            device: intent.device.clone(),
            gateway: intent.gateway.clone(),
            card: intent.card.clone(),
        });
        let unsent = || match &record.fact {
            Fact::Ended(ending) => ending.unsent.clone(),
            _ => None,
        };
        sent.or_else(unsent)
    })?;
    let (ended, ending) = records.iter().rev().find_map(|record| match &record.fact {
        Fact::Ended(ending) => Some((record, ending)),
        _ => None,
    })?;
    let became = forwarding::became(records).filter(|_| ending.stored.is_some());
    Some(Record {
        transaction_id: ended.transaction_id,
        at_micros: ended.at_micros,
        fact: Fact::Ended(Box::new(Ending {
            reversal: None,
            unsent: Some(whose),
            stored: None,
            became: became.map(Box::new),
            signature: None,
            ..(**ending).clone()
        })),
    })
}

/// Keeps the answer of a transaction that is about to go. The newest one has the key.
pub(crate) fn keep(
    connection: &Connection,
    id: TransactionId,
    first: Position,
    records: &[Record],
) -> Result<(), JournalError> {
    let Some(record) = answer(records) else {
        return Ok(());
    };
    let Fact::Ended(ending) = &record.fact else {
        return Ok(());
    };
    let Some(unsent) = &ending.unsent else {
        return Ok(());
    };
    let body = serde_json::to_string(&record).expect("records are plain trees with text keys");
    connection
        .prepare_cached(
            "INSERT INTO kept(register, generation, key, first, transaction_id, ended_at, body,
             digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT(register, generation, key) DO UPDATE SET first = ?4,
             transaction_id = ?5, ended_at = ?6, body = ?7, digest = ?8 WHERE ?4 > first",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                unsent.scope.register.0,
                unsent.scope.generation,
                unsent.request.key.0,
                rows::column(first),
                id.0.as_bytes(),
                record.at_micros,
                body,
                digest(&body),
            ])
        })
        .doing("prune")?;
    Ok(())
}

fn digest(body: &str) -> [u8; 32] {
    Sha256::digest(body.as_bytes()).into()
}

/// The answer to a key, if its transaction was pruned.
pub(crate) fn by_key(
    connection: &Connection,
    scope: &Scope,
    key: &IdempotencyKey,
) -> Result<Option<Kept>, JournalError> {
    one(
        connection,
        "SELECT first, body, digest FROM kept WHERE register = ?1 AND generation = ?2 AND key = ?3",
        params![scope.register.0, scope.generation, key.0],
    )
}

/// The answer of a transaction that was pruned.
pub(crate) fn by_transaction(
    connection: &Connection,
    id: TransactionId,
) -> Result<Option<Kept>, JournalError> {
    one(
        connection,
        "SELECT first, body, digest FROM kept WHERE transaction_id = ?1",
        params![id.0.as_bytes()],
    )
}

fn one(
    connection: &Connection,
    query: &str,
    values: impl rusqlite::Params,
) -> Result<Option<Kept>, JournalError> {
    let mut statement = connection.prepare_cached(query).doing("read")?;
    let found = statement
        .query_row(values, columns)
        .optional()
        .doing("read")?;
    found.map(|found| read(connection, found)).transpose()
}

type Columns = (i64, String, Vec<u8>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn read(connection: &Connection, (first, body, written): Columns) -> Result<Kept, JournalError> {
    let record = serde_json::from_str(&body).ok();
    let first = u64::try_from(first).ok();
    match record.zip(first) {
        Some((record, first)) if written == digest(&body) => Ok(Kept {
            first: Position(first),
            record,
        }),
        _ => Err(JournalError::damaged(
            connection.path().unwrap_or_default().as_ref(),
            "the kept answer of a pruned transaction is not as written",
        )),
    }
}

/// Reads every kept answer.
pub(crate) fn check(connection: &Connection) -> Result<u64, JournalError> {
    let mut statement = connection
        .prepare("SELECT first, body, digest FROM kept")
        .doing("read")?;
    let mut found = statement.query(()).doing("read")?;
    let mut count = 0;
    while let Some(row) = found.next().doing("read")? {
        read(connection, columns(row).doing("read")?)?;
        count += 1;
    }
    Ok(count)
}

/// Drops some answers of before that time, if there are any.
pub(crate) fn drop_old(connection: &Connection, before_micros: i64) -> Result<u64, JournalError> {
    let dropped = connection
        .prepare_cached(
            "DELETE FROM kept WHERE (register, generation, key) IN
             (SELECT register, generation, key FROM kept WHERE ended_at < ?1
              ORDER BY ended_at LIMIT ?2)",
        )
        .and_then(|mut statement| statement.execute(params![before_micros, DROPPED_AT_A_TIME]))
        .doing("prune")?;
    Ok(dropped as u64)
}
