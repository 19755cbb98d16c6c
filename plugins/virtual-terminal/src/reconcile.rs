// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reconcile`: totals of the open batch; its close, which collects what was approved
//! offline.

use crate::action::{At, Fault};
use crate::error::busy;
use crate::ledger::Books;
use crate::pay::settle_running;
use crate::rules;
use crate::state::Shared;
use crate::terminal::VirtualTerminal;
use payhal_messages::gateway::{Collected, Reconcile, Totals};
use payhal_plugin::{Context, Outcome, refused};

pub(crate) fn reconcile(
    terminal: &VirtualTerminal,
    request: &Reconcile,
    context: &Context,
) -> Outcome<Totals> {
    let shared = &*terminal.shared;
    let fault = shared
        .enter(At::Reconcile, None, context)?
        .map(|order| order.fault);
    let offline = shared.lock().offline.on;
    match fault {
        Some(Fault::Busy) => return Ok(Err(busy())),
        Some(Fault::Refuse) => return refused(rules::REFUSED.code, rules::REFUSED.text),
        _ if request.close && offline => {
            return refused(
                rules::ISSUER_DOWN.code,
                "The terminal has no line to collect by.",
            );
        }
        _ => {}
    }
    let totals = shared.ledger.write(|books| match request.close {
        true => close(shared, books, &request.wire.transaction_id),
        false => open_totals(books),
    })?;
    let later = shared
        .enter(At::ReconcileAnswer, None, context)?
        .map(|order| order.fault);
    Ok(Ok(match later.or(fault) {
        Some(Fault::Contradict | Fault::Garble) => Totals {
            totals: Vec::new(),
            ..totals
        },
        _ => totals,
    }))
}

fn open_totals(books: &Books) -> rusqlite::Result<Totals> {
    let open = books.open_batch()?;
    Ok(Totals {
        batch: name_of(open),
        totals: books.totals(Some(open))?,
        collected: Vec::new(),
    })
}

/// Closes once for each reconciliation, and tells the same again to a repeat.
fn close(shared: &Shared, books: &mut Books, transaction_id: &str) -> rusqlite::Result<Totals> {
    if let Some(told) = books.closed_by(transaction_id)? {
        return Ok(told);
    }
    settle_running(books)?;
    let mut collected = Vec::new();
    for mut entry in books.uncollected()? {
        let accepted = !shared.rejects(entry.amount_minor);
        books.collect(&mut entry, accepted)?;
        collected.push(Collected {
            transaction_id: entry.transaction_id,
            accepted,
        });
    }
    let totals = Totals {
        collected,
        ..open_totals(books)?
    };
    books.close_batch(books.open_batch()?, transaction_id, &totals)?;
    Ok(totals)
}

fn name_of(batch: i64) -> String {
    format!("{batch:06}")
}
