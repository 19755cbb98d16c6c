// SPDX-License-Identifier: MIT OR Apache-2.0
//! The journal for other programs: one transaction a line, oldest first, as JSON with all its
//! records or as CSV. Of one moment, though the host goes on.
//!
//! It must never write anything that a receipt may not show; records hold nothing else.

use crate::audit::{self, Audited};
use crate::error::{Doing, JournalError};
use crate::rows::{self, SUMMARY};
use crate::view::Summary;
use crate::{lookup, offline};
use payhal_engine::answer::Outcome;
use rusqlite::params;
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// In which form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// A JSON object a line, with the records.
    JsonLines,
    /// A head and a line for each transaction (RFC 4180).
    Csv,
}

/// Which transactions, by when they started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// At or after, microseconds since 1970 UTC.
    pub since_micros: Option<i64>,
    /// Before.
    pub until_micros: Option<i64>,
}

const HEAD: [&str; 19] = [
    "transaction_id",
    "started_at_micros",
    "ended_at_micros",
    "kind",
    "original_transaction_id",
    "register",
    "idempotency_key",
    "reference",
    "amount_minor",
    "currency",
    "approved_minor",
    "outcome",
    "open",
    "reversed",
    "needs_operator",
    "device",
    "gateway",
    "last_four",
    "approval_code",
];

/// Writes the journal's transactions; returns how many.
pub fn export(
    path: impl AsRef<Path>,
    format: Format,
    span: Span,
    out: &mut dyn Write,
) -> Result<u64, JournalError> {
    let connection = offline::open_sound(path.as_ref())?;
    let snapshot = connection.unchecked_transaction().doing("read")?;
    let mut statement = snapshot
        .prepare(&format!(
            "{SUMMARY} WHERE started_at >= ?1 AND started_at < ?2 ORDER BY started_at, first"
        ))
        .doing("read")?;
    let since = span.since_micros.unwrap_or(i64::MIN);
    let until = span.until_micros.unwrap_or(i64::MAX);
    let mut found = statement.query(params![since, until]).doing("read")?;
    if format == Format::Csv {
        csv(out, HEAD.map(str::to_owned))?;
    }
    let mut count = 0;
    while let Some(row) = found.next().doing("read")? {
        let line = rows::summary(row).doing("read")?;
        match format {
            Format::Csv => csv(out, fields(&line))?,
            Format::JsonLines => {
                let records = lookup::records(&snapshot, line.transaction_id)?;
                let object = json!({ "transaction": object(&line), "records": records });
                writeln!(out, "{object}").doing("export")?;
            }
        }
        count += 1;
    }
    out.flush().doing("export")?;
    Ok(count)
}

const AUDIT_HEAD: [&str; 7] = [
    "seq",
    "at_micros",
    "actor",
    "action",
    "subject",
    "text",
    "details",
];

/// Writes what was done to the host, oldest first, by when it was done; returns how many entries.
pub fn export_audit(
    path: impl AsRef<Path>,
    format: Format,
    span: Span,
    out: &mut dyn Write,
) -> Result<u64, JournalError> {
    let connection = offline::open_sound(path.as_ref())?;
    let snapshot = connection.unchecked_transaction().doing("read")?;
    let mut statement = snapshot
        .prepare("SELECT seq, body FROM audit WHERE at >= ?1 AND at < ?2 ORDER BY seq")
        .doing("read")?;
    let since = span.since_micros.unwrap_or(i64::MIN);
    let until = span.until_micros.unwrap_or(i64::MAX);
    let mut found = statement.query(params![since, until]).doing("read")?;
    if format == Format::Csv {
        csv(out, AUDIT_HEAD.map(str::to_owned))?;
    }
    let mut count = 0;
    while let Some(row) = found.next().doing("read")? {
        let Audited { seq, entry } = audit::audited(row).doing("read")?;
        match format {
            Format::Csv => {
                let details = entry.details.map(|details| details.to_string());
                let fields = [
                    seq.to_string(),
                    entry.at_micros.to_string(),
                    entry.actor,
                    entry.action,
                    entry.subject.unwrap_or_default(),
                    entry.text,
                    details.unwrap_or_default(),
                ];
                csv(out, fields)?;
            }
            Format::JsonLines => {
                let object = json!({ "seq": seq, "entry": entry });
                writeln!(out, "{object}").doing("export")?;
            }
        }
        count += 1;
    }
    out.flush().doing("export")?;
    Ok(count)
}

fn object(line: &Summary) -> serde_json::Value {
    let fields = HEAD.into_iter().zip(fields(line));
    let fields = fields.map(|(name, text)| {
        let value = match text.as_str() {
            "" => serde_json::Value::Null,
            "true" | "false" => (text == "true").into(),
            _ if name.ends_with("_minor") || name.ends_with("_micros") => text
                .parse::<i64>()
                .map_or(serde_json::Value::Null, Into::into),
            _ => text.into(),
        };
        (name.to_owned(), value)
    });
    serde_json::Value::Object(fields.collect())
}

fn fields(line: &Summary) -> [String; 19] {
    let text =
        |text: Option<&dyn std::fmt::Display>| text.map(ToString::to_string).unwrap_or_default();
    let original = line.kind.original();
    let amount = line.amount;
    let outcome = line.outcome.unwrap_or(Outcome::Unknown);
    [
        line.transaction_id.to_string(),
        line.started_at_micros.to_string(),
        text(line.ended_at_micros.as_ref().map(|at| at as _)),
        line.kind.name().to_owned(),
        text(original.as_ref().map(|id| id as _)),
        line.scope.register.to_string(),
        line.key.to_string(),
        text(line.reference.as_ref().map(|reference| reference as _)),
        text(amount.as_ref().map(|amount| &amount.minor as _)),
        amount.map_or_else(String::new, |amount| amount.currency.code().to_owned()),
        text(line.approved_minor.as_ref().map(|minor| minor as _)),
        rows::outcome_name(outcome).to_owned(),
        line.open().to_string(),
        line.reversed.to_string(),
        line.needs_operator.to_string(),
        text(line.device.as_ref().map(|device| device as _)),
        text(line.gateway.as_ref().map(|gateway| gateway as _)),
        text(line.last_four.as_ref().map(|digits| digits as _)),
        text(line.approval_code.as_ref().map(|code| code as _)),
    ]
}

fn csv<const N: usize>(out: &mut dyn Write, fields: [String; N]) -> Result<(), JournalError> {
    let fields = fields.map(|field| quoted(&field));
    write!(out, "{}\r\n", fields.join(",")).doing("export")
}

/// A field as RFC 4180 has it. One that a spreadsheet would take for a formula gets a quote in
/// front: references are a stranger's text.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t']) && field.parse::<i64>().is_err();
    let guard = if formula { "'" } else { "" };
    if formula || field.contains([',', '"', '\r', '\n']) {
        return format!("\"{guard}{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(quoted("table 12"), "table 12");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("-500"), "-500");
    }
}
