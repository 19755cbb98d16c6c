// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paying in the card's own currency: offered by a gateway, taken or left by the customer, before
//! anything is sealed.
//!
//! The shop's currency stays that of the transaction, in records, sums and totals. Silence, a no, a
//! gateway that makes no offer, a wrong one or none in time are all the same: the payment goes on as
//! it was. Never offered where nobody can be asked, and never without its gateway.

use crate::conversion::Conversion;
use crate::device::{DeviceCommand, DeviceReply};
use crate::engine::{Alarm, Engine};
use crate::gateway::{Ability, GatewayAnswer, GatewayCommand, GatewayReply};
use crate::money::Amount;
use crate::prompt::{Asker, PromptAnswer, PromptKind, Question};
use crate::request::Kind;
use crate::transaction::{Phase, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest name of an offer, in bytes.
const NAME_BYTES_MAX: usize = 128;

const MICROS_PER_MS: u64 = 1_000;

/// An amount in the card's currency that may be taken for a while.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CurrencyOffer {
    /// The gateway's name for it.
    pub offer_id: Arc<str>,
    /// What the card is charged, and how it came about.
    pub conversion: Conversion,
    /// Until when it may be taken, microseconds since 1970 UTC.
    pub expires_at_micros: i64,
}

impl Engine {
    /// The price is final: in which currency?
    pub(crate) fn offer_currency(&mut self, transaction: &mut Transaction) {
        let asked = transaction.card.clone();
        let Some(card) = asked.filter(|_| self.may_offer(transaction)) else {
            self.authorize_card(transaction);
            return;
        };
        let offer_ms = self.config.timeouts.offer_ms;
        let command = GatewayCommand::OfferCurrency {
            transaction_id: transaction.id,
            acceptor: transaction.acceptor.clone(),
            purpose: transaction.purpose(),
            amounts: transaction.amounts,
            card,
            timeout_ms: offer_ms,
        };
        transaction.phase = Phase::OfferingCurrency;
        self.call_gateway(transaction, command);
        let former = transaction.pause.take();
        transaction.pause = Some(self.set_timer(former, transaction, Alarm::Offer, offer_ms));
    }

    fn may_offer(&self, transaction: &Transaction) -> bool {
        let request = &transaction.request;
        let gateway = transaction.gateway.as_ref();
        let parameters = gateway.and_then(|gateway| self.reachable(gateway).ok());
        let able = parameters.is_some_and(|known| known.can.contains(&Ability::Dcc));
        let plain = request.terms.voice_code.is_none() && request.terms.installments.is_none();
        let cash = transaction.amounts.cashback_minor.unwrap_or(0);
        let device = transaction.device.as_ref();
        let reader_can = device.is_some_and(|id| self.devices.charges_own_currencies(id));
        matches!(request.kind, Kind::Sale | Kind::Authorize)
            && able
            && reader_can
            && plain
            && cash == 0
            && !transaction.going_offline
            && Self::can_show(transaction, PromptKind::ConfirmCurrency)
    }

    /// The gateway made an offer, or none.
    pub(crate) fn currency_offered(&mut self, transaction: &mut Transaction, reply: GatewayReply) {
        self.end_pause(transaction);
        let offer = match reply {
            GatewayReply::CurrencyOffered(offer) => offer,
            _ => None,
        };
        let device = transaction.device.clone();
        match offer.filter(|offer| self.can_be_meant(transaction, offer)) {
            Some(offer) if device.is_some() => self.ask_on_reader(transaction, offer),
            _ => self.currency_settled(transaction),
        }
    }

    /// Nobody waits longer for an offer; what comes of the call is not heard any more.
    pub(crate) fn offer_overdue(&mut self, transaction: &mut Transaction) {
        if transaction.phase == Phase::OfferingCurrency {
            transaction.call = None;
            self.currency_settled(transaction);
        }
    }

    /// Time has passed: an earlier try of the same basket may have become unknown meanwhile.
    fn currency_settled(&mut self, transaction: &mut Transaction) {
        let Transaction {
            request,
            scope,
            amounts,
            ..
        } = &*transaction;
        let asked = request.amounts.unwrap_or(*amounts);
        match self.check_unresolved(request, scope, &asked) {
            Ok(()) => self.authorize_card(transaction),
            Err(not_now) => self.give_up_before_intent(transaction, not_now),
        }
    }

    fn can_be_meant(&self, transaction: &Transaction, offer: &CurrencyOffer) -> bool {
        (1..=NAME_BYTES_MAX).contains(&offer.offer_id.len())
            && offer.conversion.is_of(transaction.amounts.total)
            && self.choice_ms(offer) > 0
    }

    /// How long the customer has for it: never longer than it can be taken.
    fn choice_ms(&self, offer: &CurrencyOffer) -> u64 {
        let left = offer.expires_at_micros.saturating_sub(self.now.wall_micros);
        let left_ms = u64::try_from(left).unwrap_or(0) / MICROS_PER_MS;
        left_ms.min(self.config.timeouts.prompt_ms)
    }

    /// The customer chooses where the card is.
    fn ask_on_reader(&mut self, transaction: &mut Transaction, offer: CurrencyOffer) {
        let Some(presentation_id) = transaction.presentation_id.clone() else {
            self.currency_settled(transaction);
            return;
        };
        let timeout_ms = self.choice_ms(&offer);
        let command = DeviceCommand::ConfirmCurrency {
            transaction_id: transaction.id,
            presentation_id,
            amounts: transaction.amounts,
            offer: offer.clone(),
            timeout_ms,
        };
        transaction.phase = Phase::ChoosingCurrency(offer);
        self.call_reader(transaction, command, timeout_ms);
    }

    /// What a reader says of the choice; false: something else happened to it or the card.
    pub(crate) fn choice_told(
        &mut self,
        transaction: &mut Transaction,
        reply: &DeviceReply,
    ) -> bool {
        let Phase::ChoosingCurrency(offer) = transaction.phase.clone() else {
            return false;
        };
        match reply {
            DeviceReply::CurrencyChosen { accepted } => {
                self.currency_chosen(transaction, &PromptAnswer::Confirmed(*accepted));
            }
            DeviceReply::Unsupported => self.ask_about_currency(transaction, offer),
            _ => return false,
        }
        true
    }

    /// The reader leaves the question to the people at the till.
    fn ask_about_currency(&mut self, transaction: &mut Transaction, offer: CurrencyOffer) {
        let kind = PromptKind::ConfirmCurrency;
        let timeout_ms = self.choice_ms(&offer);
        if timeout_ms == 0 || !Self::can_show(transaction, kind) {
            self.currency_settled(transaction);
            return;
        }
        let question = Question {
            asker: Asker::Host,
            kind,
            text: question(transaction.amounts.total, &offer.conversion),
            choices: Vec::new(),
            amount: Some(offer.conversion.amount),
            timeout_ms,
        };
        transaction.phase = Phase::AskingCurrency(offer);
        self.open_prompt(transaction, question);
    }

    /// What the customer said to the offer. A yes that comes too late is none.
    pub(crate) fn currency_chosen(&mut self, transaction: &mut Transaction, answer: &PromptAnswer) {
        let (Phase::ChoosingCurrency(offer) | Phase::AskingCurrency(offer)) =
            transaction.phase.clone()
        else {
            return;
        };
        let taken = *answer == PromptAnswer::Confirmed(true);
        if taken && self.choice_ms(&offer) > 0 {
            transaction.dcc = Some(offer);
        }
        self.currency_settled(transaction);
    }
}

/// What an approval says of the card's own currency: the offer that was taken; else what a terminal
/// that offers by itself, or a change of a converted payment, told of it, unless it cannot be.
pub(crate) fn own_currency(
    transaction: &Transaction,
    answer: &GatewayAnswer,
    approved_minor: i64,
) -> Option<Conversion> {
    if let Some(offer) = &transaction.dcc {
        return Some(offer.conversion.clone());
    }
    let shop = Amount {
        minor: approved_minor,
        ..transaction.amounts.total
    };
    let told = answer.extras.dcc.as_deref();
    told.filter(|told| told.is_of(shop)).cloned()
}

fn question(shop: Amount, conversion: &Conversion) -> Arc<str> {
    let Conversion { amount, rate, .. } = conversion;
    let (code, markup) = (amount.currency.code(), conversion.markup());
    format!(
        "Pay {amount} instead of {shop}? Rate {rate}, markup {markup}. Does the customer choose {code}?"
    )
    .into()
}
