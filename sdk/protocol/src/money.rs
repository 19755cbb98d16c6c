// SPDX-License-Identifier: MIT OR Apache-2.0
//! Money on the wire: an integer of minor units and its currency.
//!
//! Owns the shape and the bounds. It must never use a floating-point number, convert currencies or
//! guess how many decimals a currency has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ErrorName;
use crate::limits::AMOUNT_MINOR_MAX;
use crate::params::FieldError;

/// An amount of money: 12.50 EUR is `{"minor": 1250, "currency": "EUR"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Amount {
    /// Minor units of the currency (cents for EUR, yen for JPY). Never a decimal point.
    #[schemars(range(min = 0, max = 999_999_999_999_i64))]
    pub minor: i64,
    /// ISO 4217 alphabetic code, upper case.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
}

impl Amount {
    /// An amount; nothing is checked until [`Amount::check`].
    #[must_use]
    pub fn new(minor: i64, currency: &str) -> Self {
        Self {
            minor,
            currency: currency.to_owned(),
        }
    }

    /// Checks a total to be charged: more than zero, within bounds, a currency by its shape.
    ///
    /// # Errors
    /// Names `field` (or its part) and what it must be.
    pub fn check(&self, field: &str) -> Result<(), FieldError> {
        self.check_from(1, field)
    }

    /// Checks a part of a total (tip, surcharge, cashback), which may be zero, and its currency.
    ///
    /// # Errors
    /// Names `field` (or its part) and what it must be.
    pub fn check_part(&self, total: &Amount, field: &str) -> Result<(), FieldError> {
        self.check_from(0, field)?;
        if self.currency != total.currency {
            return Err(FieldError::amount(
                format!("{field}.currency"),
                "must be the currency of `amount`",
            ));
        }
        if self.minor > total.minor {
            return Err(FieldError::amount(
                format!("{field}.minor"),
                "must not be more than `amount.minor`",
            ));
        }
        Ok(())
    }

    fn check_from(&self, least: i64, field: &str) -> Result<(), FieldError> {
        if !(least..=AMOUNT_MINOR_MAX).contains(&self.minor) {
            return Err(FieldError::amount(
                format!("{field}.minor"),
                format!("must be an integer of minor units from {least} to {AMOUNT_MINOR_MAX}"),
            ));
        }
        check_currency(&self.currency, &format!("{field}.currency"))
    }
}

/// Checks a currency by its shape.
pub(crate) fn check_currency(code: &str, field: &str) -> Result<(), FieldError> {
    let letters = code.bytes().all(|byte| byte.is_ascii_uppercase());
    if code.len() != 3 || !letters {
        return Err(FieldError {
            name: ErrorName::InvalidParams,
            field: field.to_owned(),
            must: "must be an ISO 4217 code of three upper-case letters".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_named() {
        assert!(Amount::new(1, "EUR").check("amount").is_ok());
        assert!(Amount::new(AMOUNT_MINOR_MAX, "JPY").check("amount").is_ok());
        for minor in [0, -1, AMOUNT_MINOR_MAX + 1, i64::MIN, i64::MAX] {
            let error = Amount::new(minor, "EUR").check("amount").unwrap_err();
            assert_eq!(error.field, "amount.minor");
            assert_eq!(error.name, ErrorName::AmountInvalid);
        }
        for currency in ["eur", "EU", "EURO", "", "E1R", "ÉU"] {
            let error = Amount::new(1, currency).check("amount").unwrap_err();
            assert_eq!(error.field, "amount.currency");
        }
    }

    #[test]
    fn a_part_fits_into_its_total() {
        let total = Amount::new(1000, "EUR");
        assert!(Amount::new(0, "EUR").check_part(&total, "tip").is_ok());
        assert!(Amount::new(1000, "EUR").check_part(&total, "tip").is_ok());
        assert!(Amount::new(1001, "EUR").check_part(&total, "tip").is_err());
        assert!(Amount::new(1, "USD").check_part(&total, "tip").is_err());
    }

    #[test]
    fn a_fraction_is_not_an_amount() {
        assert!(serde_json::from_str::<Amount>(r#"{"minor":12.5,"currency":"EUR"}"#).is_err());
        assert!(serde_json::from_str::<Amount>(r#"{"minor":"12","currency":"EUR"}"#).is_err());
    }
}
