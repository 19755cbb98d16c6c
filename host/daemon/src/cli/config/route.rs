// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal config route`: a dry run of the routes for one payment, told step by step.

use crate::amount;
use crate::cli::args::PlaceArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{say, say_json};
use crate::config::Config;
use crate::pricing::is_country;
use crate::routes::{self, Payment, Way};
use clap::Args;
use payhal_engine::card::CardFace;
use payhal_engine::money::{Amount, Currency};

#[derive(Args, Debug)]
pub(in crate::cli) struct RouteArgs {
    /// The total, as 12.50; none for a card check
    #[arg(long, requires = "currency")]
    amount: Option<String>,
    /// Its currency, as EUR
    #[arg(long, requires = "amount")]
    currency: Option<String>,
    /// The card's scheme, as visa
    #[arg(long)]
    scheme: Option<String>,
    /// The first digits of the card's number, 1 to 8
    #[arg(long, value_parser = digits)]
    range: Option<String>,
    /// The country of the card's issuer, as DE
    #[arg(long, value_parser = country)]
    country: Option<String>,
    /// The register that asks
    #[arg(long, default_value = "register")]
    register: String,
    /// The gateway that the request names
    #[arg(long)]
    gateway: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

fn digits(text: &str) -> Result<String, String> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    match all && (1..=8).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("must be the first 1 to 8 digits of a card number".to_owned()),
    }
}

fn country(text: &str) -> Result<String, String> {
    match is_country(text) {
        true => Ok(text.to_owned()),
        false => Err("must be a country of ISO 3166, as DE".to_owned()),
    }
}

pub(super) fn run(args: &RouteArgs) -> Result<Exit, Failure> {
    let config = Config::load(&args.place.overrides())?;
    let payment = args.payment()?;
    if let Some(unknown) = unknown(&config, args.gateway.as_deref()) {
        return Err(Failure::new(Exit::Usage, unknown));
    }
    let mut way = routes::route(&config.engine, &payment);
    if way.gateway.is_none() {
        way = only(&config, way);
    }
    if args.json {
        say_json(&way);
    } else {
        say(&told(&way));
    }
    Ok(match way.gateway {
        Some(_) => Exit::Ok,
        None => Exit::Failed,
    })
}

fn unknown(config: &Config, named: Option<&str>) -> Option<String> {
    let named = named?;
    let mut gateways = config.gateways();
    (!gateways.any(|gateway| gateway == named))
        .then(|| format!("no gateway `{named}` is configured"))
}

/// Where nothing says otherwise, the only gateway takes everything.
fn only(config: &Config, mut way: Way) -> Way {
    let gateways: Vec<&str> = config.gateways().collect();
    match gateways.as_slice() {
        [] => way.why.push("no gateway is configured".to_owned()),
        [only] => {
            way.why.push("it is the only gateway".to_owned());
            way.gateway = Some((*only).to_owned());
        }
        several => way.why.push(format!(
            "{} are configured, and neither the request nor host.default_gateway says which",
            several.join(" and ")
        )),
    }
    way
}

fn told(way: &Way) -> String {
    let mut lines: Vec<String> = vec![match &way.gateway {
        Some(gateway) => format!("It goes to {gateway}."),
        None => "It goes nowhere: GATEWAY_UNAVAILABLE.".to_owned(),
    }];
    if !way.fallback.is_empty() {
        lines.push(format!(
            "While {} cannot be reached, and was sent nothing, to {}.",
            way.gateway.as_deref().unwrap_or_default(),
            way.fallback.join(", then to ")
        ));
    }
    lines.extend(way.why.iter().map(|why| format!("  {why}")));
    lines.join("\n")
}

impl RouteArgs {
    fn payment(&self) -> Result<Payment, Failure> {
        let total = match (&self.amount, &self.currency) {
            (Some(text), Some(code)) => {
                Some(total(text, code).map_err(|why| Failure::new(Exit::Usage, why))?)
            }
            _ => None,
        };
        let told = self.scheme.is_some() || self.range.is_some() || self.country.is_some();
        let card = told.then(|| CardFace {
            masked_pan: format!("{}******", self.range.as_deref().unwrap_or_default()).into(),
            scheme: self.scheme.as_deref().unwrap_or_default().into(),
            application: None,
            aid: None,
            country: self.country.as_deref().map(Into::into),
            expiry: None,
        });
        Ok(Payment {
            register: self.register.as_str().into(),
            total,
            card,
            gateway: self.gateway.as_deref().map(Into::into),
        })
    }
}

fn total(text: &str, code: &str) -> Result<Amount, String> {
    let shown = amount::parse(text, code)?;
    let currency = Currency::from_code(&shown.currency);
    let currency = currency.ok_or_else(|| format!("`{code}` is no currency"))?;
    Ok(Amount {
        minor: shown.minor,
        currency,
    })
}
