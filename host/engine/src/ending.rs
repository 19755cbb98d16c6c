// SPDX-License-Identifier: MIT OR Apache-2.0
//! How transactions end: recorded first, told after.
//!
//! Never changes an ending once it is recorded.

use crate::answer::{Approved, Notification, Outcome, Reason, Refused, Resolution, Retry, Stage};
use crate::card::Cvm;
use crate::dcc::own_currency;
use crate::device::{DeviceCommand, IssuerAnswer};
use crate::engine::{CallFor, Engine};
use crate::gateway::{Extras, GatewayAnswer, ReversalReason};
use crate::ids::{CallId, DeviceId, Position, Ticket, TransactionId};
use crate::keys::told;
use crate::record::{Ending, Fact, FinalAnswer, Unsent};
use crate::transaction::{Phase, Transaction, Waiter};
use crate::turns::is_close;
use std::sync::Arc;

impl Engine {
    /// Records a final outcome, answers everybody who waits, lets go of the reader. `show`: what
    /// the reader shows meanwhile.
    pub(crate) fn end(
        &mut self,
        transaction: &mut Transaction,
        answer: &FinalAnswer,
        reversal: Option<ReversalReason>,
        show: Option<IssuerAnswer>,
    ) {
        let unsent = (!transaction.intent).then(|| Unsent {
            scope: transaction.scope.clone(),
            request: transaction.request.clone(),
            fingerprint: transaction.fingerprint,
            device: transaction.device.clone(),
            gateway: transaction.gateway.clone(),
            card: transaction.card.clone(),
        });
        transaction.ending = Some(answer.clone());
        transaction.reversal = reversal;
        transaction.call = None;
        transaction.read = None;
        let ending = Ending {
            answer: answer.clone(),
            reversal,
            unsent,
            owed: self.owed(transaction, answer),
            stored: transaction.stored.clone(),
            became: None,
            signature: (transaction.signature.take())
                .filter(|_| matches!(answer, FinalAnswer::Approved(_))),
        };
        transaction.owed = ending.owed.clone();
        self.append(transaction, Fact::Ended(Box::new(ending)));
        if is_of_token(answer) {
            self.token_change = self.position;
        }
        self.clear_timers(transaction);
        transaction.next_at_micros = None;
        transaction.attempts = 0;
        if reversal.is_some() {
            self.step_to(transaction, Stage::Reversing, None);
        }
        for Waiter { ticket, .. } in std::mem::take(&mut transaction.waiters) {
            let forwarding = transaction.forwarding();
            let answer = told(answer.clone(), false, forwarding);
            self.answer(transaction.after, ticket, answer);
        }
        let outcome = crate::transaction::outcome(answer);
        self.last_step(transaction, outcome, outcome_text(outcome));
        self.let_go_of_reader(transaction, show);
        if reversal.is_some() {
            transaction.phase = Phase::Reversing;
            return;
        }
        if transaction.unknown {
            self.resolved(transaction, outcome, false);
        }
        if transaction.stored.is_some() {
            self.wait_to_forward(transaction);
        } else {
            self.come_to_rest(transaction);
        }
    }

    /// Ends a request that was accepted, sent nothing, and may be repeated with its key: nothing
    /// is recorded.
    pub(crate) fn drop_unrecorded(&mut self, transaction: &mut Transaction, mut refused: Refused) {
        transaction.call = None;
        if transaction.tried.recorded {
            self.end_tried(transaction, &refused);
            return;
        }
        if refused.retry_after_ms.is_none() && refused.reason.retry() == Retry::SameKey {
            refused.retry_after_ms = Some(self.config.timeouts.busy_hint_ms);
        }
        for Waiter { ticket, .. } in std::mem::take(&mut transaction.waiters) {
            self.refuse(transaction.after, Some(ticket), refused.clone());
        }
        self.last_step(transaction, Outcome::Failed, outcome_text(Outcome::Failed));
        self.let_go_of_reader(transaction, Some(IssuerAnswer::NoAnswer));
        transaction.phase = Phase::Settled;
    }

    /// Ends as approved.
    pub(crate) fn end_approved(
        &mut self,
        transaction: &mut Transaction,
        answer: &GatewayAnswer,
        approved_minor: i64,
        show: Option<IssuerAnswer>,
    ) {
        if is_close(transaction) {
            self.note_closed(transaction);
        }
        let stored = self.stored_by(transaction, &answer.extras);
        if transaction.request.kind.is_of_token() && stored.is_none() {
            let mut refused = self.refused(transaction, Reason::GatewayRejected);
            refused.detail = Some("the gateway gave no payment token for this card".into());
            self.end_refused(transaction, refused, show);
            return;
        }
        let approved = Approved {
            approval_code: answer.approval_code.clone(),
            response_code: answer.response_code.clone(),
            rrn: answer.rrn.clone(),
            signature_required: !transaction.passed.signature
                && (answer.signature_required || transaction.cvm == Some(Cvm::Signature)),
            dcc: own_currency(transaction, answer, approved_minor),
            extras: Extras {
                stored: stored.map(Box::new),
                dcc: None,
                ..answer.extras.clone()
            },
            ..self.approval(transaction, approved_minor)
        };
        self.end(
            transaction,
            &FinalAnswer::Approved(Box::new(approved)),
            None,
            show,
        );
    }

    /// An approval, without anything that another side said.
    pub(crate) fn approval(&self, transaction: &Transaction, approved_minor: i64) -> Approved {
        let partial = approved_minor < transaction.amounts.total.minor;
        let mut requested = transaction.amounts;
        // What card and customer added is told apart.
        if let Some(asked) = transaction.request.amounts {
            requested.total = asked.total;
        }
        if partial {
            // A partial approval pays out no cash.
            requested.cashback_minor = requested.cashback_minor.map(|_| 0);
        }
        Approved {
            transaction_id: transaction.id,
            key: transaction.request.key.clone(),
            requested,
            approved_minor,
            partial,
            approval_code: None,
            response_code: "".into(),
            rrn: None,
            stan: transaction.wire.as_ref().map(|wire| wire.stan),
            card: transaction.card.clone(),
            entry: transaction.entry,
            cvm: transaction.cvm,
            signature_required: transaction.cvm == Some(Cvm::Signature),
            gateway: transaction.gateway.clone(),
            device: transaction.device.clone(),
            acceptor: Some(transaction.acceptor.clone()),
            at_micros: self.now.wall_micros,
            extras: Extras::default(),
            accepted_offline: false,
            withdrawal: false,
            dcc: (transaction.dcc.as_ref()).map(|offer| offer.conversion.clone()),
        }
    }

    /// Ends as refused, with nothing to undo.
    pub(crate) fn end_refused(
        &mut self,
        transaction: &mut Transaction,
        refused: Refused,
        show: Option<IssuerAnswer>,
    ) {
        self.end(
            transaction,
            &FinalAnswer::Refused(Box::new(refused)),
            None,
            show,
        );
    }

    /// Ends as refused although money may have moved, and begins to undo it. Where none can move,
    /// there is nothing to undo.
    pub(crate) fn end_reversing(
        &mut self,
        transaction: &mut Transaction,
        reason: Reason,
        reversal: ReversalReason,
        detail: impl Into<Arc<str>>,
        show: Option<IssuerAnswer>,
    ) {
        let reversal = (transaction.request.kind.moves_money()).then_some(reversal);
        let mut refused = self.refused(transaction, reason);
        refused.reversing = reversal.is_some();
        refused.detail = Some(detail.into());
        let answer = FinalAnswer::Refused(Box::new(refused));
        self.end(transaction, &answer, reversal, show);
        if reversal.is_some() {
            self.try_reverse(transaction);
        }
    }

    /// A refusal of an accepted request.
    pub(crate) fn refused(&self, transaction: &Transaction, reason: Reason) -> Refused {
        let mut refused = Refused::new(reason, self.now);
        refused.transaction_id = Some(transaction.id);
        refused.key = Some(transaction.request.key.clone());
        refused
    }

    /// The answer while nobody knows.
    pub(crate) fn unknown_answer(&self, transaction: &Transaction) -> Refused {
        let mut refused = self.refused(transaction, Reason::OutcomeUnknown);
        refused.resolution = transaction.resolution();
        refused
    }

    /// Tells everybody who waits that nobody knows yet. Not final, and not recorded.
    pub(crate) fn tell_unknown(&mut self, transaction: &mut Transaction) {
        transaction.unknown = true;
        let unknown = self.unknown_answer(transaction);
        for Waiter { ticket, .. } in std::mem::take(&mut transaction.waiters) {
            self.refuse(transaction.after, Some(ticket), unknown.clone());
        }
    }

    /// Leaves it to a person. What its register was told stands.
    pub(crate) fn leave_to_operator(
        &mut self,
        transaction: &mut Transaction,
        reason: impl Into<Arc<str>>,
    ) {
        self.append(
            transaction,
            Fact::NeedsOperator {
                reason: reason.into(),
            },
        );
        self.clear_timers(transaction);
        transaction.call = None;
        transaction.phase = Phase::NeedsOperator;
        self.let_go_of_device(transaction);
        self.tell_unknown(transaction);
        let outcome = transaction.outcome().unwrap_or(Outcome::Unknown);
        self.notify_resolved(transaction, outcome, false, transaction.resolution());
    }

    /// An unknown or a reversal came to its end.
    pub(crate) fn resolved(&mut self, transaction: &Transaction, outcome: Outcome, reversed: bool) {
        self.notify_resolved(transaction, outcome, reversed, None);
    }

    fn notify_resolved(
        &mut self,
        transaction: &Transaction,
        outcome: Outcome,
        reversed: bool,
        resolution: Option<Resolution>,
    ) {
        let resolved = Notification::Resolved {
            register: transaction.scope.register.clone(),
            transaction_id: transaction.id,
            key: transaction.request.key.clone(),
            outcome,
            reversed,
            resolution,
        };
        self.notify(transaction.after, resolved);
    }

    /// The reader shows how it ended, and is free as soon as it has.
    fn let_go_of_reader(&mut self, transaction: &mut Transaction, show: Option<IssuerAnswer>) {
        let Some(device) = transaction.device.clone() else {
            return;
        };
        let presentation = transaction.presentation_id.take();
        if let (Some(answer), Some(presentation_id)) = (show, presentation)
            && !self.devices.is_called(&device)
        {
            let card = (transaction.id, presentation_id);
            self.let_go_of_card(transaction.after, &device, card, answer);
        }
        self.let_go_of_device(transaction);
    }

    /// The reader ends what it began with a card, of which nobody waits for more, and shows the
    /// answer. The card is named by transaction and presentation.
    pub(crate) fn let_go_of_card(
        &mut self,
        after: Position,
        device: &DeviceId,
        (transaction_id, presentation_id): (TransactionId, Arc<str>),
        answer: IssuerAnswer,
    ) {
        let command = DeviceCommand::Complete {
            transaction_id,
            presentation_id,
            answer,
            offline: false,
        };
        let purpose = CallFor::Device {
            device: device.clone(),
            transaction: None,
        };
        let limit_ms = self.config.timeouts.completion_ms;
        self.call_device(after, device, purpose, command, limit_ms);
    }

    /// Its device is free for the next.
    pub(crate) fn let_go_of_device(&mut self, transaction: &mut Transaction) {
        if let (true, Some(device)) = (transaction.holds_device, &transaction.device) {
            self.devices.let_go(device);
            transaction.holds_device = false;
        }
    }

    /// Forgets calls that never left.
    pub(crate) fn drop_calls(&mut self, unmade: &[CallId]) {
        for call in unmade {
            if let Some(
                CallFor::Device { device, .. }
                | CallFor::Identify { device, .. }
                | CallFor::Lease { device, .. },
            ) = self.calls.remove(call)
            {
                self.devices.call_ended(&device, *call);
            }
        }
    }

    /// A register does not wait for an errand or for totals any more.
    pub(crate) fn forget_look(&mut self, forgotten: Ticket) {
        self.call_back(forgotten);
        for purpose in self.calls.values_mut() {
            if let CallFor::Totals { ticket } = purpose {
                *ticket = ticket.filter(|ticket| *ticket != forgotten);
            }
            if let CallFor::Identify { device, ticket } = purpose
                && *ticket == forgotten
            {
                *purpose = CallFor::Device {
                    device: device.clone(),
                    transaction: None,
                };
            }
        }
    }
}

/// What people read at the end.
fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "Approved",
        Outcome::Declined => "Declined",
        Outcome::Cancelled => "Cancelled",
        Outcome::Failed => "Failed",
        Outcome::Unknown => "Not known yet",
    }
}

/// Whether a kept token begins, changes or ends with it.
fn is_of_token(answer: &FinalAnswer) -> bool {
    matches!(answer, FinalAnswer::Approved(approved) if approved.extras.stored.is_some())
}
