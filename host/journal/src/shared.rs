// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the journal's threads and its owner share: counters, whether it stopped, and where news go.

use crate::error::JournalError;
use payhal_engine::ids::{Position, RecallId};
use payhal_engine::record::Past;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What the journal tells its owner, from its own threads.
#[derive(Clone, Debug)]
pub enum Happened {
    /// Everything up to here is on disk.
    Durable(Position),
    /// A commit or a lookup failed: nothing is written any more. Discard the engine and open the
    /// journal again; what is on disk counts. Told once.
    Failed(Arc<str>),
    /// The answer to a recall.
    Recalled(RecallId, Option<Box<Past>>),
}

/// Whether a journal of this process failed since the last one was opened: what the system's cache
/// shows of its log may not be on the disk.
static FAILED: AtomicBool = AtomicBool::new(false);

pub(crate) fn failed_before() -> bool {
    FAILED.load(Ordering::Acquire)
}

/// What the cache shows was written anew and flushed.
pub(crate) fn forget_failure() {
    FAILED.store(false, Ordering::Release);
}

/// Takes news. Called from the journal's threads; must not block.
pub(crate) type Tell = Box<dyn Fn(Happened) + Send + Sync>;

pub(crate) struct Shared {
    /// Commits so far.
    pub(crate) syncs: AtomicU64,
    /// Records not taken by the writer yet.
    pub(crate) waiting: AtomicUsize,
    /// Audit entries not taken by the writer yet.
    pub(crate) audits: AtomicUsize,
    /// Views and lists not answered yet.
    pub(crate) views: AtomicUsize,
    closing: AtomicBool,
    stopped: OnceLock<Arc<str>>,
    tell: Tell,
}

impl Shared {
    pub(crate) fn new(tell: Tell) -> Self {
        Self {
            syncs: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            audits: AtomicUsize::new(0),
            views: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            stopped: OnceLock::new(),
            tell,
        }
    }

    pub(crate) fn tell(&self, happened: Happened) {
        (self.tell)(happened);
    }

    /// Nothing is written from now on.
    pub(crate) fn stop(&self, error: &JournalError) {
        let reason: Arc<str> = error.to_string().into();
        if self.stopped.set(reason.clone()).is_ok() {
            FAILED.store(true, Ordering::Release);
            tracing::error!("failed to {reason}");
            self.tell(Happened::Failed(reason));
        }
    }

    /// The owner is letting go: long work that nobody waits for ends early.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn stopped(&self) -> Option<&Arc<str>> {
        self.stopped.get()
    }
}
