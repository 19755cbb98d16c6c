// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drops transactions that are at rest and old, and audit entries as old, a few at a time between
//! commits.
//!
//! A transaction goes together with all that changed it, or stays with it: sums need both. What
//! goes leaves a seal in the chain, and its key's answer, which stays for a retention of its own.
//! It must never drop what is open, nor decide anything about what it keeps.

use crate::audit::{self, AuditHead};
use crate::chain::Link;
use crate::error::{Doing, JournalError};
use crate::kept;
use crate::limits::{FAMILY_MAX, PRUNE_FAMILIES, PRUNE_PAUSE, PRUNE_QUIET, RETENTION_DAYS_MIN};
use crate::rows::{self, Seal};
use crate::{Retention, lookup};
use payhal_engine::ids::{Position, TransactionId};
use payhal_engine::record::Record;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// What pruning dropped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pruned {
    /// Transactions.
    pub transactions: u64,
    /// Their records.
    pub records: u64,
    /// Answers of keys, of transactions that were dropped long before.
    pub answers: u64,
    /// Entries of the audit.
    pub audits: u64,
}

/// Where a line stands among the others: when it started, and its first position.
type Place = (i64, i64);

type Reply = Box<dyn FnOnce(Result<Pruned, JournalError>) + Send>;

/// A pass over the journal that somebody asked for.
pub(crate) struct Prune {
    pub(crate) retention: Retention,
    pub(crate) reply: Reply,
}

impl Retention {
    /// Refuses what would drop the open business days.
    pub(crate) fn check(self) -> Result<Self, JournalError> {
        let days = self.days.min(self.keys_days);
        if days < RETENTION_DAYS_MIN {
            return Err(JournalError::TooYoung {
                days,
                min: RETENTION_DAYS_MIN,
            });
        }
        Ok(self)
    }
}

/// The writer's share: a pass under way, and when the next one begins by itself.
pub(crate) struct Pruning {
    by_itself: Option<Retention>,
    next: Option<Instant>,
    passes: Vec<Pass>,
}

struct Pass {
    reply: Option<Reply>,
    before_micros: Option<(i64, i64)>,
    retention: Retention,
    /// Goes on behind this line.
    at: Place,
    pruned: Pruned,
}

impl Pruning {
    pub(crate) fn new(by_itself: Option<Retention>) -> Self {
        Self {
            by_itself,
            next: by_itself.map(|_| Instant::now() + PRUNE_QUIET),
            passes: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, prune: Prune) {
        self.passes
            .push(Pass::new(prune.retention, Some(prune.reply)));
    }

    /// When [`Self::step`] wants to be called, if nothing is written before.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.passes.is_empty() {
            false => Some(Instant::now()),
            true => self.next,
        }
    }

    /// The quiet is over: what begins by itself waits for the next one.
    pub(crate) fn wrote(&mut self) {
        let quiet = Instant::now() + PRUNE_QUIET;
        self.next = self.next.map(|next| next.max(quiet));
    }

    /// A part of the work, in one commit.
    pub(crate) fn step(
        &mut self,
        connection: &mut Connection,
        audit: &mut AuditHead,
    ) -> Result<(), JournalError> {
        if self.passes.is_empty()
            && let Some(retention) = self.by_itself
        {
            self.passes.push(Pass::new(retention, None));
            self.next = Some(Instant::now() + PRUNE_PAUSE);
        }
        let Some(mut pass) = self.passes.pop() else {
            return Ok(());
        };
        match pass.step(connection, audit) {
            Ok(true) => self.passes.push(pass),
            Ok(false) => pass.end(),
            Err(error) => {
                if let Some(reply) = pass.reply {
                    reply(Err(error.clone()));
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Pass {
    fn new(retention: Retention, reply: Option<Reply>) -> Self {
        Self {
            reply,
            before_micros: None,
            retention,
            at: (i64::MIN, 0),
            pruned: Pruned::default(),
        }
    }

    fn end(self) {
        let pruned = self.pruned;
        if pruned != Pruned::default() {
            tracing::info!(
                transactions = pruned.transactions,
                records = pruned.records,
                answers = pruned.answers,
                audits = pruned.audits,
                "the journal was pruned"
            );
        }
        if let Some(reply) = self.reply {
            reply(Ok(pruned));
        }
    }

    /// Whether there may be more.
    fn step(
        &mut self,
        connection: &mut Connection,
        audit: &mut AuditHead,
    ) -> Result<bool, JournalError> {
        let (old, old_answers) = match self.before_micros {
            Some(before) => before,
            None => *self
                .before_micros
                .insert(before(connection, self.retention)?),
        };
        let write = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("prune")?;
        let lines = candidates(&write, old, self.at)?;
        for (at, id) in &lines {
            self.at = *at;
            if let Some(family) = family(&write, *id, old)? {
                let records = drop_family(&write, &family)?;
                self.pruned.transactions += family.len() as u64;
                self.pruned.records += records;
            }
        }
        let answers = kept::drop_old(&write, old_answers)?;
        self.pruned.answers += answers;
        let mut left = audit.clone();
        let audits = audit::drop_old(&write, &mut left, old)?;
        self.pruned.audits += audits;
        write.commit().doing("prune")?;
        *audit = left;
        Ok(!lines.is_empty() || answers > 0 || audits > 0)
    }
}

/// Times before which transactions and answers go. Reckoned from the newest record, where that is
/// earlier than the clock: a clock that is ahead must not empty the journal.
fn before(connection: &Connection, retention: Retention) -> Result<(i64, i64), JournalError> {
    let newest: Option<i64> = connection
        .query_row(
            "SELECT at FROM record ORDER BY position DESC LIMIT 1",
            (),
            |row| row.get(0),
        )
        .optional()
        .doing("prune")?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|now| i64::try_from(now.as_micros()).ok())
        .unwrap_or(0);
    let now = newest.map_or(0, |newest| newest.min(now));
    let back = |days: u32| {
        let span = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        now - i64::try_from(span.as_micros()).unwrap_or(i64::MAX).min(now)
    };
    Ok((back(retention.days), back(retention.keys_days)))
}

/// Lines that are at rest, began before, and change nothing that is still here; oldest first.
fn candidates(
    connection: &Connection,
    before_micros: i64,
    at: Place,
) -> Result<Vec<(Place, TransactionId)>, JournalError> {
    let mut statement = connection
        .prepare_cached(
            r#"SELECT started_at, first, transaction_id FROM "transaction" AS line
             WHERE started_at < ?1 AND (started_at, first) > (?2, ?3) AND open = 0
             AND (parent IS NULL OR NOT EXISTS
               (SELECT 1 FROM record WHERE transaction_id = line.parent))
             ORDER BY started_at, first LIMIT ?4"#,
        )
        .doing("prune")?;
    let most = i64::try_from(PRUNE_FAMILIES).expect("small");
    let found = statement
        .query_map(params![before_micros, at.0, at.1, most], |row| {
            let id: [u8; 16] = row.get(2)?;
            Ok((
                (row.get(0)?, row.get(1)?),
                TransactionId(Uuid::from_bytes(id)),
            ))
        })
        .doing("prune")?;
    found.collect::<rusqlite::Result<_>>().doing("prune")
}

/// A transaction of a family, with what it said.
struct Member {
    id: TransactionId,
    first: Position,
    records: Vec<Record>,
}

/// A transaction with all that changed it, and what changed that; `None` if one of them is open or
/// young, or says no ending.
fn family(
    connection: &Connection,
    root: TransactionId,
    before_micros: i64,
) -> Result<Option<Vec<Member>>, JournalError> {
    let mut family: Vec<Member> = Vec::new();
    let mut wanted = vec![root];
    while let Some(id) = wanted.pop() {
        if family.iter().any(|member| member.id == id) {
            continue;
        }
        let Some(line) = rows::summary_of(connection, id)? else {
            return Ok(None);
        };
        let records = lookup::records(connection, id)?;
        let young = records
            .iter()
            .any(|record| record.at_micros >= before_micros);
        if line.open() || young || kept::answer(&records).is_none() || family.len() >= FAMILY_MAX {
            return Ok(None);
        }
        wanted.extend(lookup::children(connection, id)?);
        family.push(Member {
            id,
            first: line.first,
            records,
        });
    }
    Ok(Some(family))
}

/// How many records went.
fn drop_family(write: &Transaction<'_>, family: &[Member]) -> Result<u64, JournalError> {
    let mut gone: BTreeMap<u64, Link> = BTreeMap::new();
    for member in family {
        kept::keep(write, member.id, member.first, &member.records)?;
        let id = member.id.0.as_bytes();
        let mut statement = write
            .prepare_cached(
                "DELETE FROM record WHERE transaction_id = ?1 RETURNING position, chain",
            )
            .doing("prune")?;
        let mut found = statement.query([id]).doing("prune")?;
        while let Some(row) = found.next().doing("prune")? {
            let position: i64 = row.get(0).doing("prune")?;
            let position = u64::try_from(position).expect("positions are counted from 1");
            gone.insert(position, row.get(1).doing("prune")?);
        }
        write
            .prepare_cached(r#"DELETE FROM "transaction" WHERE first = ?1"#)
            .and_then(|mut statement| statement.execute([rows::column(member.first)]))
            .doing("prune")?;
    }
    for (position, link) in &gone {
        seal(write, *position, link)?;
    }
    Ok(gone.len() as u64)
}

/// Seals one position, joined with the seals on either side.
fn seal(connection: &Connection, position: u64, link: &Link) -> Result<(), JournalError> {
    let mut seal = Seal {
        first: position,
        last: position,
        chain: *link,
    };
    if let Some(left) = rows::seal_over(connection, position - 1)? {
        seal.first = left.first;
    }
    if let Some(right) = rows::seal_over(connection, position + 1)? {
        (seal.last, seal.chain) = (right.last, right.chain);
        rows::remove_seal(connection, right.first)?;
    }
    rows::put_seal(connection, &seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_by_itself_in_the_quiet_and_then_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut connection = Connection::open(&path).unwrap();
        crate::schema::migrate(&mut connection, &path).unwrap();
        let in_a = |span: Duration, pruning: &Pruning| {
            let left = pruning.due().unwrap() - Instant::now();
            left <= span && left + Duration::from_secs(20) > span
        };
        assert_eq!(Pruning::new(None).due(), None);
        let mut pruning = Pruning::new(Some(Retention::default()));
        assert!(in_a(PRUNE_QUIET, &pruning));
        pruning.wrote();
        assert!(in_a(PRUNE_QUIET, &pruning));
        let mut audit = audit::stand(&connection, &path).unwrap();
        pruning.step(&mut connection, &mut audit).unwrap();
        assert!(
            pruning.passes.is_empty(),
            "nothing to do in an empty journal"
        );
        assert!(in_a(PRUNE_PAUSE, &pruning));
        pruning.wrote();
        assert!(in_a(PRUNE_PAUSE, &pruning));
    }
}
