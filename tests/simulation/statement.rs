// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway's books say of money: what each transaction brought the shop, and the totals of the
//! open batch. Out of the ledger alone.

use crate::ledger::{Entry, Ledger};
use payhal_engine::device::Purpose;
use payhal_engine::gateway::{Change, CurrencyTotals};
use payhal_engine::ids::TransactionId;
use payhal_engine::money::Currency;
use std::collections::BTreeMap;

/// What each transaction brought the shop, minor units; below zero what it gave back. Nothing where
/// no money stands: holds, card checks, what was voided and the void itself.
pub(crate) fn lines(ledger: &Ledger) -> BTreeMap<TransactionId, i64> {
    let standing = ledger.entries.iter().filter(|(_, entry)| entry.stands());
    let lines = standing.map(|(id, entry)| (*id, brought(ledger, *id, entry)));
    lines.filter(|(_, minor)| *minor != 0).collect()
}

fn brought(ledger: &Ledger, id: TransactionId, entry: &Entry) -> i64 {
    if is_voided(ledger, id) {
        return 0;
    }
    match (entry.original, ledger.purposes.get(&id)) {
        (Some((_, Change::Capture)), _) | (None, Some(Purpose::Sale | Purpose::CashAdvance)) => {
            entry.minor
        }
        (Some((_, Change::Refund)), _) | (None, Some(Purpose::Refund)) => -entry.minor,
        _ => 0,
    }
}

fn is_voided(ledger: &Ledger, id: TransactionId) -> bool {
    let mut standing = ledger.entries.values().filter(|entry| entry.stands());
    standing.any(|entry| entry.original == Some((id, Change::Void)))
}

/// The totals of what lies in no closed batch.
pub(crate) fn totals(ledger: &Ledger) -> Vec<CurrencyTotals> {
    let mut row = CurrencyTotals {
        currency: Currency::EUR,
        sales: 0,
        sales_minor: 0,
        refunds: 0,
        refunds_minor: 0,
    };
    let open = lines(ledger)
        .into_iter()
        .filter(|(id, _)| !ledger.closed.contains(id));
    for (_, minor) in open {
        if minor > 0 {
            row.sales += 1;
            row.sales_minor += minor;
        } else {
            row.refunds += 1;
            row.refunds_minor -= minor;
        }
    }
    vec![row]
}
