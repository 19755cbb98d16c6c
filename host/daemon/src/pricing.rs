// SPDX-License-Identifier: MIT OR Apache-2.0
//! Surcharges and routes, as the configuration says them.
//!
//! A rate is a decimal text, read into whole millionths: it must never become a floating-point
//! number. What a rule does to a payment is the engine's.

use crate::amount;
use payhal_engine::card::Cards;
use payhal_engine::ids::GatewayId;
use payhal_engine::money::{Country, Currency};
use payhal_engine::pricing::{Millionths, Surcharge};
use payhal_engine::routing::Route;
use serde::Deserialize;

/// Digits of a card number that a reader may show: more can never fit.
const RANGE_DIGITS_MAX: usize = 8;

/// `[[surcharges]]`, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SurchargeTable {
    scheme: Option<String>,
    #[serde(default)]
    ranges: Vec<String>,
    #[serde(default)]
    country: Countries,
    gateway: Option<String>,
    currency: Option<String>,
    percent: Option<String>,
    fixed: Option<String>,
    #[serde(default)]
    bypass: bool,
    disclose: Option<bool>,
}

/// `[[routes]]`, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteTable {
    scheme: Option<String>,
    #[serde(default)]
    ranges: Vec<String>,
    #[serde(default)]
    country: Countries,
    currency: Option<String>,
    register: Option<String>,
    from: Option<String>,
    to: Option<String>,
    gateway: String,
    #[serde(default)]
    fallback: Vec<String>,
}

/// Countries of issuers: one, or a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a country of ISO 3166 as \"DE\", or a list of them"
)]
enum Countries {
    One(String),
    Several(Vec<String>),
}

impl Default for Countries {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Countries {
    fn codes(&self) -> &[String] {
        match self {
            Self::One(code) => std::slice::from_ref(code),
            Self::Several(codes) => codes,
        }
    }
}

/// A key, and what its value must be.
type Wrong = (String, String);

impl SurchargeTable {
    /// The rule; `known`: whether a gateway is configured.
    ///
    /// # Errors
    /// The key, and what its value must be.
    pub(crate) fn read(&self, known: impl Fn(&str) -> bool) -> Result<Surcharge, Wrong> {
        let wrong = |key: &str, must: String| (format!("surcharges.{key}"), must);
        let cards = cards(
            self.scheme.as_deref(),
            &self.ranges,
            self.country.codes(),
            &wrong,
        )?;
        let gateway = self.gateway.as_deref();
        if gateway.is_some_and(|name| !known(name)) {
            return Err(wrong("gateway", "the name of a configured gateway".into()));
        }
        let currency = currency(self.currency.as_deref(), &wrong)?;
        let fixed = self.fixed.as_deref().map(limit).transpose();
        let fixed = fixed.map_err(|why| wrong("fixed", why))?;
        if let (Some(currency), Some((_, of))) = (currency, fixed)
            && currency != of
        {
            return Err(wrong("fixed", format!("in {}", currency.code())));
        }
        if self.percent.is_none() && fixed.is_none() {
            return Err(wrong("percent", "there, or `fixed`".into()));
        }
        let rate = self.percent.as_deref().map(percent).transpose();
        let rate = rate.map_err(|why| wrong("percent", why))?;
        Ok(Surcharge {
            cards,
            gateway: gateway.map(GatewayId::from),
            currency: currency.or(fixed.map(|(_, of)| of)),
            rate: rate.unwrap_or_default(),
            fixed_minor: fixed.map_or(0, |(minor, _)| minor),
            bypass: self.bypass,
            undisclosed: self.disclose == Some(false),
        })
    }
}

impl RouteTable {
    /// The route; `known`: whether a gateway is configured.
    ///
    /// # Errors
    /// The key, and what its value must be.
    pub(crate) fn read(&self, known: impl Fn(&str) -> bool) -> Result<Route, Wrong> {
        let wrong = |key: &str, must: String| (format!("routes.{key}"), must);
        let cards = cards(
            self.scheme.as_deref(),
            &self.ranges,
            self.country.codes(),
            &wrong,
        )?;
        if !known(&self.gateway) {
            return Err(wrong("gateway", "the name of a configured gateway".into()));
        }
        for (place, name) in self.fallback.iter().enumerate() {
            if !known(name) {
                return Err(wrong(
                    "fallback",
                    format!("names of configured gateways; `{name}` is none"),
                ));
            }
            if *name == self.gateway || self.fallback[..place].contains(name) {
                return Err(wrong(
                    "fallback",
                    format!("other gateways; `{name}` is there twice"),
                ));
            }
        }
        let mut currency = currency(self.currency.as_deref(), &wrong)?;
        let mut bound = |key: &str, text: &Option<String>| -> Result<Option<i64>, Wrong> {
            let Some(text) = text else { return Ok(None) };
            let (minor, of) = limit(text).map_err(|why| wrong(key, why))?;
            match currency.replace(of) {
                Some(other) if other != of => Err(wrong(key, format!("in {}", other.code()))),
                _ => Ok(Some(minor)),
            }
        };
        let from_minor = bound("from", &self.from)?;
        let to_minor = bound("to", &self.to)?;
        if let (Some(from), Some(to)) = (from_minor, to_minor)
            && from > to
        {
            return Err(wrong("to", "not below `from`".into()));
        }
        Ok(Route {
            cards,
            currency,
            register: self.register.as_deref().map(Into::into),
            from_minor,
            to_minor,
            gateway: self.gateway.as_str().into(),
            fallback: (self.fallback.iter().map(|name| name.as_str().into())).collect(),
        })
    }
}

fn cards(
    scheme: Option<&str>,
    ranges: &[String],
    countries: &[String],
    wrong: &impl Fn(&str, String) -> Wrong,
) -> Result<Cards, Wrong> {
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if scheme.is_some_and(|name| name.is_empty() || !name.bytes().all(named)) {
        let must = "a scheme as results name it, as \"visa\" or \"amex\"";
        return Err(wrong("scheme", must.into()));
    }
    let begins = |range: &String| {
        (1..=RANGE_DIGITS_MAX).contains(&range.len())
            && range.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !ranges.iter().all(begins) {
        let must = "a list of the first 1 to 8 digits of card numbers, as [\"34\", \"37\"]";
        return Err(wrong("ranges", must.into()));
    }
    if let Some(unknown) = countries.iter().find(|code| !is_country(code)) {
        let must =
            format!("a country of ISO 3166 as \"DE\", or a list of them; `{unknown}` is none");
        return Err(wrong("country", must));
    }
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    Ok(Cards {
        scheme: scheme.map(Into::into),
        ranges: texts(ranges),
        countries: texts(countries),
    })
}

/// Whether ISO 3166-1 knows these two letters.
pub(crate) fn is_country(code: &str) -> bool {
    code.len() == 2 && code.parse::<Country>().is_ok()
}

fn currency(
    code: Option<&str>,
    wrong: &impl Fn(&str, String) -> Wrong,
) -> Result<Option<Currency>, Wrong> {
    let Some(code) = code else { return Ok(None) };
    let currency = Currency::from_code(code);
    let must = || wrong("currency", "a currency of ISO 4217, as \"EUR\"".into());
    currency.map(Some).ok_or_else(must)
}

/// An amount as `0.30 EUR`.
pub(crate) fn limit(text: &str) -> Result<(i64, Currency), String> {
    let must = |why: String| format!("an amount as \"0.30 EUR\": {why}");
    let named = text.split_once(' ');
    let (number, code) = named.ok_or_else(|| must(format!("`{text}` names no currency")))?;
    let amount = amount::parse(number, code).map_err(must)?;
    let currency = Currency::from_code(&amount.currency);
    let currency = currency.ok_or_else(|| must(format!("`{code}` is no currency")))?;
    Ok((amount.minor, currency))
}

/// A rate as `1.5`, with four decimals at most.
fn percent(text: &str) -> Result<Millionths, String> {
    let must = || format!("a text as \"1.5\", from 0 to 100 with 4 decimals at most, not `{text}`");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 4 {
        return Err(must());
    }
    let millionths = format!("{whole}{fraction:0<4}").parse().ok();
    millionths.and_then(Millionths::new).ok_or_else(must)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surcharge(text: &str) -> Result<Surcharge, Wrong> {
        let table: SurchargeTable = toml::from_str(text).unwrap();
        table.read(|name| name == "bank")
    }

    fn route(text: &str) -> Result<Route, Wrong> {
        let table: RouteTable = toml::from_str(text).unwrap();
        table.read(|name| name == "bank")
    }

    #[test]
    fn a_rate_is_read_exactly() {
        for (text, millionths) in [
            ("1.5", 15_000),
            ("0.1", 1_000),
            ("0.0001", 1),
            ("2", 20_000),
            ("0", 0),
            ("100", 1_000_000),
            ("99.9999", 999_999),
        ] {
            assert_eq!(
                percent(text),
                Ok(Millionths::new(millionths).unwrap()),
                "{text}"
            );
        }
        for text in [
            "", "1,5", ".5", "1.", "-1", "+1", "1e1", "100.0001", "101", "0.00001", "1.5%", "1 5",
            "\u{0661}", "1.5.0", "0100",
        ] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_full_rule_is_understood() {
        let text = "scheme = \"amex\"\nranges = [\"34\", \"37\"]\ngateway = \"bank\"\n\
                    percent = \"1.5\"\nfixed = \"0.30 EUR\"\nbypass = true\ndisclose = false";
        let rule = surcharge(text).unwrap();
        assert!(rule.bypass && rule.undisclosed);
        let plain = surcharge("percent = \"1\"").unwrap();
        assert!(!plain.bypass && !plain.undisclosed);
        assert_eq!(rule.fixed_minor, 30);
        assert_eq!(rule.currency, Some(Currency::EUR));
        assert_eq!(rule.cards.ranges.len(), 2);
        assert_eq!(Some(rule.rate), Millionths::new(15_000));
        let text =
            "register = \"till-1\"\nfrom = \"10.00 EUR\"\nto = \"50.00 EUR\"\ngateway = \"bank\"";
        let route = route(text).unwrap();
        assert_eq!(
            (route.from_minor, route.to_minor),
            (Some(1_000), Some(5_000))
        );
        assert_eq!(route.currency, Some(Currency::EUR));
    }

    #[test]
    fn a_rule_that_could_be_misread_names_its_key() {
        for (text, key) in [
            ("scheme = \"amex\"", "surcharges.percent"),
            ("percent = \"much\"", "surcharges.percent"),
            ("fixed = \"30\"", "surcharges.fixed"),
            ("fixed = \"0.3 EUR\"", "surcharges.fixed"),
            (
                "fixed = \"0.30 EUR\"\ncurrency = \"GBP\"",
                "surcharges.fixed",
            ),
            (
                "percent = \"1\"\ncurrency = \"EURO\"",
                "surcharges.currency",
            ),
            ("percent = \"1\"\nscheme = \"Amex\"", "surcharges.scheme"),
            ("percent = \"1\"\nscheme = \"\"", "surcharges.scheme"),
            ("percent = \"1\"\nranges = [\"\"]", "surcharges.ranges"),
            ("percent = \"1\"\nranges = [\"34*\"]", "surcharges.ranges"),
            (
                "percent = \"1\"\nranges = [\"123456789\"]",
                "surcharges.ranges",
            ),
            ("percent = \"1\"\ngateway = \"other\"", "surcharges.gateway"),
        ] {
            assert_eq!(surcharge(text).unwrap_err().0, key, "{text}");
        }
        for (text, key) in [
            ("gateway = \"other\"", "routes.gateway"),
            ("gateway = \"bank\"\nscheme = \"VISA\"", "routes.scheme"),
            ("gateway = \"bank\"\ncountry = \"UK\"", "routes.country"),
            (
                "gateway = \"bank\"\ncountry = [\"GB\", \"de\"]",
                "routes.country",
            ),
            (
                "gateway = \"bank\"\nfallback = [\"other\"]",
                "routes.fallback",
            ),
            (
                "gateway = \"bank\"\nfallback = [\"bank\"]",
                "routes.fallback",
            ),
            ("gateway = \"bank\"\nfrom = \"1\"", "routes.from"),
            (
                "gateway = \"bank\"\nfrom = \"2.00 EUR\"\nto = \"1.00 EUR\"",
                "routes.to",
            ),
            (
                "gateway = \"bank\"\nfrom = \"1.00 EUR\"\nto = \"2.00 GBP\"",
                "routes.to",
            ),
            (
                "gateway = \"bank\"\nfrom = \"1.00 EUR\"\ncurrency = \"GBP\"",
                "routes.from",
            ),
        ] {
            assert_eq!(route(text).unwrap_err().0, key, "{text}");
        }
    }
}
