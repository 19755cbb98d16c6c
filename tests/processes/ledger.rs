// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sandbox gateway's own books, read from its file while it runs.
//!
//! It must never write there.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) transaction_id: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) amount_minor: i64,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Ledger(PathBuf);

impl Ledger {
    /// The ledger in this instance folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.join("ledger.sqlite"))
    }

    /// Every line, in order of arrival.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let books = Connection::open_with_flags(&self.0, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        books.busy_timeout(Duration::from_secs(5)).unwrap();
        let query = "SELECT transaction_id, kind, state, amount_minor FROM entry ORDER BY seq";
        let mut query = books.prepare(query).unwrap();
        let lines = query.query_map([], |row| {
            Ok(Line {
                transaction_id: row.get(0)?,
                kind: row.get(1)?,
                state: row.get(2)?,
                amount_minor: row.get(3)?,
            })
        });
        lines.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// What a question to its tables answers, each value as text.
    pub(crate) fn rows(&self, query: &str) -> Vec<Vec<String>> {
        let books = Connection::open_with_flags(&self.0, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        books.busy_timeout(Duration::from_secs(5)).unwrap();
        let mut query = books.prepare(query).unwrap();
        let columns = query.column_count();
        let rows = query.query_map([], |row| {
            let text = |column| match row.get_ref(column)? {
                ValueRef::Null => Ok(String::new()),
                ValueRef::Integer(number) => Ok(number.to_string()),
                other => Ok(String::from_utf8_lossy(other.as_bytes()?).into_owned()),
            };
            (0..columns).map(text).collect()
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// Asserts that a gateway that watches the order of exchanges saw it kept.
    #[track_caller]
    pub(crate) fn assert_in_order(&self) {
        let violations = self.rows("SELECT kind, transaction_id, other FROM violation");
        assert_eq!(violations, Vec::<Vec<String>>::new());
    }

    /// Kind, state and amount of every line.
    pub(crate) fn summary(&self) -> Vec<(String, String, i64)> {
        let brief = |line: Line| (line.kind, line.state, line.amount_minor);
        self.lines().into_iter().map(brief).collect()
    }

    /// The lines where money stands.
    pub(crate) fn charges(&self) -> Vec<Line> {
        let stands = |line: &Line| line.state == "approved" && line.kind == "sale";
        self.lines().into_iter().filter(stands).collect()
    }

    /// Asserts that exactly these lines are there: kind, state, amount.
    #[track_caller]
    pub(crate) fn assert(&self, expected: &[(&str, &str, i64)]) {
        let found = self.summary();
        let found: Vec<_> = found
            .iter()
            .map(|(kind, state, minor)| (kind.as_str(), state.as_str(), *minor))
            .collect();
        assert_eq!(found, expected, "the gateway's ledger");
    }
}
