// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was done to this host where its journal is not at hand: by `payhal tls`, or before the host has
//! opened it. It is left in a file of the state folder, which the host takes into its audit.
//!
//! It may be taken twice after a crash; it must never be lost, nor keep a host from starting.

use crate::audit::Audit;
use crate::records::Records;
use payhal_journal::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tokio::sync::Mutex;

/// Where it is left, an entry a line.
const LEFT: &str = "audit.left";

/// The same while the host takes it.
const TAKEN: &str = "audit.taken";

/// Far more than anybody does between two starts; nobody fills the host's memory with it.
const BYTES_MAX: u64 = 256 * 1024;

/// Leaves what was done, on disk when this returns.
///
/// # Errors
/// When the file cannot be written, as by another user than the host's.
pub(crate) fn leave(state: &Path, audit: &Audit) -> io::Result<()> {
    let mut line = serde_json::to_vec(audit.entry()).expect("entries are plain trees");
    line.push(b'\n');
    let mut options = OpenOptions::new();
    let mut file = (options.append(true).create(true).mode(0o600)).open(state.join(LEFT))?;
    file.write_all(&line)?;
    file.sync_data()
}

/// Leaves it, or says in the log that nobody will know.
pub(crate) fn leave_or_tell(state: &Path, audit: &Audit) {
    if let Err(error) = leave(state, audit) {
        tracing::error!("what was done is not in the audit: {error}");
    }
}

/// Two who look at the audit at once would take the same file twice.
static TAKING: Mutex<()> = Mutex::const_new(());

/// Takes what was left into the audit.
pub(crate) async fn take(state: &Path, records: &Records) {
    let _alone = TAKING.lock().await;
    if let Err(error) = taken(state, records).await {
        tracing::error!("what was left for the audit is not in it yet: {error}");
    }
}

async fn taken(state: &Path, records: &Records) -> Result<(), String> {
    let (left, taken) = (state.join(LEFT), state.join(TAKEN));
    let words = |error: io::Error| error.to_string();
    // What a crash left behind comes first; meanwhile others may leave more.
    if !taken.exists() {
        match std::fs::rename(&left, &taken) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(words)?,
        }
    }
    let mut bytes = Vec::new();
    let file = File::open(&taken).map_err(words)?;
    file.take(BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(words)?;
    for line in String::from_utf8_lossy(&bytes).lines() {
        // A line that was cut short, or that nobody of us wrote, says nothing.
        if let Ok(entry) = serde_json::from_str::<Entry>(line) {
            records.audit(Audit::left(&entry)).await?;
        }
    }
    std::fs::remove_file(&taken).map_err(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Action, Actor};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_left_is_a_line_each_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["one\ntwo", "three"] {
            let audit = Audit::new(&Actor::Host, Action::TlsMade, None, text);
            leave(folder.path(), &audit).unwrap();
        }
        let path = folder.path().join(LEFT);
        let text = std::fs::read_to_string(&path).unwrap();
        let texts: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Entry>(line).unwrap().text)
            .collect();
        assert_eq!(texts, ["one two", "three"]);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
