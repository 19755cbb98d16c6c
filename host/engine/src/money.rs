// SPDX-License-Identifier: MIT OR Apache-2.0
//! Money: integers of minor units with their ISO 4217 currency. Never a float.

pub use iso_currency::Currency;
use serde::{Deserialize, Serialize};

/// Largest amount of one request. JavaScript numbers hold it exactly, and so do the sums of
/// everything one transaction can have.
pub const AMOUNT_MINOR_MAX: i64 = 999_999_999_999;

/// An amount of one currency.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Amount {
    /// Minor units (ISO 4217 exponent of the currency).
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// A total and what of it is what; the parts are included in `total`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Amounts {
    /// What the card is charged (DE 4, 9F02).
    pub total: Amount,
    /// Part of the total, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip_minor: Option<i64>,
    /// Part of the total, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge_minor: Option<i64>,
    /// Part of the total, minor units (9F03).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback_minor: Option<i64>,
}
