// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many transactions at once: `payment.list`.
//!
//! It must never carry a card number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::RegisterId;
use crate::limits::{
    AMOUNT_MINOR_MAX, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, SEARCH_CHARS_MAX, TEXT_CHARS_MAX,
};
use crate::money::check_currency;
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::payment::ForwardingState;
use crate::transaction::{TransactionOutcome, TransactionView};

/// Params of `payment.list`, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListParams {
    /// Begun at or after this time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Begun before this time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Only those that are still open (`true`) or ended (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Only sales that were accepted offline and are there now: `waiting` and `needs_operator` are
    /// what is still to be forwarded, `declined` is what was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<ForwardingState>,
    /// Only this register's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterId>,
    /// Only where it is a part of the reference, or the whole key, id, approval code or last four digits
    /// of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only where this was asked for or approved, or is what the card was charged in its own currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<AmountSought>,
    /// Only those that this became of, as far as is known now: a sale that was accepted offline is
    /// `accepted_offline` until its gateway took it or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<TransactionOutcome>,
    /// Only of cards with these last four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{4}$"))]
    pub last_four: Option<String>,
    /// Go on where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many, 1 to 100; 20 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub limit: Option<u32>,
}

impl ListParams {
    /// How many transactions the page holds at most.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIST_LIMIT_DEFAULT)
    }
}

impl Validate for ListParams {
    fn validate(&self) -> Result<(), FieldError> {
        for (field, text, most) in [
            ("since", &self.since, 64),
            ("until", &self.until, 64),
            ("text", &self.text, SEARCH_CHARS_MAX),
            ("cursor", &self.cursor, TEXT_CHARS_MAX),
        ] {
            text.as_deref()
                .map_or(Ok(()), |text| check_chars(text, 0, most, field))?;
        }
        if let Some(register) = &self.register {
            check_id(register.as_str(), "register")?;
        }
        if let Some(amount) = &self.amount {
            amount.check("amount")?;
        }
        if let Some(digits) = &self.last_four
            && !(digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(FieldError::new("last_four", "must be four digits"));
        }
        if !(1..=LIST_LIMIT_MAX).contains(&self.limit()) {
            return Err(FieldError::new(
                "limit",
                format!("must be an integer from 1 to {LIST_LIMIT_MAX}"),
            ));
        }
        Ok(())
    }
}

/// An amount that is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AmountSought {
    /// Minor units, as in any amount.
    #[schemars(range(min = 0, max = 999_999_999_999_i64))]
    pub minor: i64,
    /// ISO 4217 alphabetic code, upper case; in any currency if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: Option<String>,
}

impl AmountSought {
    fn check(&self, field: &str) -> Result<(), FieldError> {
        if !(0..=AMOUNT_MINOR_MAX).contains(&self.minor) {
            let must = format!("must be an integer of minor units from 0 to {AMOUNT_MINOR_MAX}");
            return Err(FieldError::amount(format!("{field}.minor"), must));
        }
        let code = self.currency.as_deref();
        code.map_or(Ok(()), |code| {
            check_currency(code, &format!("{field}.currency"))
        })
    }
}

/// Result of `payment.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListResult {
    /// The transactions, newest first.
    pub transactions: Vec<TransactionView>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(params: &ListParams) -> Option<String> {
        params.validate().err().map(|error| error.field)
    }

    #[test]
    fn what_is_looked_for_has_its_form() {
        let amount = |minor, currency: Option<&str>| ListParams {
            amount: Some(AmountSought {
                minor,
                currency: currency.map(ToOwned::to_owned),
            }),
            ..ListParams::default()
        };
        assert_eq!(wrong(&amount(0, None)), None);
        assert_eq!(wrong(&amount(1_250, Some("EUR"))), None);
        assert_eq!(wrong(&amount(-1, None)).as_deref(), Some("amount.minor"));
        let currency = wrong(&amount(1_250, Some("eur")));
        assert_eq!(currency.as_deref(), Some("amount.currency"));
        for (digits, field) in [
            ("1111", None),
            ("111", Some("last_four")),
            ("11a1", Some("last_four")),
        ] {
            let params = ListParams {
                last_four: Some(digits.to_owned()),
                ..ListParams::default()
            };
            assert_eq!(wrong(&params).as_deref(), field, "{digits}");
        }
    }
}
