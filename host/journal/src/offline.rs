// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tools over a journal's file, with the daemon running beside or not. They write nothing.

use crate::audit::{self, AuditPage, AuditReport};
use crate::chain::{self, Walk};
use crate::epoch::{self, EpochBegan};
use crate::error::{Doing, JournalError};
use crate::rows::{self, STORED, SUMMARY, Stored};
use crate::view::{Summary, View};
use crate::{connect, files, kept, lookup, project, schema, spent, tokens, wal};
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{Position, TransactionId};
use payhal_engine::record::Record;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;

/// What `verify` found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Transactions among them.
    pub transactions: u64,
    /// Of these, not at rest.
    pub open: u64,
    /// Records that were pruned.
    pub pruned: u64,
    /// What was done to the host.
    pub audit: AuditReport,
    /// Epochs, the first one first.
    pub epochs: Vec<EpochBegan>,
    /// The first thing that is not as written, with its place; absent when all is well.
    pub damage: Option<Arc<str>>,
}

/// Reads the whole journal: pages, chain, and whether every line says what its records say.
pub fn verify(path: impl AsRef<Path>) -> Result<Report, JournalError> {
    let path = path.as_ref();
    let mut report = Report {
        records: 0,
        transactions: 0,
        open: 0,
        pruned: 0,
        audit: AuditReport::default(),
        epochs: Vec::new(),
        damage: None,
    };
    if let Err(error) = sound(path) {
        report.damage = Some(damage(error)?);
        return Ok(report);
    }
    let connection = open(path)?;
    // One snapshot, though the daemon goes on.
    let snapshot = connection.unchecked_transaction().doing("read")?;
    if let Err(error) = check(&snapshot, path, &mut report) {
        report.damage = Some(damage(error)?);
    }
    Ok(report)
}

/// What `look` found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Look {
    /// The last position.
    pub position: u64,
    /// When the newest record was made; absent where there is none.
    pub newest_micros: Option<i64>,
    /// Transactions that are not at rest.
    pub open: u64,
    /// Of these, waiting for a person.
    pub needs_operator: u64,
    /// Sales that were accepted offline and wait for their gateway.
    pub stored: u64,
    /// When the oldest of them began, microseconds since 1970 UTC.
    pub stored_since_micros: Option<i64>,
    /// Sales that were accepted offline and not taken by their issuers.
    pub lost: u64,
    /// Entries of the audit.
    pub audit: AuditReport,
    /// The epoch it is in.
    pub epoch: EpochBegan,
}

/// Reads the ends: the last records and their chain, and the whole audit. `verify` reads all.
pub fn look(path: impl AsRef<Path>) -> Result<Look, JournalError> {
    let path = path.as_ref();
    let connection = open_sound(path)?;
    let snapshot = connection.unchecked_transaction().doing("read")?;
    let head = crate::open::stand(&snapshot, path)?;
    let newest = lookup::last_at_micros(&snapshot)?;
    let last = rows::epochs(&snapshot)?;
    let last = last
        .last()
        .ok_or_else(|| JournalError::damaged(path, "its epoch is missing"))?;
    let (open, needs_operator) = snapshot
        .query_row(
            r#"SELECT count(*), coalesce(sum(needs_operator), 0) FROM "transaction"
             WHERE open = 1"#,
            (),
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
        .doing("read")?;
    let offline = lookup::offline(&snapshot)?;
    Ok(Look {
        position: head.position,
        newest_micros: (head.position > 0 && newest > 0).then_some(newest),
        open: open.unsigned_abs(),
        needs_operator: needs_operator.unsigned_abs(),
        stored: offline.waiting,
        stored_since_micros: offline.since_micros,
        lost: offline.lost,
        audit: audit::check(&snapshot, path)?,
        epoch: EpochBegan::of(last),
    })
}

/// Everything about one transaction.
pub fn show(path: impl AsRef<Path>, by: &RecallBy) -> Result<Option<View>, JournalError> {
    let connection = open(path.as_ref())?;
    lookup::view(&connection, by)
}

/// Every transaction that has not come to rest, oldest first.
pub fn open_transactions(path: impl AsRef<Path>) -> Result<Vec<Summary>, JournalError> {
    let connection = open(path.as_ref())?;
    lookup::unresolved(&connection)
}

/// What was done to the host, newest first: entries before that number, where one is given.
pub fn audit(
    path: impl AsRef<Path>,
    before: Option<u64>,
    rows: u32,
) -> Result<AuditPage, JournalError> {
    audit::list(&open(path.as_ref())?, before, rows)
}

/// Every epoch, the first one first.
pub fn epochs(path: impl AsRef<Path>) -> Result<Vec<EpochBegan>, JournalError> {
    epoch::all(&open(path.as_ref())?)
}

fn open(path: &Path) -> Result<Connection, JournalError> {
    let connection = connect::offline(path)?;
    schema::check(&connection, path)?;
    Ok(connection)
}

/// Looks for what SQLite would drop in silence, where no host has done so.
fn sound(path: &Path) -> Result<(), JournalError> {
    if files::locked(path) {
        return Ok(());
    }
    wal::check(path)
}

/// For reading all of it.
pub(crate) fn open_sound(path: &Path) -> Result<Connection, JournalError> {
    sound(path)?;
    open(path)
}

/// What to report of an error that means damage; others are the caller's.
fn damage(error: JournalError) -> Result<Arc<str>, JournalError> {
    match error {
        JournalError::Damaged { what, .. } => Ok(what),
        JournalError::Disk {
            fault: crate::Fault::Corrupt,
            said,
            ..
        } => Ok(format!("a page is damaged ({said})").into()),
        error => Err(error),
    }
}

fn check(connection: &Connection, path: &Path, report: &mut Report) -> Result<(), JournalError> {
    check_records(connection, path, report)?;
    check_lines(connection, path, report)?;
    report.audit = audit::check(connection, path)?;
    let pages: String = connection
        .query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))
        .doing("read")?;
    match pages.as_str() {
        "ok" => Ok(()),
        // SQLite's words name tables and rows, not what is in them.
        _ => Err(JournalError::damaged(path, pages)),
    }
}

/// The chain, and that what it ties together can be read.
fn check_records(
    connection: &Connection,
    path: &Path,
    report: &mut Report,
) -> Result<(), JournalError> {
    let mut epochs = rows::epochs(connection)?;
    report.epochs = epochs.iter().map(EpochBegan::of).collect();
    if epochs.is_empty() {
        return Err(JournalError::damaged(path, "its epoch is missing"));
    }
    let origin = chain::origin(&epochs.remove(0).id);
    let seals = rows::seals(connection, 0)?;
    let mut walk = Walk::from(path, (0, origin), seals, epochs)?;
    let mut statement = connection
        .prepare(&format!("{STORED} ORDER BY position"))
        .doing("read")?;
    let mut found = statement.query(()).doing("read")?;
    while let Some(row) = found.next().doing("read")? {
        let wrong = |position: u64, what: &str| {
            JournalError::damaged(path, format!("record {position} {what}"))
        };
        let stored = rows::stored(row).map_err(|_| wrong(walk.at() + 1, "is unreadable"))?;
        walk.record(&stored, stan(&stored.body))?;
        let Some(record) = parse(&stored) else {
            return Err(wrong(stored.position, "does not say what its columns say"));
        };
        spent::check(connection, path, &record)?;
        tokens::check_record(connection, path, stored.position, &record)?;
        report.records += 1;
    }
    report.pruned = match rows::head(connection)? {
        Some(head) => walk.end(&head)?,
        None if report.records == 0 => 0,
        None => return Err(JournalError::damaged(path, "its head is missing")),
    };
    kept::check(connection)?;
    tokens::check(connection, path)
}

/// The trace number in a record that may be unreadable otherwise.
fn stan(body: &str) -> Option<u32> {
    let record: Record = serde_json::from_str(body).ok()?;
    project::stan(&record.fact)
}

fn parse(stored: &Stored) -> Option<Record> {
    let record: Record = serde_json::from_str(&stored.body).ok()?;
    let agrees = record.transaction_id == stored.transaction_id
        && record.at_micros == stored.at_micros
        && project::kind(&record.fact) == stored.kind;
    agrees.then_some(record)
}

/// Every line says what its records say, and every record has a line.
fn check_lines(
    connection: &Connection,
    path: &Path,
    report: &mut Report,
) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare(&format!("{SUMMARY} ORDER BY first"))
        .doing("read")?;
    let mut found = statement.query(()).doing("read")?;
    let mut with_line = 0;
    while let Some(row) = found.next().doing("read")? {
        let line = rows::summary(row)
            .map_err(|_| JournalError::damaged(path, "a transaction's line is unreadable"))?;
        report.transactions += 1;
        report.open += u64::from(line.open());
        let (records, said) = line_of_records(connection, path, line.transaction_id)?;
        with_line += records;
        if said.as_ref() != Some(&line) {
            let id = line.transaction_id;
            return Err(JournalError::damaged(
                path,
                format!("the line of transaction {id} is not what its records say"),
            ));
        }
    }
    if with_line == report.records {
        return Ok(());
    }
    let lost = report.records.abs_diff(with_line);
    Err(JournalError::damaged(
        path,
        format!("the line of {lost} records is missing"),
    ))
}

/// How many records a transaction has, and the line that they make.
fn line_of_records(
    connection: &Connection,
    path: &Path,
    id: TransactionId,
) -> Result<(u64, Option<Summary>), JournalError> {
    let mut statement = connection
        .prepare_cached(&format!(
            "{STORED} WHERE transaction_id = ?1 ORDER BY position"
        ))
        .doing("read")?;
    let mut found = statement.query([id.0.as_bytes()]).doing("read")?;
    let (mut count, mut line) = (0, None);
    while let Some(row) = found.next().doing("read")? {
        let stored = rows::stored(row).doing("read")?;
        let record = parse(&stored).ok_or_else(|| {
            JournalError::damaged(path, format!("record {} is unreadable", stored.position))
        })?;
        line = project::apply(line, Position(stored.position), &record);
        count += 1;
    }
    Ok((count, line))
}
