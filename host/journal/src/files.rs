// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal's files: made for this user only, and held by one process.

use crate::error::{Doing, JournalError};
use crate::limits::{LOCK_PAUSE, LOCK_WAIT};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Held as long as the journal is open. The system lets go when the process ends, however it does.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// `path` with an ending after its own.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Takes the journal for this process, or names the one that has it. A host that was killed while
/// it started a runner leaves its lock, for a moment, to the child that has not become one yet.
pub(crate) fn lock(path: &Path) -> Result<Lock, JournalError> {
    let until = Instant::now() + LOCK_WAIT;
    lock_patiently(path, || {
        std::thread::sleep(LOCK_PAUSE);
        Instant::now() < until
    })
}

/// The same, as often as `again` says.
fn lock_patiently(path: &Path, mut again: impl FnMut() -> bool) -> Result<Lock, JournalError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let mut file = options.open(beside(path, ".lock")).doing("lock")?;
    let mut tried = file.try_lock();
    while matches!(tried, Err(TryLockError::WouldBlock)) && again() {
        tried = file.try_lock();
    }
    match tried {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // A holder that has not written its id yet is still a holder.
            let pid = match file.read_to_string(&mut text) {
                Ok(_) => text.trim().parse().ok(),
                Err(_) => None,
            };
            return Err(JournalError::AlreadyOpen {
                path: path.to_owned(),
                pid,
            });
        }
        Err(TryLockError::Error(error)) => return Err(JournalError::file("lock", &error)),
    }
    file.set_len(0).doing("lock")?;
    writeln!(file, "{}", std::process::id()).doing("lock")?;
    Ok(Lock { _file: file })
}

/// Whether a process has the journal now.
pub(crate) fn locked(path: &Path) -> bool {
    match File::open(beside(path, ".lock")) {
        Ok(file) => matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

/// Makes an empty file for this user only, if it is not there; takes rights of others away if it
/// is. SQLite gives its other files the same rights.
pub(crate) fn create_private(path: &Path) -> Result<(), JournalError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let file = options.open(path).doing("create")?;
    keep_private(&file)?;
    sync_folder_of(path)
}

/// The name of a new file is on disk.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), JournalError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => sync_folder(folder),
        Some(_) => sync_folder(Path::new(".")),
        None => Ok(()),
    }
}

/// Puts a small file in place so that either the former text or this one is there after a power
/// cut, never half of one.
pub(crate) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let partial = beside(path, ".partial");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    private(&mut options);
    let mut file = options.open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => sync_named(folder),
        _ => sync_named(Path::new(".")),
    }
}

/// What tells this file from a copy of it, where the system can say.
pub(crate) fn identity(path: &Path) -> Result<Identity, JournalError> {
    let found = std::fs::metadata(path).doing("open")?;
    let (device, inode) = place(&found);
    let made = found.created().ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    Ok(Identity {
        device,
        inode,
        made_micros: made.and_then(|made| u64::try_from(made.as_micros()).ok()),
    })
}

/// What tells a file from its copies.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    made_micros: Option<u64>,
}

impl Identity {
    /// Whether it may be one file. Device numbers change with a restart, so they count only where
    /// the system does not say when the file was made.
    pub(crate) fn same(self, other: Self) -> bool {
        self.inode == other.inode
            && match (self.made_micros, other.made_micros) {
                (Some(one), Some(two)) => one == two,
                _ => self.device == other.device,
            }
    }
}

#[cfg(unix)]
fn place(found: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn place(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// Everything of a file is on disk.
pub(crate) fn sync(path: &Path) -> Result<(), JournalError> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.sync_all())
        .doing("sync")
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(unix)]
fn keep_private(file: &File) -> Result<(), JournalError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut permissions = file.metadata().doing("create")?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions).doing("create")?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_: &File) -> Result<(), JournalError> {
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    sync_named(folder).doing("sync")
}

#[cfg(unix)]
fn sync_named(folder: &Path) -> std::io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}

#[cfg(not(unix))]
fn sync_named(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_of_meanwhile_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut held = Some(lock(&path).unwrap());
        let taken = lock_patiently(&path, || held.take().is_some());
        assert!(taken.is_ok(), "{taken:?}");
        let refused = lock_patiently(&path, || false);
        assert!(matches!(refused, Err(JournalError::AlreadyOpen { .. })));
    }
}
