// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refunds of transactions that only a receipt tells of.
//!
//! What this host gave back for a receipt since it started, and what was open then, never exceeds
//! the receipt's amount. What others gave back only the gateway knows: it has the last word.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::ids::{GatewayId, TransactionId};
use crate::limits::RECEIPTS_MAX;
use crate::request::{Kind, MoneyRequest, Receipt};
use crate::sums::Standing;
use crate::transaction::Transaction;
use std::collections::VecDeque;

/// The latest of them.
#[derive(Debug, Default)]
pub(crate) struct Receipts(VecDeque<Given>);

#[derive(Debug)]
struct Given {
    id: TransactionId,
    gateway: GatewayId,
    receipt: Receipt,
    standing: Standing,
}

impl Receipts {
    /// Whether so much can still be given back.
    pub(crate) fn check(&self, request: &MoneyRequest, gateway: &GatewayId) -> Result<(), NotNow> {
        let not_allowed = |detail: String| Err(NotNow::new(Reason::NotAllowed, detail));
        let receipt = request.terms.receipt.as_ref();
        let named = receipt.filter(|it| it.reference.is_some() || it.rrn.is_some());
        let Some(receipt) = named else {
            return not_allowed("the receipt must give its reference or its RRN".into());
        };
        let of_receipt = self
            .0
            .iter()
            .filter(|given| given.gateway == *gateway && is_same(&given.receipt, receipt));
        let given: i64 = of_receipt.map(|given| given.standing.may_stand()).sum();
        let left = receipt.amount_minor - given;
        let asked = request.amounts.map_or(0, |amounts| amounts.total.minor);
        if asked > left {
            return not_allowed(format!("at most {left} minor units can be refunded"));
        }
        Ok(())
    }

    /// Takes up how a refund stands.
    pub(crate) fn note(&mut self, transaction: &Transaction) {
        if transaction.request.kind != Kind::RefundByReceipt {
            return;
        }
        let Some(standing) = Standing::of(transaction) else {
            return;
        };
        let id = transaction.id;
        if let Some(known) = self.0.iter_mut().find(|given| given.id == id) {
            known.standing = standing;
            return;
        }
        let receipt = transaction.request.terms.receipt.clone();
        let (Some(gateway), Some(receipt)) = (transaction.gateway.clone(), receipt) else {
            return;
        };
        if self.0.len() >= RECEIPTS_MAX {
            let oldest = self.0.iter().position(|given| !given.standing.open);
            oldest.and_then(|place| self.0.remove(place));
        }
        self.0.push_back(Given {
            id,
            gateway,
            receipt,
            standing,
        });
    }
}

/// Whether two name the same transaction: by either of its references.
fn is_same(one: &Receipt, other: &Receipt) -> bool {
    (one.reference.is_some() && one.reference == other.reference)
        || (one.rrn.is_some() && one.rrn == other.rrn)
}
