// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can break inside the sandbox itself. A gateway's "no" is an answer, never one of these.
//! Every text completes "failed to …" and none carries received bytes.

use payhal_card_data::IssueError;
use payhal_card_data::key_file::KeyFileError;
use payhal_messages::call::{Failure, Sent};
use std::path::PathBuf;

/// What broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// The configuration does not fit its schema.
    #[error("read the configuration: {0}")]
    Configuration(String),
    /// A file of the state folder.
    #[error("{verb} {}: {source}", path.display())]
    File {
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// The key file does not hold a key.
    #[error("use the key in {}: {reason}", path.display())]
    Key { path: PathBuf, reason: String },
    /// A key file that `payhal keys` knows as well.
    #[error("use a key: {0}")]
    KeyFile(#[from] KeyFileError),
    /// The test authority would not certify the sealing key.
    #[error("certify the sealing key: {0}")]
    Certificate(IssueError),
    /// As many keys as may open at once.
    #[error("replace the sealing key: {0} keys still open, wait until one is over")]
    SealingKeys(usize),
    /// The system has no randomness.
    #[error("draw random bytes: {0}")]
    Random(String),
    /// The ledger was written by a later version.
    #[error("open a ledger of schema {found}: this version knows up to {known}")]
    LedgerVersion { found: i64, known: i64 },
    /// SQLite.
    #[error("use the ledger: {0}")]
    Ledger(#[from] rusqlite::Error),
}

impl SandboxError {
    /// As a call's failure. A ledger that broke may have written before it did.
    pub(crate) fn into_failure(self) -> Failure {
        Failure {
            sent: Sent::Maybe,
            reason: self.to_string(),
        }
    }
}
