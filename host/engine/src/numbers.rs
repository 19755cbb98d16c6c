// SPDX-License-Identifier: MIT OR Apache-2.0
//! Card numbers that a gateway's reversal needs, sealed apart by the reader.
//!
//! One is kept before the intent of its transaction is written, so that no crash leaves an intent
//! without it, and destroyed once no reversal can come any more. Never looks into one, never
//! records one, and never holds one longer than it takes to have it kept.

use crate::admit::NotNow;
use crate::answer::Reason;
use crate::effect::Action;
use crate::engine::Engine;
use crate::ids::{Kept, TransactionId};
use crate::transaction::{Phase, SealedRead, Transaction};
use std::sync::Arc;

impl Engine {
    /// Whether the reversal of this transaction would need the card's number.
    pub(crate) fn wants_number(&self, transaction: &Transaction) -> bool {
        let gateway = transaction.gateway.as_ref();
        let parameters = gateway.and_then(|gateway| self.known(gateway));
        transaction.request.kind.moves_money()
            && parameters.is_some_and(|parameters| parameters.reversal_needs_number)
    }

    /// The reader did not seal it apart.
    pub(crate) fn refuse_without_number(&mut self, transaction: &mut Transaction) {
        let mut refused = self.refused(transaction, Reason::DeviceUnsupported);
        let detail = "the gateway's reversals need the card number, and the reader does not seal \
                      it apart: use another reader or another gateway";
        refused.detail = Some(detail.into());
        self.drop_unrecorded(transaction, refused);
    }

    /// Has the number kept where there is one; the intent follows.
    pub(crate) fn keep_number(&mut self, transaction: &mut Transaction, read: Option<SealedRead>) {
        let Some(mut read) = read else {
            self.ask_gateway(transaction, None);
            return;
        };
        let Some(number) = read.number.take().filter(|_| transaction.number_wanted) else {
            self.ask_gateway(transaction, Some(read));
            return;
        };
        transaction.number_kept = true;
        transaction.phase = Phase::Keeping(read);
        let keep = Action::Keep {
            transaction: transaction.id,
            part: Kept::Number,
            sealed: number,
        };
        self.emit(transaction.after, keep);
    }

    /// The number is on disk, or cannot be kept.
    pub(crate) fn number_kept(&mut self, id: TransactionId, refused: Option<Arc<str>>) {
        self.with(id, |engine, transaction| {
            let Phase::Keeping(read) = transaction.phase.clone() else {
                return;
            };
            match refused {
                None => engine.ask_gateway(transaction, Some(read)),
                Some(why) => {
                    let detail = format!("the card number cannot be kept for a reversal: {why}");
                    let not_now = NotNow::new(Reason::JournalUnavailable, detail);
                    engine.give_up_before_intent(transaction, not_now);
                }
            }
        });
    }

    /// Destroys what nobody can need any more, once that is durable: a number when no reversal can
    /// come, a read when it is known what became of it.
    pub(crate) fn destroy_kept(&mut self, transaction: &mut Transaction) {
        let decided = transaction.is_decided();
        if transaction.number_kept && (decided || transaction.stored.is_some()) {
            transaction.number_kept = false;
            self.destroy(transaction, Kept::Number);
        }
        let unwanted = decided || (transaction.ending.is_some() && transaction.stored.is_none());
        if transaction.read_kept && unwanted {
            transaction.read_kept = false;
            self.destroy(transaction, Kept::Read);
        }
    }

    pub(crate) fn destroy(&mut self, transaction: &Transaction, part: Kept) {
        let destroy = Action::Destroy {
            transaction: transaction.id,
            part,
        };
        self.emit(transaction.after, destroy);
    }
}
