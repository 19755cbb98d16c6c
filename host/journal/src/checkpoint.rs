// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies the WAL back into the file, off the commit path.
//!
//! A thread of its own does it, with its own connection, while the writer goes on. Only when a
//! stream of commits without any gap never lets it reach the end does the writer complete it.

use crate::error::{Doing, JournalError};
use crate::limits::{CHECKPOINT_IDLE, WAL_PAGES_HARD, WAL_PAGES_SOFT};
use crate::shared::Shared;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

/// The writer's side.
pub(crate) struct Checkpoints {
    /// Pages in the WAL after the last commit, by SQLite's own count.
    pages: Arc<AtomicI64>,
    /// Pages when the last pass was asked for.
    asked_at_pages: i64,
    /// When a pass is due if nothing else happens.
    idle_at: Option<Instant>,
    ask: Sender<()>,
}

impl Checkpoints {
    /// Watches `connection`, asks over `ask`.
    pub(crate) fn watch(
        connection: &mut Connection,
        ask: Sender<()>,
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
        }
        if pages >= WAL_PAGES_HARD {
            pass(connection)?;
            self.asked_at_pages = pages;
        } else if pages - self.asked_at_pages >= WAL_PAGES_SOFT {
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
        // Its thread is gone only after it stopped the journal.
        self.ask.send(()).ok();
    }
}

/// The thread: one pass for each request, and a last one when the writer is gone, so that the next
/// start has little to recover.
pub(crate) fn run(connection: &Connection, asked: &Receiver<()>, shared: &Shared) {
    loop {
        let open = asked.recv().is_ok();
        if shared.stopped().is_some() {
            return;
        }
        if let Err(error) = pass(connection) {
            shared.stop(&error);
            return;
        }
        if !open {
            return;
        }
        // Requests that came meanwhile are answered by the next commit's count.
        while asked.try_recv().is_ok() {}
    }
}

/// Copies what can be copied without making anybody wait.
fn pass(connection: &Connection) -> Result<(), JournalError> {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
        .doing("checkpoint")
}
