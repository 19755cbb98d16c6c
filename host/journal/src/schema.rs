// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables, and how an older file becomes a newer one. Nothing else defines a table.
//!
//! `record` is the truth about money; `transaction` and `head` are derived from it in the same
//! commit, and `verify` compares them. `audit` stands beside it. A row of `transaction` is keyed by its first record's position, so that
//! one index over `record` finds both.

use crate::error::{Doing, JournalError};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// "payh" in the file's header, so that another program's database is not taken for a journal.
const APPLICATION_ID: i64 = 0x7061_7968;

/// Step `n` makes schema `n + 1` out of schema `n`. Steps that were released never change.
const STEPS: &[&str] = &[FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH];

/// What the records of `line` say of the card's own currency: the ending, else the last intent.
macro_rules! dcc_of {
    () => {
        "coalesce(
           (SELECT json_extract(body, '$.fact.answer.dcc') FROM main.record
             WHERE transaction_id = line.transaction_id AND kind = 'ended'),
           (SELECT json_extract(body, '$.fact.stored.intent.dcc.conversion') FROM main.record
             WHERE transaction_id = line.transaction_id AND kind = 'ended'),
           (SELECT json_extract(body, '$.fact.dcc.conversion') FROM main.record
             WHERE transaction_id = line.transaction_id AND kind = 'intent'
             ORDER BY position DESC LIMIT 1))"
    };
}

/// Tables as this build reads them, over those of an older file that it must not change.
const OLDER: &[&str] = &[
    "CREATE TEMP TABLE seal(first INTEGER, last INTEGER, chain BLOB);
     CREATE TEMP TABLE note(name TEXT, value TEXT);
     CREATE TEMP TABLE kept(register TEXT, generation INTEGER, key TEXT, first INTEGER,
       transaction_id BLOB, ended_at INTEGER, body TEXT, digest BLOB);
     CREATE TEMP VIEW \"transaction\" AS SELECT *, 0 AS reporting, NULL AS forwarding,
       NULL AS token_id, NULL AS dcc
       FROM main.\"transaction\";
     CREATE TEMP VIEW epoch AS SELECT number, id, began_at, 0 AS position, 0 AS stan,
       'first' AS reason, x'' AS chain FROM main.epoch;",
    "CREATE TEMP TABLE spent(device TEXT, slot TEXT, serial TEXT, transaction_id BLOB);",
    "CREATE TEMP TABLE audit(seq INTEGER, at INTEGER, action TEXT, body TEXT, chain BLOB);
     CREATE TEMP TABLE audit_head(id INTEGER, seq INTEGER, chain BLOB, pruned_seq INTEGER,
       pruned_chain BLOB);",
    "CREATE TEMP VIEW IF NOT EXISTS \"transaction\" AS SELECT *, NULL AS forwarding,
       NULL AS token_id, NULL AS dcc FROM main.\"transaction\";",
    concat!(
        "CREATE TEMP TABLE token(number INTEGER, token_id BLOB, position INTEGER, register TEXT,
           reference TEXT, gateway TEXT, token TEXT, deleted INTEGER, body TEXT, digest BLOB);
         CREATE TEMP VIEW IF NOT EXISTS \"transaction\" AS SELECT *, NULL AS token_id, ",
        dcc_of!(),
        " AS dcc FROM main.\"transaction\" AS line;"
    ),
    concat!(
        "CREATE TEMP VIEW IF NOT EXISTS \"transaction\" AS SELECT *, ",
        dcc_of!(),
        " AS dcc FROM main.\"transaction\" AS line;"
    ),
];

const FIRST: &str = r#"
CREATE TABLE epoch(
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  began_at INTEGER NOT NULL
) STRICT;
INSERT INTO epoch(number, id, began_at)
  VALUES (1, randomblob(16), CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER));

CREATE TABLE head(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  position INTEGER NOT NULL,
  chain BLOB NOT NULL,
  stan INTEGER NOT NULL
) STRICT;

CREATE TABLE record(
  position INTEGER PRIMARY KEY,
  transaction_id BLOB NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  chain BLOB NOT NULL
) STRICT;
CREATE INDEX record_transaction ON record(transaction_id);

CREATE TABLE "transaction"(
  first INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,
  transaction_id BLOB NOT NULL,
  register TEXT NOT NULL,
  generation INTEGER NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  parent BLOB,
  amount_minor INTEGER,
  currency TEXT,
  approved_minor INTEGER,
  reference TEXT,
  device TEXT,
  gateway TEXT,
  outcome TEXT,
  reversing INTEGER NOT NULL DEFAULT 0,
  reversed INTEGER NOT NULL DEFAULT 0,
  needs_operator INTEGER NOT NULL DEFAULT 0,
  last_four TEXT,
  approval_code TEXT,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  open INTEGER NOT NULL
) STRICT;
CREATE INDEX transaction_key ON "transaction"(register, generation, key);
CREATE INDEX transaction_parent ON "transaction"(parent) WHERE parent IS NOT NULL;
CREATE INDEX transaction_started ON "transaction"(started_at);
CREATE INDEX transaction_open ON "transaction"(first) WHERE open = 1;
"#;

/// Epochs after the first, pruning, backups, reports. `seal`: records that were pruned, with the link of the
/// last of them. `kept`: the answers of keys whose transactions were. `note`: about the file itself.
const SECOND: &str = r#"
ALTER TABLE "transaction" ADD COLUMN reporting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN stan INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN reason TEXT NOT NULL DEFAULT 'first';
ALTER TABLE epoch ADD COLUMN chain BLOB NOT NULL DEFAULT x'';

CREATE TABLE seal(
  first INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,
  chain BLOB NOT NULL
) STRICT;

CREATE TABLE kept(
  register TEXT NOT NULL,
  generation INTEGER NOT NULL,
  key TEXT NOT NULL,
  first INTEGER NOT NULL,
  transaction_id BLOB NOT NULL,
  ended_at INTEGER NOT NULL,
  body TEXT NOT NULL,
  digest BLOB NOT NULL,
  PRIMARY KEY (register, generation, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_ended ON kept(ended_at);
CREATE INDEX kept_transaction ON kept(transaction_id);

CREATE INDEX transaction_batch ON "transaction"(first) WHERE kind = 'batch_close';

CREATE TABLE note(
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"#;

/// Keys of readers that are spent, each by one transaction. Pruning leaves them: a key stays spent
/// for as long as its reader lives.
const THIRD: &str = r#"
CREATE TABLE spent(
  device TEXT NOT NULL,
  slot TEXT NOT NULL,
  serial TEXT NOT NULL,
  transaction_id BLOB NOT NULL,
  PRIMARY KEY (device, slot, serial)
) STRICT, WITHOUT ROWID;
"#;

/// What was done to the host, and by whom. `audit_head`: the last entry, and the last of those that
/// were pruned; no row where there never was an entry.
const FOURTH: &str = r#"
CREATE TABLE audit(
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  body TEXT NOT NULL,
  chain BLOB NOT NULL
) STRICT;

CREATE TABLE audit_head(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,
  chain BLOB NOT NULL,
  pruned_seq INTEGER NOT NULL,
  pruned_chain BLOB NOT NULL
) STRICT;
"#;

/// Sales that were accepted offline, and where they are.
const FIFTH: &str = r#"
ALTER TABLE "transaction" ADD COLUMN forwarding TEXT;
CREATE INDEX transaction_forwarding ON "transaction"(first) WHERE forwarding IS NOT NULL;
"#;

/// Payment tokens that registers keep, each with the last record about it. Pruning leaves them.
const SIXTH: &str = r#"
ALTER TABLE "transaction" ADD COLUMN token_id BLOB;
CREATE INDEX transaction_token ON "transaction"(token_id) WHERE token_id IS NOT NULL;

CREATE TABLE token(
  number INTEGER PRIMARY KEY,
  token_id BLOB NOT NULL UNIQUE,
  position INTEGER NOT NULL,
  register TEXT NOT NULL,
  reference TEXT NOT NULL,
  gateway TEXT NOT NULL,
  token TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  body TEXT NOT NULL,
  digest BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX token_reference ON token(reference) WHERE deleted = 0;
CREATE INDEX token_text ON token(token);
"#;

/// What cards were charged in their own currency, and what a list is searched by. Approved payments are most
/// of all, so that the index of outcomes leaves them out.
const SEVENTH: &str = concat!(
    r#"
ALTER TABLE "transaction" ADD COLUMN dcc TEXT;
ALTER TABLE "transaction" ADD COLUMN dcc_minor INTEGER;
UPDATE "transaction" AS line SET dcc = "#,
    dcc_of!(),
    r#" WHERE transaction_id IN (SELECT transaction_id FROM record WHERE instr(body, '"dcc":{'));
UPDATE "transaction" SET dcc_minor = json_extract(dcc, '$.amount.minor') WHERE dcc IS NOT NULL;

CREATE INDEX transaction_amount ON "transaction"(amount_minor, started_at);
CREATE INDEX transaction_approved ON "transaction"(approved_minor, started_at)
  WHERE approved_minor <> amount_minor;
CREATE INDEX transaction_dcc ON "transaction"(dcc_minor, started_at) WHERE dcc_minor IS NOT NULL;
CREATE INDEX transaction_outcome ON "transaction"(outcome, started_at) WHERE outcome <> 'approved';
CREATE INDEX transaction_last_four ON "transaction"(last_four, started_at)
  WHERE last_four IS NOT NULL;
"#
);

/// Makes the tables, or brings those of an older payhal forward after a copy of the file beside it.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    migrate_by(connection, path, STEPS)
}

fn migrate_by(
    connection: &mut Connection,
    path: &Path,
    steps: &[&str],
) -> Result<(), JournalError> {
    let known = steps.len();
    let found = version(connection, path)?;
    if found > known {
        return Err(too_new(path, found, known));
    }
    if found == known {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, path, found)?;
    }
    let write = connection.transaction().doing("upgrade")?;
    let before = contents(&write, found)?;
    for step in &steps[found..] {
        write.execute_batch(step).doing("upgrade")?;
    }
    if contents(&write, known)? != before && found > 0 {
        return Err(JournalError::damaged(
            path,
            "its upgrade would not keep every record, and was not made",
        ));
    }
    write
        .pragma_update(None, "application_id", APPLICATION_ID)
        .doing("upgrade")?;
    write
        .pragma_update(
            None,
            "user_version",
            i64::try_from(known).expect("few steps"),
        )
        .doing("upgrade")?;
    write.commit().doing("upgrade")
}

/// Records, transactions, open ones, and the head's link.
type Contents = (i64, i64, i64, Vec<u8>);

/// What an upgrade must not change: how much there is, and where it ends.
fn contents(connection: &Connection, version: usize) -> Result<Option<Contents>, JournalError> {
    if version == 0 {
        return Ok(None);
    }
    connection
        .query_row(
            r#"SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM "transaction"),
             (SELECT count(*) FROM "transaction" WHERE open = 1),
             coalesce((SELECT chain FROM head), x'')"#,
            (),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .map(Some)
        .doing("upgrade")
}

/// Refuses what this build cannot read; lets it read what is older. Changes nothing in the file.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let (found, known) = (version(connection, path)?, STEPS.len());
    match found {
        0 => Err(JournalError::NotAJournal {
            path: path.to_owned(),
        }),
        _ if found > known => Err(too_new(path, found, known)),
        _ => {
            connection
                .pragma_update(None, "query_only", false)
                .doing("read")?;
            for tables in &OLDER[found - 1..] {
                connection.execute_batch(tables).doing("read")?;
            }
            connection
                .pragma_update(None, "query_only", true)
                .doing("read")
        }
    }
}

/// Whether an older payhal made it.
pub(crate) fn is_older(connection: &Connection, path: &Path) -> Result<bool, JournalError> {
    Ok((1..STEPS.len()).contains(&version(connection, path)?))
}

/// 0 for an empty file.
fn version(connection: &Connection, path: &Path) -> Result<usize, JournalError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application_id = pragma("application_id").doing("open")?;
    let version = pragma("user_version").doing("open")?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .doing("open")?;
    match usize::try_from(version) {
        Ok(0) if tables == 0 && application_id == 0 => Ok(0),
        Ok(version) if version > 0 && application_id == APPLICATION_ID => Ok(version),
        _ => Err(JournalError::NotAJournal {
            path: path.to_owned(),
        }),
    }
}

fn too_new(path: &Path, found: usize, known: usize) -> JournalError {
    JournalError::TooNew {
        path: path.to_owned(),
        found: u32::try_from(found).unwrap_or(u32::MAX),
        known: u32::try_from(known).expect("few steps"),
    }
}

/// Where the copy made before an upgrade from `version` lies.
fn backup_path(path: &Path, version: usize) -> PathBuf {
    crate::files::beside(path, &format!(".v{version}.bak"))
}

fn back_up(connection: &Connection, path: &Path, version: usize) -> Result<(), JournalError> {
    let copy = backup_path(path, version);
    // Under another name until it is whole: an upgrade may be cut short.
    let partial = crate::files::beside(&copy, ".partial");
    crate::backup::copy(connection, &partial)?;
    std::fs::rename(&partial, &copy).doing("back up")?;
    crate::files::sync_folder_of(&copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_is_copied_and_brought_forward() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate_by(&mut connection, &path, &[FIRST]).unwrap();
        let step = "CREATE TABLE added(x INTEGER) STRICT; INSERT INTO added VALUES (7);";
        migrate_by(&mut connection, &path, &[FIRST, step]).unwrap();

        let seven: i64 = connection
            .query_row("SELECT x FROM added", (), |row| row.get(0))
            .unwrap();
        assert_eq!(seven, 7);
        let copy = Connection::open(backup_path(&path, 1)).unwrap();
        assert_eq!(version(&copy, &path).unwrap(), 1);
        assert!(copy.prepare("SELECT x FROM added").is_err());
        let refused = migrate_by(&mut connection, &path, &[FIRST]).unwrap_err();
        assert!(
            matches!(
                refused,
                JournalError::TooNew {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{refused}"
        );
    }

    #[test]
    fn a_failed_upgrade_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut connection = Connection::open(&path).unwrap();
        migrate_by(&mut connection, &path, &[FIRST]).unwrap();
        let step = "CREATE TABLE added(x INTEGER) STRICT; INSERT INTO nowhere VALUES (7);";
        assert!(migrate_by(&mut connection, &path, &[FIRST, step]).is_err());
        assert_eq!(version(&connection, &path).unwrap(), 1);
        assert!(connection.prepare("SELECT x FROM added").is_err());
    }

    #[test]
    fn another_program_s_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        let mut connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE theirs(x)").unwrap();
        let refused = migrate(&mut connection, &path).unwrap_err();
        assert!(
            matches!(refused, JournalError::NotAJournal { .. }),
            "{refused}"
        );
    }
}
