// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reconcile`: totals of an acceptor's open batch, and its cutover.
//!
//! A close is known by its transaction id: the same one closes once and answers the same totals
//! for ever, whatever has been written since.

use crate::books::Result;
use crate::entry::State;
use crate::ledger::Ledger;
use crate::rules::{self, Code};
use payhal_messages::gateway::{Reconcile, Totals};

/// Carries out the command.
pub(crate) fn reconcile(
    ledger: &Ledger,
    request: &Reconcile,
) -> Result<std::result::Result<Totals, Code>> {
    let wire = &request.wire;
    ledger.write(|books| {
        if !request.close {
            return books.open_totals(&wire.acceptor).map(Ok);
        }
        if let Some(totals) = books.closed_by(&wire.transaction_id)? {
            return Ok(Ok(totals));
        }
        match books.by_id(&wire.transaction_id)? {
            Some(entry) if entry.state == State::Barred => Ok(Err(rules::REVERSED)),
            Some(_) => Ok(Err(rules::DUPLICATE)),
            None => books.close_batch(wire).map(Ok),
        }
    })
}
