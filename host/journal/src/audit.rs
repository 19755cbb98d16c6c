// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who did what to this host: entries with a chain of their own, beside the transactions and in the
//! same commits.
//!
//! It keeps what it is given, within bounds, and must never be what a decision about money is read
//! from. A changed entry is for `verify` to find: it keeps no shop from selling.

use crate::chain::Link;
use crate::error::{Doing, JournalError};
use crate::limits::{AUDIT_BODY_BYTES_MAX, AUDIT_PAGE_ROWS_MAX, AUDIT_PRUNED_AT_A_TIME};
use crate::rows;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// One thing that was done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// When, in microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Who did it.
    pub actor: String,
    /// What was done, by its name.
    pub action: String,
    /// To what: a register, a transaction, a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// In words.
    pub text: String,
    /// For programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

/// An entry and its number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audited {
    /// Counted from 1.
    pub seq: u64,
    /// What was done.
    pub entry: Entry,
}

/// A page of entries, newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Audited>,
    /// Whether there are older ones.
    pub more: bool,
}

/// What `verify` found of the audit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AuditReport {
    /// Entries read.
    pub entries: u64,
    /// Entries that were pruned.
    pub pruned: u64,
}

/// Told once the entry is on disk, with its number, or that it will not be.
pub(crate) type Done = Box<dyn FnOnce(Result<u64, JournalError>) + Send>;

/// An entry on its way.
pub(crate) struct Audit {
    pub(crate) body: String,
    pub(crate) at_micros: i64,
    pub(crate) action: String,
    pub(crate) lazy: bool,
    pub(crate) done: Done,
}

impl Audit {
    pub(crate) fn new(entry: &Entry, lazy: bool, done: Done) -> Result<Self, (JournalError, Done)> {
        let body = serde_json::to_string(entry).expect("entries are plain trees with text keys");
        if body.len() > AUDIT_BODY_BYTES_MAX {
            let error = JournalError::EntryTooLong {
                bytes: body.len(),
                max: AUDIT_BODY_BYTES_MAX,
            };
            return Err((error, done));
        }
        Ok(Self {
            body,
            at_micros: entry.at_micros,
            action: entry.action.clone(),
            lazy,
            done,
        })
    }
}

/// Where the entries begin and end: what was pruned, and the last one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AuditHead {
    pub(crate) seq: u64,
    pub(crate) chain: Link,
    pruned_seq: u64,
    pruned_chain: Link,
}

/// The link before the first entry: another journal's entries do not fit.
fn first_link(connection: &Connection, path: &Path) -> Result<Link, JournalError> {
    let epochs = rows::epochs(connection)?;
    let first = epochs
        .first()
        .ok_or_else(|| JournalError::damaged(path, "its epoch is missing"))?;
    Ok(Sha256::new()
        .chain_update(b"payhal audit")
        .chain_update(first.id)
        .finalize()
        .into())
}

/// SHA-256(word, previous link, number in big endian, bytes of the entry).
fn next(previous: &Link, seq: u64, body: &[u8]) -> Link {
    Sha256::new()
        .chain_update(b"payhal audit entry")
        .chain_update(previous)
        .chain_update(seq.to_be_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

/// Writes one entry.
pub(crate) fn put(
    connection: &Connection,
    head: &mut AuditHead,
    audit: &Audit,
) -> Result<(), JournalError> {
    head.seq += 1;
    head.chain = next(&head.chain, head.seq, audit.body.as_bytes());
    connection
        .prepare_cached(
            "INSERT INTO audit(seq, at, action, body, chain) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                column(head.seq),
                audit.at_micros,
                audit.action,
                audit.body,
                head.chain,
            ])
        })
        .doing("write to")?;
    Ok(())
}

pub(crate) fn put_head(connection: &Connection, head: &AuditHead) -> Result<(), JournalError> {
    connection
        .prepare_cached(
            "INSERT INTO audit_head(id, seq, chain, pruned_seq, pruned_chain)
             VALUES (1, ?1, ?2, ?3, ?4)
             ON CONFLICT(id) DO UPDATE SET seq = ?1, chain = ?2, pruned_seq = ?3,
             pruned_chain = ?4",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                column(head.seq),
                head.chain,
                column(head.pruned_seq),
                head.pruned_chain,
            ])
        })
        .doing("write to")?;
    Ok(())
}

/// Where the entries stand: as the head says, if the last one agrees.
pub(crate) fn stand(connection: &Connection, path: &Path) -> Result<AuditHead, JournalError> {
    let origin = first_link(connection, path)?;
    let head = head(connection)?.unwrap_or(AuditHead {
        seq: 0,
        chain: origin,
        pruned_seq: 0,
        pruned_chain: origin,
    });
    let last: Option<(i64, Vec<u8>)> = connection
        .query_row(
            "SELECT seq, chain FROM audit ORDER BY seq DESC LIMIT 1",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .doing("read")?;
    let agrees = match last {
        None => head.seq == head.pruned_seq && head.chain == head.pruned_chain,
        Some((seq, chain)) => seq == column(head.seq) && chain == head.chain,
    };
    if agrees {
        return Ok(head);
    }
    Err(JournalError::damaged(
        path,
        "the last entry of its audit is not the one that was written last",
    ))
}

fn head(connection: &Connection) -> Result<Option<AuditHead>, JournalError> {
    connection
        .query_row(
            "SELECT seq, chain, pruned_seq, pruned_chain FROM audit_head WHERE id = 1",
            (),
            |row| {
                Ok(AuditHead {
                    seq: number(row, 0)?,
                    chain: row.get(1)?,
                    pruned_seq: number(row, 2)?,
                    pruned_chain: row.get(3)?,
                })
            },
        )
        .optional()
        .doing("read")
}

/// Entries older than `before`, newest first.
pub(crate) fn list(
    connection: &Connection,
    before: Option<u64>,
    rows: u32,
) -> Result<AuditPage, JournalError> {
    let rows = rows.clamp(1, AUDIT_PAGE_ROWS_MAX);
    let mut statement = connection
        .prepare_cached("SELECT seq, body FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2")
        .doing("read")?;
    let before = before.and_then(|before| i64::try_from(before).ok());
    let mut entries = statement
        .query_map(params![before.unwrap_or(i64::MAX), rows + 1], audited)
        .doing("read")?
        .collect::<rusqlite::Result<Vec<_>>>()
        .doing("read")?;
    let more = entries.len() > rows as usize;
    entries.truncate(rows as usize);
    Ok(AuditPage { entries, more })
}

/// A row of number and body.
pub(crate) fn audited(row: &Row<'_>) -> rusqlite::Result<Audited> {
    let wrong =
        || rusqlite::Error::InvalidColumnType(1, String::new(), rusqlite::types::Type::Text);
    let entry = serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(|_| wrong())?;
    Ok(Audited {
        seq: number(row, 0)?,
        entry,
    })
}

/// Drops some of the oldest entries, if they are of before that time. The writer's head is told
/// where the rest begins.
pub(crate) fn drop_old(
    connection: &Connection,
    head: &mut AuditHead,
    before_micros: i64,
) -> Result<u64, JournalError> {
    let mut statement = connection
        .prepare_cached("SELECT seq, at, chain FROM audit ORDER BY seq LIMIT ?1")
        .doing("prune")?;
    let mut found = statement.query([AUDIT_PRUNED_AT_A_TIME]).doing("prune")?;
    let mut dropped = 0;
    while let Some(row) = found.next().doing("prune")? {
        if row.get::<_, i64>(1).doing("prune")? >= before_micros {
            break;
        }
        head.pruned_seq = number(row, 0).doing("prune")?;
        head.pruned_chain = row.get(2).doing("prune")?;
        dropped += 1;
    }
    if dropped > 0 {
        connection
            .prepare_cached("DELETE FROM audit WHERE seq <= ?1")
            .and_then(|mut statement| statement.execute([column(head.pruned_seq)]))
            .doing("prune")?;
        put_head(connection, head)?;
    }
    Ok(dropped)
}

/// Follows the chain of all entries.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<AuditReport, JournalError> {
    let head = stand(connection, path)?;
    let wrong = |seq: u64, what: &str| {
        JournalError::damaged(path, format!("entry {seq} of its audit {what}"))
    };
    let (mut at, mut link) = (head.pruned_seq, head.pruned_chain);
    if at == 0 && link != first_link(connection, path)? {
        return Err(wrong(1, "is not as written"));
    }
    let mut statement = connection
        .prepare("SELECT seq, body, at, action, chain FROM audit ORDER BY seq")
        .doing("read")?;
    let mut found = statement.query(()).doing("read")?;
    while let Some(row) = found.next().doing("read")? {
        at += 1;
        if row.get::<_, i64>(0).doing("read")? != column(at) {
            return Err(wrong(at, "is missing"));
        }
        let read = || -> rusqlite::Result<_> {
            let body = row.get_ref(1)?.as_str()?.as_bytes().to_vec();
            let written: Vec<u8> = row.get(4)?;
            Ok((body, written))
        };
        let (body, written) = read().map_err(|_| wrong(at, "is unreadable"))?;
        link = next(&link, at, &body);
        if written != link {
            return Err(wrong(at, "is not as written"));
        }
        let entry = audited(row).map_err(|_| wrong(at, "is unreadable"))?.entry;
        let columns: (i64, String) = (row.get(2).doing("read")?, row.get(3).doing("read")?);
        if columns != (entry.at_micros, entry.action) {
            return Err(wrong(at, "does not say what its columns say"));
        }
    }
    if (at, link) != (head.seq, head.chain) {
        return Err(wrong(at + 1, "is missing"));
    }
    Ok(AuditReport {
        entries: at - head.pruned_seq,
        pruned: head.pruned_seq,
    })
}

/// SQLite counts in `i64`; no audit gets there.
fn column(seq: u64) -> i64 {
    i64::try_from(seq).expect("an audit has fewer than 2^63 entries")
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let found: i64 = row.get(column)?;
    u64::try_from(found).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, found))
}
