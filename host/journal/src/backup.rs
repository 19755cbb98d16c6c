// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies of the journal: one file each, whole or not there, read back before they are called
//! backups, and marked, so that one that is put in place begins a new epoch.
//!
//! It must never write over a file that is there.

use crate::connect;
use crate::error::{Doing, JournalError};
use crate::files;
use crate::offline::{self, Report};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The note that tells a backup from a journal.
const NOTE: &str = "backup";

/// Copies the journal at `path` to `target`, with the host running or not, and reads the copy.
pub fn backup(path: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<Report, JournalError> {
    let (path, target) = (path.as_ref(), target.as_ref());
    free(target)?;
    let connection = offline::open_sound(path)?;
    let partial = files::beside(target, ".partial");
    let whole = copy(&connection, &partial)
        .and_then(|()| label(&partial))
        .and_then(|()| offline::verify(&partial))
        .and_then(|report| match &report.damage {
            None => Ok(report),
            Some(damage) => Err(JournalError::damaged(path, damage.clone())),
        });
    let report = match whole {
        Ok(report) => report,
        Err(error) => {
            // Half a backup is worth nothing, and may be why the disk is full.
            remove(&partial).ok();
            return Err(error);
        }
    };
    for ending in ["-wal", "-shm", "-journal"] {
        remove(&files::beside(&partial, ending))?;
    }
    free(target)?;
    std::fs::rename(&partial, target).doing("back up")?;
    files::sync_folder_of(target)?;
    Ok(report)
}

fn free(target: &Path) -> Result<(), JournalError> {
    if std::fs::symlink_metadata(target).is_ok() {
        return Err(JournalError::Exists {
            path: target.to_owned(),
        });
    }
    Ok(())
}

/// Copies all of one moment to `target`, flushed. Commits go on meanwhile.
pub(crate) fn copy(connection: &Connection, target: &Path) -> Result<(), JournalError> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        remove(&files::beside(target, ending))?;
    }
    files::create_private(target)?;
    let mut copy = Connection::open(target).doing("back up")?;
    {
        let backup = rusqlite::backup::Backup::new(connection, &mut copy).doing("back up")?;
        // All in one step: one that is interrupted by a commit starts again from the beginning.
        backup.step(-1).doing("back up")?;
    }
    // One file, which can be read where nothing can be written.
    let mode: String = copy
        .query_row("PRAGMA journal_mode = DELETE", (), |row| row.get(0))
        .doing("back up")?;
    if mode != "delete" {
        return Err(JournalError::damaged(
            target,
            "the copy cannot be made one file",
        ));
    }
    drop(copy);
    files::sync(target)
}

/// Marks a copy.
fn label(target: &Path) -> Result<(), JournalError> {
    let copy =
        Connection::open_with_flags(target, OpenFlags::SQLITE_OPEN_READ_WRITE).doing("back up")?;
    let version: i64 = connect::read(&copy, "user_version")?;
    if version > 1 {
        copy.execute(
            "INSERT OR REPLACE INTO note(name, value) VALUES (?1, datetime('now'))",
            [NOTE],
        )
        .doing("back up")?;
    }
    drop(copy);
    files::sync(target)
}

/// Whether this file is a copy that was never a host's journal.
pub(crate) fn is_backup(connection: &Connection) -> Result<bool, JournalError> {
    Ok(crate::rows::note(connection, NOTE)?.is_some())
}

/// From now on it is a journal.
pub(crate) fn forget(connection: &Connection) -> Result<(), JournalError> {
    connection
        .execute("DELETE FROM note WHERE name = ?1", [NOTE])
        .doing("write to")?;
    Ok(())
}

fn remove(path: &Path) -> Result<(), JournalError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(JournalError::file("back up", &error))
        }
        _ => Ok(()),
    }
}
