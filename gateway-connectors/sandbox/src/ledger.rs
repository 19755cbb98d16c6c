// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger: an SQLite file of the gateway's own, so that it can be reconciled with the host.
//!
//! One connection behind a lock, one SQL transaction per command: what a command reads it also
//! writes, with nothing between. WAL with `synchronous=NORMAL` survives SIGKILL of the process,
//! because every commit is in the kernel's page cache before it is answered; a power cut may take
//! the last commits, which is enough for a test gateway. It must never hold a card number.

use crate::entry::{COLUMNS, Entry, Kind, State};
use crate::error::SandboxError;
use crate::limits;
use payhal_messages::gateway::{Acceptor, CurrencyTotals, Wire};
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Schema this version writes.
const VERSION: i64 = 1;

type Result<T> = std::result::Result<T, rusqlite::Error>;

/// The ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    books: Mutex<Books>,
}

impl Ledger {
    /// Opens or makes the ledger in this file.
    pub(crate) fn open(path: &Path) -> std::result::Result<Self, SandboxError> {
        Self::with(Connection::open(path)?)
    }

    /// A ledger that is gone with the process: for benchmarks.
    pub(crate) fn in_memory() -> std::result::Result<Self, SandboxError> {
        Self::with(Connection::open_in_memory()?)
    }

    fn with(connection: Connection) -> std::result::Result<Self, SandboxError> {
        connection.busy_timeout(Duration::from_millis(limits::BUSY_MS))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "cache_size", -limits::CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(limits::STATEMENTS);
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match found {
            0 => connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {} COMMIT;",
                include_str!("schema.sql")
            ))?,
            VERSION => {}
            known => {
                return Err(SandboxError::LedgerVersion {
                    found: known,
                    known: VERSION,
                });
            }
        }
        let last: i64 =
            connection.query_row("SELECT coalesce(max(seq), 0) FROM entry", [], |row| {
                row.get(0)
            })?;
        Ok(Self {
            books: Mutex::new(Books { connection, last }),
        })
    }

    /// Runs one command in one SQL transaction, alone.
    pub(crate) fn write<T>(&self, command: impl FnOnce(&mut Books) -> Result<T>) -> Result<T> {
        let mut books = self.lock();
        books.run("BEGIN IMMEDIATE", [])?;
        let done = command(&mut books).and_then(|value| {
            books.run("COMMIT", [])?;
            Ok(value)
        });
        if done.is_err() && !books.connection.is_autocommit() {
            books.run("ROLLBACK", [])?;
        }
        done
    }

    /// Reads one consistent state.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Books) -> Result<T>) -> Result<T> {
        question(&self.lock())
    }

    /// A command that panicked left its SQL transaction open; it is undone here.
    fn lock(&self) -> MutexGuard<'_, Books> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if !books.connection.is_autocommit() {
            // If even this fails, the next BEGIN reports it.
            let _ = books.connection.execute_batch("ROLLBACK");
        }
        books
    }
}

/// What a command may do with the ledger while it holds it.
#[derive(Debug)]
pub(crate) struct Books {
    connection: Connection,
    /// Highest sequence number given out.
    last: i64,
}

impl Books {
    /// The entry of this transaction, by its id or else by the connector's own reference.
    pub(crate) fn find(&self, wire: &Wire) -> Result<Option<Entry>> {
        let found = self.by_id(&wire.transaction_id)?;
        if found.is_some() || wire.reference.is_empty() {
            return Ok(found);
        }
        self.one("reference = ?1", [&wire.reference])
    }

    /// The entry with this transaction id.
    pub(crate) fn by_id(&self, transaction_id: &str) -> Result<Option<Entry>> {
        self.one("transaction_id = ?1", [transaction_id])
    }

    /// Whether this read was spent on a card exchange before.
    pub(crate) fn is_spent(&self, read_id: &str) -> Result<bool> {
        Ok(self.one("read_id = ?1", [read_id])?.is_some())
    }

    /// The next sequence number, from which approval code and RRN are made.
    pub(crate) fn next_seq(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Writes a new entry into the open batch of its acceptor.
    pub(crate) fn insert(&mut self, entry: &Entry) -> Result<()> {
        let batch = self.open_batch(&entry.merchant, &entry.terminal)?;
        let issuer = serde_json::to_string(&entry.issuer)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        self.run(
            &format!(
                "INSERT INTO entry ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                 ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
            ),
            params![
                entry.seq,
                entry.transaction_id,
                entry.reference,
                entry.kind,
                entry.state,
                entry.amount_minor,
                entry.requested_minor,
                entry.currency,
                entry.response_code,
                entry.response_text,
                entry.approval_code,
                entry.rrn,
                issuer,
                entry.signature_required,
                entry.original,
                entry.merchant,
                entry.terminal,
                entry.stan,
                batch,
                entry.read_id,
                entry.masked_pan,
                entry.merchant_reference,
                entry.at_micros,
            ],
        )
    }

    /// Changes how an entry stands.
    pub(crate) fn set_state(&mut self, entry: &Entry, state: State) -> Result<()> {
        self.run(
            "UPDATE entry SET state = ?2 WHERE seq = ?1",
            params![entry.seq, state],
        )
    }

    /// Sum of the standing changes of one kind to this entry.
    pub(crate) fn standing(&self, original: &str, kind: Kind) -> Result<i64> {
        self.value(
            "SELECT coalesce(sum(amount_minor), 0) FROM entry \
             WHERE original = ?1 AND kind = ?2 AND state = 'approved'",
            params![original, kind],
        )
    }

    /// Sum of the standing refunds of an authorization's captures, named by capture.
    pub(crate) fn refunds_of_captures(&self, authorization: &str) -> Result<i64> {
        self.value(
            "SELECT coalesce(sum(refund.amount_minor), 0) FROM entry AS capture \
             JOIN entry AS refund ON refund.original = capture.transaction_id \
             WHERE capture.original = ?1 AND capture.kind = 'capture' \
             AND refund.kind = 'refund' AND refund.state = 'approved'",
            params![authorization],
        )
    }

    /// Whether the batch an entry lies in was cut over.
    pub(crate) fn is_reconciled(&self, entry: &Entry) -> Result<bool> {
        Ok(entry.batch < self.open_batch(&entry.merchant, &entry.terminal)?)
    }

    /// Number of the batch that takes this acceptor's entries.
    pub(crate) fn open_batch(&self, merchant: &str, terminal: &str) -> Result<i64> {
        self.value(
            "SELECT coalesce(max(number), 0) + 1 FROM closed_batch \
             WHERE merchant = ?1 AND terminal = ?2",
            params![merchant, terminal],
        )
    }

    /// Cuts over: later entries go into the next batch.
    pub(crate) fn close_batch(&mut self, acceptor: &Acceptor, number: i64) -> Result<()> {
        self.run(
            "INSERT INTO closed_batch (merchant, terminal, number) VALUES (?1, ?2, ?3)",
            params![acceptor.merchant, acceptor.terminal, number],
        )
    }

    /// Whether anything at all lies in a batch.
    pub(crate) fn is_empty(&self, acceptor: &Acceptor, number: i64) -> Result<bool> {
        self.value(
            "SELECT NOT EXISTS (SELECT 1 FROM entry \
             WHERE merchant = ?1 AND terminal = ?2 AND batch = ?3)",
            params![acceptor.merchant, acceptor.terminal, number],
        )
    }

    /// What stands in one batch, or everywhere, by currency.
    pub(crate) fn totals(&self, batch: Option<(&Acceptor, i64)>) -> Result<Vec<CurrencyTotals>> {
        let (condition, values) = match batch {
            None => ("", Vec::new()),
            Some((acceptor, number)) => (
                "AND merchant = ?1 AND terminal = ?2 AND batch = ?3",
                vec![
                    Value::from(acceptor.merchant.clone()),
                    Value::from(acceptor.terminal.clone()),
                    Value::from(number),
                ],
            ),
        };
        let mut statement = self.connection.prepare(&format!(
            "SELECT currency, \
               sum(kind IN ('sale', 'capture')), \
               sum(iif(kind IN ('sale', 'capture'), amount_minor, 0)), \
               sum(kind = 'refund'), \
               sum(iif(kind = 'refund', amount_minor, 0)) \
             FROM entry WHERE state = 'approved' AND kind IN ('sale', 'capture', 'refund') \
               {condition} GROUP BY currency ORDER BY currency",
        ))?;
        let rows = statement.query_map(params_from_iter(values), |row| {
            Ok(CurrencyTotals {
                currency: row.get(0)?,
                sales: row.get::<_, u32>(1)?.into(),
                sales_minor: row.get(2)?,
                refunds: row.get::<_, u32>(3)?.into(),
                refunds_minor: row.get(4)?,
            })
        })?;
        rows.collect()
    }

    /// Keeps a report; a repeat replaces it.
    pub(crate) fn keep_report(
        &mut self,
        transaction_id: &str,
        kind: &str,
        body: &str,
    ) -> Result<()> {
        self.run(
            "INSERT OR REPLACE INTO report (transaction_id, kind, body) VALUES (?1, ?2, ?3)",
            params![transaction_id, kind, body],
        )
    }

    /// Entries after a sequence number, oldest first; without one, the newest, oldest first.
    pub(crate) fn entries(&self, since: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
        let inner = match since {
            Some(_) => "seq > ?1 ORDER BY seq",
            None => "?1 IS NULL ORDER BY seq DESC",
        };
        let mut statement = self.connection.prepare(&format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM entry WHERE {inner} LIMIT ?2) ORDER BY seq"
        ))?;
        statement
            .query_map(params![since, limit], Entry::from_row)?
            .collect()
    }

    fn one(&self, condition: &str, values: impl Params) -> Result<Option<Entry>> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE {condition}"))?
            .query_row(values, Entry::from_row)
            .optional()
    }

    fn value<T: FromSql>(&self, sql: &str, values: impl Params) -> Result<T> {
        self.connection
            .prepare_cached(sql)?
            .query_row(values, |row| row.get(0))
    }

    fn run(&self, sql: &str, values: impl Params) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}
