// SPDX-License-Identifier: MIT OR Apache-2.0
//! Durable commits: SQLite, write-ahead log, every commit flushed, one thread that commits what
//! queued meanwhile together.

use crate::Failure;
use crate::measure::{COUNTED, Cpu, Sample, WARM_UP};
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;
use tokio::sync::oneshot;

/// Most records of one commit.
const TOGETHER_MAX: usize = 512;

/// As long as what the product writes before and after it asks the gateway.
const RECORDS_BYTES: [usize; 2] = [1_001, 1_005];

/// A sale that is nothing but its two commits, by so many at once: a bound for any host on this disk.
pub(crate) fn alone(at_once: usize) -> Result<Sample, Failure> {
    let folder = tempfile::Builder::new().prefix("payhal-bench-").tempdir()?;
    let commits = Commits::open(&folder.path().join("bare.sqlite"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let begin = Instant::now() + WARM_UP;
    let end = begin + COUNTED;
    let each = (0..at_once).map(|_| sell_until(&commits, begin, end));
    let all = runtime.block_on(futures_util::future::try_join_all(each))?;
    Sample::new(&mut all.concat(), COUNTED, Cpu::default())
}

/// How long each took that ended in this span, nanoseconds.
async fn sell_until(commits: &Commits, begin: Instant, end: Instant) -> Result<Vec<u64>, Failure> {
    let mut latencies = Vec::new();
    loop {
        let asked = Instant::now();
        for bytes in RECORDS_BYTES {
            commits.commit(vec![b'x'; bytes]).await?;
        }
        let now = Instant::now();
        if now > end {
            return Ok(latencies);
        }
        if now > begin {
            latencies.push(u64::try_from((now - asked).as_nanos())?);
        }
    }
}

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
