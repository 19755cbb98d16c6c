// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one thread that commits. What queued while the last commit ran goes into the next one.
//!
//! After a failed commit it writes nothing more, not even the same again: after a failed flush
//! nobody knows what is on disk until it is read.

use crate::chain;
use crate::checkpoint::Checkpoints;
use crate::error::{Doing, JournalError};
use crate::limits::{COMMIT_RECORDS_MAX, LAZY_WAIT, LINES_KEPT_MAX};
use crate::project;
use crate::rows::{self, Head};
use crate::shared::{Happened, Shared};
use crate::view::Summary;
use payhal_engine::ids::{Position, TransactionId};
use payhal_engine::record::{Fact, Record};
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

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) head: Head,
    /// Lines of open transactions. Only what is in the tables too.
    pub(crate) lines: HashMap<TransactionId, Summary>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) checkpoints: Checkpoints,
}

impl Writer {
    /// Runs until every sender is gone and what they queued is on disk, or a commit fails.
    pub(crate) fn run(mut self, appends: &Receiver<Append>) {
        let mut batch = Vec::new();
        loop {
            let open = collect(appends, &mut batch, &mut self.checkpoints);
            if !batch.is_empty() {
                self.shared.waiting.fetch_sub(batch.len(), Ordering::AcqRel);
                if self.shared.stopped().is_some() {
                    return;
                }
                if let Err(error) = self.commit(&batch) {
                    self.shared.stop(&error);
                    return;
                }
                batch.clear();
                failpoint!("journal.tell.before");
                self.shared
                    .tell(Happened::Durable(Position(self.head.position)));
                failpoint!("journal.tell.after");
                if let Err(error) = self.checkpoints.after_commit(&self.connection) {
                    self.shared.stop(&error);
                    return;
                }
            }
            if !open {
                return;
            }
        }
    }

    fn commit(&mut self, batch: &[Append]) -> Result<(), JournalError> {
        failpoint!("journal.write.before");
        let mut head = self.head.clone();
        let write = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("write to")?;
        for append in batch {
            put(&write, &mut head, &mut self.lines, append)?;
        }
        rows::put_head(&write, &head)?;
        failpoint!("journal.commit.before");
        write.commit().doing("commit to")?;
        failpoint!("journal.commit.after");
        self.head = head;
        self.shared.syncs.fetch_add(1, Ordering::Release);
        Ok(())
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
    if let Fact::Intent(intent) = &record.fact {
        head.stan = project::later_stan(head.stan, intent.wire.stan);
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

/// Waits for something that must be written, then takes all that is there. Lazy records wait for
/// company a little. `false`: every sender is gone.
fn collect(
    appends: &Receiver<Append>,
    batch: &mut Vec<Append>,
    checkpoints: &mut Checkpoints,
) -> bool {
    let mut lazy_until: Option<Instant> = None;
    loop {
        match appends.try_recv() {
            Ok(append) => {
                if !append.lazy {
                    batch.push(append);
                    return drain(appends, batch);
                }
                lazy_until.get_or_insert_with(|| Instant::now() + LAZY_WAIT);
                batch.push(append);
                if batch.len() >= COMMIT_RECORDS_MAX {
                    return true;
                }
                continue;
            }
            Err(TryRecvError::Disconnected) => return false,
            Err(TryRecvError::Empty) => {}
        }
        let received = match lazy_until.or_else(|| checkpoints.idle_at()) {
            Some(at) => appends.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => appends.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(append) if append.lazy => {
                lazy_until.get_or_insert_with(|| Instant::now() + LAZY_WAIT);
                batch.push(append);
            }
            Ok(append) => {
                batch.push(append);
                return drain(appends, batch);
            }
            Err(RecvTimeoutError::Timeout) if lazy_until.is_some() => return true,
            Err(RecvTimeoutError::Timeout) => checkpoints.idle(),
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn drain(appends: &Receiver<Append>, batch: &mut Vec<Append>) -> bool {
    while batch.len() < COMMIT_RECORDS_MAX {
        match appends.try_recv() {
            Ok(append) => batch.push(append),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    true
}
