// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger: an SQLite file of the terminal's own, so that it can be reconciled with the host.
//!
//! One connection behind a lock, one SQL transaction per command: what a command reads it also
//! writes, with nothing between. WAL with `synchronous=NORMAL` survives SIGKILL of the process,
//! because every commit is in the kernel's page cache before it is answered. It must never hold a
//! card number.

use crate::entry::{COLUMNS, Collection, Entry, Kind, State};
use crate::error::TerminalError;
use crate::limits;
use payhal_messages::gateway::{CurrencyTotals, Totals};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Schema this version writes.
const VERSION: i64 = 1;

type Result<T> = std::result::Result<T, rusqlite::Error>;

/// The ledger.
pub(crate) struct Ledger {
    books: Mutex<Books>,
}

impl Ledger {
    /// Opens or makes the ledger in this file.
    pub(crate) fn open(path: &Path) -> std::result::Result<Self, TerminalError> {
        let connection = Connection::open(path)?;
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
                return Err(TerminalError::LedgerVersion {
                    found: known,
                    known: VERSION,
                });
            }
        }
        Ok(Self {
            books: Mutex::new(Books { connection }),
        })
    }

    /// Runs one command in one SQL transaction, alone.
    pub(crate) fn write<T>(
        &self,
        command: impl FnOnce(&mut Books) -> Result<T>,
    ) -> std::result::Result<T, TerminalError> {
        let mut books = self.lock();
        books.run("BEGIN IMMEDIATE", [])?;
        let done = command(&mut books).and_then(|value| {
            books.run("COMMIT", [])?;
            Ok(value)
        });
        if done.is_err() && !books.connection.is_autocommit() {
            books.run("ROLLBACK", [])?;
        }
        done.map_err(TerminalError::from)
    }

    /// Reads one consistent state.
    pub(crate) fn read<T>(
        &self,
        question: impl FnOnce(&Books) -> Result<T>,
    ) -> std::result::Result<T, TerminalError> {
        question(&self.lock()).map_err(TerminalError::from)
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
pub(crate) struct Books {
    connection: Connection,
}

impl Books {
    /// The entry with this transaction id.
    pub(crate) fn by_id(&self, transaction_id: &str) -> Result<Option<Entry>> {
        self.one("transaction_id = ?1", [transaction_id])
    }

    /// The last transaction the terminal was asked for, whatever became of it.
    pub(crate) fn last(&self) -> Result<Option<Entry>> {
        self.one("kind <> 'unknown' ORDER BY seq DESC LIMIT 1", [])
    }

    /// The payment whose customer is still at the terminal.
    pub(crate) fn running(&self) -> Result<Option<Entry>> {
        self.one("state = 'running' ORDER BY seq LIMIT 1", [])
    }

    /// The token this card got before.
    pub(crate) fn token_of(&self, card: &str) -> Result<Option<String>> {
        let condition = "card = ?1 AND kind = 'verify' AND state = 'approved' ORDER BY seq LIMIT 1";
        Ok(self
            .one(condition, [card])?
            .and_then(|entry| entry.answer.token))
    }

    /// The next sequence number, from which references are made.
    pub(crate) fn next_seq(&self) -> Result<i64> {
        self.value("SELECT coalesce(max(seq), 0) + 1 FROM entry", [])
    }

    /// Writes an entry: a new one into the open batch, a known one over its former state.
    pub(crate) fn put(&mut self, entry: &mut Entry) -> Result<()> {
        if entry.batch == 0 {
            entry.batch = self.open_batch()?;
        }
        self.run(
            &format!(
                "INSERT INTO entry ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                 ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) \
                 ON CONFLICT (seq) DO UPDATE SET reference = excluded.reference, \
                 state = excluded.state, amount_minor = excluded.amount_minor, \
                 card = excluded.card, collection = excluded.collection, \
                 inquiries_left = excluded.inquiries_left, answer = excluded.answer, \
                 response_code = excluded.response_code, offline = excluded.offline, \
                 approval_code = excluded.approval_code, masked_pan = excluded.masked_pan"
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
                entry.original,
                entry.stan,
                entry.batch,
                entry.card,
                entry.collection,
                entry.inquiries_left,
                json(&entry.answer)?,
                entry.at_micros,
                entry.answer.response_code,
                entry.answer.approval_code,
                entry.answer.card.as_ref().map(|card| &card.masked_pan),
                entry.answer.offline,
            ],
        )
    }

    /// What an authorization holds: its amount, or that of its latest adjustment.
    pub(crate) fn held(&self, authorization: &Entry) -> Result<i64> {
        let latest = self.one(
            "original = ?1 AND kind = 'adjust' AND state = 'approved' ORDER BY seq DESC LIMIT 1",
            [&authorization.transaction_id],
        )?;
        Ok(latest.map_or(authorization.amount_minor, |adjust| adjust.amount_minor))
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
            [authorization],
        )
    }

    /// Number of the batch that takes new entries.
    pub(crate) fn open_batch(&self) -> Result<i64> {
        self.value("SELECT coalesce(max(number), 0) + 1 FROM closed_batch", [])
    }

    /// The totals that were told when this reconciliation closed a batch.
    pub(crate) fn closed_by(&self, transaction_id: &str) -> Result<Option<Totals>> {
        let told: Option<String> = self
            .connection
            .prepare_cached("SELECT totals FROM closed_batch WHERE transaction_id = ?1")?
            .query_row([transaction_id], |row| row.get(0))
            .optional()?;
        told.map(|told| parsed(&told)).transpose()
    }

    /// Closes the open batch: later entries go into the next one.
    pub(crate) fn close_batch(
        &mut self,
        number: i64,
        transaction_id: &str,
        totals: &Totals,
    ) -> Result<()> {
        self.run(
            "INSERT INTO closed_batch (number, transaction_id, totals) VALUES (?1, ?2, ?3)",
            params![number, transaction_id, json(totals)?],
        )
    }

    /// Offline approvals that wait for their collection, oldest first.
    pub(crate) fn uncollected(&self) -> Result<Vec<Entry>> {
        self.many(
            "collection = 'waiting' AND state = 'approved' ORDER BY seq",
            [],
        )
    }

    /// Keeps what became of an offline approval.
    pub(crate) fn collect(&mut self, entry: &mut Entry, accepted: bool) -> Result<()> {
        let (collection, state) = match accepted {
            true => (Collection::Accepted, State::Approved),
            false => (Collection::Rejected, State::Uncollected),
        };
        entry.collection = Some(collection);
        entry.state = state;
        self.put(entry)
    }

    /// What stands in one batch, or everywhere, by currency.
    pub(crate) fn totals(&self, batch: Option<i64>) -> Result<Vec<CurrencyTotals>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT currency, \
               sum(kind <> 'refund'), \
               sum(iif(kind <> 'refund', amount_minor, 0)), \
               sum(kind = 'refund'), \
               sum(iif(kind = 'refund', amount_minor, 0)) \
             FROM entry WHERE state = 'approved' \
               AND kind IN ('sale', 'capture', 'cash_advance', 'refund') \
               AND (?1 IS NULL OR batch = ?1) GROUP BY currency ORDER BY currency",
        )?;
        let rows = statement.query_map([batch], |row| {
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

    /// Entries after a sequence number, oldest first; without one, the newest, oldest first.
    pub(crate) fn entries(&self, since: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
        let order = match since {
            Some(_) => "seq > ?1 ORDER BY seq LIMIT ?2",
            None => "?1 IS NULL ORDER BY seq DESC LIMIT ?2",
        };
        let mut found = self.many(order, params![since, limit])?;
        found.sort_by_key(|entry| entry.seq);
        Ok(found)
    }

    fn many(&self, condition: &str, values: impl Params) -> Result<Vec<Entry>> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE {condition}"))?
            .query_map(values, Entry::from_row)?
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

fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error))
    })
}
