// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ledger as the action `ledger` shows it: bounded, so that it fits into one answer.

use crate::books::Result;
use crate::converted;
use crate::entry::Entry;
use crate::ledger::Ledger;
use crate::limits::{BODY_BYTES_MAX, ENTRIES_BYTES_MAX, ENTRIES_MAX, NEWEST, REST_BYTES_MAX};
use crate::reads;
use serde_json::{Value, json};

/// Entries after a sequence number or the newest, with the newest of everything else.
pub(crate) fn books(ledger: &Ledger, since: Option<i64>) -> Result<Value> {
    ledger.read(|books| {
        let entries = books.entries(since, ENTRIES_MAX)?;
        let mut rows = Vec::with_capacity(entries.len());
        for entry in &entries {
            let read = reads::shown(books, &entry.transaction_id)?;
            let mut row = shown(entry, read.as_ref());
            if let Some(at_micros) = books.accepted_offline(&entry.transaction_id)? {
                row["accepted_offline_at"] = json!(at_micros);
            }
            if let Some(dcc) = converted::of(books, &entry.transaction_id)? {
                row["dcc"] = json!(dcc);
            }
            rows.push(row);
        }
        let mut entries = rows;
        // With `since` the caller reads on from the last one; without it the newest count.
        let newest_first = since.is_none();
        if newest_first {
            entries.reverse();
        }
        fit(&mut entries, ENTRIES_BYTES_MAX);
        if newest_first {
            entries.reverse();
        }
        let mut left = REST_BYTES_MAX;
        let mut newest = |sql: String| -> Result<Vec<Value>> {
            let mut rows = books.objects(&sql)?;
            left = left.saturating_sub(fit(&mut rows, left));
            Ok(rows)
        };
        let violations = newest(format!(
            "SELECT json_object('kind', kind, 'transaction_id', transaction_id, 'other', other, \
             'merchant', merchant, 'terminal', terminal) \
             FROM violation ORDER BY seq DESC LIMIT {NEWEST}"
        ))?;
        let batches = newest(format!(
            "SELECT json_object('merchant', merchant, 'terminal', terminal, \
             'batch', printf('%06d', number), 'transaction_id', transaction_id, \
             'totals', json(totals)) FROM closed_batch ORDER BY number DESC LIMIT {NEWEST}"
        ))?;
        let reports = newest(format!(
            "SELECT json_object('transaction_id', report.transaction_id, 'report', report.kind, \
             'times', times, 'amount_minor', report.amount_minor, 'currency', report.currency, \
             'bytes', octet_length(body), \
             'body', iif(octet_length(body) > {BODY_BYTES_MAX} OR NOT json_valid(body), NULL, \
              json(body))) \
             FROM report LEFT JOIN entry USING (transaction_id) \
             ORDER BY entry.seq DESC LIMIT {NEWEST}"
        ))?;
        Ok(json!({
            "entries": entries,
            "reports": reports,
            "batches": batches,
            "violations": violations,
        }))
    })
}

/// Keeps the first ones that fit, and tells how many bytes they take.
fn fit(rows: &mut Vec<Value>, bytes: usize) -> usize {
    let mut used = 0;
    let fitting = rows.iter().take_while(|row| {
        let taken = row.to_string().len() + 1;
        if used + taken > bytes {
            return false;
        }
        used += taken;
        true
    });
    let kept = fitting.count();
    rows.truncate(kept);
    used
}

fn shown(entry: &Entry, read: Option<&Value>) -> Value {
    let mut row = json!({
        "seq": entry.seq,
        "transaction_id": entry.transaction_id,
        "reference": entry.reference,
        "kind": entry.kind.name(),
        "state": entry.state.name(),
        "amount_minor": entry.amount_minor,
        "requested_minor": entry.requested_minor,
        "currency": entry.currency,
        "approval_code": entry.approval_code,
        "response_code": entry.response_code,
        "rrn": entry.rrn,
        "original": entry.original,
        "merchant": entry.merchant,
        "terminal": entry.terminal,
        "batch": entry.batch,
        "masked_pan": entry.masked_pan,
        "at": entry.at_micros,
        "origin": entry.origin.name(),
        "repeats": entry.repeats,
    });
    let rare = [
        ("tip_minor", json!(entry.tip_minor)),
        ("surcharge_minor", json!(entry.surcharge_minor)),
        ("cashback_minor", json!(entry.cashback_minor)),
        ("installments", json!(entry.installments)),
        ("token", json!(entry.token)),
        ("balance_minor", json!(entry.balance_minor)),
        ("voice_code", json!(entry.voice_code)),
        ("read", json!(read)),
    ];
    for (name, value) in rare.into_iter().filter(|(_, value)| !value.is_null()) {
        row[name] = value;
    }
    row
}
