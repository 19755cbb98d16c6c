// SPDX-License-Identifier: MIT OR Apache-2.0
//! The next gateway of a route, where the one before was sent nothing.
//!
//! Before the seal the next one simply takes its place. After it, the card is presented once more:
//! what was sealed is for one gateway alone. An intent that was written is closed first, as
//! certainly unsent, so that never more than one gateway can hold the money of a transaction.

use crate::answer::{Reason, Refused, Stage};
use crate::device::IssuerAnswer;
use crate::effect::Action;
use crate::engine::Engine;
use crate::ids::{GatewayId, Kept};
use crate::record::Fact;
use crate::spent::DeviceKey;
use crate::transaction::{Phase, Transaction};
use std::sync::Arc;

/// What a transaction tried before the gateway that it has.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    /// The gateways that were sent nothing, in order.
    pub(crate) gateways: Vec<GatewayId>,
    /// Whether an intent was closed: its key is used, and its ending must be on disk.
    pub(crate) recorded: bool,
    /// Keys that closed intents spent; they stay spent.
    pub(crate) spent: Vec<DeviceKey>,
}

impl Tried {
    /// Whether its card is presented once more.
    pub(crate) fn is_any(&self) -> bool {
        !self.gateways.is_empty()
    }
}

impl Engine {
    /// Nothing was sent. Whether the card is presented once more, for the next gateway.
    pub(crate) fn fall_back(&mut self, transaction: &mut Transaction, why: &Arc<str>) -> bool {
        let sealed = !matches!(
            transaction.phase,
            Phase::AwaitingReader
                | Phase::Presenting
                | Phase::AwaitingAmount
                | Phase::Pricing { .. }
                | Phase::OfferingCurrency
                | Phase::ChoosingCurrency(_)
                | Phase::AskingCurrency(_)
        );
        // Somebody must be there to present it.
        let wanted = !self.stopping && !transaction.waiters.is_empty();
        // A card that was completed without its issuer is done.
        let held = transaction.holds_device && transaction.presentation_id.is_some();
        // A word of the issuer's, be it that it wants to be called, is the last gateway's.
        let asked = transaction.sent_before || transaction.answered.is_some();
        if !(sealed && wanted && held) || asked || transaction.stop.is_some() {
            return false;
        }
        let Some(next) = self.next_gateway(transaction) else {
            return false;
        };
        self.close_unsent(transaction, why);
        self.turn_to(transaction, next);
        self.forget_read(transaction);
        self.present_again(transaction);
        true
    }

    /// Before the seal: the next gateway takes the place of one that cannot be reached.
    pub(crate) fn fall_over(&self, transaction: &mut Transaction) -> bool {
        let next = self.next_gateway(transaction);
        let there = next.is_some();
        if let Some(next) = next {
            self.turn_to(transaction, next);
        }
        there
    }

    /// The next gateway of its route that can take it now.
    fn next_gateway(&self, transaction: &Transaction) -> Option<GatewayId> {
        let current = transaction.gateway.as_ref();
        let candidates = self.candidates_of(transaction).ok()?;
        candidates.into_iter().find(|gateway| {
            let device = transaction.device.as_ref();
            current.is_some_and(|current| current != gateway && self.are_alike(current, gateway))
                && self
                    .check_gateway(&transaction.request, device, gateway)
                    .is_ok()
        })
    }

    /// An intent that was written says no longer that something may have been sent.
    fn close_unsent(&mut self, transaction: &mut Transaction, why: &Arc<str>) {
        if !transaction.intent {
            return;
        }
        let reason = why.clone();
        self.append(transaction, Fact::Unsent { reason });
        transaction.intent = false;
        transaction.tried.recorded = true;
        let spent = std::mem::take(&mut transaction.spent);
        transaction.tried.spent.extend(spent);
    }

    fn turn_to(&self, transaction: &mut Transaction, next: GatewayId) {
        transaction.acceptor = self.acceptor(&next);
        // An offer is its gateway's alone.
        transaction.dcc = None;
        let former = transaction.gateway.replace(next);
        transaction.tried.gateways.extend(former);
    }

    /// What came of the card is worth nothing any more, and its surcharge is asked about anew. A
    /// tip stays: it is the customer's word, whatever the gateway.
    fn forget_read(&mut self, transaction: &mut Transaction) {
        self.end_pause(transaction);
        if std::mem::take(&mut transaction.number_kept) {
            let destroy = Action::Destroy {
                transaction: transaction.id,
                part: Kept::Number,
            };
            self.emit(transaction.after, destroy);
        }
        transaction.wire = None;
        transaction.going_offline = false;
        transaction.number_wanted = false;
        transaction.completion_owed = false;
        transaction.cvm = None;
        if let Some(surcharge_minor) = transaction.surcharge_added.take() {
            transaction.amounts.total.minor -= surcharge_minor;
            transaction.amounts.surcharge_minor = None;
        }
    }

    /// The reader ends what it began; then it waits for the card again.
    fn present_again(&mut self, transaction: &mut Transaction) {
        let text = "The payment service cannot be reached: another one is asked. Present the card \
                    once more";
        self.step_to(transaction, Stage::WaitingForCard, Some(text.into()));
        transaction.phase = Phase::AwaitingReader;
        let presentation = transaction.presentation_id.take();
        let (Some(device), Some(presentation_id)) = (transaction.device.clone(), presentation)
        else {
            return;
        };
        let card = (transaction.id, presentation_id);
        self.let_go_of_card(transaction.after, &device, card, IssuerAnswer::NoAnswer);
    }

    /// It cannot go on, and an earlier intent of it is on disk: its key is used.
    pub(crate) fn end_tried(&mut self, transaction: &mut Transaction, refused: &Refused) {
        let mut unsent = self.refused(transaction, Reason::NothingSent);
        let why = refused.detail.as_deref();
        let why = why.unwrap_or("the card was not presented once more");
        unsent.detail = Some(format!("nothing was sent: {why}").into());
        self.end_refused(transaction, unsent, Some(IssuerAnswer::NoAnswer));
    }

    /// Found at start between two gateways: nothing was sent to the former, nothing asked of the
    /// next.
    pub(crate) fn resume_unsent(&mut self, transaction: &mut Transaction) {
        let mut refused = self.refused(transaction, Reason::NothingSent);
        refused.detail = Some("nothing was sent: the host restarted before another try".into());
        self.end_refused(transaction, refused, None);
    }
}
