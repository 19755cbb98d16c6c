// SPDX-License-Identifier: MIT OR Apache-2.0
//! The small file beside the journal that says which journal lay here, how far it was, and in which
//! file on which machine: what a copy of the journal cannot bring along.
//!
//! It must never be trusted to say what is in the journal, only that something may be missing.

use crate::error::{Doing, JournalError};
use crate::files::{self, Identity};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is noted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Mark {
    /// The epoch's number, from 1.
    pub(crate) epoch: u32,
    /// The epoch's id, in hex.
    pub(crate) id: String,
    /// A position that the journal has reached. It lags behind.
    pub(crate) position: u64,
    /// The counter of trace numbers there.
    pub(crate) stan: u32,
    /// The journal's file.
    pub(crate) file: Identity,
    /// A hash of the machine's id, where it has one.
    pub(crate) machine: Option<String>,
}

impl Mark {
    /// Whether the journal still lies in the file and on the machine where it was noted.
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        let machines = self.machine.as_ref().zip(other.machine.as_ref());
        self.file.same(other.file) && machines.is_none_or(|(one, two)| one == two)
    }
}

/// Where it lies.
pub(crate) fn path(journal: &Path) -> PathBuf {
    files::beside(journal, ".epoch")
}

/// What was noted; `None` if nothing was, or nothing that can be read.
pub(crate) fn read(journal: &Path) -> Result<Option<Mark>, JournalError> {
    let text = match std::fs::read_to_string(path(journal)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(None),
        Err(error) => return Err(JournalError::file("read the mark of", &error)),
    };
    Ok(serde_json::from_str(&text).ok())
}

/// Notes a later position, if it is one.
pub(crate) fn advance(journal: &Path, position: u64, stan: u32) -> Result<(), JournalError> {
    match read(journal)? {
        Some(mark) if mark.position < position => write(
            journal,
            &Mark {
                position,
                stan,
                ..mark
            },
        ),
        _ => Ok(()),
    }
}

/// Puts a new one in place, durably.
pub(crate) fn write(journal: &Path, mark: &Mark) -> Result<(), JournalError> {
    let text = serde_json::to_string_pretty(mark).expect("numbers and texts");
    files::replace(&path(journal), &(text + "\n")).doing("write the mark of")
}

/// The machine's own id, hashed: it must not be shown as it is.
pub(crate) fn machine() -> Option<String> {
    let id = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())?;
    let id = id.trim();
    if id.len() < 32 {
        return None;
    }
    let hash = Sha256::new()
        .chain_update(b"payhal machine")
        .chain_update(id)
        .finalize();
    Some(hex(&hash[..16]))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}
