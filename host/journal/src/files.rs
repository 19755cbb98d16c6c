// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal's files: made for this user only, and held by one process.

use crate::error::{Doing, JournalError};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

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

/// Takes the journal for this process, or names the one that has it.
pub(crate) fn lock(path: &Path) -> Result<Lock, JournalError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let mut file = options.open(beside(path, ".lock")).doing("lock")?;
    match file.try_lock() {
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
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        sync_folder(folder)?;
    }
    Ok(())
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

/// A new file's name is on disk.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .doing("sync")
}

#[cfg(not(unix))]
pub(crate) fn sync_folder(_: &Path) -> Result<(), JournalError> {
    Ok(())
}
