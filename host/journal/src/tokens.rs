// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment tokens that registers keep: each as its last record left it. Pruning leaves them: a token
//! is kept until it is deleted, and what was deleted must not be kept again unseen.
//!
//! The engine sees to it that no two kept ones have one reference. The unique index is the backstop:
//! where the engine was wrong, the record is not written, and nothing that waits for it happens.

use crate::error::{Doing, JournalError};
use crate::limits::PAGE_ROWS_MAX;
use crate::{lookup, rows};
use payhal_engine::ids::{GatewayId, Position, RegisterId, TokenId};
use payhal_engine::record::{Fact, FinalAnswer, Past, Record};
use payhal_engine::tokens::{Named, Sought, Token};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

/// Which kept tokens a list shows; what is absent does not filter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenFilter {
    /// This one, kept or deleted.
    pub id: Option<TokenId>,
    /// Of this register.
    pub register: Option<RegisterId>,
    /// With this reference.
    pub reference: Option<Arc<str>>,
    /// Of this gateway.
    pub gateway: Option<GatewayId>,
    /// Those before this place.
    pub before: Option<i64>,
    /// Tokens at most; 0 = as many as a page may have.
    pub limit: u32,
}

/// Kept tokens, the newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TokenPage {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Where the list goes on, if there are more.
    pub next: Option<i64>,
}

/// The kept token that a record begins, changes or ends.
pub(crate) fn of(record: &Record) -> Option<&Token> {
    match &record.fact {
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => approved.extras.stored.as_deref(),
            FinalAnswer::Refused(_) => None,
        },
        _ => None,
    }
}

/// Writes down what a record makes of a token.
pub(crate) fn put(
    connection: &Connection,
    position: Position,
    record: &Record,
) -> Result<(), JournalError> {
    let Some(stored) = of(record) else {
        return Ok(());
    };
    let body = serde_json::to_string(stored).expect("a plain tree with text keys");
    connection
        .prepare_cached(
            "INSERT INTO token(token_id, position, register, reference, gateway, token, deleted,
             body, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT(token_id) DO UPDATE SET position = ?2, register = ?3, reference = ?4,
             gateway = ?5, token = ?6, deleted = ?7, body = ?8, digest = ?9",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                stored.id.0.as_bytes(),
                rows::column(position),
                stored.register.0,
                stored.reference,
                stored.gateway.0,
                stored.token,
                stored.deleted,
                body,
                digest(&body),
            ])
        })
        .doing("write to")?;
    Ok(())
}

fn digest(body: &str) -> [u8; 32] {
    Sha256::digest(body.as_bytes()).into()
}

const COLUMNS: &str = "SELECT number, position, body, digest FROM token ";

struct Found {
    number: i64,
    position: i64,
    body: String,
    digest: Vec<u8>,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        number: row.get(0)?,
        position: row.get(1)?,
        body: row.get(2)?,
        digest: row.get(3)?,
    })
}

fn read(connection: &Connection, found: &Found) -> Result<Token, JournalError> {
    let stored = serde_json::from_str(&found.body).ok();
    stored
        .filter(|_| found.digest == digest(&found.body))
        .ok_or_else(|| {
            let path = connection.path().unwrap_or_default();
            JournalError::damaged(path.as_ref(), "a kept payment token is not as written")
        })
}

fn select(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<(i64, Token)>, JournalError> {
    let mut statement = connection
        .prepare_cached(&format!("{COLUMNS} WHERE {condition}"))
        .doing("read")?;
    let found = statement.query_map(values, columns).doing("read")?;
    let found: Vec<Found> = found.collect::<rusqlite::Result<_>>().doing("read")?;
    let read = |found: &Found| Ok((found.number, read(connection, found)?));
    found.iter().map(read).collect()
}

/// What the engine asks for.
pub(crate) fn past(connection: &Connection, sought: &[Sought]) -> Result<Past, JournalError> {
    // One snapshot: tokens and records belong together.
    let snapshot = connection.unchecked_transaction().doing("read")?;
    let mut past = Past::default();
    let mut found = Vec::new();
    for sought in sought {
        found.extend(match sought {
            Sought::Named(Named::Id(id)) => select(&snapshot, "token_id = ?1", [id.0.as_bytes()])?,
            Sought::Named(Named::Reference(reference)) => {
                select(&snapshot, "reference = ?1 AND deleted = 0", [reference])?
            }
            Sought::Text(token) => select(&snapshot, "token = ?1", [token])?,
            Sought::GivenBy(id) => {
                past.records = lookup::records(&snapshot, *id)?;
                match past.records.iter().rev().find_map(given) {
                    Some(token) => select(&snapshot, "token = ?1", [token])?,
                    None => Vec::new(),
                }
            }
        });
    }
    found.sort_by_key(|(number, _)| *number);
    found.dedup_by_key(|(number, _)| *number);
    past.tokens = found.into_iter().map(|(_, stored)| stored).collect();
    Ok(past)
}

/// The token that an approval gave.
fn given(record: &Record) -> Option<Arc<str>> {
    match &record.fact {
        Fact::Ended(ending) => match &ending.answer {
            FinalAnswer::Approved(approved) => approved.extras.token.clone(),
            FinalAnswer::Refused(_) => None,
        },
        _ => None,
    }
}

/// One page of tokens, the newest first. Those that were deleted are shown by their id alone.
pub(crate) fn list(
    connection: &Connection,
    filter: &TokenFilter,
) -> Result<TokenPage, JournalError> {
    let limit = match filter.limit {
        0 => PAGE_ROWS_MAX,
        limit => limit.min(PAGE_ROWS_MAX),
    };
    let text = |text: &Arc<str>| Value::from(text.to_string());
    let id = filter.id.map(|id| Value::from(id.0.as_bytes().to_vec()));
    let wanted = [
        ("token_id =", id),
        ("register =", filter.register.as_ref().map(|it| text(&it.0))),
        ("reference =", filter.reference.as_ref().map(text)),
        ("gateway =", filter.gateway.as_ref().map(|it| text(&it.0))),
        ("number <", filter.before.map(Value::from)),
    ];
    let mut condition = String::from(if filter.id.is_some() {
        "1"
    } else {
        "deleted = 0"
    });
    let mut values = Vec::new();
    for (name, value) in wanted {
        if let Some(value) = value {
            values.push(value);
            condition.push_str(&format!(" AND {name} ?{}", values.len()));
        }
    }
    values.push(Value::from(i64::from(limit) + 1));
    condition.push_str(&format!(" ORDER BY number DESC LIMIT ?{}", values.len()));
    let mut found = select(connection, &condition, params_from_iter(values))?;
    let limit = usize::try_from(limit).expect("a small number");
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(number, _)| *number);
    let tokens = found.into_iter().map(|(_, stored)| stored).collect();
    Ok(TokenPage { tokens, next })
}

/// That what a record says of a token is written down, or something later is.
pub(crate) fn check_record(
    connection: &Connection,
    path: &Path,
    position: u64,
    record: &Record,
) -> Result<(), JournalError> {
    let Some(stored) = of(record) else {
        return Ok(());
    };
    let mut statement = connection
        .prepare_cached("SELECT position FROM token WHERE token_id = ?1")
        .doing("read")?;
    let found: Option<i64> = statement
        .query_row([stored.id.0.as_bytes()], |row| row.get(0))
        .optional()
        .doing("read")?;
    if found.is_some_and(|found| found >= rows::column(Position(position))) {
        return Ok(());
    }
    let what = format!("what record {position} says of a payment token is not written down");
    Err(JournalError::damaged(path, what))
}

/// That every kept token is what its last record says, where that was not pruned.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let mut statement = connection.prepare(COLUMNS).doing("read")?;
    let mut found = statement.query(()).doing("read")?;
    while let Some(row) = found.next().doing("read")? {
        let found = columns(row).doing("read")?;
        let stored = read(connection, &found)?;
        let body: Option<String> = connection
            .query_row(
                "SELECT body FROM record WHERE position = ?1",
                [found.position],
                |row| row.get(0),
            )
            .optional()
            .doing("read")?;
        let record = body.map(|body| serde_json::from_str::<Record>(&body).ok());
        let says = |record: &Option<Record>| record.as_ref().and_then(of) == Some(&stored);
        if record.as_ref().is_some_and(|record| !says(record)) {
            let what = format!("payment token {} is not what its record says", stored.id);
            return Err(JournalError::damaged(path, what));
        }
    }
    Ok(())
}
