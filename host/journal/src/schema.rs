// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables, and how an older file becomes a newer one. Nothing else defines a table.
//!
//! `record` is the truth; `transaction` and `head` are derived from it in the same commit, and
//! `verify` compares them. A row of `transaction` is keyed by its first record's position, so that
//! one index over `record` finds both.

use crate::error::{Doing, JournalError};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// "payh" in the file's header, so that another program's database is not taken for a journal.
const APPLICATION_ID: i64 = 0x7061_7968;

/// Step `n` makes schema `n + 1` out of schema `n`. Steps that were released never change.
const STEPS: &[&str] = &[FIRST];

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
    for step in &steps[found..] {
        write.execute_batch(step).doing("upgrade")?;
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

/// Refuses what this build cannot read. Changes nothing.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let (found, known) = (version(connection, path)?, STEPS.len());
    match found {
        0 => Err(JournalError::NotAJournal {
            path: path.to_owned(),
        }),
        _ if found > known => Err(too_new(path, found, known)),
        _ => Ok(()),
    }
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
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-upgrade-from-{version}"));
    name.into()
}

fn back_up(connection: &Connection, path: &Path, version: usize) -> Result<(), JournalError> {
    let copy = backup_path(path, version);
    // An upgrade that was cut short may have left half a copy; the journal itself is untouched.
    if copy.exists() {
        std::fs::remove_file(&copy).doing("back up")?;
    }
    crate::files::create_private(&copy)?;
    let mut target = Connection::open(&copy).doing("back up")?;
    {
        let backup = rusqlite::backup::Backup::new(connection, &mut target).doing("back up")?;
        backup
            .run_to_completion(1_000, std::time::Duration::ZERO, None)
            .doing("back up")?;
    }
    drop(target);
    crate::files::sync(&copy)
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
