// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register's own list of payments it has not seen the end of: what it asks about after a
//! restart.
//!
//! Owns the file form and what a look at a payment means. It must never forget a key whose outcome
//! is unknown.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use payhal_protocol::transaction::{TransactionOutcome, TransactionView};
use payhal_protocol::{IdempotencyKey, Method, MoneyMoved};
use serde::{Deserialize, Serialize};

/// Where a register keeps the keys of payments under way. A row beside the order in its own
/// database is best.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Called before anything is sent; an error stops the call.
    ///
    /// # Errors
    /// The key is not kept.
    fn remember(&self, key: &IdempotencyKey, method: Method) -> io::Result<()>;

    /// Called when the outcome is known, never while it is unknown.
    ///
    /// # Errors
    /// The key is still kept: it is merely asked about once more.
    fn forget(&self, key: &IdempotencyKey) -> io::Result<()>;

    /// The keys that were remembered and not forgotten.
    ///
    /// # Errors
    /// They cannot be read.
    fn pending(&self) -> io::Result<Vec<IdempotencyKey>>;
}

/// One line of JSON for each key remembered or forgotten; rewritten when it is opened.
#[derive(Clone, Debug)]
pub struct JournalFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: IdempotencyKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
}

impl JournalFile {
    /// Opens it, or begins it.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let kept = read(&path)?;
        let mut fresh = path.clone().into_os_string();
        fresh.push(".new");
        let mut file = std::fs::File::create(&fresh)?;
        for line in &kept {
            writeln!(file, "{}", serde_json::to_string(line)?)?;
        }
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        Ok(Self { path })
    }

    fn append(&self, line: &Line) -> io::Result<()> {
        let mut file = std::fs::File::options().append(true).open(&self.path)?;
        // Each line begins on its own, whatever a full disk left of the one before.
        write!(file, "\n{}\n", serde_json::to_string(line)?)?;
        file.sync_all()
    }
}

impl Journal for JournalFile {
    fn remember(&self, key: &IdempotencyKey, method: Method) -> io::Result<()> {
        self.append(&Line {
            key: key.clone(),
            method: Some(method.name().to_owned()),
            ended: false,
        })
    }

    fn forget(&self, key: &IdempotencyKey) -> io::Result<()> {
        self.append(&Line {
            key: key.clone(),
            method: None,
            ended: true,
        })
    }

    fn pending(&self) -> io::Result<Vec<IdempotencyKey>> {
        Ok(read(&self.path)?.into_iter().map(|line| line.key).collect())
    }
}

/// The lines of keys that did not end, oldest first.
fn read(path: &Path) -> io::Result<Vec<Line>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    // A line that was cut off by a full disk or a crash had nothing sent for it.
    let whole = |line| serde_json::from_str::<Line>(line).ok();
    let lines: Vec<_> = text.lines().filter_map(whole).collect();
    let ended: BTreeSet<_> = lines
        .iter()
        .rev()
        .filter(|line| line.ended)
        .map(|line| line.key.to_string())
        .collect();
    let open = |line: &Line| !line.ended && !ended.contains(&line.key.to_string());
    Ok(lines.into_iter().filter(open).collect())
}

/// What became of one payment.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Its key.
    pub key: IdempotencyKey,
    /// How it stands.
    pub outcome: TransactionOutcome,
    /// Whether money moved.
    pub money_moved: MoneyMoved,
    /// It never reached the host: no money moved, and a new attempt may be made.
    pub never_sent: bool,
    /// All that the host says of it.
    pub transaction: Option<Box<TransactionView>>,
}

impl Recovered {
    /// False while it runs or nobody knows: take no other money, ask again.
    #[must_use]
    pub fn settled(&self) -> bool {
        !matches!(
            self.outcome,
            TransactionOutcome::Running | TransactionOutcome::Unknown
        )
    }

    /// Whether the customer has paid; offline approvals included, which the host sends in later.
    #[must_use]
    pub fn paid(&self) -> bool {
        matches!(
            self.outcome,
            TransactionOutcome::Approved | TransactionOutcome::AcceptedOffline
        )
    }

    pub(crate) fn of(key: IdempotencyKey, view: TransactionView) -> Self {
        let unclear = view.money_moved == MoneyMoved::Unknown;
        let outcome = match view.outcome {
            TransactionOutcome::Running => TransactionOutcome::Running,
            _ if unclear => TransactionOutcome::Unknown,
            outcome => outcome,
        };
        Self {
            key,
            outcome,
            money_moved: view.money_moved,
            never_sent: false,
            transaction: Some(Box::new(view)),
        }
    }

    pub(crate) fn without_a_view(key: IdempotencyKey, never_sent: bool) -> Self {
        let (outcome, money_moved) = if never_sent {
            (TransactionOutcome::Failed, MoneyMoved::No)
        } else {
            (TransactionOutcome::Unknown, MoneyMoved::Unknown)
        };
        Self {
            key,
            outcome,
            money_moved,
            never_sent,
            transaction: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_until_they_are_forgotten_and_a_torn_line_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = JournalFile::open(&path).unwrap();
        journal.remember(&"a".into(), Method::Sale).unwrap();
        journal.remember(&"b".into(), Method::Sale).unwrap();
        let mut torn = std::fs::File::options().append(true).open(&path).unwrap();
        torn.write_all(b"{\"key\": \"cut-o").unwrap();
        journal.forget(&"a".into()).unwrap();
        journal.remember(&"c".into(), Method::Refund).unwrap();
        let again = JournalFile::open(&path).unwrap();
        assert_eq!(again.pending().unwrap(), ["b".into(), "c".into()]);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}
