// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger: an SQLite file of the gateway's own, so that it can be reconciled with the host.
//!
//! One connection behind a lock, one SQL transaction per command: what a command reads it also
//! writes, with nothing between. WAL with `synchronous=NORMAL` survives SIGKILL of the process,
//! because every commit is in the kernel's page cache before it is answered; a power cut may take
//! the last commits, which is enough for a test gateway. It must never hold a card number.

use crate::books::Books;
use crate::error::SandboxError;
use crate::limits;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Schema this version writes.
const VERSION: i64 = 6;

const SCHEMA: &str = include_str!("schema.sql");

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
        let (aside, schema, over) = match found {
            0 => ("", SCHEMA, ""),
            1 => (
                include_str!("from-1.sql"),
                SCHEMA,
                include_str!("after-1.sql"),
            ),
            2 => (
                include_str!("from-2.sql"),
                SCHEMA,
                include_str!("after-2.sql"),
            ),
            3 => (
                include_str!("from-3.sql"),
                include_str!("from-4.sql"),
                include_str!("from-5.sql"),
            ),
            4 => ("", include_str!("from-4.sql"), include_str!("from-5.sql")),
            5 => ("", include_str!("from-5.sql"), ""),
            VERSION => return Ok(Self::of(Books::new(connection)?)),
            found => {
                return Err(SandboxError::LedgerVersion {
                    found,
                    known: VERSION,
                });
            }
        };
        let script = format!("BEGIN IMMEDIATE; {aside} {schema} {over} COMMIT;");
        connection.execute_batch(&script)?;
        Ok(Self::of(Books::new(connection)?))
    }

    fn of(books: Books) -> Self {
        Self {
            books: Mutex::new(books),
        }
    }

    /// Runs one command in one SQL transaction, alone.
    pub(crate) fn write<T>(&self, command: impl FnOnce(&mut Books) -> Result<T>) -> Result<T> {
        let mut books = self.lock();
        books.begin()?;
        let done = command(&mut books).and_then(|value| {
            books.commit()?;
            Ok(value)
        });
        if done.is_err() {
            books.roll_back()?;
        }
        done
    }

    /// Reads one consistent state.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Books) -> Result<T>) -> Result<T> {
        question(&self.lock())
    }

    /// A command that panicked left its SQL transaction open; it is undone here.
    fn lock(&self) -> MutexGuard<'_, Books> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        // If even this fails, the next BEGIN reports it.
        let _ = books.roll_back();
        books
    }
}
