// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions about what is committed, over any connection. Changes nothing.

use crate::error::{Doing, JournalError};
use crate::keys::Keys;
use crate::limits::{BATCH_CLOSES_READ, KEYS_AT_A_TIME, UNRESOLVED_MAX};
use crate::rows::{self, SUMMARY};
use crate::view::{Offline, Summary, View};
use crate::{kept, project, spent, tokens};
use payhal_engine::answer::Outcome;
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{IdempotencyKey, Scope, TransactionId};
use payhal_engine::record::{BatchClosed, Fact, Past, PastChange, Record};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

/// Everything about one transaction.
pub(crate) fn view(connection: &Connection, by: &RecallBy) -> Result<Option<View>, JournalError> {
    // One snapshot: line, records and changes belong together.
    let snapshot = connection.unchecked_transaction().doing("read")?;
    let spender = match by {
        RecallBy::Spent(device, keys) => match spent::by(&snapshot, device, keys)? {
            Some(id) => Some(RecallBy::Transaction(id)),
            None => return Ok(None),
        },
        _ => None,
    };
    let by = spender.as_ref().unwrap_or(by);
    let line = match by {
        RecallBy::Transaction(id) => rows::summary_of(&snapshot, *id)?,
        RecallBy::Key(scope, key) => newest(&snapshot, scope, key)?,
        RecallBy::Spent(..) | RecallBy::Tokens(_) => None,
    };
    let kept = match (by, &line) {
        (RecallBy::Key(scope, key), _) => kept::by_key(&snapshot, scope, key)?,
        (RecallBy::Transaction(id), None) => kept::by_transaction(&snapshot, *id)?,
        (RecallBy::Transaction(_), Some(_)) | (RecallBy::Spent(..) | RecallBy::Tokens(_), _) => {
            None
        }
    };
    let line_first = line.as_ref().map(|line| line.first);
    if let Some(kept) = kept.filter(|kept| line_first.is_none_or(|first| first < kept.first)) {
        let records = vec![kept.record];
        return Ok(
            project::apply(None, kept.first, &records[0]).map(|summary| View {
                summary,
                records,
                changes: Vec::new(),
                pruned: true,
            }),
        );
    }
    let Some(summary) = line else {
        return Ok(None);
    };
    let records = records(&snapshot, summary.transaction_id)?;
    let changes = changes(&snapshot, summary.transaction_id)?;
    Ok(Some(View {
        summary,
        records,
        changes,
        pruned: false,
    }))
}

/// The line of a key. A key comes again after an ending that did not use it up: the newest counts.
fn newest(
    connection: &Connection,
    scope: &Scope,
    key: &IdempotencyKey,
) -> Result<Option<Summary>, JournalError> {
    let mut statement = connection
        .prepare_cached(&format!(
            "{SUMMARY} WHERE register = ?1 AND generation = ?2 AND key = ?3
             ORDER BY first DESC LIMIT 1"
        ))
        .doing("read")?;
    statement
        .query_row(
            params![scope.register.0, scope.generation, key.0],
            rows::summary,
        )
        .optional()
        .doing("read")
}

/// What the engine asks for. A pruned transaction answers for its key, and is no original of
/// anything any more: what was given back of it is not known. A key of a reader stays spent.
pub(crate) fn past(connection: &Connection, by: &RecallBy) -> Result<Option<Past>, JournalError> {
    if let RecallBy::Tokens(sought) = by {
        return tokens::past(connection, sought).map(Some);
    }
    if let RecallBy::Spent(device, keys) = by {
        let spender = spent::by(connection, device, keys)?;
        return spender
            .map(|id| {
                Ok(Past {
                    records: records(connection, id)?,
                    ..Past::default()
                })
            })
            .transpose();
    }
    let view = view(connection, by)?;
    let view = view.filter(|view| !view.pruned || matches!(by, RecallBy::Key(..)));
    Ok(view.map(|view| Past {
        records: view.records,
        changes: view.changes,
        ..Past::default()
    }))
}

/// What is known of sales that were accepted offline.
pub(crate) fn offline(connection: &Connection) -> Result<Offline, JournalError> {
    connection
        .prepare_cached(
            r#"SELECT count(*) FILTER (WHERE forwarding IN ('waiting', 'needs_operator')),
             min(started_at) FILTER (WHERE forwarding IN ('waiting', 'needs_operator')),
             count(*) FILTER (WHERE forwarding = 'declined')
             FROM "transaction" WHERE forwarding IS NOT NULL"#,
        )
        .and_then(|mut statement| {
            statement.query_row((), |row| {
                Ok(Offline {
                    waiting: row.get::<_, i64>(0)?.unsigned_abs(),
                    since_micros: row.get(1)?,
                    lost: row.get::<_, i64>(2)?.unsigned_abs(),
                })
            })
        })
        .doing("read")
}

/// Records of a transaction, in order.
pub(crate) fn records(
    connection: &Connection,
    id: TransactionId,
) -> Result<Vec<Record>, JournalError> {
    let mut statement = connection
        .prepare_cached("SELECT body FROM record WHERE transaction_id = ?1 ORDER BY position")
        .doing("read")?;
    let mut found = statement.query(params![id.0.as_bytes()]).doing("read")?;
    let mut records = Vec::new();
    while let Some(row) = found.next().doing("read")? {
        let body = row
            .get_ref(0)
            .and_then(|body| Ok(body.as_str()?))
            .doing("read")?;
        records.push(parse(connection, id, body)?);
    }
    Ok(records)
}

fn parse(connection: &Connection, id: TransactionId, body: &str) -> Result<Record, JournalError> {
    serde_json::from_str(body).map_err(|_| {
        let path = connection.path().unwrap_or_default();
        JournalError::damaged(
            path.as_ref(),
            format!("a record of transaction {id} is unreadable"),
        )
    })
}

fn changes(connection: &Connection, id: TransactionId) -> Result<Vec<PastChange>, JournalError> {
    let mut statement = connection
        .prepare_cached(&format!("{SUMMARY} WHERE parent = ?1 ORDER BY first"))
        .doing("read")?;
    let found = statement
        .query_map(params![id.0.as_bytes()], rows::summary)
        .doing("read")?;
    let lines: Vec<Summary> = found.collect::<rusqlite::Result<_>>().doing("read")?;
    let mut changes = Vec::new();
    for line in lines {
        let Some(mut change) = change(&line) else {
            continue;
        };
        change.counts = change.counts || stands_by_word(connection, &line)?;
        changes.push(change);
    }
    Ok(changes)
}

/// Whether a person found that it happened although its register was told otherwise.
fn stands_by_word(connection: &Connection, line: &Summary) -> Result<bool, JournalError> {
    let records = records(connection, line.transaction_id)?;
    let approved = |record: &Record| match &record.fact {
        Fact::Resolved(resolved) => resolved.outcome == Outcome::Approved,
        _ => false,
    };
    Ok(records.iter().any(approved))
}

fn change(line: &Summary) -> Option<PastChange> {
    let change = line.kind.change()?;
    let asked = line.amount.map_or(0, |amount| amount.minor);
    Some(PastChange {
        transaction_id: line.transaction_id,
        change,
        amount_minor: line.approved_minor.unwrap_or(asked),
        counts: line.counts(),
    })
}

/// Transactions that change this one.
pub(crate) fn children(
    connection: &Connection,
    id: TransactionId,
) -> Result<Vec<TransactionId>, JournalError> {
    let mut statement = connection
        .prepare_cached(r#"SELECT transaction_id FROM "transaction" WHERE parent = ?1"#)
        .doing("read")?;
    let found = statement
        .query_map(params![id.0.as_bytes()], |row| row.get::<_, [u8; 16]>(0))
        .doing("read")?;
    let ids: Vec<_> = found.collect::<rusqlite::Result<_>>().doing("read")?;
    Ok(ids
        .into_iter()
        .map(|id| TransactionId(Uuid::from_bytes(id)))
        .collect())
}

/// Reads every key into the filter, unless it is told to stop.
pub(crate) fn all_keys(
    connection: &Connection,
    keys: &Keys,
    stop: impl Fn() -> bool,
) -> Result<(), JournalError> {
    // Both tables of one moment: pruning moves keys from one to the other.
    let snapshot = connection.unchecked_transaction().doing("read")?;
    let rows: i64 = snapshot
        .query_row(
            r#"SELECT coalesce(max(rowid), 0) - coalesce(min(rowid), 0) FROM "transaction""#,
            (),
            |row| row.get(0),
        )
        .doing("read")?;
    keys.expect(usize::try_from(rows / 2).unwrap_or(0));
    let mut some = Vec::with_capacity(KEYS_AT_A_TIME);
    for table in [r#""transaction""#, "kept"] {
        let mut statement = snapshot
            .prepare(&format!("SELECT register, generation, key FROM {table}"))
            .doing("read")?;
        let mut found = statement.query(()).doing("read")?;
        while let Some(row) = found.next().doing("read")? {
            let key = rows::key_hash(row).doing("read")?;
            some.push(key);
            if some.len() >= KEYS_AT_A_TIME {
                if stop() {
                    return Ok(());
                }
                keys.add_all(&some);
                some.clear();
            }
        }
    }
    keys.add_all(&some);
    keys.complete();
    Ok(())
}

/// Every transaction that has not come to rest, oldest first.
pub(crate) fn unresolved(connection: &Connection) -> Result<Vec<Summary>, JournalError> {
    let mut statement = connection
        .prepare_cached(&format!("{SUMMARY} WHERE open = 1 ORDER BY first LIMIT ?1"))
        .doing("read")?;
    let found = statement
        .query_map(params![UNRESOLVED_MAX], rows::summary)
        .doing("read")?;
    found.collect::<rusqlite::Result<_>>().doing("read")
}

/// Records of every transaction that has not come to rest, oldest first.
pub(crate) fn open_records(connection: &Connection) -> Result<Vec<Vec<Record>>, JournalError> {
    let mut statement = connection
        .prepare(r#"SELECT transaction_id FROM "transaction" WHERE open = 1 ORDER BY first"#)
        .doing("read")?;
    let ids = statement
        .query_map((), |row| row.get::<_, [u8; 16]>(0))
        .doing("read")?
        .collect::<rusqlite::Result<Vec<_>>>()
        .doing("read")?;
    ids.into_iter()
        .map(|id| records(connection, TransactionId(Uuid::from_bytes(id))))
        .collect()
}

/// When the last record was made.
pub(crate) fn last_at_micros(connection: &Connection) -> Result<i64, JournalError> {
    let at = connection
        .query_row(
            "SELECT at FROM record ORDER BY position DESC LIMIT 1",
            (),
            |row| row.get(0),
        )
        .optional()
        .doing("read")?;
    Ok(at.unwrap_or_default())
}

/// The last batch close of each acceptor, as far as the newest ones tell.
pub(crate) fn batches_closed(connection: &Connection) -> Result<Vec<BatchClosed>, JournalError> {
    let mut statement = connection
        .prepare(&format!(
            "{SUMMARY} WHERE kind = 'batch_close' AND outcome = 'approved'
             ORDER BY first DESC LIMIT ?1"
        ))
        .doing("read")?;
    let found = statement
        .query_map(params![BATCH_CLOSES_READ], rows::summary)
        .doing("read")?;
    let mut closed: Vec<BatchClosed> = Vec::new();
    for line in found {
        let line = line.doing("read")?;
        let records = records(connection, line.transaction_id)?;
        let intent = records.iter().find_map(|record| record.fact.intent());
        let Some(intent) = intent else { continue };
        let newest = BatchClosed {
            gateway: intent.gateway.clone(),
            device: intent.device.clone(),
            acceptor: intent.wire.acceptor.clone(),
            at_micros: line.ended_at_micros.unwrap_or(line.started_at_micros),
        };
        let same = |known: &BatchClosed| {
            (&known.gateway, &known.device, &known.acceptor)
                == (&newest.gateway, &newest.device, &newest.acceptor)
        };
        if !closed.iter().any(same) {
            closed.push(newest);
        }
    }
    Ok(closed)
}
