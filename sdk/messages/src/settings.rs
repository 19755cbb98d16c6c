// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway says of its merchant, and of what may be added to a price: taxes, tips, surcharges.
//!
//! A rate is an integer of millionths, at most 1 000 000 (the whole): 1.5 % is 15 000. Amounts are
//! minor units of the currency beside them. Never a decimal point.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The whole, as a rate.
pub const RATE_MAX: u32 = 1_000_000;

/// Most entries of one list: a person chooses among them.
const ENTRIES_MAX: usize = 64;

/// Longest name or line of an address, in characters.
const TEXT_CHARS_MAX: usize = 128;

/// Longest id of a tax or a tip, in characters.
const ID_CHARS_MAX: usize = 64;

/// Most digits of a card number that a reader may show.
const RANGE_DIGITS_MAX: usize = 8;

/// Twelve digits, as ISO 8583 has them.
const MINOR_MAX: i64 = 999_999_999_999;

/// What a gateway reports of itself, in [`crate::gateway::Parameters::settings`].
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GatewaySettings {
    /// Whose money it is, as the gateway has it on file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<Merchant>,
    /// What it does besides the abilities of its manifest, in words of its own: `partial_approval`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// What it takes at most, one for each currency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limits>,
    /// Taxes that a quote may add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<Tax>,
    /// Tips that customers are offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tips: Vec<Tip>,
    /// What some cards cost more; the first that fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surcharges: Vec<Surcharge>,
}

/// A merchant as the gateway knows it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Merchant {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
    /// Its country, ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What it sells, four digits (ISO 18245).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// What a gateway takes at most at a time in one currency; absent: it does not say.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Limits {
    /// ISO 4217 code.
    pub currency: String,
    /// Of a sale, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_minor_max: Option<i64>,
    /// Of a refund, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_minor_max: Option<i64>,
    /// Of cash with a sale, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback_minor_max: Option<i64>,
}

/// A tax that goes on top of a price.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Tax {
    /// Names it in `payment.quote`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Millionths of the price.
    pub rate_millionths: u32,
}

/// A tip that is offered.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tip {
    /// A share of the price.
    Percentage {
        /// Names it in `payment.quote`.
        id: String,
        /// Millionths of the price.
        rate_millionths: u32,
    },
    /// So much, in this currency only.
    Amount {
        /// Names it in `payment.quote`.
        id: String,
        /// Minor units.
        minor: i64,
        /// ISO 4217 code.
        currency: String,
    },
}

/// What payments with some cards cost more.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Surcharge {
    /// With cards of this scheme, in lower case; absent: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// With numbers that begin so, 1 to 8 digits each; empty: with all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<String>,
    /// In this currency; absent: in all. Must be there with `fixed_minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Millionths of the price with its taxes, without tip and cash.
    #[serde(default)]
    pub rate_millionths: u32,
    /// Besides, minor units.
    #[serde(default)]
    pub fixed_minor: i64,
    /// Whether a register may leave it out (`bypass_surcharge`).
    #[serde(default)]
    pub bypass: bool,
    /// Whether the customer must be told and asked; otherwise it is simply added.
    #[serde(default)]
    pub disclose: bool,
}

impl GatewaySettings {
    /// Whether everything in it can be meant.
    ///
    /// # Errors
    /// Names the place, and what must stand there; never repeats what does.
    pub fn check(&self) -> Result<(), String> {
        self.merchant.as_ref().map_or(Ok(()), Merchant::check)?;
        each(&self.features, "features", |name| text(name))?;
        each(&self.limits, "limits", Limits::check)?;
        each(&self.taxes, "taxes", Tax::check)?;
        each(&self.tips, "tips", Tip::check)?;
        each(&self.surcharges, "surcharges", Surcharge::check)?;
        unlike(self.limits.iter().map(|limits| &limits.currency), "limits")?;
        unlike(self.taxes.iter().map(|tax| &tax.id), "taxes")?;
        unlike(self.tips.iter().map(Tip::id), "tips")
    }
}

impl Merchant {
    fn check(&self) -> Result<(), String> {
        each(&self.address, "merchant.address", |line| text(line))?;
        let at = |why: String| format!("merchant: {why}");
        if let Some(name) = &self.name {
            text(name).map_err(at)?;
        }
        let upper = |byte: u8| byte.is_ascii_uppercase();
        if let Some(country) = &self.country
            && !(country.len() == 2 && country.bytes().all(upper))
        {
            return Err("merchant.country must be two upper-case letters".into());
        }
        let digit = |byte: u8| byte.is_ascii_digit();
        match &self.category {
            Some(code) if !(code.len() == 4 && code.bytes().all(digit)) => {
                Err("merchant.category must be four digits".into())
            }
            _ => Ok(()),
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), String> {
        currency(&self.currency)?;
        let all = [
            self.sale_minor_max,
            self.refund_minor_max,
            self.cashback_minor_max,
        ];
        all.into_iter().flatten().try_for_each(minor)
    }
}

impl Tax {
    fn check(&self) -> Result<(), String> {
        id(&self.id)?;
        text(&self.name)?;
        rate(self.rate_millionths)
    }
}

impl Tip {
    /// Names it.
    pub fn id(&self) -> &String {
        match self {
            Self::Percentage { id, .. } | Self::Amount { id, .. } => id,
        }
    }

    fn check(&self) -> Result<(), String> {
        id(self.id())?;
        match self {
            Self::Percentage {
                rate_millionths, ..
            } => rate(*rate_millionths),
            Self::Amount {
                minor: tip,
                currency: of,
                ..
            } => minor(*tip).and_then(|()| currency(of)),
        }
    }
}

impl Surcharge {
    fn check(&self) -> Result<(), String> {
        let begins = |range: &String| {
            (1..=RANGE_DIGITS_MAX).contains(&range.len())
                && range.bytes().all(|byte| byte.is_ascii_digit())
        };
        if self.ranges.len() > ENTRIES_MAX || !self.ranges.iter().all(begins) {
            return Err("ranges must be the first 1 to 8 digits of card numbers".into());
        }
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if let Some(scheme) = &self.scheme
            && (scheme.is_empty() || !scheme.bytes().all(named))
        {
            return Err("scheme must be a scheme in lower case".into());
        }
        rate(self.rate_millionths)?;
        minor(self.fixed_minor)?;
        match &self.currency {
            Some(code) => currency(code),
            None if self.fixed_minor > 0 => Err("currency must be there with fixed_minor".into()),
            None => Ok(()),
        }
    }
}

fn each<T>(list: &[T], name: &str, check: impl Fn(&T) -> Result<(), String>) -> Result<(), String> {
    if list.len() > ENTRIES_MAX {
        return Err(format!("{name} must have at most {ENTRIES_MAX} entries"));
    }
    let mut entries = list.iter().enumerate();
    entries.try_for_each(|(at, entry)| check(entry).map_err(|why| format!("{name}[{at}]: {why}")))
}

fn unlike<'a>(ids: impl Iterator<Item = &'a String>, name: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (at, id) in ids.enumerate() {
        if !seen.insert(id) {
            return Err(format!("{name}[{at}]: must not be there twice"));
        }
    }
    Ok(())
}

fn rate(millionths: u32) -> Result<(), String> {
    match millionths {
        0..=RATE_MAX => Ok(()),
        _ => Err(format!("rate_millionths must be from 0 to {RATE_MAX}")),
    }
}

fn minor(minor: i64) -> Result<(), String> {
    match minor {
        0..=MINOR_MAX => Ok(()),
        _ => Err(format!("an amount must be from 0 to {MINOR_MAX}")),
    }
}

fn currency(code: &str) -> Result<(), String> {
    let letters = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    match letters {
        true => Ok(()),
        false => Err("currency must be an ISO 4217 code of three upper-case letters".into()),
    }
}

fn id(id: &str) -> Result<(), String> {
    let printable = id.bytes().all(|byte| byte.is_ascii_graphic());
    match (1..=ID_CHARS_MAX).contains(&id.len()) && printable {
        true => Ok(()),
        false => Err(format!(
            "id must be 1 to {ID_CHARS_MAX} printable characters without spaces"
        )),
    }
}

fn text(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    match (1..=TEXT_CHARS_MAX).contains(&length) && !text.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(format!(
            "a text must be 1 to {TEXT_CHARS_MAX} characters without control characters"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(settings: Value) -> Result<(), String> {
        serde_json::from_value::<GatewaySettings>(settings)
            .unwrap()
            .check()
    }

    #[test]
    fn a_full_set_is_understood() {
        let full = json!({
            "merchant": {"name": "Café Ada", "address": ["Rue 1"], "country": "FR", "category": "5812"},
            "features": ["partial_approval"],
            "limits": [{"currency": "EUR", "sale_minor_max": 500_000}],
            "taxes": [{"id": "standard", "name": "VAT", "rate_millionths": 200_000}],
            "tips": [
                {"kind": "percentage", "id": "10", "rate_millionths": 100_000},
                {"kind": "amount", "id": "coin", "minor": 100, "currency": "EUR"},
            ],
            "surcharges": [
                {"ranges": ["34", "37"], "rate_millionths": 15_000, "disclose": true},
                {"scheme": "diners", "fixed_minor": 30, "currency": "EUR", "bypass": true},
            ],
        });
        assert_eq!(check(full), Ok(()));
        assert_eq!(check(json!({})), Ok(()));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (settings, place) in [
            (
                json!({"taxes": [{"id": "a", "name": "VAT", "rate_millionths": 1_000_001}]}),
                "taxes[0]",
            ),
            (
                json!({"taxes": [{"id": "", "name": "VAT", "rate_millionths": 1}]}),
                "taxes[0]",
            ),
            (
                json!({"taxes": [
                    {"id": "a", "name": "1", "rate_millionths": 1},
                    {"id": "a", "name": "2", "rate_millionths": 1},
                ]}),
                "taxes[1]",
            ),
            (
                json!({"tips": [{"kind": "amount", "id": "a", "minor": -1, "currency": "EUR"}]}),
                "tips[0]",
            ),
            (
                json!({"tips": [{"kind": "amount", "id": "a", "minor": 1, "currency": "eur"}]}),
                "tips[0]",
            ),
            (json!({"surcharges": [{"fixed_minor": 1}]}), "surcharges[0]"),
            (
                json!({"surcharges": [{"ranges": ["123456789"]}]}),
                "surcharges[0]",
            ),
            (json!({"surcharges": [{"scheme": "Visa"}]}), "surcharges[0]"),
            (
                json!({"limits": [{"currency": "EUR", "sale_minor_max": -1}]}),
                "limits[0]",
            ),
            (json!({"merchant": {"country": "fr"}}), "merchant.country"),
            (json!({"merchant": {"name": ""}}), "merchant"),
            (json!({"features": ["a\nb"]}), "features[0]"),
        ] {
            let why = check(settings.clone()).unwrap_err();
            assert!(why.starts_with(place), "{settings}: {why}");
        }
    }
}
