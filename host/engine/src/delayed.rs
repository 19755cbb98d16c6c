// SPDX-License-Identifier: MIT OR Apache-2.0
//! The amount comes after the card: a pump, a table, a room. The card is presented with an estimate,
//! its register then says what it really is, and price, seal and cryptogram follow as in any sale.
//!
//! Never seals an estimate, and never takes an amount that the request does not allow.

use crate::abilities::lacking;
use crate::admit::NotNow;
use crate::amounts::{check_most, check_total};
use crate::answer::{Reason, Stage};
use crate::device::IssuerAnswer;
use crate::engine::Engine;
use crate::keys::Ask;
use crate::money::{Amount, Amounts};
use crate::prompt::{Asker, PromptAnswer, PromptKind, Question};
use crate::request::{Kind, MoneyRequest};
use crate::sums::whole;
use crate::transaction::{Phase, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an amount may be that is not known yet.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Estimate {
    /// As the card is presented for.
    pub amount: Amount,
    /// How long the final amount is waited for, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl MoneyRequest {
    /// Its amounts, or what they may be.
    pub fn expected(&self) -> Option<Amounts> {
        let estimate = self.terms.estimate;
        self.amounts
            .or_else(|| estimate.map(|estimate| whole(estimate.amount)))
    }
}

/// Whether its amount is still to come.
pub(crate) fn is_delayed(request: &MoneyRequest) -> bool {
    request.amounts.is_none() && request.terms.estimate.is_some()
}

/// What can be said about an estimate without knowing the past.
pub(crate) fn check_estimate(
    request: &MoneyRequest,
    estimate: &Estimate,
) -> Result<(), &'static str> {
    if request.amounts.is_some() {
        return Err("either the amount or an estimate is given, not both");
    }
    if !matches!(request.kind, Kind::Sale | Kind::Authorize) {
        return Err("only a sale or an authorization has an estimate");
    }
    check_total(&whole(estimate.amount))?;
    check_most(request.amount_max, estimate.amount)
}

/// Whether the amount of a request may come after its card.
pub(crate) fn check_delayed(ask: &Ask) -> Result<(), NotNow> {
    let terms = &ask.request.terms;
    let detail = if !is_delayed(&ask.request) {
        return Ok(());
    } else if !ask.prompts.contains(PromptKind::SetAmount) {
        "the register does not say in session.hello that it shows `set_amount`, so that nobody \
         could say the final amount"
    } else if ask.request.is_by_token() {
        "an estimate is for a card that is presented: with a token, give the amount"
    } else if terms.voice_code.is_some() {
        "a code given by telephone is for an amount: give it, and no estimate"
    } else if terms.allow_offline {
        "a sale that may be accepted without its gateway has its amount before the card"
    } else {
        return Ok(());
    };
    Err(NotNow::new(Reason::NotAllowed, detail))
}

impl Engine {
    /// The card is known: what it costs, as soon as its register knows.
    pub(crate) fn card_is_known(&mut self, transaction: &mut Transaction) {
        match transaction.request.terms.estimate {
            Some(estimate) if is_delayed(&transaction.request) => {
                self.ask_amount(transaction, estimate);
            }
            _ => self.price(transaction),
        }
    }

    /// A register that is away for a moment comes back with its key, and is shown the question.
    fn ask_amount(&mut self, transaction: &mut Transaction, estimate: Estimate) {
        let timeouts = self.config.timeouts;
        let timeout_ms = estimate.timeout_ms.unwrap_or(timeouts.amount_ms);
        transaction.phase = Phase::AwaitingAmount;
        let text = "The card is read. Waiting for the amount";
        self.step_to(transaction, Stage::Reading, Some(text.into()));
        // Its own end comes before that of anybody's patience, which begins anew with the amount.
        self.set_patience(transaction, timeout_ms.saturating_add(timeouts.hard_ms));
        let question = Question {
            asker: Asker::Host,
            kind: PromptKind::SetAmount,
            text: question(&transaction.request),
            choices: Vec::new(),
            amount: Some(estimate.amount),
            timeout_ms,
        };
        self.open_prompt(transaction, question);
    }

    /// The answer, unless it is an amount that cannot be.
    pub(crate) fn check_amount_said(
        &self,
        transaction: &Transaction,
        answer: PromptAnswer,
    ) -> Result<PromptAnswer, &'static str> {
        let PromptAnswer::Amounts(amounts) = answer else {
            return Ok(answer);
        };
        let request = &transaction.request;
        let expected = request.expected().map(|expected| expected.total.currency);
        if expected != Some(amounts.total.currency) {
            return Err("The amount must be in the currency of the estimate");
        }
        if (request.amount_max).is_some_and(|most| amounts.total.minor > most.minor) {
            return Err("The amount must not be above amount_max");
        }
        check_total(&amounts)?;
        let cash = amounts.cashback_minor.is_some_and(|minor| minor > 0);
        if cash && !self.pays_out_cash(transaction, amounts) {
            return Err("No cash can be paid out with this payment");
        }
        Ok(answer)
    }

    fn pays_out_cash(&self, transaction: &Transaction, amounts: Amounts) -> bool {
        let request = MoneyRequest {
            amounts: Some(amounts),
            ..transaction.request.clone()
        };
        let (register, card) = (&transaction.scope.register, transaction.card.as_ref());
        let gateway = self.routed(&request, register, Some(&amounts), card);
        let parameters = gateway.and_then(|gateway| self.reachable(&gateway));
        request.kind == Kind::Sale
            && parameters.is_ok_and(|parameters| lacking(&request, &parameters.can).is_none())
    }

    /// What became of the question for the amount.
    pub(crate) fn amount_answered(&mut self, transaction: &mut Transaction, answer: &PromptAnswer) {
        let PromptAnswer::Amounts(amounts) = *answer else {
            let mut refused = self.refused(transaction, Reason::Cancelled);
            refused.detail = Some(match answer {
                PromptAnswer::Confirmed(_) => "the register gave no amount".into(),
                _ => "nobody gave the amount in time".into(),
            });
            self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
            return;
        };
        transaction.request.amounts = Some(amounts);
        transaction.amounts = amounts;
        self.set_patience(transaction, self.config.timeouts.hard_ms);
        // An earlier try of the same basket may be unknown: only now can they be compared.
        match self.check_unresolved(&transaction.request, &transaction.scope, &amounts) {
            Ok(()) => self.price(transaction),
            Err(not_now) => self.give_up_before_intent(transaction, not_now),
        }
    }
}

fn question(request: &MoneyRequest) -> Arc<str> {
    match request.amount_max {
        Some(most) => format!("What is the amount? At most {most}").into(),
        None => "What is the amount?".into(),
    }
}
