// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows to types and back. The only place that knows how a column is spelled.

use crate::chain::Link;
use crate::error::{Doing, JournalError};
use crate::keys::KeyHash;
use crate::project;
use crate::view::Summary;
use payhal_engine::answer::Outcome;
use payhal_engine::conversion::Conversion;
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::ids::{IdempotencyKey, Position, RegisterId, Scope, TokenId, TransactionId};
use payhal_engine::money::{Amount, Currency};
use payhal_engine::record::Record;
use payhal_engine::request::Kind;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::sync::Arc;
use uuid::Uuid;

/// Where the journal stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    pub(crate) position: u64,
    pub(crate) chain: Link,
    pub(crate) stan: u32,
}

/// A record as it lies in its table.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) position: u64,
    pub(crate) transaction_id: TransactionId,
    pub(crate) at_micros: i64,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) chain: Vec<u8>,
}

/// Columns of [`summary`], in its order.
pub(crate) const SUMMARY: &str = r#"SELECT first, last, transaction_id, register, generation, key,
 kind, parent, amount_minor, currency, approved_minor, reference, device, gateway, outcome,
 reversing, reversed, needs_operator, last_four, approval_code, started_at, ended_at, reporting,
 forwarding, token_id, dcc FROM "transaction" "#;

pub(crate) fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        first: position(row, 0)?,
        last: position(row, 1)?,
        transaction_id: transaction_id(row, 2)?,
        scope: Scope {
            register: RegisterId(row.get::<_, Arc<str>>(3)?),
            generation: row.get(4)?,
        },
        key: IdempotencyKey(row.get::<_, Arc<str>>(5)?),
        kind: kind(row)?,
        amount: amount(row)?,
        approved_minor: row.get(10)?,
        dcc: conversion(row)?,
        reference: row.get(11)?,
        device: row
            .get::<_, Option<Arc<str>>>(12)?
            .map(payhal_engine::ids::DeviceId),
        gateway: row
            .get::<_, Option<Arc<str>>>(13)?
            .map(payhal_engine::ids::GatewayId),
        outcome: outcome(row)?,
        reversing: row.get(15)?,
        reversed: row.get(16)?,
        needs_operator: row.get(17)?,
        reporting: row.get(22)?,
        forwarding: forwarding(row)?,
        token: row
            .get::<_, Option<[u8; 16]>>(24)?
            .map(|id| TokenId(Uuid::from_bytes(id))),
        last_four: row.get(18)?,
        approval_code: row.get(19)?,
        started_at_micros: row.get(20)?,
        ended_at_micros: row.get(21)?,
    })
}

/// The first three columns: register, generation, key.
pub(crate) fn key_hash(row: &Row<'_>) -> rusqlite::Result<KeyHash> {
    let generation = row.get(1)?;
    let (register, key) = (row.get_ref(0)?.as_str()?, row.get_ref(2)?.as_str()?);
    Ok(KeyHash::of(register, generation, key))
}

fn position(row: &Row<'_>, column: usize) -> rusqlite::Result<Position> {
    let position: i64 = row.get(column)?;
    u64::try_from(position)
        .map(Position)
        .map_err(|_| wrong(column, Type::Integer))
}

fn transaction_id(row: &Row<'_>, column: usize) -> rusqlite::Result<TransactionId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(TransactionId(Uuid::from_bytes(bytes)))
}

fn kind(row: &Row<'_>) -> rusqlite::Result<Kind> {
    let name = row.get_ref(6)?.as_str()?;
    let original = || transaction_id(row, 7);
    Ok(match name {
        "sale" => Kind::Sale,
        "authorize" => Kind::Authorize,
        "verify" => Kind::Verify,
        "balance" => Kind::Balance,
        "token_register" => Kind::TokenRegister,
        "token_update" => Kind::TokenUpdate,
        "token_delete" => Kind::TokenDelete,
        "cash_advance" => Kind::CashAdvance,
        "refund_unreferenced" => Kind::RefundUnreferenced,
        "refund_by_receipt" => Kind::RefundByReceipt,
        "batch_close" => Kind::BatchClose,
        "capture" => Kind::Capture {
            original: original()?,
        },
        "adjust" => Kind::Adjust {
            original: original()?,
        },
        "undo" => Kind::Undo {
            original: original()?,
        },
        "refund" => Kind::Refund {
            original: original()?,
        },
        "void" => Kind::Void {
            original: original()?,
        },
        _ => return Err(wrong(6, Type::Text)),
    })
}

fn amount(row: &Row<'_>) -> rusqlite::Result<Option<Amount>> {
    let Some(minor) = row.get::<_, Option<i64>>(8)? else {
        return Ok(None);
    };
    let currency = Currency::from_code(row.get_ref(9)?.as_str()?);
    let currency = currency.ok_or_else(|| wrong(9, Type::Text))?;
    Ok(Some(Amount { minor, currency }))
}

/// As text, since nothing in it is looked for but its amount, which has a column.
fn conversion(row: &Row<'_>) -> rusqlite::Result<Option<Conversion>> {
    let Some(text) = row.get_ref(25)?.as_str_or_null()? else {
        return Ok(None);
    };
    let read = serde_json::from_str(text).map_err(|_| wrong(25, Type::Text))?;
    Ok(Some(read))
}

fn conversion_text(line: &Summary) -> Option<String> {
    let dcc = line.dcc.as_ref()?;
    Some(serde_json::to_string(dcc).expect("a conversion is a plain tree with text keys"))
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<Option<Outcome>> {
    let Some(name) = row.get_ref(14)?.as_str_or_null()? else {
        return Ok(None);
    };
    Ok(Some(match name {
        "approved" => Outcome::Approved,
        "declined" => Outcome::Declined,
        "cancelled" => Outcome::Cancelled,
        "failed" => Outcome::Failed,
        "unknown" => Outcome::Unknown,
        _ => return Err(wrong(14, Type::Text)),
    }))
}

fn forwarding(row: &Row<'_>) -> rusqlite::Result<Option<ForwardingState>> {
    let Some(name) = row.get_ref(23)?.as_str_or_null()? else {
        return Ok(None);
    };
    Ok(Some(match name {
        "waiting" => ForwardingState::Waiting,
        "approved" => ForwardingState::Approved,
        "declined" => ForwardingState::Declined,
        "withdrawn" => ForwardingState::Withdrawn,
        "needs_operator" => ForwardingState::NeedsOperator,
        _ => return Err(wrong(23, Type::Text)),
    }))
}

pub(crate) fn forwarding_name(state: ForwardingState) -> &'static str {
    match state {
        ForwardingState::Waiting => "waiting",
        ForwardingState::Approved => "approved",
        ForwardingState::Declined => "declined",
        ForwardingState::Withdrawn => "withdrawn",
        ForwardingState::NeedsOperator => "needs_operator",
    }
}

fn wrong(column: usize, found: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(column, String::new(), found)
}

pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "approved",
        Outcome::Declined => "declined",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

/// The line of a transaction.
pub(crate) fn summary_of(
    connection: &Connection,
    id: TransactionId,
) -> Result<Option<Summary>, JournalError> {
    let mut statement = connection
        .prepare_cached(&format!(
            "{SUMMARY} WHERE first = (SELECT min(position) FROM record WHERE transaction_id = ?1)"
        ))
        .doing("read")?;
    statement
        .query_row(params![id.0.as_bytes()], summary)
        .optional()
        .doing("read")
}

/// Adds a line.
pub(crate) fn add_summary(connection: &Connection, line: &Summary) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare_cached(
            r#"INSERT INTO "transaction"(first, last, transaction_id, register, generation, key,
 kind, parent, amount_minor, currency, approved_minor, reference, device, gateway, outcome,
 reversing, reversed, needs_operator, last_four, approval_code, started_at, ended_at, open,
 reporting, forwarding, token_id, dcc, dcc_minor)
 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,
 ?25,?26,?27,?28)"#,
        )
        .doing("write to")?;
    statement
        .execute(params![
            column(line.first),
            column(line.last),
            line.transaction_id.0.as_bytes(),
            &line.scope.register.0,
            line.scope.generation,
            &line.key.0,
            line.kind.name(),
            line.kind.original().map(|original| original.0.into_bytes()),
            line.amount.map(|amount| amount.minor),
            line.amount.map(|amount| amount.currency.code()),
            line.approved_minor,
            &line.reference,
            line.device.as_ref().map(|device| &device.0),
            line.gateway.as_ref().map(|gateway| &gateway.0),
            line.outcome.map(outcome_name),
            line.reversing,
            line.reversed,
            line.needs_operator,
            &line.last_four,
            &line.approval_code,
            line.started_at_micros,
            line.ended_at_micros,
            line.open(),
            line.reporting,
            line.forwarding.map(forwarding_name),
            line.token.as_ref().map(|token| token.0.as_bytes()),
            conversion_text(line),
            line.dcc.as_ref().map(|dcc| dcc.amount.minor),
        ])
        .doing("write to")?;
    Ok(())
}

/// Changes what records after the first can change.
pub(crate) fn change_summary(connection: &Connection, line: &Summary) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare_cached(
            r#"UPDATE "transaction" SET last = ?2, amount_minor = ?3, currency = ?4,
 approved_minor = ?5, device = ?6, gateway = ?7, outcome = ?8, reversing = ?9, reversed = ?10,
 needs_operator = ?11, last_four = ?12, approval_code = ?13, ended_at = ?14, open = ?15,
 reporting = ?16, forwarding = ?17, token_id = ?18, dcc = ?19, dcc_minor = ?20 WHERE first = ?1"#,
        )
        .doing("write to")?;
    statement
        .execute(params![
            column(line.first),
            column(line.last),
            line.amount.map(|amount| amount.minor),
            line.amount.map(|amount| amount.currency.code()),
            line.approved_minor,
            line.device.as_ref().map(|device| &device.0),
            line.gateway.as_ref().map(|gateway| &gateway.0),
            line.outcome.map(outcome_name),
            line.reversing,
            line.reversed,
            line.needs_operator,
            &line.last_four,
            &line.approval_code,
            line.ended_at_micros,
            line.open(),
            line.reporting,
            line.forwarding.map(forwarding_name),
            line.token.as_ref().map(|token| token.0.as_bytes()),
            conversion_text(line),
            line.dcc.as_ref().map(|dcc| dcc.amount.minor),
        ])
        .doing("write to")?;
    Ok(())
}

/// SQLite counts in `i64`; no journal gets there.
pub(crate) fn column(position: Position) -> i64 {
    i64::try_from(position.0).expect("a journal has fewer than 2^63 records")
}

pub(crate) fn put_record(
    connection: &Connection,
    position: Position,
    record: &Record,
    body: &str,
    chain: &Link,
) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO record(position, transaction_id, at, kind, body, chain)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .doing("write to")?;
    statement
        .execute(params![
            column(position),
            record.transaction_id.0.as_bytes(),
            record.at_micros,
            project::kind(&record.fact),
            body,
            chain,
        ])
        .doing("write to")?;
    Ok(())
}

pub(crate) fn put_head(connection: &Connection, head: &Head) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO head(id, position, chain, stan) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT(id) DO UPDATE SET position = ?1, chain = ?2, stan = ?3",
        )
        .doing("write to")?;
    statement
        .execute(params![
            column(Position(head.position)),
            head.chain,
            head.stan
        ])
        .doing("write to")?;
    Ok(())
}

pub(crate) fn head(connection: &Connection) -> Result<Option<Head>, JournalError> {
    connection
        .query_row(
            "SELECT position, chain, stan FROM head WHERE id = 1",
            (),
            |row| {
                Ok(Head {
                    position: position(row, 0)?.0,
                    chain: row.get(1)?,
                    stan: row.get(2)?,
                })
            },
        )
        .optional()
        .doing("read")
}

/// Records that were pruned, and the link of the last of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seal {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) chain: Link,
}

/// Seals that end behind a position, in order.
pub(crate) fn seals(connection: &Connection, behind: u64) -> Result<Vec<Seal>, JournalError> {
    let mut statement = connection
        .prepare("SELECT first, last, chain FROM seal WHERE last > ?1 ORDER BY first")
        .doing("read")?;
    let found = statement
        .query_map(params![column(Position(behind))], seal)
        .doing("read")?;
    found.collect::<rusqlite::Result<_>>().doing("read")
}

/// The seal over a position, if its record was pruned.
pub(crate) fn seal_over(connection: &Connection, at: u64) -> Result<Option<Seal>, JournalError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT first, last, chain FROM seal WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
        )
        .doing("read")?;
    let found = statement
        .query_row(params![column(Position(at))], seal)
        .optional()
        .doing("read")?;
    Ok(found.filter(|seal| seal.last >= at))
}

fn seal(row: &Row<'_>) -> rusqlite::Result<Seal> {
    Ok(Seal {
        first: position(row, 0)?.0,
        last: position(row, 1)?.0,
        chain: row.get(2)?,
    })
}

pub(crate) fn put_seal(connection: &Connection, seal: &Seal) -> Result<(), JournalError> {
    connection
        .prepare_cached(
            "INSERT INTO seal(first, last, chain) VALUES (?1, ?2, ?3)
             ON CONFLICT(first) DO UPDATE SET last = ?2, chain = ?3",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                column(Position(seal.first)),
                column(Position(seal.last)),
                seal.chain,
            ])
        })
        .doing("prune")?;
    Ok(())
}

pub(crate) fn remove_seal(connection: &Connection, first: u64) -> Result<(), JournalError> {
    connection
        .prepare_cached("DELETE FROM seal WHERE first = ?1")
        .and_then(|mut statement| statement.execute([column(Position(first))]))
        .doing("prune")?;
    Ok(())
}

/// The link at a position, or at the end of the seal over it.
pub(crate) fn link_at(
    connection: &Connection,
    at: u64,
) -> Result<Option<(u64, Link)>, JournalError> {
    let own: Option<Vec<u8>> = connection
        .query_row(
            "SELECT chain FROM record WHERE position = ?1",
            params![column(Position(at))],
            |row| row.get(0),
        )
        .optional()
        .doing("read")?;
    if let Some(own) = own {
        return Ok(own.try_into().ok().map(|link| (at, link)));
    }
    Ok(seal_over(connection, at)?.map(|seal| (seal.last, seal.chain)))
}

/// The beginning of an epoch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Began {
    /// 1 = the first.
    pub(crate) number: u32,
    pub(crate) id: [u8; 16],
    pub(crate) at_micros: i64,
    /// The last position before it.
    pub(crate) position: u64,
    /// The counter of trace numbers that it begins with.
    pub(crate) stan: u32,
    /// Why, by its name.
    pub(crate) reason: String,
    /// Its link; empty in the one that the chain starts from.
    pub(crate) chain: Vec<u8>,
}

/// Every epoch, in order. The chain starts from the first.
pub(crate) fn epochs(connection: &Connection) -> Result<Vec<Began>, JournalError> {
    let mut statement = connection
        .prepare(
            "SELECT number, id, began_at, position, stan, reason, chain FROM epoch ORDER BY number",
        )
        .doing("read")?;
    let found = statement
        .query_map((), |row| {
            Ok(Began {
                number: row.get(0)?,
                id: row.get(1)?,
                at_micros: row.get(2)?,
                position: position(row, 3)?.0,
                stan: row.get(4)?,
                reason: row.get(5)?,
                chain: row.get(6)?,
            })
        })
        .doing("read")?;
    found.collect::<rusqlite::Result<_>>().doing("read")
}

pub(crate) fn put_epoch(connection: &Connection, began: &Began) -> Result<(), JournalError> {
    connection
        .execute(
            "INSERT INTO epoch(number, id, began_at, position, stan, reason, chain)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                began.number,
                began.id,
                began.at_micros,
                column(Position(began.position)),
                began.stan,
                began.reason,
                began.chain,
            ],
        )
        .doing("write to")?;
    Ok(())
}

/// A short text about the file itself.
pub(crate) fn note(connection: &Connection, name: &str) -> Result<Option<String>, JournalError> {
    connection
        .query_row("SELECT value FROM note WHERE name = ?1", [name], |row| {
            row.get(0)
        })
        .optional()
        .doing("read")
}

pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        position: position(row, 0)?.0,
        transaction_id: transaction_id(row, 1)?,
        at_micros: row.get(2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        chain: row.get(5)?,
    })
}

/// Columns of [`stored`], in its order.
pub(crate) const STORED: &str =
    "SELECT position, transaction_id, at, kind, body, chain FROM record ";
