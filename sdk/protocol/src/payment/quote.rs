// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payment.quote`: what a sale would cost, with everything that is added to its price.
//!
//! No money moves and nothing is kept. It must never take more of a card than its scheme and the
//! digits that a reader may show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{check_presentation, check_route};
use crate::ids::GatewayId;
use crate::limits::{AMOUNT_MINOR_MAX, ID_CHARS_MAX};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_chars};

/// The whole, as a rate.
const RATE_MAX: u32 = 1_000_000;

/// Most digits of a card number that a reader may show.
const BEGINS_DIGITS_MAX: usize = 8;

/// Params of `payment.quote`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteParams {
    /// The price, without everything below.
    pub amount: Amount,
    /// The gateway; the host chooses as for a sale if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// A tax on top of the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<QuoteTax>,
    /// A tip on the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<QuoteTip>,
    /// Cash that is paid out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback: Option<Amount>,
    /// The card it would be paid with; without it there is no surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge_for: Option<QuoteCard>,
    /// The card that was presented before, as `device.card_presented` named it, in the place of
    /// `surcharge_for`. It is not used by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
}

/// A tax: one of the gateway's list, or a rate. Exactly one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteTax {
    /// As `gateway.settings` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of the price, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000))]
    pub rate_millionths: Option<u32>,
}

/// A tip: one of the gateway's list, a rate, or an amount. Exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteTip {
    /// As `gateway.settings` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of the price, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000))]
    pub rate_millionths: Option<u32>,
    /// So much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
}

/// A card, as far as a surcharge depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteCard {
    /// Its scheme, as results name it: `visa`.
    pub scheme: String,
    /// The first digits of its number, 1 to 8; without them no rule for a range fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<String>,
}

impl Validate for QuoteParams {
    fn validate(&self) -> Result<(), FieldError> {
        self.amount.check("amount")?;
        check_route(None, self.gateway.as_ref())?;
        self.tax.as_ref().map_or(Ok(()), QuoteTax::check)?;
        let tip = self.tip.as_ref();
        tip.map_or(Ok(()), |tip| tip.check(&self.amount))?;
        if let Some(cash) = &self.cashback {
            check_more(cash, &self.amount, "cashback")?;
        }
        let named = self.surcharge_for.as_ref();
        check_presentation(self.presentation_id.as_deref(), named.is_some())?;
        named.map_or(Ok(()), QuoteCard::check)
    }
}

impl QuoteTax {
    fn check(&self) -> Result<(), FieldError> {
        check_one(&[self.id.is_some(), self.rate_millionths.is_some()], "tax")?;
        check_named(self.id.as_deref(), self.rate_millionths, "tax")
    }
}

impl QuoteTip {
    fn check(&self, price: &Amount) -> Result<(), FieldError> {
        let given = [
            self.id.is_some(),
            self.rate_millionths.is_some(),
            self.amount.is_some(),
        ];
        check_one(&given, "tip")?;
        check_named(self.id.as_deref(), self.rate_millionths, "tip")?;
        match &self.amount {
            Some(amount) => check_more(amount, price, "tip.amount"),
            None => Ok(()),
        }
    }
}

impl QuoteCard {
    fn check(&self) -> Result<(), FieldError> {
        check_chars(&self.scheme, 1, ID_CHARS_MAX, "surcharge_for.scheme")?;
        let digits = |begins: &String| begins.bytes().all(|byte| byte.is_ascii_digit());
        let fits = |begins: &String| (1..=BEGINS_DIGITS_MAX).contains(&begins.len());
        match &self.begins {
            Some(begins) if !digits(begins) || !fits(begins) => {
                let must = format!("must be the first 1 to {BEGINS_DIGITS_MAX} digits");
                Err(FieldError::new("surcharge_for.begins", must))
            }
            _ => Ok(()),
        }
    }
}

fn check_one(given: &[bool], field: &str) -> Result<(), FieldError> {
    match given.iter().filter(|given| **given).count() {
        1 => Ok(()),
        _ => Err(FieldError::new(field, "must say exactly one of its fields")),
    }
}

fn check_named(id: Option<&str>, rate: Option<u32>, field: &str) -> Result<(), FieldError> {
    if let Some(id) = id {
        check_chars(id, 1, ID_CHARS_MAX, &format!("{field}.id"))?;
    }
    if rate.is_some_and(|rate| rate > RATE_MAX) {
        let must = format!("must be an integer from 0 to {RATE_MAX}");
        return Err(FieldError::new(format!("{field}.rate_millionths"), must));
    }
    Ok(())
}

/// Something that goes on top, in the currency of the price.
fn check_more(more: &Amount, price: &Amount, field: &str) -> Result<(), FieldError> {
    let most = Amount::new(AMOUNT_MINOR_MAX, &price.currency);
    more.check_part(&most, field)
}

/// Result of `payment.quote`. The total is the sum of everything else in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteResult {
    /// Where a sale would go.
    pub gateway: GatewayId,
    /// The price, as asked.
    pub amount: Amount,
    /// The tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Amount>,
    /// The tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// What the card would cost more; absent where no rule fits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<QuotedSurcharge>,
    /// The cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback: Option<Amount>,
    /// What the customer would pay.
    pub total: Amount,
}

/// What a card would cost more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuotedSurcharge {
    /// How much.
    pub amount: Amount,
    /// A register may leave it out (`bypass_surcharge`).
    pub bypass: bool,
    /// The customer is told and asked; otherwise it is simply added.
    pub disclose: bool,
}
