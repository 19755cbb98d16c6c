// SPDX-License-Identifier: MIT OR Apache-2.0
//! The durable journal of transactions, on SQLite.
//!
//! [`Journal::open`] takes the file for this process, checks it and hands over what has not come to
//! rest. [`Journal::append`] queues a record; one thread commits what has queued together and tells
//! `Durable(position)`. A second thread answers recalls, views and lists from its own connection,
//! which sees only what is committed. A third copies the WAL back.
//!
//! It must never say that something is on disk which is not, never write again after a failed
//! commit, and never decide anything about a transaction: it keeps what the engine says.
#![forbid(unsafe_code)]

mod audit;
mod backup;
mod chain;
mod checkpoint;
mod connect;
mod epoch;
mod error;
mod export;
mod files;
#[doc(hidden)]
pub mod fuzz;
mod kept;
mod keys;
pub mod limits;
mod list;
mod lookup;
mod mark;
mod offline;
mod open;
mod project;
mod prune;
mod rows;
mod schema;
mod shared;
mod spent;
mod tokens;
mod view;
mod wal;
mod writer;

pub use audit::{AuditPage, AuditReport, Audited, Entry};
pub use backup::backup;
pub use epoch::{EpochBegan, Reason, adopt};
pub use error::{Fault, JournalError};
pub use export::{Format, Span, export, export_audit};
pub use offline::{Look, Report, audit, epochs, look, open_transactions, show, verify};
pub use prune::Pruned;
pub use shared::Happened;
pub use tokens::{TokenFilter, TokenPage};
pub use view::{Became, Cursor, Filter, NotACursor, Offline, Page, Sought, Summary, View};

use audit::Audit;
use keys::{KeyHash, Keys};
use limits::{APPENDS_WAITING_MAX, AUDITS_WAITING_MAX, VIEWS_WAITING_MAX};
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{IdempotencyKey, Position, RecallId, Scope};
use payhal_engine::record::{Epoch, Record, Restored};
use payhal_failpoint::failpoint;
use prune::Prune;
use rusqlite::Connection;
use shared::Shared;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use writer::{Append, Order};

/// How a journal is opened.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Pages of 4 KiB the file may have, as a full disk would have it. Absent: as many as there is
    /// room for.
    pub pages_max: Option<u32>,
    /// Prunes by itself once a day, when nothing has been written for a while.
    pub retention: Option<Retention>,
}

/// How long transactions stay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// Days after its last record that a transaction stays.
    pub days: u32,
    /// Days after its end that the key of a pruned one keeps its answer.
    pub keys_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            days: limits::RETENTION_DAYS,
            keys_days: limits::KEYS_RETENTION_DAYS,
        }
    }
}

/// A question for the reader's thread.
type Question = Box<dyn FnOnce(&Connection) + Send>;

/// Which keys a journal may hold: known without its file, and longer than it is open. True for as
/// long as no later journal on the same file takes records.
#[derive(Clone, Debug)]
pub struct KnownKeys(Arc<Keys>);

impl KnownKeys {
    /// Whether no record of this key was ever queued. `false` says nothing.
    pub fn lacks(&self, scope: &Scope, key: &IdempotencyKey) -> bool {
        let hash = KeyHash::of(&scope.register.0, scope.generation, &key.0);
        self.0.lacks(hash)
    }
}

/// An open journal. Dropping it writes what is queued, and waits for that.
pub struct Journal {
    // Dropped in `drop`, so that the threads end.
    orders: Option<Sender<Order>>,
    questions: Option<Sender<Question>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    keys: Arc<Keys>,
    epoch: Epoch,
    // Let go last.
    _lock: files::Lock,
}

impl Journal {
    /// Opens the journal, or makes one. `tell` is called from the journal's threads and must not
    /// block; it is called for nothing before the first append or recall.
    pub fn open(
        path: impl AsRef<Path>,
        options: &Options,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> Result<(Self, Restored), JournalError> {
        open::open(path.as_ref(), options, Box::new(tell))
    }

    /// Queues a record for the next commit; `Durable` follows. A `lazy` one may wait a little for
    /// company. Positions must follow one another. An error means that it will never be durable.
    pub fn append(
        &self,
        position: Position,
        record: Box<Record>,
        lazy: bool,
    ) -> Result<(), JournalError> {
        self.running()?;
        // Before it is queued: whoever asks from now on must not be told that it is new.
        if let Some(key) = project::key(&record.fact) {
            self.keys.add(key);
        }
        let waiting = self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        if waiting >= APPENDS_WAITING_MAX {
            let error = JournalError::QueueFull {
                max: APPENDS_WAITING_MAX,
            };
            // A record left out would leave a gap: nothing after it can be written.
            self.shared.stop(&error);
            return Err(error);
        }
        failpoint!("journal.append.before");
        self.order(Order::Append(Append {
            position,
            record,
            lazy,
        }))?;
        failpoint!("journal.append.after");
        Ok(())
    }

    /// Queues an entry of the audit for the next commit; a `lazy` one may wait a little for company.
    /// `done` is told its number once it is on disk, or why it never will be: then nothing that
    /// depends on it may be done. Only a journal dropped or stopped meanwhile drops `done`.
    pub fn audit(
        &self,
        entry: &Entry,
        lazy: bool,
        done: impl FnOnce(Result<u64, JournalError>) + Send + 'static,
    ) {
        let audit = match Audit::new(entry, lazy, Box::new(done)) {
            Ok(audit) => audit,
            Err((error, done)) => return done(Err(error)),
        };
        if let Err(error) = self.running() {
            return (audit.done)(Err(error));
        }
        if self.shared.audits.fetch_add(1, Ordering::AcqRel) >= AUDITS_WAITING_MAX {
            self.shared.audits.fetch_sub(1, Ordering::AcqRel);
            return (audit.done)(Err(JournalError::QueueFull {
                max: AUDITS_WAITING_MAX,
            }));
        }
        let orders = self.orders.as_ref().expect("open until dropped");
        if let Err(unsent) = orders.send(Order::Audit(audit))
            && let Order::Audit(audit) = unsent.0
        {
            (audit.done)(Err(self.gone()));
        }
    }

    /// What was done to the host, newest first: entries before that number, where one is given.
    pub fn audited(
        &self,
        before: Option<u64>,
        rows: u32,
        reply: impl FnOnce(Result<AuditPage, JournalError>) + Send + 'static,
    ) {
        self.look(
            move |connection| audit::list(connection, before, rows),
            reply,
        );
    }

    /// The keys it knows, for when it cannot be asked any more.
    pub fn known_keys(&self) -> KnownKeys {
        KnownKeys(self.keys.clone())
    }

    /// Queues a lookup; `Recalled` follows, or `Failed` if the journal cannot be read. For a key that
    /// was never journaled it follows at once, on this thread.
    pub fn recall(&self, recall: RecallId, by: RecallBy) -> Result<(), JournalError> {
        if let RecallBy::Key(scope, key) = &by
            && self.known_keys().lacks(scope, key)
        {
            self.shared.tell(Happened::Recalled(recall, None));
            return Ok(());
        }
        let shared = self.shared.clone();
        self.ask(Box::new(move |connection| {
            failpoint!("journal.recall.before");
            match lookup::past(connection, &by) {
                Ok(past) => shared.tell(Happened::Recalled(recall, past.map(Box::new))),
                // An answer "nothing" could charge twice.
                Err(error) => shared.stop(&error),
            }
            failpoint!("journal.recall.after");
        }))
    }

    /// Everything about one transaction.
    pub fn view(
        &self,
        by: RecallBy,
        reply: impl FnOnce(Result<Option<View>, JournalError>) + Send + 'static,
    ) {
        self.look(move |connection| lookup::view(connection, &by), reply);
    }

    /// One page of transactions, newest first.
    pub fn list(
        &self,
        filter: Filter,
        reply: impl FnOnce(Result<Page, JournalError>) + Send + 'static,
    ) {
        self.look(move |connection| list::list(connection, &filter), reply);
    }

    /// One page of the payment tokens that registers keep, the newest first.
    pub fn tokens(
        &self,
        filter: TokenFilter,
        reply: impl FnOnce(Result<TokenPage, JournalError>) + Send + 'static,
    ) {
        self.look(move |connection| tokens::list(connection, &filter), reply);
    }

    /// What is known of sales that were accepted offline.
    pub fn offline(&self, reply: impl FnOnce(Result<Offline, JournalError>) + Send + 'static) {
        self.look(lookup::offline, reply);
    }

    /// Every transaction that has not come to rest, oldest first.
    pub fn unresolved(
        &self,
        reply: impl FnOnce(Result<Vec<Summary>, JournalError>) + Send + 'static,
    ) {
        self.look(lookup::unresolved, reply);
    }

    /// Drops transactions that are at rest and older than `retention`, between commits. `reply` is
    /// called once, unless the journal is dropped meanwhile.
    pub fn prune(
        &self,
        retention: Retention,
        reply: impl FnOnce(Result<Pruned, JournalError>) + Send + 'static,
    ) -> Result<(), JournalError> {
        let retention = retention.check()?;
        self.running()?;
        self.order(Order::Prune(Prune {
            retention,
            reply: Box::new(reply),
        }))
    }

    fn order(&self, order: Order) -> Result<(), JournalError> {
        let orders = self.orders.as_ref().expect("open until dropped");
        orders.send(order).map_err(|_| self.gone())
    }

    /// Commits so far, each with one flush.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Acquire)
    }

    /// Why it stopped, once it has.
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.shared.stopped().cloned()
    }

    /// The epoch it is in.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Asks on the reader's thread. `reply` is called exactly once, on that thread or on this one;
    /// only a journal dropped meanwhile drops it.
    fn look<T: 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
        reply: impl FnOnce(Result<T, JournalError>) + Send + 'static,
    ) {
        let shared = self.shared.clone();
        if shared.views.fetch_add(1, Ordering::AcqRel) >= VIEWS_WAITING_MAX {
            shared.views.fetch_sub(1, Ordering::AcqRel);
            return reply(Err(JournalError::QueueFull {
                max: VIEWS_WAITING_MAX,
            }));
        }
        let asked = self.ask(Box::new(move |connection| {
            let found = question(connection);
            shared.views.fetch_sub(1, Ordering::AcqRel);
            reply(found);
        }));
        debug_assert!(asked.is_ok(), "the reader runs as long as the journal");
    }

    fn ask(&self, question: Question) -> Result<(), JournalError> {
        let questions = self.questions.as_ref().expect("open until dropped");
        questions.send(question).map_err(|_| self.gone())
    }

    fn running(&self) -> Result<(), JournalError> {
        match self.shared.stopped() {
            Some(reason) => Err(JournalError::Stopped {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    fn gone(&self) -> JournalError {
        let reason = self.shared.stopped().cloned();
        JournalError::Stopped {
            reason: reason.unwrap_or_else(|| "its thread is gone".into()),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.close();
        self.orders.take();
        self.questions.take();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to write.
            thread.join().ok();
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("syncs", &self.syncs())
            .field("stopped", &self.stopped())
            .finish_non_exhaustive()
    }
}
