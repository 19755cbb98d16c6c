// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `inquire`: what the ledger holds about a transaction. Must never write.

use crate::books::{Books, Result};
use crate::converted;
use crate::entry::{Entry, State};
use crate::ledger::Ledger;
use payhal_messages::gateway::{Finding, Wire};

/// Carries out the command. `is_underway` tells of requests that travel but have not arrived.
pub(crate) fn inquire(
    ledger: &Ledger,
    wire: &Wire,
    is_underway: impl FnOnce() -> bool,
) -> Result<Finding> {
    ledger.read(|books| {
        if let Some(entry) = books.find(wire)? {
            return finding(books, wire, &entry);
        }
        Ok(match books.closed_by(&wire.transaction_id)? {
            Some(totals) => Finding::Reconciled { totals },
            None if is_underway() => Finding::Pending,
            None => Finding::NotFound,
        })
    })
}

fn finding(books: &Books, wire: &Wire, entry: &Entry) -> Result<Finding> {
    Ok(match entry.state {
        State::Reversed | State::Barred => Finding::Reversed,
        State::Approved | State::Declined | State::Rejected | State::Referred | State::Voided => {
            Finding::Answered {
                answer: converted::told(books, wire, entry.answer())?,
            }
        }
    })
}
