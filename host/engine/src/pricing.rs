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
use std::sync::Arc;

/// Most tips on one display: as many as there are keys for them.
const TIPS_OFFERED_MAX: usize = 9;

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
    pub(crate) fn of(self, minor: i64) -> i64 {
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
    /// A register may leave it out.
    pub bypass: bool,
    /// It is added without a question.
    pub undisclosed: bool,
}

/// What a gateway adds to prices.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lists {
    /// Taxes that a quote may add.
    pub taxes: Vec<Tax>,
    /// Tips that customers are offered.
    pub tips: Vec<Tip>,
    /// What some cards cost more, where the host has no rule of its own; the first that fits.
    pub surcharges: Vec<Surcharge>,
}

/// A tax that goes on top of a price.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tax {
    /// Names it.
    pub id: Arc<str>,
    /// Of the price.
    pub rate: Millionths,
}

/// A tip that is offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tip {
    /// Names it.
    pub id: Arc<str>,
    /// How much.
    pub of: TipOf,
}

/// How much a tip is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TipOf {
    /// A share of the price.
    Rate(Millionths),
    /// So much, in its currency only.
    Amount(Amount),
}

/// A tip as a reader offers it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TipOffer {
    /// For its display.
    pub label: Arc<str>,
    /// Minor units.
    pub minor: i64,
}

impl std::fmt::Display for Millionths {
    /// As a percentage, without zeros at its end: `12.5%`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        let rest = format!("{rest:04}");
        match rest.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            rest => write!(f, "{whole}.{rest}%"),
        }
    }
}

impl Tip {
    fn offer(&self, price: Amount) -> Option<TipOffer> {
        let minor = self.on(price)?;
        let label = match self.of {
            TipOf::Rate(rate) => rate.to_string(),
            TipOf::Amount(tip) => tip.to_string(),
        };
        let label = label.into();
        Some(TipOffer { label, minor })
    }

    /// The tip on a price, if there is one in its currency.
    pub(crate) fn on(&self, price: Amount) -> Option<i64> {
        match self.of {
            TipOf::Rate(rate) => Some(rate.of(price.minor)),
            TipOf::Amount(tip) => (tip.currency == price.currency).then_some(tip.minor),
        }
    }
}

impl Surcharge {
    pub(crate) fn fits(
        &self,
        gateway: Option<&GatewayId>,
        amounts: &Amounts,
        card: &CardFace,
    ) -> bool {
        let here = self.gateway.is_none() || self.gateway.as_ref() == gateway;
        let currency = self.currency;
        let known = currency.is_none_or(|currency| currency == amounts.total.currency);
        here && known && self.cards.include(card)
    }

    pub(crate) fn of(&self, amounts: &Amounts) -> i64 {
        let apart = amounts.tip_minor.unwrap_or(0) + amounts.cashback_minor.unwrap_or(0);
        self.rate.of(amounts.total.minor - apart) + self.fixed_minor
    }
}

/// What a tip on the reader may raise the total to; absent where it asks for none.
pub(crate) fn tip_max(request: &MoneyRequest, amounts: &Amounts, reader_asks: bool) -> Option<i64> {
    let sold = matches!(request.kind, Kind::Sale | Kind::Authorize);
    // Nobody tips on an amount that is not known yet.
    request.amounts?;
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

fn add_surcharge(transaction: &mut Transaction, surcharge_minor: i64) {
    transaction.amounts.total.minor += surcharge_minor;
    transaction.amounts.surcharge_minor = Some(surcharge_minor);
    transaction.surcharge_added = Some(surcharge_minor);
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
        // A card that is presented once more asks its customer nothing twice.
        let device = (transaction.device.as_ref()).filter(|_| !transaction.tried.is_any())?;
        let reader_asks = self.devices.asks_for_tips(device);
        tip_max(&transaction.request, &transaction.amounts, reader_asks)
    }

    /// The tips of its gateway's list that its price leaves room for, where its reader asks for one.
    /// A share is of the total without cash.
    pub(crate) fn tips_offered(&self, transaction: &Transaction) -> Vec<TipOffer> {
        let gateway = transaction.gateway.as_ref();
        let lists = gateway.and_then(|gateway| self.lists(gateway));
        let (Some(lists), Some(max)) = (lists, self.tip_asked(transaction)) else {
            return Vec::new();
        };
        let total = transaction.amounts.total;
        let cash = transaction.amounts.cashback_minor.unwrap_or(0);
        let price = Amount {
            minor: total.minor - cash,
            ..total
        };
        let offers = lists.tips.iter().filter_map(|tip| tip.offer(price));
        let room = 1..=max - total.minor;
        let fitting = offers.filter(|offer| room.contains(&offer.minor));
        fitting.take(TIPS_OFFERED_MAX).collect()
    }

    /// The card is known: its gateway, then its price, then its seal.
    pub(crate) fn price(&mut self, transaction: &mut Transaction) {
        if let Err(not_now) = self.route(transaction) {
            self.give_up_before_intent(transaction, not_now);
            return;
        }
        let (surcharge_minor, undisclosed) = self.surcharge(transaction);
        let kind = PromptKind::ConfirmSurcharge;
        if surcharge_minor > 0 && undisclosed {
            add_surcharge(transaction, surcharge_minor);
        } else if surcharge_minor > 0 && Self::can_show(transaction, kind) {
            self.ask_about_surcharge(transaction, surcharge_minor);
            return;
        }
        self.offer_currency(transaction);
    }

    fn ask_about_surcharge(&mut self, transaction: &mut Transaction, surcharge_minor: i64) {
        let kind = PromptKind::ConfirmSurcharge;
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

    /// What the card adds, as far as there is room for it, and whether nobody is asked about it. What
    /// the register worked out itself stays as it is. Where it would leave the surcharge out and the
    /// rule does not let it, the customer is always asked.
    fn surcharge(&self, transaction: &Transaction) -> (i64, bool) {
        let amounts = &transaction.amounts;
        let sold = matches!(transaction.request.kind, Kind::Sale | Kind::Authorize);
        let Some(card) = transaction.card.as_ref().filter(|_| sold) else {
            return (0, false);
        };
        if amounts.surcharge_minor.is_some() {
            return (0, false);
        }
        let bypass = transaction.request.terms.bypass_surcharge;
        match self.surcharge_rule(transaction.gateway.as_ref(), amounts, card) {
            Some(rule) if !(rule.bypass && bypass) => {
                let minor = rule.of(amounts).clamp(0, room(transaction));
                (minor, rule.undisclosed && !bypass)
            }
            _ => (0, false),
        }
    }

    /// The first rule of the host that fits a card, else the first of its gateway.
    pub(crate) fn surcharge_rule(
        &self,
        gateway: Option<&GatewayId>,
        amounts: &Amounts,
        card: &CardFace,
    ) -> Option<&Surcharge> {
        let of_gateway = gateway.and_then(|id| self.lists(id));
        let of_gateway = of_gateway.map_or(&[][..], |lists| &lists.surcharges);
        let mut rules = self.config.surcharges.iter().chain(of_gateway);
        rules.find(|rule| rule.fits(gateway, amounts, card))
    }

    /// What a gateway adds to prices, once it is known.
    pub(crate) fn lists(&self, gateway: &GatewayId) -> Option<&Lists> {
        let parameters = self.gateways.get(gateway)?.parameters.as_ref();
        parameters.map(|parameters| &parameters.lists)
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
            add_surcharge(transaction, surcharge_minor);
            self.offer_currency(transaction);
            return;
        }
        let mut refused = self.refused(transaction, Reason::Cancelled);
        refused.detail = Some("the surcharge was not accepted".into());
        self.end_refused(transaction, refused, Some(IssuerAnswer::NoAnswer));
    }
}
