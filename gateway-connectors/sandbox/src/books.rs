// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command may do with the ledger while it holds it: every statement about entries and
//! batches.
//!
//! Sums are computed here from what stands, never kept: a kept sum could be wrong.

use crate::entry::{COLUMNS, Entry, Kind, State};
use payhal_messages::gateway::{Acceptor, CurrencyTotals, Totals, Wire};
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};

pub(crate) type Result<T> = std::result::Result<T, rusqlite::Error>;

/// The open ledger.
#[derive(Debug)]
pub(crate) struct Books {
    connection: Connection,
    /// Highest sequence number given out.
    last: i64,
    insert: String,
}

impl Books {
    pub(crate) fn new(connection: Connection) -> Result<Self> {
        let last = connection.query_row("SELECT coalesce(max(seq), 0) FROM entry", [], |row| {
            row.get(0)
        })?;
        let places = COLUMNS.split(',').map(|_| "?").collect::<Vec<_>>();
        let places = places.join(", ");
        Ok(Self {
            connection,
            last,
            insert: format!("INSERT INTO entry ({COLUMNS}) VALUES ({places})"),
        })
    }

    pub(crate) fn begin(&mut self) -> Result<()> {
        self.run("BEGIN IMMEDIATE", [])
    }

    pub(crate) fn commit(&mut self) -> Result<()> {
        self.run("COMMIT", [])
    }

    /// Undoes the SQL transaction, if one is open.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.run("ROLLBACK", [])
    }

    /// The entry of this transaction, by its id or else by the connector's own reference.
    pub(crate) fn find(&self, wire: &Wire) -> Result<Option<Entry>> {
        let found = self.by_id(&wire.transaction_id)?;
        if found.is_some() || wire.reference.is_empty() {
            return Ok(found);
        }
        self.by_reference(&wire.reference)
    }

    /// The entry with this transaction id.
    pub(crate) fn by_id(&self, transaction_id: &str) -> Result<Option<Entry>> {
        self.one("transaction_id = ?1", [transaction_id])
    }

    /// The entry with this reference.
    pub(crate) fn by_reference(&self, reference: &str) -> Result<Option<Entry>> {
        self.one("reference = ?1", [reference])
    }

    /// A merchant's last entry with this RRN.
    pub(crate) fn by_rrn(&self, merchant: &str, rrn: &str) -> Result<Option<Entry>> {
        self.one(
            "rrn = ?1 AND merchant = ?2 ORDER BY seq DESC LIMIT 1",
            [rrn, merchant],
        )
    }

    /// The next sequence number, from which approval code and RRN are made.
    pub(crate) fn next_seq(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// Writes a new entry into the open batch of its acceptor.
    pub(crate) fn insert(&mut self, entry: &mut Entry) -> Result<()> {
        entry.batch = self.open_batch(&entry.merchant, &entry.terminal)?;
        self.connection
            .prepare_cached(&self.insert)?
            .execute(entry.values().as_slice())?;
        Ok(())
    }

    /// Writes what the issuer's call decided about a referred entry, into the open batch.
    pub(crate) fn settle(&mut self, entry: &mut Entry) -> Result<()> {
        entry.batch = self.open_batch(&entry.merchant, &entry.terminal)?;
        self.run(
            "UPDATE entry SET state = ?2, amount_minor = ?3, response_code = ?4, \
             response_text = ?5, approval_code = ?6, voice_code = ?7, batch = ?8, issuer = ?9 \
             WHERE seq = ?1",
            params![
                entry.seq,
                entry.state,
                entry.amount_minor,
                entry.response_code,
                entry.response_text,
                entry.approval_code,
                entry.voice_code,
                entry.batch,
                entry.issuer,
            ],
        )
    }

    /// Notes that an entry was approved before it came here.
    pub(crate) fn mark_forwarded(&mut self, transaction_id: &str, at_micros: i64) -> Result<()> {
        self.run(
            "INSERT INTO forwarded (transaction_id, accepted_at) VALUES (?1, ?2)",
            params![transaction_id, at_micros],
        )
    }

    /// When an entry was approved offline, microseconds since 1970, if it was.
    pub(crate) fn accepted_offline(&self, transaction_id: &str) -> Result<Option<i64>> {
        self.row(
            "SELECT accepted_at FROM forwarded WHERE transaction_id = ?1",
            [transaction_id],
            |row| row.get(0),
        )
    }

    /// Changes how an entry stands.
    pub(crate) fn set_state(&mut self, entry: &Entry, state: State) -> Result<()> {
        self.run(
            "UPDATE entry SET state = ?2 WHERE seq = ?1",
            params![entry.seq, state],
        )
    }

    /// Counts a request that arrived again.
    pub(crate) fn count_repeat(&mut self, entry: &Entry) -> Result<()> {
        self.run(
            "UPDATE entry SET repeats = repeats + 1 WHERE seq = ?1",
            [entry.seq],
        )
    }

    /// What an authorization holds: its own amount, or that of its last standing adjustment.
    pub(crate) fn held(&self, authorization: &Entry) -> Result<i64> {
        let adjusted = self
            .connection
            .prepare_cached(
                "SELECT amount_minor FROM entry WHERE original = ?1 AND kind = 'adjust' \
                 AND state = 'approved' ORDER BY seq DESC LIMIT 1",
            )?
            .query_row([&authorization.transaction_id], |row| row.get(0))
            .optional()?;
        Ok(adjusted.unwrap_or(authorization.amount_minor))
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

    /// Whether the batch an entry counts in was cut over.
    pub(crate) fn is_reconciled(&self, entry: &Entry) -> Result<bool> {
        let open = self.open_batch(&entry.merchant, &entry.terminal)?;
        Ok(entry.kind.is_in_totals() && entry.batch < open)
    }

    /// Number of the batch that takes this acceptor's entries.
    pub(crate) fn open_batch(&self, merchant: &str, terminal: &str) -> Result<i64> {
        self.value(
            "SELECT coalesce(max(number), 0) + 1 FROM closed_batch \
             WHERE merchant = ?1 AND terminal = ?2",
            params![merchant, terminal],
        )
    }

    /// The totals that this close answered, if it was done.
    pub(crate) fn closed_by(&self, transaction_id: &str) -> Result<Option<Totals>> {
        self.connection
            .prepare_cached("SELECT number, totals FROM closed_batch WHERE transaction_id = ?1")?
            .query_row([transaction_id], |row| {
                Ok(totals_of(row.get(0)?, parsed(&row.get::<_, String>(1)?)?))
            })
            .optional()
    }

    /// Totals of the open batch.
    pub(crate) fn open_totals(&self, acceptor: &Acceptor) -> Result<Totals> {
        let number = self.open_batch(&acceptor.merchant, &acceptor.terminal)?;
        Ok(totals_of(number, self.totals(Some((acceptor, number)))?))
    }

    /// Cuts over: later entries go into the next batch.
    pub(crate) fn close_batch(&mut self, wire: &Wire) -> Result<Totals> {
        let Acceptor { merchant, terminal } = &wire.acceptor;
        let number = self.open_batch(merchant, terminal)?;
        let totals = self.totals(Some((&wire.acceptor, number)))?;
        let text = serde_json::to_string(&totals).map_err(unwritable)?;
        self.run(
            "INSERT INTO closed_batch (merchant, terminal, number, transaction_id, totals) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![merchant, terminal, number, wire.transaction_id, text],
        )?;
        Ok(totals_of(number, totals))
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
        let charges = "kind IN ('sale', 'cash_advance', 'capture')";
        let mut statement = self.connection.prepare(&format!(
            "SELECT currency, \
               sum({charges}), sum(iif({charges}, amount_minor, 0)), \
               sum(kind = 'refund'), sum(iif(kind = 'refund', amount_minor, 0)) \
             FROM entry WHERE state = 'approved' AND ({charges} OR kind = 'refund') \
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

    /// Transactions of this acceptor whose reply nobody is known to have heard.
    pub(crate) fn owed(&self, merchant: &str, terminal: &str) -> Result<Vec<String>> {
        self.connection
            .prepare_cached(
                "SELECT transaction_id FROM owed WHERE merchant = ?1 AND terminal = ?2",
            )?
            .query_map([merchant, terminal], |row| row.get(0))?
            .collect()
    }

    /// Rows of a query as JSON objects, of which it must make one text each.
    pub(crate) fn objects(&self, sql: &str) -> Result<Vec<serde_json::Value>> {
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], |row| parsed(&row.get::<_, String>(0)?))?;
        rows.collect()
    }

    fn one(&self, condition: &str, values: impl Params) -> Result<Option<Entry>> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM entry WHERE {condition}"))?
            .query_row(values, Entry::from_row)
            .optional()
    }

    /// One row, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.connection
            .prepare_cached(sql)?
            .query_row(values, read)
            .optional()
    }

    /// The one value of a query.
    pub(crate) fn value<T: FromSql>(&self, sql: &str, values: impl Params) -> Result<T> {
        self.connection
            .prepare_cached(sql)?
            .query_row(values, |row| row.get(0))
    }

    pub(crate) fn run(&mut self, sql: &str, values: impl Params) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}

fn totals_of(number: i64, totals: Vec<CurrencyTotals>) -> Totals {
    Totals {
        batch: format!("{number:06}"),
        totals,
        collected: Vec::new(),
    }
}

/// A value that cannot be written as JSON.
pub(crate) fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let text = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, text, Box::new(error))
    })
}
