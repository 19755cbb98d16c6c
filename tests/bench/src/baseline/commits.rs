// SPDX-License-Identifier: MIT OR Apache-2.0
//! Durable commits: SQLite, write-ahead log, every commit flushed, one thread that commits what
//! queued meanwhile together.

use crate::Failure;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Most records of one commit.
const TOGETHER_MAX: usize = 512;

struct Record {
    body: Vec<u8>,
    durable: oneshot::Sender<()>,
}

/// The one way to the writer.
#[derive(Clone)]
pub(super) struct Commits(mpsc::Sender<Record>);

impl Commits {
    /// Opens a fresh database and starts its writer.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        if synchronous != 2 {
            return Err("commits would not be durable".into());
        }
        connection.execute_batch("CREATE TABLE record(position INTEGER PRIMARY KEY, body BLOB)")?;
        let (sender, records) = mpsc::channel();
        std::thread::spawn(move || {
            // Whoever waits for a lost commit fails with it.
            write(connection, &records).ok();
        });
        Ok(Self(sender))
    }

    /// Returns when the record is on disk.
    pub(super) async fn commit(&self, body: Vec<u8>) -> Result<(), Failure> {
        let (durable, told) = oneshot::channel();
        self.0
            .send(Record { body, durable })
            .map_err(|_| "the writer has ended")?;
        told.await.map_err(|_| "a commit failed".into())
    }
}

fn write(mut connection: Connection, records: &mpsc::Receiver<Record>) -> Result<(), Failure> {
    let mut batch = Vec::new();
    while let Ok(first) = records.recv() {
        batch.push(first);
        batch.extend(records.try_iter().take(TOGETHER_MAX - 1));
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO record(body) VALUES (?1)")?;
            for record in &batch {
                insert.execute([&record.body])?;
            }
        }
        transaction.commit()?;
        for record in batch.drain(..) {
            // Whoever asked may be gone.
            record.durable.send(()).ok();
        }
    }
    Ok(())
}
