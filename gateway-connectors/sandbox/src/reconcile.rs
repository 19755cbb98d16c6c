// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reconcile`: totals of an acceptor's open batch, and its cutover.

use crate::ledger::Ledger;
use payhal_messages::gateway::{Reconcile, Totals};

/// Carries out the command. A request to close carries no id to tell a repeat by, so a close that
/// finds the open batch empty tells the last closed one again instead of closing nothing: a host
/// that lost the reply gets its totals by asking again.
pub(crate) fn reconcile(ledger: &Ledger, request: &Reconcile) -> rusqlite::Result<Totals> {
    let acceptor = &request.wire.acceptor;
    ledger.write(|books| {
        let open = books.open_batch(&acceptor.merchant, &acceptor.terminal)?;
        let is_repeat = request.close && open > 1 && books.is_empty(acceptor, open)?;
        let told = if is_repeat { open - 1 } else { open };
        if request.close && !is_repeat {
            books.close_batch(acceptor, open)?;
        }
        Ok(Totals {
            batch: format!("{told:06}"),
            totals: books.totals(Some((acceptor, told)))?,
            collected: Vec::new(),
        })
    })
}
