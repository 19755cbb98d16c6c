// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `report`: keeps advices and order notifications, of whatever transaction. A repeat
//! replaces the first and is counted.

use crate::books::{Result, unwritable};
use crate::ledger::Ledger;
use payhal_messages::gateway::Report;
use rusqlite::params;

/// Carries out the command.
pub(crate) fn report(ledger: &Ledger, request: &Report) -> Result<()> {
    let (wire, kind, amounts, body) = match request {
        Report::Advice { wire, tags } => {
            let body = serde_json::to_string(tags).map_err(unwritable)?;
            (wire, "advice", None, body)
        }
        Report::NotifyOrder {
            wire,
            amounts,
            order,
        } => (wire, "notify_order", Some(amounts), order.clone()),
    };
    ledger.write(|books| {
        books.run(
            "INSERT INTO report (transaction_id, kind, body, amount_minor, currency, times) \
             VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT (transaction_id, kind) DO UPDATE \
             SET body = ?3, amount_minor = ?4, currency = ?5, times = times + 1",
            params![
                wire.transaction_id,
                kind,
                body,
                amounts.map(|amounts| amounts.total_minor),
                amounts.map(|amounts| &amounts.currency),
            ],
        )
    })
}
