// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal on real SQLite in a folder of its own: what is told durable is there afterwards,
//! what is damaged is found.
#![expect(clippy::unwrap_used, reason = "what cannot be set up fails its test")]

mod audit;
mod backups;
mod commits;
mod damage;
mod epochs;
mod lookups;
mod pruning;
mod records;
mod spent;
mod tokens;
mod upgrade;

use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{Position, RecallId, TransactionId};
use payhal_engine::record::{Past, Record, Restored};
use payhal_journal::{Happened, Journal, JournalError, Options, View};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Makes a file of schema 6 out of one of schema 7.
pub(crate) const WITHOUT_SEVENTH: &str = "
    DROP INDEX transaction_amount; DROP INDEX transaction_approved; DROP INDEX transaction_dcc;
    DROP INDEX transaction_outcome; DROP INDEX transaction_last_four;
    ALTER TABLE \"transaction\" DROP COLUMN dcc; ALTER TABLE \"transaction\" DROP COLUMN dcc_minor;
    PRAGMA user_version = 6";

/// Only ever waited for in full when something is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A journal that is open, and what it tells.
struct Open {
    journal: Journal,
    restored: Restored,
    happened: Receiver<Happened>,
    position: u64,
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

fn open(path: &Path) -> Open {
    open_with(path, &Options::default()).unwrap()
}

fn open_with(path: &Path, options: &Options) -> Result<Open, JournalError> {
    let (tell, happened) = channel();
    let (journal, restored) = Journal::open(path, options, move |happened| {
        tell.send(happened).ok();
    })?;
    let position = restored.position.0;
    Ok(Open {
        journal,
        restored,
        happened,
        position,
    })
}

impl Open {
    fn queue(&mut self, record: Record, lazy: bool) {
        self.position += 1;
        self.journal
            .append(Position(self.position), Box::new(record), lazy)
            .unwrap();
    }

    /// Writes a record and waits until it is durable.
    fn write(&mut self, record: Record) {
        self.queue(record, false);
        self.wait();
    }

    /// Waits until all that was queued is durable.
    fn wait(&self) {
        loop {
            match self.happened.recv_timeout(PATIENCE).unwrap() {
                Happened::Durable(position) if position.0 == self.position => return,
                Happened::Durable(position) => assert!(position.0 < self.position),
                other => panic!("{other:?}"),
            }
        }
    }

    fn recall(&self, by: RecallBy) -> Option<Past> {
        self.journal.recall(RecallId(5), by).unwrap();
        match self.happened.recv_timeout(PATIENCE).unwrap() {
            Happened::Recalled(RecallId(5), past) => past.map(|past| *past),
            other => panic!("{other:?}"),
        }
    }

    fn view(&self, id: TransactionId) -> Option<View> {
        let (reply, replied) = channel();
        self.journal.view(RecallBy::Transaction(id), move |view| {
            reply.send(view).unwrap()
        });
        replied.recv_timeout(PATIENCE).unwrap().unwrap()
    }
}

/// What a power cut leaves: the files as they are now, without the one that only memory backs.
fn cut_power(path: &Path, into: &Path) {
    std::fs::copy(path, into).unwrap();
    std::fs::copy(wal(path), wal(into)).unwrap();
}

fn wal(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
