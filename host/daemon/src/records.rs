// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal as the daemon holds it: one that may have to be closed and opened anew.

use crate::audit::Audit;
use payhal_dispatcher::ports::JournalPort;
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::{IdempotencyKey, Position, RecallId, Scope, TransactionId};
use payhal_engine::record::{Epoch, Record, Restored};
use payhal_journal::{
    AuditPage, Filter, Happened, Journal, JournalError, KnownKeys, Offline, Options, Page,
    TokenFilter, TokenPage, View,
};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The journal, while there is one.
#[derive(Clone)]
pub(crate) struct Records {
    path: PathBuf,
    options: Options,
    tell: Arc<dyn Fn(Happened) + Send + Sync>,
    journal: Arc<Mutex<Option<Journal>>>,
    /// Of the journal that was open last.
    known: Arc<Mutex<Option<KnownKeys>>>,
    /// Of the journal that was opened last.
    epoch: Arc<Mutex<Epoch>>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// Nothing is opened yet. `tell` must not block.
    pub(crate) fn new(
        path: PathBuf,
        options: Options,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> Self {
        Self {
            path,
            options,
            tell: Arc::new(tell),
            journal: Arc::default(),
            known: Arc::default(),
            epoch: Arc::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Option<KnownKeys>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what is open, and opens the journal from disk.
    pub(crate) fn open(&self) -> Result<Restored, JournalError> {
        let mut held = self.held();
        // The former one lets its lock go first.
        held.take();
        let tell = Arc::clone(&self.tell);
        let (journal, restored) =
            Journal::open(&self.path, &self.options, move |happened| tell(happened))?;
        *self.known() = Some(journal.known_keys());
        *held = Some(journal);
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = restored.epoch;
        Ok(restored)
    }

    /// Whether a key is older than the journal: that it is not in it says nothing.
    pub(crate) fn outlived(&self, key: &IdempotencyKey) -> bool {
        let epoch = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        epoch.predates(key)
    }

    /// Writes what is queued and closes.
    pub(crate) fn close(&self) {
        self.held().take();
    }

    /// Commits so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.held().as_ref().map_or(0, Journal::syncs)
    }

    /// One transaction by its id.
    pub(crate) async fn view(&self, id: TransactionId) -> Result<Option<View>, String> {
        self.view_by(RecallBy::Transaction(id)).await
    }

    /// One transaction by its register's key.
    pub(crate) async fn view_by_key(
        &self,
        scope: Scope,
        key: IdempotencyKey,
    ) -> Result<Option<View>, String> {
        self.view_by(RecallBy::Key(scope, key)).await
    }

    async fn view_by(&self, by: RecallBy) -> Result<Option<View>, String> {
        self.look(|journal, reply| {
            journal.view(by, move |found| {
                // Whoever asked may be gone.
                reply.send(found).ok();
            });
        })
        .await
    }

    /// A page of transactions, newest first.
    pub(crate) async fn list(&self, filter: Filter) -> Result<Page, String> {
        self.look(|journal, reply| {
            journal.list(filter, move |found| {
                reply.send(found).ok();
            });
        })
        .await
    }

    /// What is known of sales that were accepted offline.
    pub(crate) async fn offline(&self) -> Result<Offline, String> {
        self.look(|journal, reply| {
            journal.offline(move |found| {
                reply.send(found).ok();
            });
        })
        .await
    }

    /// A page of the payment tokens that registers keep, newest first.
    pub(crate) async fn tokens(&self, filter: TokenFilter) -> Result<TokenPage, String> {
        self.look(|journal, reply| {
            journal.tokens(filter, move |found| {
                reply.send(found).ok();
            });
        })
        .await
    }

    /// Keeps what was done, or is about to be: it is on disk when this answers with its number.
    /// An error means that nothing that depends on it may be done.
    pub(crate) async fn audit(&self, audit: Audit) -> Result<u64, String> {
        self.look(|journal, reply| {
            journal.audit(audit.entry(), false, move |written| {
                // Whoever asked may be gone.
                reply.send(written).ok();
            });
        })
        .await
    }

    /// Keeps what was done, soon: for what a record in the journal proves as well.
    pub(crate) fn audit_later(&self, audit: &Audit) {
        let told = |written: Result<u64, JournalError>| {
            if let Err(error) = written {
                tracing::error!("what was done is not in the audit: failed to {error}");
            }
        };
        match &*self.held() {
            Some(journal) => journal.audit(audit.entry(), true, told),
            None => tracing::error!("what was done is not in the audit: the journal is closed"),
        }
    }

    /// What was done, newest first.
    pub(crate) async fn audited(
        &self,
        before: Option<u64>,
        rows: u32,
    ) -> Result<AuditPage, String> {
        self.look(|journal, reply| {
            journal.audited(before, rows, move |found| {
                reply.send(found).ok();
            });
        })
        .await
    }

    async fn look<T>(
        &self,
        ask: impl FnOnce(&Journal, oneshot::Sender<Result<T, JournalError>>),
    ) -> Result<T, String> {
        let (reply, found) = oneshot::channel();
        match &*self.held() {
            Some(journal) => ask(journal, reply),
            None => return Err("the journal is closed".to_owned()),
        }
        match found.await {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(_) => Err("the journal was closed".to_owned()),
        }
    }

    /// Whether the file holds this key, asked past a journal that is closed: in memory, then on a
    /// disk that may not answer either. An error counts as yes: "nothing moved" is said only when
    /// it is known.
    pub(crate) fn may_hold(&self, scope: Scope, key: IdempotencyKey) -> bool {
        let is_new = |known: &KnownKeys| known.lacks(&scope, &key);
        if self.known().as_ref().is_some_and(is_new) {
            return false;
        }
        let found = payhal_journal::show(&self.path, &RecallBy::Key(scope, key));
        found.map_or(true, |view| view.is_some())
    }

    fn failed(&self, why: String) {
        (self.tell)(Happened::Failed(why.into()));
    }
}

impl JournalPort for Records {
    fn append(&mut self, position: Position, record: Box<Record>, lazy: bool) {
        let appended = match &*self.held() {
            Some(journal) => journal
                .append(position, record, lazy)
                .map_err(|why| why.to_string()),
            None => Err("the journal is closed".to_owned()),
        };
        if let Err(why) = appended {
            self.failed(why);
        }
    }

    fn recall(&mut self, recall: RecallId, by: RecallBy) {
        let asked = match &*self.held() {
            Some(journal) => journal.recall(recall, by).map_err(|why| why.to_string()),
            None => Err("the journal is closed".to_owned()),
        };
        if let Err(why) = asked {
            self.failed(why);
        }
    }
}
