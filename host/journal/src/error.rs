// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, each with what to do about it. Every text completes "failed to …" and none
//! carries what a record holds.

use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the journal could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it.
    #[error(
        "open the journal {path}: already open by {holder}; stop it first, one journal belongs to one host",
        path = path.display(), holder = holder(*.pid)
    )]
    AlreadyOpen {
        /// The journal.
        path: PathBuf,
        /// Who has it, where that is known.
        pid: Option<u32>,
    },
    /// There is no journal.
    #[error("open the journal {path}: there is none; the daemon makes one when it starts", path = path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("open the journal {path}: it is not a payhal journal; name another file", path = path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// A newer payhal wrote it.
    #[error(
        "open the journal {path}: its schema is {found}, this payhal knows up to {known}; install the newer payhal again, or restore the backup made before the upgrade",
        path = path.display()
    )]
    TooNew {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest this build knows.
        known: u32,
    },
    /// Something in it is not what was written.
    #[error(
        "open the journal {path}: {what}; keep a copy of its folder, then restore a backup or resolve by hand as docs/recovering.md says",
        path = path.display()
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What is wrong, and where.
        what: Arc<str>,
    },
    /// A file is in the way.
    #[error("write {path}: there is a file already; name another one", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It is not certain that this is the whole journal.
    #[error(
        "take over the journal {path}: {what}; start the host, which begins a new epoch, and compare as docs/recovering.md says",
        path = path.display()
    )]
    NotMoved {
        /// The journal.
        path: PathBuf,
        /// Why.
        what: Arc<str>,
    },
    /// So young that it may still be needed.
    #[error(
        "prune the journal: transactions are kept for {min} days at least, {days} were asked for"
    )]
    TooYoung {
        /// What was asked.
        days: u32,
        /// The fewest.
        min: u32,
    },
    /// The disk or SQLite said no.
    #[error("{doing} the journal: {fault}{words}", words = words(.said))]
    Disk {
        /// The step, such as "write to".
        doing: &'static str,
        /// What kind of trouble.
        fault: Fault,
        /// SQLite's or the system's words.
        said: Arc<str>,
    },
    /// An earlier write failed: nothing is written any more.
    #[error("write to the journal: it stopped earlier: {reason}")]
    Stopped {
        /// Why.
        reason: Arc<str>,
    },
    /// More is waiting than its bound.
    #[error("queue for the journal: {max} are waiting already; ask again later")]
    QueueFull {
        /// The bound.
        max: usize,
    },
    /// An audit entry is longer than any may be.
    #[error("write to the audit: an entry of {bytes} bytes is longer than the {max} it may have")]
    EntryTooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The first record of a transaction says neither whose it is nor what was asked.
    #[error(
        "write to the journal: position {position} belongs to no transaction; restart the host"
    )]
    NoBeginning {
        /// The record.
        position: u64,
    },
    /// Two transactions with one key of a reader.
    #[error(
        "write to the journal: the intent at position {position} spends a key of its reader that another transaction spent; take that reader out of use and restart the host"
    )]
    SpentTwice {
        /// The record.
        position: u64,
    },
    /// A record does not follow the one before.
    #[error("write to the journal: position {found} does not follow {last}; restart the host")]
    OutOfOrder {
        /// Where the record wanted to be.
        found: u64,
        /// The last position.
        last: u64,
    },
}

/// Too many open files, in the system and in the process; the same numbers on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Kinds of trouble with the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// ENOSPC, or a quota.
    #[error("no space left; free some and restart the host")]
    Full,
    /// EIO and its kin. What is on disk is not known until it is read again.
    #[error("the disk failed; check it, then restart the host, which recovers from what is on it")]
    Io,
    /// The file or its file system is read-only.
    #[error("it is read-only; make it writable for this user and restart the host")]
    ReadOnly,
    /// A page is not what was written.
    #[error(
        "a page is damaged; keep a copy of its folder, then restore a backup (docs/recovering.md)"
    )]
    Corrupt,
    /// Permissions, or a missing folder.
    #[error("it cannot be opened; check its folder and permissions, and restart the host")]
    Access,
    /// EMFILE, ENFILE.
    #[error("too many files are open; raise the limit of open files and restart the host")]
    Files,
    /// What it is written to was closed.
    #[error("whoever reads it has stopped reading")]
    Reader,
    /// Another program holds SQLite's own lock.
    #[error("another program has locked it; close whatever else has it open")]
    Busy,
    /// Anything else.
    #[error("SQLite refused")]
    Other,
}

fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

fn words(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    }
}

impl JournalError {
    /// Names the kind of an SQLite error.
    pub(crate) fn sqlite(doing: &'static str, error: &rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let fault = match code {
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::SystemIoFailure) => Fault::Io,
            Some(ErrorCode::ReadOnly) => Fault::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Corrupt,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Fault::Access,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
            _ => Fault::Other,
        };
        let said = match error {
            rusqlite::Error::SqliteFailure(code, Some(said)) => {
                format!("{said}, code {}", code.extended_code)
            }
            // Others may quote a value.
            rusqlite::Error::SqliteFailure(code, None) => code.to_string(),
            _ => "a stored value has another type than expected".to_owned(),
        };
        Self::Disk {
            doing,
            fault,
            said: said.into(),
        }
    }

    /// Names the kind of a file error.
    pub(crate) fn file(doing: &'static str, error: &io::Error) -> Self {
        let fault = match error.kind() {
            _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => Fault::Files,
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Fault::Full,
            io::ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly,
            io::ErrorKind::BrokenPipe => Fault::Reader,
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Fault::Access,
            _ => Fault::Io,
        };
        Self::Disk {
            doing,
            fault,
            said: error.to_string().into(),
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<Arc<str>>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}

/// Turns SQLite's errors into ours, with the step they happened in.
pub(crate) trait Doing<T> {
    fn doing(self, step: &'static str) -> Result<T, JournalError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, step: &'static str) -> Result<T, JournalError> {
        self.map_err(|error| JournalError::sqlite(step, &error))
    }
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, step: &'static str) -> Result<T, JournalError> {
        self.map_err(|error| JournalError::file(step, &error))
    }
}
