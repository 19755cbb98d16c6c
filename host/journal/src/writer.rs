// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one thread that commits. What queued while the last commit ran goes into the next one.
//!
//! After a failed commit it writes nothing more, not even the same again: after a failed flush
//! nobody knows what is on disk until it is read.

use crate::audit::{self, Audit, AuditHead};
use crate::chain;
use crate::checkpoint::Checkpoints;
use crate::error::{Doing, JournalError};
use crate::limits::{COMMIT_RECORDS_MAX, LAZY_WAIT, LINES_KEPT_MAX};
use crate::project;
use crate::prune::{Prune, Pruning};
use crate::rows::{self, Head};
use crate::shared::{Happened, Shared};
use crate::spent;
use crate::tokens;
use crate::view::Summary;
use payhal_engine::ids::{Position, TransactionId};
use payhal_engine::record::Record;
use payhal_failpoint::failpoint;
use rusqlite::{Connection, TransactionBehavior};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Instant;

/// A record on its way.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) position: Position,
    pub(crate) record: Box<Record>,
    pub(crate) lazy: bool,
}

/// What the writer is asked to do.
pub(crate) enum Order {
    Append(Append),
    Audit(Audit),
    Prune(Prune),
}

/// What goes into the next commit.
#[derive(Default)]
struct Batch {
    appends: Vec<Append>,
    audits: Vec<Audit>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.audits.is_empty()
    }

    fn is_full(&self) -> bool {
        self.appends.len() + self.audits.len() >= COMMIT_RECORDS_MAX
    }
}

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) head: Head,
    pub(crate) audit: AuditHead,
    /// Lines of open transactions. Only what is in the tables too.
    pub(crate) lines: HashMap<TransactionId, Summary>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) pruning: Pruning,
}

impl Writer {
    /// Runs until every sender is gone and what they queued is on disk, or a commit fails.
    pub(crate) fn run(mut self, orders: &Receiver<Order>) {
        let mut batch = Batch::default();
        loop {
            let open = self.collect(orders, &mut batch);
            let done = if batch.is_empty() {
                self.work_in_a_pause()
            } else {
                self.write(&mut batch)
            };
            if let Err(error) = done {
                self.shared.stop(&error);
            }
            if !open || self.shared.stopped().is_some() {
                return;
            }
        }
    }

    fn write(&mut self, batch: &mut Batch) -> Result<(), JournalError> {
        let (appends, audits) = (batch.appends.len(), batch.audits.len());
        self.shared.waiting.fetch_sub(appends, Ordering::AcqRel);
        self.shared.audits.fetch_sub(audits, Ordering::AcqRel);
        if let Some(reason) = self.shared.stopped() {
            let reason = reason.clone();
            tell_audits(batch, &Err(JournalError::Stopped { reason }));
            return Ok(());
        }
        let first = self.audit.seq + 1;
        if let Err(error) = self.commit(batch) {
            // First: whoever is told may ask again at once, and nothing more would be answered.
            self.shared.stop(&error);
            tell_audits(batch, &Err(error.clone()));
            return Err(error);
        }
        batch.appends.clear();
        failpoint!("journal.tell.before");
        if appends > 0 {
            self.shared
                .tell(Happened::Durable(Position(self.head.position)));
        }
        tell_audits(batch, &Ok(first));
        failpoint!("journal.tell.after");
        self.pruning.wrote();
        self.checkpoints.after_commit(&self.connection)
    }

    /// Nothing is queued.
    fn work_in_a_pause(&mut self) -> Result<(), JournalError> {
        let due = self.pruning.due();
        let now = Instant::now();
        if due.is_some_and(|at| at <= now) && !self.shared.closing() {
            self.pruning.step(&mut self.connection, &mut self.audit)?;
            return self.checkpoints.after_commit(&self.connection);
        }
        if self.checkpoints.idle_at().is_some_and(|at| at <= now) {
            self.checkpoints.idle();
        }
        Ok(())
    }

    /// Waits for something that must be written, then takes all that is there. Lazy records wait
    /// for company a little. Comes back empty when there is other work. `false`: every sender is
    /// gone.
    fn collect(&mut self, orders: &Receiver<Order>, batch: &mut Batch) -> bool {
        let mut lazy_until: Option<Instant> = None;
        loop {
            let order = match orders.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => {
                    match wait(orders, lazy_until.or_else(|| self.other_work())) {
                        Ok(order) => order,
                        Err(RecvTimeoutError::Timeout) => return true,
                        Err(RecvTimeoutError::Disconnected) => return false,
                    }
                }
            };
            match self.take(order, batch) {
                None => continue,
                Some(true) => {
                    lazy_until.get_or_insert_with(|| Instant::now() + LAZY_WAIT);
                }
                Some(false) => return self.drain(orders, batch),
            }
            if batch.is_full() {
                return true;
            }
        }
    }

    /// Whether what was added may wait for company; nothing if nothing was.
    fn take(&mut self, order: Order, batch: &mut Batch) -> Option<bool> {
        match order {
            Order::Append(append) => {
                let lazy = append.lazy;
                batch.appends.push(append);
                Some(lazy)
            }
            Order::Audit(audit) => {
                let lazy = audit.lazy;
                batch.audits.push(audit);
                Some(lazy)
            }
            Order::Prune(prune) => {
                self.pruning.ask(prune);
                None
            }
        }
    }

    fn other_work(&self) -> Option<Instant> {
        let (copy, prune) = (self.checkpoints.idle_at(), self.pruning.due());
        copy.into_iter().chain(prune).min()
    }

    fn drain(&mut self, orders: &Receiver<Order>, batch: &mut Batch) -> bool {
        while !batch.is_full() {
            match orders.try_recv() {
                Ok(order) => {
                    self.take(order, batch);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), JournalError> {
        failpoint!("journal.write.before");
        let (mut head, mut audit) = (self.head.clone(), self.audit.clone());
        let write = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("write to")?;
        for append in &batch.appends {
            put(&write, &mut head, &mut self.lines, append)?;
        }
        for entry in &batch.audits {
            audit::put(&write, &mut audit, entry)?;
        }
        if head != self.head {
            rows::put_head(&write, &head)?;
        }
        if audit != self.audit {
            audit::put_head(&write, &audit)?;
        }
        failpoint!("journal.commit.before");
        write.commit().doing("commit to")?;
        failpoint!("journal.commit.after");
        (self.head, self.audit) = (head, audit);
        self.shared.syncs.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

/// Tells each entry's owner its number, from the first of them on, or what went wrong.
fn tell_audits(batch: &mut Batch, written: &Result<u64, JournalError>) {
    for (later, audit) in (0..).zip(batch.audits.drain(..)) {
        (audit.done)(written.clone().map(|first| first + later));
    }
}

/// Writes one record with everything that is derived from it.
fn put(
    connection: &Connection,
    head: &mut Head,
    lines: &mut HashMap<TransactionId, Summary>,
    append: &Append,
) -> Result<(), JournalError> {
    let Append {
        position, record, ..
    } = append;
    if position.0 != head.position + 1 {
        return Err(JournalError::OutOfOrder {
            found: position.0,
            last: head.position,
        });
    }
    let body = serde_json::to_string(record).expect("records are plain trees with text keys");
    head.chain = chain::next(&head.chain, position.0, body.as_bytes());
    head.position = position.0;
    if let Some(stan) = project::stan(&record.fact) {
        head.stan = project::later_stan(head.stan, stan);
    }
    let before = match lines.remove(&record.transaction_id) {
        Some(line) => Some(line),
        None => rows::summary_of(connection, record.transaction_id)?,
    };
    let known = before.is_some();
    let line = project::apply(before, *position, record).ok_or(JournalError::NoBeginning {
        position: position.0,
    })?;
    rows::put_record(connection, *position, record, &body, &head.chain)?;
    spent::put(connection, *position, record)?;
    tokens::put(connection, *position, record)?;
    if known {
        rows::change_summary(connection, &line)?;
    } else {
        rows::add_summary(connection, &line)?;
    }
    if line.open() && lines.len() < LINES_KEPT_MAX {
        lines.insert(line.transaction_id, line);
    }
    Ok(())
}

fn wait(orders: &Receiver<Order>, until: Option<Instant>) -> Result<Order, RecvTimeoutError> {
    match until {
        Some(at) => orders.recv_timeout(at.saturating_duration_since(Instant::now())),
        None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}
