// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a card that was presented adds to the price: the customer's tip, and a surcharge.
//!
//! Never raises a total above what its register allowed, and never adds a surcharge that nobody
//! agreed to. Nothing is sealed yet, so nothing can differ from what is asked of the gateway.

use crate::answer::Reason;
use crate::card::{CardFace, Cards};
use crate::device::IssuerAnswer;
use crate::engine::Engine;
use crate::ids::GatewayId;
use crate::money::{AMOUNT_MINOR_MAX, Amount, Amounts, Currency};
use crate::prompt::{PromptAnswer, PromptKind};
use crate::request::{Kind, MoneyRequest};
use crate::transaction::{Phase, Transaction};

/// A rate, in millionths.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Millionths(u32);

impl Millionths {
    /// The whole: 100 %.
    pub const ONE: u32 = 1_000_000;

    /// At most the whole.
    pub fn new(millionths: u32) -> Option<Self> {
        (millionths <= Self::ONE).then_some(Self(millionths))
    }

    /// This share of an amount, half a minor unit rounded up.
    fn of(self, minor: i64) -> i64 {
        // The largest amount there can be times the largest rate, and a half, fit.
        let minor = minor.clamp(0, AMOUNT_MINOR_MAX);
        let whole = i64::from(Self::ONE);
        (minor * i64::from(self.0) + whole / 2) / whole
    }
}

/// What payments with some cards cost more.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Surcharge {
    /// With which cards.
    pub cards: Cards,
    /// At which gateway; absent: at all.
    pub gateway: Option<GatewayId>,
    /// In which currency; absent: in all.
    pub currency: Option<Currency>,
    /// Of the price without tip and cash.
    pub rate: Millionths,
    /// Besides, minor units.
    pub fixed_minor: i64,
}

impl Surcharge {
    fn fits(&self, gateway: Option<&GatewayId>, amounts: &Amounts, card: &CardFace) -> bool {
        let here = self.gateway.is_none() || self.gateway.as_ref() == gateway;
        let currency = self.currency;
        let known = currency.is_none_or(|currency| currency == amounts.total.currency);
        here && known && self.cards.include(card)
    }

    fn of(&self, amounts: &Amounts) -> i64 {
        let apart = amounts.tip_minor.unwrap_or(0) + amounts.cashback_minor.unwrap_or(0);
        self.rate.of(amounts.total.minor - apart) + self.fixed_minor
    }
}

/// What a tip on the reader may raise the total to; absent where it asks for none.
pub(crate) fn tip_max(request: &MoneyRequest, amounts: &Amounts, reader_asks: bool) -> Option<i64> {
    let sold = matches!(request.kind, Kind::Sale | Kind::Authorize);
    let max = request.amount_max?.minor;
    let open = sold && amounts.tip_minor.is_none() && max > amounts.total.minor;
    (open && reader_asks).then_some(max)
}

/// What may still be added to the total.
fn room(transaction: &Transaction) -> i64 {
    let total = transaction.amounts.total.minor;
    let max = transaction.request.amount_max;
    max.map_or(0, |max| max.minor - total).max(0)
}

impl Engine {
    /// Adds the customer's tip. A reader that answers one that cannot be has failed.
    pub(crate) fn add_tip(
        &self,
        transaction: &mut Transaction,
        tip_minor: Option<i64>,
    ) -> Result<(), &'static str> {
        let tip_minor = tip_minor.unwrap_or(0);
        if tip_minor == 0 {
            return Ok(());
        }
        let asked = self.tip_asked(transaction);
        match asked {
            None => Err("the device plugin told of a tip that it was not asked for"),
            Some(_) if tip_minor < 0 => Err("the device plugin told of a tip below nothing"),
            Some(_) if tip_minor > room(transaction) => {
                Err("the device plugin told of a tip above what was allowed")
            }
            Some(_) => {
                transaction.amounts.total.minor += tip_minor;
                transaction.amounts.tip_minor = Some(tip_minor);
                Ok(())
            }
        }
    }

    /// What its reader is told that a tip may raise the total to.
    pub(crate) fn tip_asked(&self, transaction: &Transaction) -> Option<i64> {
        let device = transaction.device.as_ref()?;
        let reader_asks = self.devices.asks_for_tips(device);
        tip_max(&transaction.request, &transaction.amounts, reader_asks)
    }

    /// The card is known: its gateway, then its price, then its seal.
    pub(crate) fn price(&mut self, transaction: &mut Transaction) {
        if let Err(not_now) = self.route(transaction) {
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        let surcharge_minor = self.surcharge(transaction);
        let kind = PromptKind::ConfirmSurcharge;
        if surcharge_minor == 0 || !Self::can_show(transaction, kind) {
            self.authorize_card(transaction);
            return;
        }
        let total = transaction.amounts.total;
        let surcharge = Amount {
            minor: surcharge_minor,
            ..total
        };
        let charged = Amount {
            minor: total.minor + surcharge_minor,
            ..total
        };
        let text = format!("This card costs {surcharge} more: {charged}. Does the customer agree?");
        transaction.phase = Phase::Pricing { surcharge_minor };
        self.ask_host_question(transaction, kind, text.into(), Some(surcharge));
    }

    /// What the card adds, as far as there is room for it. What the register worked out itself
    /// stays as it is.
    fn surcharge(&self, transaction: &Transaction) -> i64 {
        let amounts = &transaction.amounts;
        let sold = matches!(transaction.request.kind, Kind::Sale | Kind::Authorize);
        let Some(card) = transaction.card.as_ref().filter(|_| sold) else {
            return 0;
        };
        if amounts.surcharge_minor.is_some() {
            return 0;
        }
        let gateway = transaction.gateway.as_ref();
        let mut rules = self.config.surcharges.iter();
        let rule = rules.find(|rule| rule.fits(gateway, amounts, card));
        let minor = rule.map_or(0, |rule| rule.of(amounts));
        minor.clamp(0, room(transaction))
    }

    /// What the people at the till said to the surcharge.
    pub(crate) fn surcharge_answered(
        &mut self,
        transaction: &mut Transaction,
        answer: &PromptAnswer,
    ) {
        let Phase::Pricing { surcharge_minor } = transaction.phase else {
            return;
        };
        if *answer == PromptAnswer::Confirmed(true) {
            transaction.amounts.total.minor += surcharge_minor;
            transaction.amounts.surcharge_minor = Some(surcharge_minor);
            self.authorize_card(transaction);
            return;
        }
        let mut refused = self.refused(transaction, Reason::Cancelled);
        refused.detail = Some("the surcharge was not accepted".into());
        self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
    }
}
