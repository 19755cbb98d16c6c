// SPDX-License-Identifier: MIT OR Apache-2.0
//! SQLite connections, each set up for what its thread does. Durability is decided here and read
//! back, never assumed.

use crate::error::{Doing, JournalError};
use crate::limits::{BUSY_WAIT, CACHE_KIB, STATEMENTS_MAX, WAL_BYTES_KEPT};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What `PRAGMA synchronous` reads as when every commit is flushed.
const FULL: i64 = 2;

/// For the one thread that commits.
pub(crate) fn writer(path: &Path, pages_max: Option<u32>) -> Result<Connection, JournalError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set(&connection, "journal_mode", "WAL")?;
    // NORMAL would be ten times faster and lose the last commits with the power.
    set(&connection, "synchronous", "FULL")?;
    // On macOS a plain fsync leaves data in the drive's cache.
    set(&connection, "fullfsync", true)?;
    set(&connection, "checkpoint_fullfsync", true)?;
    set(&connection, "wal_autocheckpoint", 0)?;
    set(
        &connection,
        "journal_size_limit",
        i64::try_from(WAL_BYTES_KEPT).expect("small"),
    )?;
    if let Some(pages) = pages_max {
        set(&connection, "max_page_count", i64::from(pages))?;
    }
    let mode: String = read(&connection, "journal_mode")?;
    let synchronous: i64 = read(&connection, "synchronous")?;
    if mode != "wal" || synchronous != FULL {
        return Err(JournalError::damaged(
            path,
            format!(
                "its file system does not let it be durable (mode {mode}, synchronous {synchronous})"
            ),
        ));
    }
    Ok(connection)
}

/// For lookups beside the writer. Sees only what is committed, and can change nothing.
pub(crate) fn reader(path: &Path) -> Result<Connection, JournalError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set(&connection, "query_only", true)?;
    Ok(connection)
}

/// For copying the WAL back.
pub(crate) fn checkpointer(path: &Path) -> Result<Connection, JournalError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set(&connection, "synchronous", "FULL")?;
    set(&connection, "fullfsync", true)?;
    set(&connection, "checkpoint_fullfsync", true)?;
    set(
        &connection,
        "journal_size_limit",
        i64::try_from(WAL_BYTES_KEPT).expect("small"),
    )?;
    Ok(connection)
}

/// For tools beside a running daemon, or without one.
pub(crate) fn offline(path: &Path) -> Result<Connection, JournalError> {
    if !path.exists() {
        return Err(JournalError::Missing {
            path: path.to_owned(),
        });
    }
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    set(&connection, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, JournalError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).doing("open")?;
    // Closing writes nothing: after a failed write the disk is left as it is.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .doing("open")?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .doing("open")?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        .doing("open")?;
    connection.busy_timeout(BUSY_WAIT).doing("open")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    set(&connection, "cache_size", -CACHE_KIB)?;
    set(&connection, "mmap_size", 0)?;
    set(&connection, "cell_size_check", true)?;
    Ok(connection)
}

fn set(
    connection: &Connection,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), JournalError> {
    // Some pragmas answer with a row, some with none; both are fine.
    connection.pragma_update(None, name, value).doing("open")
}

pub(crate) fn read<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<T, JournalError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .doing("open")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_flushed_and_readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        crate::files::create_private(&path).unwrap();
        let writer = writer(&path, None).unwrap();
        assert_eq!(read::<i64>(&writer, "synchronous").unwrap(), FULL);
        assert_eq!(read::<String>(&writer, "journal_mode").unwrap(), "wal");
        assert_eq!(read::<i64>(&writer, "wal_autocheckpoint").unwrap(), 0);
        assert_eq!(read::<i64>(&writer, "mmap_size").unwrap_or(0), 0);
        writer.execute_batch("CREATE TABLE one(x)").unwrap();
        for other in [reader(&path).unwrap(), offline(&path).unwrap()] {
            assert!(other.execute_batch("INSERT INTO one VALUES (1)").is_err());
        }
    }
}
