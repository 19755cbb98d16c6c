// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refund, capture, adjustment and void of what a terminal authorized: on that terminal.
//!
//! Never repeats a void that needs the card, and never guesses what a refusal of a repeated one
//! means.

use crate::abilities::lacking;
use crate::admit::{NotNow, decide_undo};
use crate::answer::Reason;
use crate::device::{DeviceCommand, OriginalPayment, TerminalReversal};
use crate::engine::Engine;
use crate::gateway::{Decision, Extras, GatewayAnswer, Wire};
use crate::ids::{Opaque, TransactionId};
use crate::keys::Ask;
use crate::request::Kind;
use crate::sums::{Batch, Parent};
use crate::terminal_unknown::Terminal;
use crate::transaction::Transaction;
use std::sync::Arc;

impl Engine {
    /// A change of what a terminal authorized.
    pub(crate) fn accept_change_on_terminal(
        &self,
        ask: &mut Ask,
        original: TransactionId,
        parent: &Parent,
    ) -> Result<Transaction, NotNow> {
        let Some(device) = parent.device.clone() else {
            let detail = format!("nobody knows where transaction {original} was made");
            return Err(NotNow::new(Reason::DeviceUnsupported, detail));
        };
        let elsewhere = ask.request.device.as_ref().is_some_and(|it| *it != device);
        if elsewhere || ask.request.gateway.is_some() {
            let detail = format!("transaction {original} belongs to terminal {device}");
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        let Some(terminal) = self.devices.terminal(&device) else {
            let detail = format!("terminal {device} is not there");
            return Err(NotNow::new(Reason::DeviceNotFound, detail));
        };
        let batch = Batch {
            closed: self.is_batch_closed(parent),
            can_void: can_void(terminal, parent),
        };
        decide_undo(ask, parent, original, batch)?;
        let words = match ask.request.kind {
            Kind::Void { .. } if batch.can_void => None,
            Kind::Void { .. } => Some("void; payment.refund may give it back"),
            _ => lacking(&ask.request, terminal.can),
        };
        if let Some(words) = words {
            let detail = format!("terminal {device} cannot {words}");
            return Err(NotNow::new(Reason::DeviceUnsupported, detail));
        }
        let amounts = parent.allows(ask, original, batch)?;
        self.check_terminal_free(&device, &ask.scope.register)?;
        let acceptor = parent.wire.acceptor.clone();
        let mut transaction = self.accepted(ask, amounts, None, acceptor);
        transaction.original = Some(Wire {
            reference: parent.reference.clone().unwrap_or_else(|| "".into()),
            ..parent.wire.clone()
        });
        transaction.card.clone_from(&parent.card);
        transaction.device = Some(device);
        Ok(transaction)
    }

    /// The terminal has taken the original back.
    pub(crate) fn voided(&mut self, transaction: &mut Transaction) {
        let answer = GatewayAnswer {
            decision: Decision::Approved,
            response_code: "".into(),
            response_text: None,
            approved_minor: Some(transaction.amounts.total.minor),
            approval_code: None,
            rrn: None,
            signature_required: false,
            issuer: Opaque::default(),
            extras: Extras::default(),
        };
        self.decided(transaction, answer, false);
    }

    /// The terminal says no. After a try whose end is not known, that may mean that it was done.
    pub(crate) fn void_refused(&mut self, transaction: &mut Transaction, text: Arc<str>) {
        if transaction.sent_before {
            let reason = format!("the terminal refused what it may have done before: {text}");
            self.leave_to_operator(transaction, reason);
            return;
        }
        let mut refused = self.refused(transaction, Reason::GatewayRejected);
        refused.response_text = Some(text);
        self.end_refused(transaction, refused, None);
    }

    /// Asks the terminal once more to take the original back, if it needs no card for it.
    pub(crate) fn void_again(&mut self, transaction: &mut Transaction) {
        let device = transaction.device.as_ref();
        let terminal = device.and_then(|device| self.devices.terminal(device));
        let by_reference = terminal.is_some_and(|it| it.reversal == TerminalReversal::ByReference);
        match void_of(transaction) {
            Some(reverse) if by_reference => self.call_terminal(transaction, reverse),
            _ => {
                let reason = "the terminal did not say whether it voided, and needs the card again";
                self.leave_to_operator(transaction, reason);
            }
        }
    }
}

/// Whether a terminal can take a payment of its own back.
fn can_void(terminal: Terminal<'_>, parent: &Parent) -> bool {
    match terminal.reversal {
        TerminalReversal::ByReference => parent.reference.is_some(),
        TerminalReversal::NeedsCard => true,
        TerminalReversal::None => false,
    }
}

/// The payment that a change belongs to, as its terminal knows it.
pub(crate) fn original_of(transaction: &Transaction) -> Option<OriginalPayment> {
    let wire = transaction.original.as_ref()?;
    Some(OriginalPayment {
        transaction_id: wire.transaction_id,
        stan: wire.stan,
        reference: Some(wire.reference.clone()).filter(|reference| !reference.is_empty()),
    })
}

/// What a void asks of its terminal.
pub(crate) fn void_of(transaction: &Transaction) -> Option<DeviceCommand> {
    if !transaction.is_void() {
        return None;
    }
    let OriginalPayment {
        transaction_id,
        reference,
        ..
    } = original_of(transaction)?;
    Some(DeviceCommand::Reverse {
        transaction_id,
        reference,
        amounts: transaction.amounts,
    })
}
