// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `report`: keeps advices and order notifications. A repeat replaces the first.

use crate::ledger::Ledger;
use payhal_messages::gateway::Report;

/// Carries out the command.
pub(crate) fn report(ledger: &Ledger, request: &Report) -> rusqlite::Result<()> {
    let (wire, kind, body) = match request {
        Report::Advice { wire, tags } => (wire, "advice", serde_json::to_string(tags)),
        Report::NotifyOrder { wire, order, .. } => {
            (wire, "notify_order", serde_json::to_string(order))
        }
    };
    let body = body.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    ledger.write(|books| books.keep_report(&wire.transaction_id, kind, &body))
}
