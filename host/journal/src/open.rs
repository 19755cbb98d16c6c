// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening: lock, look for damage, bring the tables forward, restore, start the threads.

use crate::audit;
use crate::chain::{self, Link, Walk};
use crate::checkpoint::{self, Checkpoints, Copier};
use crate::error::{Doing, JournalError};
use crate::keys::Keys;
use crate::limits::CHAIN_TAIL_RECORDS;
use crate::prune::Pruning;
use crate::rows::{self, Began, Head, STORED};
use crate::shared::{self, Shared, Tell};
use crate::writer::Writer;
use crate::{Journal, Options, Question, connect, epoch, files, lookup, schema, wal};
use payhal_engine::ids::Position;
use payhal_engine::record::{Epoch, Restored};
use payhal_failpoint::failpoint;
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

pub(crate) fn open(
    path: &Path,
    options: &Options,
    tell: Tell,
) -> Result<(Journal, Restored), JournalError> {
    if let Some(retention) = options.retention {
        retention.check()?;
    }
    let lock = files::lock(path)?;
    failpoint!("journal.open.locked");
    // Before SQLite sees the WAL: it would drop what follows a damaged frame without a word.
    wal::check(path)?;
    let mut before = epoch::before(path)?;
    files::create_private(path)?;
    make(path)?;
    if shared::failed_before() {
        checkpoint::all(&connect::writer(path, None)?)?;
    }
    wal::prepare(path)?;
    let mut connection = connect::writer(path, options.pages_max)?;
    epoch::adopt_older(&connection, path, &mut before)?;
    schema::migrate(&mut connection, path)?;
    failpoint!("journal.open.migrated");
    let mut head = stand(&connection, path)?;
    let audit = audit::stand(&connection, path)?;
    let epoch = epoch::settle(&mut connection, path, &before, &mut head)?;
    failpoint!("journal.open.settled");
    if shared::failed_before() {
        prove_writing(&mut connection, &head)?;
        shared::forget_failure();
    }
    checkpoint::at_open(&connection, path)?;
    let restored = restored(&connection, &head, epoch.epoch())?;
    let shared = Arc::new(Shared::new(tell));
    let reading = connect::reader(path)?;
    let (orders, ordered) = mpsc::channel();
    let (questions, asked) = mpsc::channel::<Question>();
    let passing = Arc::new(AtomicBool::new(false));
    let (passes, passes_asked) = mpsc::channel();
    let checkpoints = Checkpoints::watch(&mut connection, passes, passing.clone())?;
    let writer = Writer {
        connection,
        pruning: Pruning::new(options.retention),
        head,
        audit,
        lines: HashMap::new(),
        shared: shared.clone(),
        checkpoints,
    };
    let copier = Copier {
        connection: connect::checkpointer(path)?,
        path: path.to_owned(),
        passing,
        shared: shared.clone(),
    };
    let keys = Arc::new(Keys::default());
    let filling = (connect::reader(path)?, keys.clone(), shared.clone());
    let threads = vec![
        spawn("journal-write", move || writer.run(&ordered))?,
        spawn("journal-read", move || answer(&reading, &asked))?,
        spawn("journal-copy", move || copier.run(&passes_asked))?,
        spawn("journal-keys", move || {
            fill(&filling.0, &filling.1, &filling.2)
        })?,
    ];
    let journal = Journal {
        orders: Some(orders),
        questions: Some(questions),
        threads,
        shared,
        keys,
        epoch: epoch.epoch(),
        _lock: lock,
    };
    Ok((journal, restored))
}

/// Makes the tables in an empty file, and gives a backup that was put in place a log of its own.
/// SQLite deletes a log that lies beside an empty file, so room for the log is made only after this.
fn make(path: &Path) -> Result<(), JournalError> {
    let empty = std::fs::metadata(path).doing("open")?.len() == 0;
    if !empty {
        if wal::has_log(path)? {
            return Ok(());
        }
        wal::check_none(path)?;
    }
    let mut connection = connect::writer(path, None)?;
    if empty {
        schema::migrate(&mut connection, path)?;
    }
    checkpoint::all(&connection)
}

/// One commit that changes nothing. Reading alone may work on a disk that still takes no writes,
/// and then the next payment would find out.
fn prove_writing(connection: &mut Connection, head: &Head) -> Result<(), JournalError> {
    let write = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .doing("write to")?;
    // A row that is overwritten with what it holds already is not written at all.
    write.execute("DELETE FROM head", ()).doing("write to")?;
    rows::put_head(&write, head)?;
    write.commit().doing("commit to")
}

/// What the engine is handed.
fn restored(connection: &Connection, head: &Head, epoch: Epoch) -> Result<Restored, JournalError> {
    Ok(Restored {
        position: Position(head.position),
        stan: head.stan,
        open: lookup::open_records(connection)?,
        closed: lookup::batches_closed(connection)?,
        epoch,
        last_at_micros: lookup::last_at_micros(connection)?,
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, JournalError> {
    Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .doing("start a thread for")
}

fn answer(connection: &Connection, questions: &mpsc::Receiver<Question>) {
    while let Ok(question) = questions.recv() {
        question(connection);
    }
}

/// Reads every key into the filter. Until that is done, every recall looks into the file.
fn fill(connection: &Connection, keys: &Keys, shared: &Shared) {
    if let Err(error) = lookup::all_keys(connection, keys, || shared.closing()) {
        tracing::warn!("every key is looked up in the file: failed to {error}");
    }
}

/// Where the journal stands, after comparing what says so with the last records themselves.
pub(crate) fn stand(connection: &Connection, path: &Path) -> Result<Head, JournalError> {
    let epochs = rows::epochs(connection)?;
    let first = epochs
        .first()
        .ok_or_else(|| JournalError::damaged(path, "its epoch is missing"))?;
    let origin = chain::origin(&first.id);
    let head = rows::head(connection)?.unwrap_or(Head {
        position: 0,
        chain: origin,
        stan: 0,
    });
    let last: Option<i64> = connection
        .query_row(
            "SELECT max(coalesce((SELECT max(position) FROM record), 0),
             coalesce((SELECT last FROM seal ORDER BY first DESC LIMIT 1), 0))",
            (),
            |row| row.get(0),
        )
        .doing("read")?;
    let last = last.unwrap_or(0);
    if last != rows::column(Position(head.position)) {
        let what = format!("its last record should be {}, and is {last}", head.position);
        return Err(JournalError::damaged(path, what));
    }
    check_tail(connection, path, origin, epochs, &head)?;
    Ok(head)
}

/// The chain over the last records.
fn check_tail(
    connection: &Connection,
    path: &Path,
    origin: Link,
    mut epochs: Vec<Began>,
    head: &Head,
) -> Result<(), JournalError> {
    let from = head.position.saturating_sub(CHAIN_TAIL_RECORDS);
    // Where the tail begins, its own link is what there is to go by.
    let (at, link) = match from {
        0 => (0, origin),
        _ => rows::link_at(connection, from)?.ok_or_else(|| {
            JournalError::damaged(path, format!("record {from} is not as written"))
        })?,
    };
    epochs.remove(0);
    epochs.retain(|began| began.position >= at);
    let seals = rows::seals(connection, at)?;
    let mut walk = Walk::from(path, (at, link), seals, epochs)?;
    let mut statement = connection
        .prepare(&format!("{STORED} WHERE position > ?1 ORDER BY position"))
        .doing("read")?;
    let mut found = statement
        .query(params![rows::column(Position(at))])
        .doing("read")?;
    while let Some(row) = found.next().doing("read")? {
        walk.record(&rows::stored(row).doing("read")?, None)?;
    }
    walk.unread_stan().end(head)?;
    Ok(())
}
