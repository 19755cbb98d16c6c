// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies the WAL back into the file, off the commit path.
//!
//! A thread of its own does it, with its own connection, while the writer goes on. Under a stream
//! of commits without any gap it never reaches the end, and the file would grow: then the writer
//! itself copies the few pages that are left, after which SQLite starts the file afresh.

use crate::error::{Doing, JournalError};
use crate::limits::{CHECKPOINT_IDLE, WAL_PAGES_COMPLETE, WAL_PAGES_HARD, WAL_PAGES_SOFT};
use crate::shared::Shared;
use crate::{mark, rows};
use payhal_failpoint::failpoint;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

/// The writer's side.
pub(crate) struct Checkpoints {
    /// Pages in the WAL after the last commit, by SQLite's own count.
    pages: Arc<AtomicI64>,
    /// Pages when the last pass was asked for or made.
    asked_at_pages: i64,
    /// Whether a pass was asked for since the writer last made one itself.
    asked: bool,
    /// Whether the thread has a pass to do.
    passing: Arc<AtomicBool>,
    /// When a pass is due if nothing else happens.
    idle_at: Option<Instant>,
    ask: Sender<()>,
}

impl Checkpoints {
    /// Watches `connection`, asks over `ask`.
    pub(crate) fn watch(
        connection: &mut Connection,
        ask: Sender<()>,
        passing: Arc<AtomicBool>,
    ) -> Result<Self, JournalError> {
        let pages = Arc::new(AtomicI64::new(0));
        let count = pages.clone();
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                count.store(i64::from(pages), Ordering::Relaxed);
                Ok(())
            }))
            .doing("open")?;
        Ok(Self {
            pages,
            asked_at_pages: 0,
            asked: false,
            passing,
            idle_at: None,
            ask,
        })
    }

    /// Asks for a pass when enough has come together; completes one when it must.
    pub(crate) fn after_commit(&mut self, connection: &Connection) -> Result<(), JournalError> {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.asked_at_pages {
            // SQLite started the WAL afresh.
            self.asked_at_pages = 0;
            self.asked = false;
        }
        let grown = pages - self.asked_at_pages;
        let passing = self.passing.load(Ordering::Acquire);
        let little_left = self.asked && !passing && pages >= WAL_PAGES_COMPLETE;
        if pages >= WAL_PAGES_HARD || (little_left && grown < WAL_PAGES_SOFT) {
            pass(connection)?;
            // A reader may keep the file from starting afresh: not again at every commit.
            self.asked_at_pages = pages;
            self.asked = false;
        } else if grown >= WAL_PAGES_SOFT && !passing {
            self.ask(pages);
        }
        self.idle_at = (pages >= WAL_PAGES_SOFT).then(|| Instant::now() + CHECKPOINT_IDLE);
        Ok(())
    }

    /// When [`Self::idle`] wants to be called, if no commit comes before.
    pub(crate) fn idle_at(&self) -> Option<Instant> {
        self.idle_at
    }

    /// Nothing has happened for a while: what the last pass had to leave is copied too.
    pub(crate) fn idle(&mut self) {
        self.idle_at = None;
        self.ask(self.pages.load(Ordering::Relaxed));
    }

    fn ask(&mut self, pages: i64) {
        self.asked_at_pages = pages;
        self.asked = true;
        self.passing.store(true, Ordering::Release);
        // Its thread is gone only after it stopped the journal.
        self.ask.send(()).ok();
    }
}

/// The thread's side.
pub(crate) struct Copier {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) passing: Arc<AtomicBool>,
    pub(crate) shared: Arc<Shared>,
}

impl Copier {
    /// One pass for each request, and a last one when the writer is gone, so that the next start
    /// has little to recover. After each it notes beside the journal how far that is.
    pub(crate) fn run(&self, asked: &Receiver<()>) {
        loop {
            let open = asked.recv().is_ok();
            if self.shared.stopped().is_some() {
                return;
            }
            if let Err(error) = pass(&self.connection) {
                self.shared.stop(&error);
                return;
            }
            self.passing.store(false, Ordering::Release);
            note(&self.connection, &self.path);
            if !open {
                return;
            }
        }
    }
}

/// A mark that lags behind only notices less: no reason to stop.
fn note(connection: &Connection, path: &Path) {
    let noted = rows::head(connection).and_then(|head| match head {
        Some(head) => mark::advance(path, head.position, head.stan),
        None => Ok(()),
    });
    if let Err(error) = noted {
        tracing::warn!("failed to {error}");
    }
}

/// Copies what an earlier process left. After a flush that failed, the system's cache may show
/// frames that never reached the disk: copied into the file they do.
pub(crate) fn at_open(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    pass(connection)?;
    note(connection, path);
    Ok(())
}

/// Copies everything, and lets the log start afresh.
pub(crate) fn all(connection: &Connection) -> Result<(), JournalError> {
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .doing("checkpoint")
}

/// Copies what can be copied without making anybody wait.
fn pass(connection: &Connection) -> Result<(), JournalError> {
    failpoint!("journal.copy.before");
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
        .doing("checkpoint")?;
    failpoint!("journal.copy.after");
    Ok(())
}
