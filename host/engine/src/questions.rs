// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands between the other side's word and the end: people at the till, and the chip.
//!
//! Less than was asked is asked about, a signature is looked at, a referral is called for. Where
//! nobody can be asked, or nobody answers, no money moves. Never asks before the answer in
//! question is durable.

use crate::answer::{Reason, Stage};
use crate::card::Cvm;
use crate::device::IssuerAnswer;
use crate::engine::Engine;
use crate::exchange::{Verdict, judge};
use crate::gateway::{Ability, GatewayAnswer, GatewayCommand, ReversalReason};
use crate::ids::Opaque;
use crate::money::Amount;
use crate::prompt::{Asker, PromptAnswer, PromptKind, Question};
use crate::transaction::{Phase, Transaction};
use std::sync::Arc;

/// What an approval has passed already, and a referral.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed {
    /// The people at the till took less than was asked.
    pub(crate) part: bool,
    /// The chip completed.
    pub(crate) chip: bool,
    /// The signature was found right.
    pub(crate) signature: bool,
    /// The code of a telephone call was sent.
    pub(crate) call: bool,
}

/// What a question is about, where one must be asked about an answer.
pub(crate) fn question(transaction: &Transaction, answer: &GatewayAnswer) -> Option<PromptKind> {
    let asked = transaction.amounts.total.minor;
    let passed = transaction.passed;
    let less = answer.approved_minor.is_some_and(|minor| minor < asked);
    // A terminal has its signatures itself.
    let signed = !transaction.on_terminal()
        && (answer.signature_required || transaction.cvm == Some(Cvm::Signature));
    if less && !passed.part {
        Some(PromptKind::ConfirmPartial)
    } else if signed && !passed.signature {
        Some(PromptKind::ConfirmSignature)
    } else {
        None
    }
}

impl Engine {
    /// Whether a waiting register can show a question of this kind.
    pub(crate) fn can_show(transaction: &Transaction, kind: PromptKind) -> bool {
        let mut waiters = transaction.waiters.iter();
        waiters.any(|waiter| waiter.prompts.contains(kind))
    }

    /// The other side approved: what must still be asked or completed, then the end.
    pub(crate) fn go_on_approved(
        &mut self,
        transaction: &mut Transaction,
        answer: &GatewayAnswer,
        minor: i64,
    ) {
        let question = question(transaction, answer);
        if question == Some(PromptKind::ConfirmPartial) {
            self.ask_about_part(transaction, minor);
        } else if transaction.completion_owed && !transaction.passed.chip {
            self.complete(transaction, answer);
        } else if question.is_some() && self.ask_about_signature(transaction) {
            // Its answer ends it.
        } else {
            let show = (!transaction.passed.chip).then(|| IssuerAnswer::Approved {
                response_code: answer.response_code.clone(),
                issuer: answer.issuer.clone(),
            });
            self.end_approved(transaction, answer, minor, show);
        }
    }

    /// The approval has passed something on its way.
    pub(crate) fn resume_approval(&mut self, transaction: &mut Transaction) {
        let Some(answer) = transaction.answered.clone() else {
            return;
        };
        if let Verdict::Approved { minor } = judge(transaction, &answer) {
            self.go_on_approved(transaction, &answer, minor);
        }
    }

    fn ask_about_part(&mut self, transaction: &mut Transaction, minor: i64) {
        let total = transaction.amounts.total;
        let approved = Amount { minor, ..total };
        let text = format!("Approved: {approved} of {total}. Is that enough?");
        let kind = PromptKind::ConfirmPartial;
        if !self.ask_registers(transaction, kind, text.into(), Some(approved)) {
            self.refuse_approval(transaction, kind, Reason::Declined);
        }
    }

    /// Whether there was anybody to ask; otherwise it is asked for on paper.
    fn ask_about_signature(&mut self, transaction: &mut Transaction) -> bool {
        let kind = PromptKind::ConfirmSignature;
        if !(transaction.firm && Self::can_show(transaction, kind)) {
            return false;
        }
        self.step_to(transaction, Stage::Signature, None);
        self.ask_registers(transaction, kind, "Is the signature right?".into(), None)
    }

    /// The issuer wants to be called. Nothing moved yet.
    pub(crate) fn referred(&mut self, transaction: &mut Transaction, answer: &GatewayAnswer) {
        if transaction.passed.call {
            // The code is still on its way, or lost.
            self.undo(transaction, "the gateway does not know of the call yet");
            return;
        }
        let text = answer.response_text.clone();
        let text = text.unwrap_or_else(|| "Call the issuer and enter the approval code".into());
        let kind = PromptKind::VoiceApproval;
        if !(self.may_call(transaction) && self.ask_registers(transaction, kind, text, None)) {
            self.decline_referral(transaction);
        }
    }

    /// Whether a code given by telephone can be passed on.
    pub(crate) fn may_call(&self, transaction: &Transaction) -> bool {
        let gateway = transaction.gateway.as_ref();
        let status = gateway.and_then(|gateway| self.gateways.get(gateway));
        let parameters = status.and_then(|status| status.parameters.as_ref());
        transaction.request.kind.purpose().is_some()
            && transaction.request.kind.moves_money()
            && parameters.is_some_and(|known| known.can.contains(&Ability::VoiceApproval))
    }

    fn decline_referral(&mut self, transaction: &mut Transaction) {
        let mut refused = self.refused(transaction, Reason::Declined);
        let mut show = IssuerAnswer::NoAnswer;
        if let Some(answer) = transaction.answered.clone() {
            show = declined(&answer);
            refused.response_code = Some(answer.response_code);
            refused.response_text = answer.response_text;
        }
        self.end_refused(transaction, refused, Some(show));
    }

    /// Raises a question of the host itself. Whether anybody can show it.
    fn ask_registers(
        &mut self,
        transaction: &mut Transaction,
        kind: PromptKind,
        text: Arc<str>,
        amount: Option<Amount>,
    ) -> bool {
        if !Self::can_show(transaction, kind) {
            return false;
        }
        transaction.phase = Phase::Asking;
        self.ask_host_question(transaction, kind, text, amount);
        true
    }

    /// Opens a question of the host.
    pub(crate) fn ask_host_question(
        &mut self,
        transaction: &mut Transaction,
        kind: PromptKind,
        text: Arc<str>,
        amount: Option<Amount>,
    ) {
        let question = Question {
            asker: Asker::Host,
            kind,
            text,
            choices: Vec::new(),
            amount,
            timeout_ms: self.config.timeouts.prompt_ms,
        };
        self.open_prompt(transaction, question);
    }

    /// What became of a question of the host.
    pub(crate) fn register_said(
        &mut self,
        transaction: &mut Transaction,
        kind: PromptKind,
        answer: PromptAnswer,
    ) {
        match (kind, answer) {
            (PromptKind::SetAmount, answer) => self.amount_answered(transaction, &answer),
            (PromptKind::ConfirmSurcharge, answer) => {
                self.surcharge_answered(transaction, &answer);
            }
            (PromptKind::ConfirmCurrency, answer) => self.currency_chosen(transaction, &answer),
            (PromptKind::ConfirmPartial, PromptAnswer::Confirmed(true)) => {
                transaction.passed.part = true;
                self.resume_approval(transaction);
            }
            (PromptKind::ConfirmSignature, PromptAnswer::Confirmed(true)) => {
                transaction.passed.signature = true;
                self.resume_approval(transaction);
            }
            (PromptKind::VoiceApproval, PromptAnswer::Text(code)) => {
                self.pass_code_on(transaction, code);
            }
            (PromptKind::VoiceApproval, _) => self.decline_referral(transaction),
            // Somebody said no, or nobody said anything.
            (_, PromptAnswer::Confirmed(false)) => {
                self.refuse_approval(transaction, kind, Reason::Cancelled);
            }
            (_, _) => self.refuse_approval(transaction, kind, Reason::Declined),
        }
    }

    /// Nobody is there any more to answer the open question.
    pub(crate) fn nobody_answers(&mut self, transaction: &mut Transaction) {
        let open = transaction.prompt.as_ref().map(|open| open.told.kind);
        if open.is_some_and(|kind| !Self::can_show(transaction, kind)) {
            self.prompt_expired(transaction);
        }
    }

    fn pass_code_on(&mut self, transaction: &mut Transaction, code: Arc<str>) {
        let Some(wire) = transaction.wire.clone() else {
            return;
        };
        transaction.phase = Phase::Authorizing;
        transaction.passed.call = true;
        self.step_to(transaction, Stage::Authorizing, None);
        let approval = GatewayCommand::VoiceApproval {
            wire,
            amounts: transaction.amounts,
            code,
        };
        self.call_gateway(transaction, approval);
    }

    /// The approval is not taken: it is undone.
    fn refuse_approval(&mut self, transaction: &mut Transaction, kind: PromptKind, reason: Reason) {
        let detail = match kind {
            PromptKind::ConfirmPartial => "less than was asked was approved, and not accepted",
            _ => "the signature was not confirmed",
        };
        if transaction.on_terminal() {
            self.undo_on_terminal(transaction, reason, detail);
            return;
        }
        let answer = transaction.answered.as_ref();
        let show = answer.filter(|_| !transaction.passed.chip).map(declined);
        let reversal = ReversalReason::CardRefused;
        self.end_reversing(transaction, reason, reversal, detail, show);
    }
}

/// A no for the chip and the display, in the issuer's words.
fn declined(answer: &GatewayAnswer) -> IssuerAnswer {
    IssuerAnswer::Declined {
        response_code: answer.response_code.clone(),
        issuer: Opaque::default(),
    }
}
