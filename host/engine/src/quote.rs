// SPDX-License-Identifier: MIT OR Apache-2.0
//! What something would cost, before anybody presents a card: tax, tip, surcharge and cash, and the
//! total. Counts as a sale counts. No money moves, nothing is recorded.

use crate::admit::{NotNow, check_able, check_currency};
use crate::answer::{Answer, Reason};
use crate::card::CardFace;
use crate::engine::Engine;
use crate::gateway::GatewayParameters;
use crate::ids::{GatewayId, Position, RegisterId, Ticket};
use crate::money::{AMOUNT_MINOR_MAX, Amount, Amounts};
use crate::pricing::{Lists, Millionths};
use crate::request::{Kind, MoneyRequest, Terms};
use std::sync::Arc;

/// What is to be worked out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quote {
    /// The gateway, as given.
    pub gateway: Option<GatewayId>,
    /// The price, without everything below.
    pub price: Amount,
    /// A tax on top of it.
    pub tax: Option<TaxChoice>,
    /// A tip on the price.
    pub tip: Option<TipChoice>,
    /// Cash, minor units.
    pub cashback_minor: Option<i64>,
    /// The card, as far as it is known.
    pub card: Option<CardFace>,
    /// The card that was presented before, as the watching reader's news named it.
    pub presentation: Option<Arc<str>>,
}

/// A tax that was chosen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TaxChoice {
    /// One of the gateway's.
    Listed(Arc<str>),
    /// Of the price.
    Rate(Millionths),
}

/// A tip that was chosen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TipChoice {
    /// One of the gateway's.
    Listed(Arc<str>),
    /// Of the price.
    Rate(Millionths),
    /// So many minor units.
    Minor(i64),
}

/// What it would cost. Minor units of the total's currency.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quoted {
    /// Where it would go.
    pub gateway: GatewayId,
    /// The price, as given.
    pub price_minor: i64,
    /// The tax.
    pub tax_minor: Option<i64>,
    /// The tip.
    pub tip_minor: Option<i64>,
    /// What the card would cost more; absent where no rule fits it.
    pub surcharge: Option<QuotedSurcharge>,
    /// The cash.
    pub cashback_minor: Option<i64>,
    /// Everything together.
    pub total: Amount,
}

/// What a card would cost more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QuotedSurcharge {
    /// How much.
    pub minor: i64,
    /// A register may leave it out.
    pub bypass: bool,
    /// It is added without a question.
    pub undisclosed: bool,
}

impl Engine {
    /// Works out a quote for its register.
    pub(crate) fn asked_for_quote(&mut self, ticket: Ticket, register: &RegisterId, quote: &Quote) {
        match self.quote(register, quote) {
            Ok(quoted) => {
                let answer = Answer::Quoted(Box::new(quoted));
                self.answer(Position(0), ticket, answer);
            }
            Err(not_now) => {
                let (reason, retry_after_ms, detail) = not_now.into_parts();
                let mut refused = self.refusal(reason);
                refused.retry_after_ms = retry_after_ms;
                refused.detail = detail;
                self.refuse(Position(0), Some(ticket), refused);
            }
        }
    }

    fn quote(&self, register: &RegisterId, quote: &Quote) -> Result<Quoted, NotNow> {
        let plain = quote.sale(None);
        let presented = quote.presentation.as_ref();
        let presented = presented.map(|named| self.card_presented_to(register, named));
        let card = presented.transpose()?.or(quote.card.as_ref());
        // A route may depend on the total, which has the gateway's own tax and tip in it.
        let first = self.routed(&plain, register, plain.amounts.as_ref(), card)?;
        let parts = quote.parts(&self.told_of(&first)?.lists, &first)?;
        let gateway = self.routed(&plain, register, Some(&parts.amounts), card)?;
        let parameters = self.told_of(&gateway)?;
        let parts = quote.parts(&parameters.lists, &gateway)?;
        check_able(&quote.sale(Some(parts.amounts)), &gateway, parameters)?;
        check_currency(&parts.amounts, &gateway, parameters)?;
        let rule = card.and_then(|card| self.surcharge_rule(Some(&gateway), &parts.amounts, card));
        let surcharge = rule.map(|rule| QuotedSurcharge {
            minor: rule.of(&parts.amounts),
            bypass: rule.bypass,
            undisclosed: rule.undisclosed,
        });
        let more = surcharge.map_or(0, |surcharge| surcharge.minor);
        let total = Amount {
            minor: parts.amounts.total.minor + more,
            ..quote.price
        };
        if total.minor > AMOUNT_MINOR_MAX {
            let detail = "the total is larger than any amount can be";
            return Err(NotNow::new(Reason::AmountInvalid, detail));
        }
        Ok(Quoted {
            gateway,
            price_minor: quote.price.minor,
            tax_minor: parts.tax_minor,
            tip_minor: parts.amounts.tip_minor,
            surcharge,
            cashback_minor: quote.cashback_minor,
            total,
        })
    }

    /// What a gateway said of itself, whether or not it is up now.
    fn told_of(&self, id: &GatewayId) -> Result<&GatewayParameters, NotNow> {
        self.known(id).map_or_else(|| self.reachable(id), Ok)
    }
}

/// What is added before any card is known.
struct Parts {
    tax_minor: Option<i64>,
    /// As a sale would say them, tax included.
    amounts: Amounts,
}

impl Quote {
    /// The sale that it is about.
    fn sale(&self, amounts: Option<Amounts>) -> MoneyRequest {
        let price = Amounts {
            total: self.price,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: self.cashback_minor,
        };
        MoneyRequest {
            key: "".into(),
            kind: Kind::Sale,
            amounts: Some(amounts.unwrap_or(price)),
            amount_max: None,
            device: None,
            gateway: self.gateway.clone(),
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            order: None,
            terms: Terms::default(),
        }
    }

    fn parts(&self, lists: &Lists, gateway: &GatewayId) -> Result<Parts, NotNow> {
        let tax_minor = self.tax_on(lists, gateway)?;
        let tip_minor = self.tip_on(lists, gateway)?;
        let added = [tax_minor, tip_minor, self.cashback_minor];
        // Each is bounded by twelve digits, so their sum cannot overflow.
        let more: i64 = added.into_iter().flatten().sum();
        let total = Amount {
            minor: self.price.minor + more,
            ..self.price
        };
        Ok(Parts {
            tax_minor,
            amounts: Amounts {
                total,
                tip_minor,
                surcharge_minor: None,
                cashback_minor: self.cashback_minor,
            },
        })
    }

    fn tax_on(&self, lists: &Lists, gateway: &GatewayId) -> Result<Option<i64>, NotNow> {
        let rate = match &self.tax {
            None => return Ok(None),
            Some(TaxChoice::Rate(rate)) => *rate,
            Some(TaxChoice::Listed(id)) => {
                let tax = lists.taxes.iter().find(|tax| tax.id == *id);
                tax.ok_or_else(|| unlisted("tax", gateway))?.rate
            }
        };
        Ok(Some(rate.of(self.price.minor)))
    }

    fn tip_on(&self, lists: &Lists, gateway: &GatewayId) -> Result<Option<i64>, NotNow> {
        Ok(match &self.tip {
            None => None,
            Some(TipChoice::Minor(minor)) => Some(*minor),
            Some(TipChoice::Rate(rate)) => Some(rate.of(self.price.minor)),
            Some(TipChoice::Listed(id)) => {
                let tip = lists.tips.iter().find(|tip| tip.id == *id);
                let minor = tip.and_then(|tip| tip.on(self.price));
                Some(minor.ok_or_else(|| unlisted("tip", gateway))?)
            }
        })
    }
}

fn unlisted(what: &str, gateway: &GatewayId) -> NotNow {
    let detail = format!("gateway {gateway} lists no such {what} for this currency");
    NotNow::new(Reason::NotAllowed, detail)
}
