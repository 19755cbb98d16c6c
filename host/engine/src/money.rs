// SPDX-License-Identifier: MIT OR Apache-2.0
//! Money: integers of minor units with their ISO 4217 currency. Never a float.

pub use iso_currency::{Country, Currency};
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

impl std::fmt::Display for Amount {
    /// In units of the currency, with its code: `12.50 EUR`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.currency.code();
        let digits = usize::from(self.currency.exponent().unwrap_or(0));
        let text = format!("{:0width$}", self.minor, width = digits + 1);
        match text.split_at_checked(text.len() - digits) {
            Some((units, parts)) if digits > 0 => write!(f, "{units}.{parts} {code}"),
            _ => write!(f, "{text} {code}"),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_their_currency_writes_them() {
        let told = |minor, currency| Amount { minor, currency }.to_string();
        assert_eq!(told(1_250, Currency::EUR), "12.50 EUR");
        assert_eq!(told(5, Currency::EUR), "0.05 EUR");
        assert_eq!(told(0, Currency::EUR), "0.00 EUR");
        assert_eq!(told(1_250, Currency::JPY), "1250 JPY");
        assert_eq!(told(1_250, Currency::BHD), "1.250 BHD");
    }
}
