// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches: their totals, and their close, which is a transaction like any other.
//!
//! A close cannot be undone: it is asked about and repeated until there is a definite answer.

use crate::admit::NotNow;
use crate::answer::{Answer, Reason};
use crate::effect::Action;
use crate::engine::{CallFor, Engine};
use crate::gateway::{
    Ability, Decision, Extras, GatewayAnswer, GatewayCommand, GatewayReply, Totals, Wire,
};
use crate::ids::{DeviceId, GatewayId, Opaque, Position, Ticket, TransactionId};
use crate::keys::Ask;
use crate::record::{BatchClosed, Fact};
use crate::transaction::Transaction;

impl Engine {
    pub(crate) fn accept_close(&self, ask: &Ask) -> Result<Transaction, NotNow> {
        let gateway = self.choose_gateway(ask.request.gateway.as_ref())?;
        let parameters = self.reachable(&gateway)?;
        crate::admit::check_able(&ask.request, &gateway, parameters)?;
        let amounts = crate::admit::amounts_of(&ask.request, parameters);
        let acceptor = self.acceptor(&gateway);
        let close = self.accepted(ask, amounts, Some(gateway), acceptor);
        self.check_settled(&close)?;
        self.check_not_closing(&close)?;
        Ok(close)
    }

    /// The batch is closed, and these are its totals.
    pub(crate) fn batch_closed(&mut self, transaction: &mut Transaction, totals: Totals) {
        let answer = GatewayAnswer {
            decision: Decision::Approved,
            response_code: "".into(),
            response_text: None,
            approved_minor: Some(0),
            approval_code: None,
            rrn: None,
            signature_required: false,
            issuer: Opaque::default(),
            extras: Extras {
                totals: Some(Box::new(totals)),
                ..Extras::default()
            },
        };
        self.append_lazily(transaction, Fact::Answered(Box::new(answer.clone())));
        transaction.answered = Some(answer.clone());
        self.end_approved(transaction, &answer, 0, None);
    }

    /// By the other side's word or a person's.
    pub(crate) fn note_closed(&mut self, transaction: &Transaction) {
        let closed = BatchClosed {
            gateway: transaction.gateway.clone(),
            device: transaction.device.clone(),
            acceptor: transaction.acceptor.clone(),
            at_micros: self.now.wall_micros,
        };
        self.closed.retain(|known| {
            known.gateway != closed.gateway
                || known.device != closed.device
                || known.acceptor != closed.acceptor
        });
        self.closed.push(closed);
    }

    /// Somebody wants to see the totals. No money moves, and nothing is recorded.
    pub(crate) fn asked_for_totals(
        &mut self,
        ticket: Ticket,
        id: TransactionId,
        gateway: Option<&GatewayId>,
        device: Option<&DeviceId>,
    ) {
        if let Some(terminal) = device.filter(|device| self.devices.terminal(device).is_some()) {
            self.ask_terminal_for_totals(ticket, id, terminal);
            return;
        }
        let wire = match self.wire_of_totals(id, gateway) {
            Ok((gateway, wire)) => {
                let deadline_boot_ms = self.now.boot_ms + self.config.timeouts.gateway_ms;
                let call = self.next_call(CallFor::Totals {
                    ticket: Some(ticket),
                });
                Action::CallGateway {
                    gateway,
                    call,
                    command: Box::new(GatewayCommand::Reconcile { wire, close: false }),
                    deadline_boot_ms,
                }
            }
            Err(not_now) => {
                let (reason, retry_after_ms, detail) = not_now.into_parts();
                let mut refused = self.refusal(reason);
                refused.retry_after_ms = retry_after_ms;
                refused.detail = detail;
                self.refuse(Position(0), Some(ticket), refused);
                return;
            }
        };
        self.emit(Position(0), wire);
    }

    fn wire_of_totals(
        &mut self,
        id: TransactionId,
        gateway: Option<&GatewayId>,
    ) -> Result<(GatewayId, Wire), NotNow> {
        let gateway = self.choose_gateway(gateway)?;
        let parameters = self.reachable(&gateway)?;
        if !parameters.can.contains(&Ability::BatchTotals) {
            let detail = format!("gateway {gateway} cannot tell the totals of a batch");
            return Err(NotNow::new(Reason::NotAllowed, detail));
        }
        let wire = Wire {
            transaction_id: id,
            stan: self.next_stan(),
            at_micros: self.now.wall_micros,
            acceptor: self.acceptor(&gateway),
            reference: "".into(),
        };
        Ok((gateway, wire))
    }

    pub(crate) fn totals_told(&mut self, ticket: Option<Ticket>, reply: GatewayReply) {
        let mut code = None;
        let (reason, detail) = match reply {
            GatewayReply::Reconciled(totals) => {
                if let Some(ticket) = ticket {
                    self.answer(Position(0), ticket, Answer::Totals(totals));
                }
                return;
            }
            GatewayReply::Failed { reason, .. } => (Reason::GatewayUnavailable, Some(reason)),
            GatewayReply::Answered(answer) => {
                code = Some(answer.response_code);
                (Reason::GatewayRejected, answer.response_text)
            }
            GatewayReply::Unsupported => (Reason::NotAllowed, None),
            _ => (Reason::PluginFailed, None),
        };
        let mut refused = self.refusal(reason);
        refused.response_code = code;
        refused.detail = detail;
        self.refuse(Position(0), ticket, refused);
    }
}
