// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening: lock, look for damage, bring the tables forward, restore, start the threads.

use crate::chain::{self, Link};
use crate::checkpoint::{self, Checkpoints};
use crate::error::{Doing, JournalError};
use crate::limits::CHAIN_TAIL_RECORDS;
use crate::rows::{self, Head, STORED};
use crate::shared::{Shared, Tell};
use crate::writer::Writer;
use crate::{Journal, Options, Question, connect, files, lookup, schema, wal};
use payhal_engine::ids::Position;
use payhal_engine::record::{Epoch, Restored};
use payhal_failpoint::failpoint;
use rusqlite::{Connection, params};
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
    let lock = files::lock(path)?;
    failpoint!("journal.open.locked");
    // Before SQLite sees the WAL: it would drop what follows a damaged frame without a word.
    wal::check(path)?;
    files::create_private(path)?;
    make(path)?;
    wal::prepare(path)?;
    let mut connection = connect::writer(path, options.pages_max)?;
    schema::migrate(&mut connection, path)?;
    failpoint!("journal.open.migrated");
    let (epoch_id, head) = stand(&connection, path)?;
    let restored = Restored {
        position: Position(head.position),
        stan: head.stan,
        open: lookup::open_records(&connection)?,
        closed: Vec::new(),
        epoch: Epoch::default(),
    };

    let shared = Arc::new(Shared::new(tell));
    let reading = connect::reader(path)?;
    let copying = connect::checkpointer(path)?;
    let (appends, appended) = mpsc::channel();
    let (questions, asked) = mpsc::channel::<Question>();
    let passing = Arc::new(AtomicBool::new(false));
    let (passes, passes_asked) = mpsc::channel();
    let checkpoints = Checkpoints::watch(&mut connection, passes, passing.clone())?;
    let writer = Writer {
        connection,
        head,
        lines: HashMap::new(),
        shared: shared.clone(),
        checkpoints,
    };
    let checkpoints_shared = shared.clone();
    let threads = vec![
        spawn("journal-write", move || writer.run(&appended))?,
        spawn("journal-read", move || answer(&reading, &asked))?,
        spawn("journal-copy", move || {
            checkpoint::run(&copying, &passes_asked, &passing, &checkpoints_shared);
        })?,
    ];
    let journal = Journal {
        appends: Some(appends),
        questions: Some(questions),
        threads,
        shared,
        epoch_id,
        _lock: lock,
    };
    Ok((journal, restored))
}

/// Makes the tables in an empty file. SQLite deletes a log that lies beside an empty file, so room
/// for the log is made only after this.
fn make(path: &Path) -> Result<(), JournalError> {
    if std::fs::metadata(path).doing("open")?.len() > 0 {
        return Ok(());
    }
    let mut connection = connect::writer(path, None)?;
    schema::migrate(&mut connection, path)?;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .doing("make")
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

/// Where the journal stands, after comparing what says so with the last records themselves.
fn stand(connection: &Connection, path: &Path) -> Result<([u8; 16], Head), JournalError> {
    let epoch_id: [u8; 16] = rows::epoch_id(connection)?
        .and_then(|id| id.try_into().ok())
        .ok_or_else(|| JournalError::damaged(path, "its epoch is missing"))?;
    let origin = chain::origin(&epoch_id);
    let head = rows::head(connection)?.unwrap_or(Head {
        position: 0,
        chain: origin,
        stan: 0,
    });
    let last: Option<i64> = connection
        .query_row("SELECT max(position) FROM record", (), |row| row.get(0))
        .doing("read")?;
    if last.unwrap_or(0) != rows::column(Position(head.position)) {
        let what = format!(
            "its last record should be {}, and is {}",
            head.position,
            last.unwrap_or(0)
        );
        return Err(JournalError::damaged(path, what));
    }
    check_tail(connection, path, &origin, &head)?;
    Ok((epoch_id, head))
}

/// The chain over the last records.
fn check_tail(
    connection: &Connection,
    path: &Path,
    origin: &Link,
    head: &Head,
) -> Result<(), JournalError> {
    let from = head.position.saturating_sub(CHAIN_TAIL_RECORDS);
    let mut statement = connection
        .prepare(&format!("{STORED} WHERE position >= ?1 ORDER BY position"))
        .doing("read")?;
    let mut found = statement
        .query(params![rows::column(Position(from))])
        .doing("read")?;
    let mut link = *origin;
    let mut expected = from.max(1);
    while let Some(row) = found.next().doing("read")? {
        let stored = rows::stored(row).doing("read")?;
        let taken_over = from > 0 && stored.position == from;
        link = match Link::try_from(stored.chain.as_slice()) {
            // Where the tail begins, its own link is what there is to go by.
            Ok(own) if taken_over => own,
            _ => chain::next(&link, stored.position, stored.body.as_bytes()),
        };
        if stored.position != expected || stored.chain != link {
            return Err(JournalError::damaged(
                path,
                format!("record {expected} is not as written"),
            ));
        }
        expected += 1;
    }
    if link != head.chain {
        return Err(JournalError::damaged(
            path,
            "its last record is not as written",
        ));
    }
    Ok(())
}
