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
use crate::limits::{REFERENCE_BYTES_MAX, STAN_MAX};
use crate::prompt::PromptKind;
use crate::questions::question;
use crate::record::{Fact, Intent};
use crate::terminal::judge_terminal;
use crate::transaction::{Phase, SealedRead, Transaction};
use crate::turns::is_close;

/// What a gateway's answer amounts to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Approved {
        minor: i64,
    },
    Declined,
    Rejected,
    /// The issuer wants to be called.
    Referred,
    /// Not an answer to what was asked.
    Contradictory(&'static str),
}

impl Engine {
    /// A transaction begins that needs no card.
    pub(crate) fn start_without_card(&mut self, transaction: &mut Transaction) {
        self.step_to(transaction, Stage::Accepted, None);
        self.line_up(transaction, None);
    }

    /// Asks the connector for its references. Nothing leaves the shop.
    pub(crate) fn prepare(&mut self, transaction: &mut Transaction, read: Option<SealedRead>) {
        if let Err(not_now) = self.still_reachable(transaction) {
            self.gateway_away(transaction, read, not_now);
            return;
        }
        transaction.going_offline = false;
        let wire = self.next_wire(transaction);
        transaction.wire = Some(wire.clone());
        transaction.phase = Phase::Preparing(read);
        let prepare = GatewayCommand::Prepare {
            wire,
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
        };
        self.call_gateway(transaction, prepare);
    }

    /// The next trace number.
    pub(crate) fn next_stan(&mut self) -> u32 {
        self.stan = if self.stan >= STAN_MAX {
            1
        } else {
            self.stan + 1
        };
        self.stan
    }

    /// Fresh references, without the connector's own.
    pub(crate) fn next_wire(&mut self, transaction: &Transaction) -> Wire {
        Wire {
            transaction_id: transaction.id,
            stan: self.next_stan(),
            at_micros: self.now.wall_micros,
            acceptor: transaction.acceptor.clone(),
            reference: "".into(),
        }
    }

    pub(crate) fn still_reachable(&self, transaction: &Transaction) -> Result<(), NotNow> {
        let gateway = transaction.gateway.as_ref();
        gateway.map_or(Ok(()), |gateway| self.reachable(gateway).map(|_| ()))
    }

    /// Records that an exchange is about to happen, with everything that is needed to ask about
    /// it and to undo it.
    pub(crate) fn record_intent(&mut self, transaction: &mut Transaction, wire: Wire) {
        transaction.wire = Some(wire.clone());
        let intent = Self::intent_of(transaction, wire);
        self.append(transaction, Fact::Intent(Box::new(intent)));
        transaction.intent = true;
    }

    /// Everything that inquiry, reversal and forwarding need.
    pub(crate) fn intent_of(transaction: &Transaction, wire: Wire) -> Intent {
        Intent {
            scope: transaction.scope.clone(),
            request: transaction.request.clone(),
            fingerprint: transaction.fingerprint,
            amounts: transaction.amounts,
            device: transaction.device.clone(),
            gateway: transaction.gateway.clone(),
            wire,
            original: transaction.original.clone(),
            card: transaction.card.clone(),
            entry: transaction.entry,
            cvm: transaction.cvm,
            completion_owed: transaction.completion_owed,
            spent: transaction
                .spent
                .iter()
                .map(|(_, key)| key.clone())
                .collect(),
            number_kept: transaction.number_kept,
            dcc: transaction.dcc.clone(),
        }
    }

    pub(crate) fn prepared(
        &mut self,
        transaction: &mut Transaction,
        read: Option<SealedRead>,
        reply: GatewayReply,
    ) {
        let not_now = match reply {
            GatewayReply::Prepared { reference } if reference.len() <= REFERENCE_BYTES_MAX => {
                if let Some(wire) = &mut transaction.wire {
                    wire.reference = reference;
                }
                self.keep_number(transaction, read);
                return;
            }
            GatewayReply::Prepared { .. } => {
                let detail = format!("the references have more than {REFERENCE_BYTES_MAX} bytes");
                NotNow::new(Reason::PluginFailed, detail)
            }
            GatewayReply::Failed { reason, .. } => {
                let not_now = NotNow::new(Reason::GatewayUnavailable, reason);
                self.gateway_away(transaction, read, not_now);
                return;
            }
            _ => {
                let detail = "the connector answered something else than it was asked";
                NotNow::new(Reason::PluginFailed, detail)
            }
        };
        self.give_up_before_intent(transaction, not_now);
    }

    /// Writes the intent, and asks as soon as it is durable.
    pub(crate) fn ask_gateway(&mut self, transaction: &mut Transaction, read: Option<SealedRead>) {
        if let Err(not_now) = self.still_reachable(transaction) {
            self.gateway_away(transaction, read, not_now);
            return;
        }
        // Another may have come into trouble meanwhile.
        if self.must_wait_again(transaction) {
            self.wait_in_line(transaction, read, true);
            return;
        }
        let Some(wire) = transaction.wire.clone() else {
            return;
        };
        self.record_intent(transaction, wire.clone());
        self.step_to(transaction, Stage::Authorizing, None);
        if transaction.request.terms.allow_offline {
            transaction.read.clone_from(&read);
        }
        match card_source(transaction, read) {
            Some(card) => {
                transaction.phase = Phase::Authorizing;
                let authorize = authorization(transaction, wire, card);
                self.call_gateway(transaction, authorize);
            }
            None => self.modify(transaction),
        }
    }

    /// Asks for what needs no card; with the same references each time.
    pub(crate) fn modify(&mut self, transaction: &mut Transaction) {
        let Some(wire) = transaction.wire.clone() else {
            return;
        };
        transaction.phase = Phase::Modifying;
        if is_close(transaction) {
            self.call_gateway(transaction, GatewayCommand::Reconcile { wire, close: true });
            return;
        }
        let receipt = transaction.request.terms.receipt.clone();
        let original = match transaction.original.clone() {
            Some(original) => Some(Original::Wire(original)),
            None => receipt.map(Original::Receipt),
        };
        let (Some(original), Some(change)) = (original, transaction.request.kind.change()) else {
            return;
        };
        let amounts = transaction.amounts;
        let modify = GatewayCommand::Modify {
            wire,
            original,
            change,
            amounts,
        };
        self.call_gateway(transaction, modify);
    }

    /// The gateway replied to an authorization or a change.
    pub(crate) fn exchanged(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        let unsent = transaction.read.take();
        match reply {
            GatewayReply::Answered(answer) => {
                if let Some(gateway) = &transaction.gateway {
                    self.forward_soon(gateway);
                }
                self.decided(transaction, *answer, false);
            }
            GatewayReply::Reconciled(totals) if is_close(transaction) => {
                self.batch_closed(transaction, *totals);
            }
            GatewayReply::Failed {
                sent: false,
                reason,
            } if !transaction.sent_before => {
                if self.fall_back(transaction, &reason) {
                    return;
                }
                // The intent is on disk, so the key is used; the outcome is certain all the same.
                let not_now = NotNow::new(Reason::GatewayUnavailable, reason);
                match unsent {
                    Some(read) => self.gateway_away(transaction, Some(read), not_now),
                    None => self.end_unsent(transaction, not_now),
                }
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

    /// The other side's word is there. `recorded`: it was found in the journal.
    pub(crate) fn decided(
        &mut self,
        transaction: &mut Transaction,
        answer: GatewayAnswer,
        recorded: bool,
    ) {
        let verdict = judge(transaction, &answer);
        if !recorded {
            self.record_answer(transaction, &answer, &verdict);
        }
        transaction.answered = Some(answer.clone());
        let (reason, show) = match verdict {
            Verdict::Approved { minor } => {
                self.go_on_approved(transaction, &answer, minor);
                return;
            }
            Verdict::Referred => {
                self.referred(transaction, &answer);
                return;
            }
            Verdict::Contradictory(detail) if transaction.on_terminal() => {
                self.undo_on_terminal(transaction, Reason::GatewayRejected, detail);
                return;
            }
            Verdict::Contradictory(detail) if transaction.is_irrevocable() => {
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

    /// Nothing waits for it, unless people are asked about it.
    fn record_answer(
        &mut self,
        transaction: &mut Transaction,
        answer: &GatewayAnswer,
        verdict: &Verdict,
    ) {
        let kind = match verdict {
            Verdict::Approved { .. } => question(transaction, answer),
            Verdict::Referred if !transaction.passed.call && self.may_call(transaction) => {
                Some(PromptKind::VoiceApproval)
            }
            _ => None,
        };
        let fact = Fact::Answered(Box::new(answer.clone()));
        transaction.firm = kind.is_some_and(|kind| Self::can_show(transaction, kind));
        if transaction.firm {
            self.append(transaction, fact);
        } else {
            self.append_lazily(transaction, fact);
        }
    }
}

/// The card of an authorization: the one that was read, or the token that stands for it. Changes
/// have none.
fn card_source(transaction: &Transaction, read: Option<SealedRead>) -> Option<CardSource> {
    transaction.request.kind.purpose()?;
    if let Some(token) = transaction.request.paying_token() {
        return Some(CardSource::Token(token.clone()));
    }
    let read = read?;
    Some(CardSource::Read {
        device: transaction.device.clone()?,
        read_id: read.read_id,
        entry: read.entry,
        sealed: read.sealed,
    })
}

fn authorization(transaction: &Transaction, wire: Wire, card: CardSource) -> GatewayCommand {
    GatewayCommand::Authorize {
        wire,
        purpose: transaction.purpose(),
        amounts: transaction.amounts,
        card,
        merchant_reference: transaction.request.reference.clone(),
        installments: transaction.request.terms.installments,
        voice_code: transaction.request.terms.voice_code.clone(),
        keep_card: transaction.request.terms.keep.is_some(),
        dcc: transaction.dcc.clone(),
    }
}

/// What an answer amounts to, measured by what was asked.
pub(crate) fn judge(transaction: &Transaction, answer: &GatewayAnswer) -> Verdict {
    match answer.decision {
        Decision::Approved if transaction.on_terminal() => judge_terminal(transaction, answer),
        Decision::Approved => judge_approval(transaction, answer),
        Decision::Declined => Verdict::Declined,
        Decision::Referred => Verdict::Referred,
        Decision::Rejected => Verdict::Rejected,
    }
}

/// Why what a gateway says of the card's own currency is not what was asked. A change follows its
/// original, which the gateway knows best.
fn other_currency(transaction: &Transaction, answer: &GatewayAnswer) -> Option<&'static str> {
    transaction.request.kind.purpose()?;
    let told = answer.extras.dcc.as_deref()?;
    match &transaction.dcc {
        None => Some("the gateway charged a currency that nobody chose"),
        Some(offer) if offer.conversion.amount != told.amount => {
            Some("the gateway charged another amount of the card's currency than was offered")
        }
        Some(_) => None,
    }
}

fn judge_approval(transaction: &Transaction, answer: &GatewayAnswer) -> Verdict {
    let asked = transaction.amounts.total.minor;
    let kind = transaction.request.kind;
    if is_close(transaction) {
        return Verdict::Contradictory("the gateway approved a close without its totals");
    }
    if let Some(detail) = other_currency(transaction, answer) {
        return Verdict::Contradictory(detail);
    }
    match answer.approved_minor {
        None if kind.gives_all_or_nothing() => Verdict::Approved { minor: asked },
        None => Verdict::Contradictory("the gateway approved without an amount"),
        Some(minor) if minor > asked => {
            Verdict::Contradictory("the gateway approved more than was asked")
        }
        Some(minor) if minor < asked && transaction.dcc.is_some() => {
            Verdict::Contradictory("the gateway approved a part of another currency's amount")
        }
        Some(minor) if minor < asked && kind.gives_all_or_nothing() => {
            Verdict::Contradictory("the gateway changed another amount than was asked")
        }
        Some(minor) if minor <= 0 && kind.moves_money() => {
            Verdict::Contradictory("the gateway approved an amount that cannot be")
        }
        Some(minor) => Verdict::Approved { minor },
    }
}
