// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exchange with the gateway: references, intent, question, answer.
//!
//! Never asks before the intent is durable, and never guesses what an answer means.

use crate::admit::NotNow;
use crate::answer::{Reason, Stage};
use crate::device::IssuerAnswer;
use crate::engine::Engine;
use crate::gateway::{
    CardSource, Decision, GatewayAnswer, GatewayCommand, GatewayReply, Original, ReversalReason,
    Wire,
};
use crate::ids::DeviceId;
use crate::limits::{REFERENCE_BYTES_MAX, STAN_MAX};
use crate::record::{Fact, Intent};
use crate::transaction::{Phase, SealedRead, Transaction};
use std::sync::Arc;

/// What a gateway's answer amounts to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Approved {
        minor: i64,
    },
    Declined,
    Rejected,
    /// Not an answer to what was asked.
    Contradictory(&'static str),
}

impl Engine {
    /// A refund or void begins.
    pub(crate) fn start_change(&mut self, transaction: &mut Transaction) {
        self.step_to(transaction, Stage::Accepted, None);
        self.prepare(transaction, None);
    }

    /// Asks the connector for its references. Nothing leaves the shop.
    pub(crate) fn prepare(&mut self, transaction: &mut Transaction, read: Option<SealedRead>) {
        let free = self.check_again(transaction);
        if let Err(not_now) = free {
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        self.stan = if self.stan >= STAN_MAX {
            1
        } else {
            self.stan + 1
        };
        let wire = Wire {
            transaction_id: transaction.id,
            stan: self.stan,
            at_micros: self.now.wall_micros,
            acceptor: transaction.acceptor.clone(),
            reference: "".into(),
        };
        transaction.wire = Some(wire.clone());
        transaction.phase = Phase::Preparing(read);
        let prepare = GatewayCommand::Prepare {
            wire,
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
        };
        self.call_gateway(transaction, prepare);
    }

    pub(crate) fn prepared(
        &mut self,
        transaction: &mut Transaction,
        read: Option<SealedRead>,
        reply: GatewayReply,
    ) {
        let not_now = match reply {
            GatewayReply::Prepared { reference } if reference.len() <= REFERENCE_BYTES_MAX => {
                self.ask_gateway(transaction, read, reference);
                return;
            }
            GatewayReply::Prepared { .. } => {
                let detail = format!("the references have more than {REFERENCE_BYTES_MAX} bytes");
                NotNow::new(Reason::PluginFailed, detail)
            }
            GatewayReply::Failed { reason, .. } => NotNow::new(Reason::GatewayUnavailable, reason),
            _ => {
                let detail = "the connector answered something else than it was asked";
                NotNow::new(Reason::PluginFailed, detail)
            }
        };
        self.give_up_before_intent(transaction, not_now);
    }

    /// Writes the intent, and asks as soon as it is durable.
    fn ask_gateway(
        &mut self,
        transaction: &mut Transaction,
        read: Option<SealedRead>,
        reference: Arc<str>,
    ) {
        // Others may have asked meanwhile.
        let free = self.check_again(transaction);
        if let Err(not_now) = free {
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        let Some(wire) = transaction.wire.as_mut() else {
            return;
        };
        wire.reference = reference;
        let wire = wire.clone();
        let intent = Intent {
            scope: transaction.scope.clone(),
            request: transaction.request.clone(),
            fingerprint: transaction.fingerprint,
            amounts: transaction.amounts,
            device: transaction.device.clone(),
            gateway: transaction.gateway.clone(),
            wire: wire.clone(),
            original: transaction.original.clone(),
            card: transaction.card.clone(),
            entry: transaction.entry,
            cvm: transaction.cvm,
            completion_owed: transaction.completion_owed,
        };
        self.append(transaction, Fact::Intent(Box::new(intent)));
        transaction.intent = true;
        self.step_to(transaction, Stage::Authorizing, None);
        if let (Some(read), Some(device)) = (read, transaction.device.clone()) {
            transaction.phase = Phase::Authorizing;
            let authorize = authorization(transaction, wire, device, read);
            self.call_gateway(transaction, authorize);
        } else {
            self.modify(transaction);
        }
    }

    /// Asks for the change; with the same references each time.
    pub(crate) fn modify(&mut self, transaction: &mut Transaction) {
        let (Some(wire), Some(original)) = (transaction.wire.clone(), transaction.original.clone())
        else {
            return;
        };
        transaction.phase = Phase::Modifying;
        let Some(change) = transaction.request.kind.change() else {
            return;
        };
        let original = Original::Wire(original);
        let amounts = transaction.amounts;
        self.call_gateway(
            transaction,
            GatewayCommand::Modify {
                wire,
                original,
                change,
                amounts,
            },
        );
    }

    /// The gateway replied to an authorization or a change.
    pub(crate) fn exchanged(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        match reply {
            GatewayReply::Answered(answer) => self.decided(transaction, *answer, false),
            GatewayReply::Failed {
                sent: false,
                reason,
            } if !transaction.sent_before => {
                // The intent is on disk, so the key is used; the outcome is certain all the same.
                let mut refused = self.refused(transaction, Reason::NothingSent);
                refused.detail = Some(format!("nothing was sent: {reason}").into());
                self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
            }
            GatewayReply::Unsupported if !transaction.sent_before => {
                let mut refused = self.refused(transaction, Reason::GatewayRejected);
                refused.detail = Some("the connector does not know the command".into());
                self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
            }
            GatewayReply::Failed { reason, .. } => self.lost(transaction, reason),
            _ => {
                let detail = "the connector answered something else than it was asked";
                self.lost(transaction, detail.into());
            }
        }
    }

    /// The gateway's word is there. `recorded`: it was found in the journal.
    pub(crate) fn decided(
        &mut self,
        transaction: &mut Transaction,
        answer: GatewayAnswer,
        recorded: bool,
    ) {
        if !recorded {
            self.append_lazily(transaction, Fact::Answered(Box::new(answer.clone())));
        }
        transaction.answered = Some(answer.clone());
        let (reason, show) = match judge(transaction, &answer) {
            Verdict::Approved { .. }
                if transaction.completion_owed && transaction.phase == Phase::Authorizing =>
            {
                self.complete(transaction, &answer);
                return;
            }
            Verdict::Approved { minor } => {
                let show = IssuerAnswer::Approved {
                    response_code: answer.response_code.clone(),
                    issuer: answer.issuer.clone(),
                };
                self.end_approved(transaction, &answer, minor, Some(show));
                return;
            }
            Verdict::Contradictory(detail) if transaction.is_void() => {
                self.leave_to_operator(transaction, detail);
                return;
            }
            Verdict::Contradictory(detail) => {
                let show = Some(IssuerAnswer::NoAnswer);
                let reversal = ReversalReason::NoAnswer;
                let reason = Reason::GatewayRejected;
                self.end_reversing(transaction, reason, reversal, detail, show);
                return;
            }
            Verdict::Declined => (
                Reason::Declined,
                IssuerAnswer::Declined {
                    response_code: answer.response_code.clone(),
                    issuer: answer.issuer.clone(),
                },
            ),
            Verdict::Rejected => (Reason::GatewayRejected, IssuerAnswer::NoAnswer),
        };
        let mut refused = self.refused(transaction, reason);
        refused.response_code = Some(answer.response_code);
        refused.response_text = answer.response_text;
        self.end_refused(transaction, refused, Some(show));
    }
}

fn authorization(
    transaction: &Transaction,
    wire: Wire,
    device: DeviceId,
    read: SealedRead,
) -> GatewayCommand {
    GatewayCommand::Authorize {
        wire,
        purpose: transaction.purpose(),
        amounts: transaction.amounts,
        card: CardSource::Read {
            device,
            read_id: read.read_id,
            entry: read.entry,
            sealed: read.sealed,
        },
        merchant_reference: transaction.request.reference.clone(),
        installments: transaction.request.terms.installments,
        voice_code: transaction.request.terms.voice_code.clone(),
    }
}

/// What an answer amounts to, measured by what was asked.
pub(crate) fn judge(transaction: &Transaction, answer: &GatewayAnswer) -> Verdict {
    let asked = transaction.amounts.total.minor;
    let is_change = transaction.request.kind.original().is_some();
    match (answer.decision, answer.approved_minor) {
        (Decision::Declined, _) => Verdict::Declined,
        // Nobody is called yet: a referral is a no.
        (Decision::Referred, _) => Verdict::Declined,
        (Decision::Rejected, _) => Verdict::Rejected,
        (Decision::Approved, None) if is_change => Verdict::Approved { minor: asked },
        (Decision::Approved, None) => {
            Verdict::Contradictory("the gateway approved without an amount")
        }
        (Decision::Approved, Some(minor)) if minor > asked => {
            Verdict::Contradictory("the gateway approved more than was asked")
        }
        (Decision::Approved, Some(minor)) if minor <= 0 => {
            Verdict::Contradictory("the gateway approved an amount that cannot be")
        }
        (Decision::Approved, Some(minor)) if is_change && minor != asked => {
            Verdict::Contradictory("the gateway changed another amount than was asked")
        }
        (Decision::Approved, Some(minor)) => Verdict::Approved { minor },
    }
}
