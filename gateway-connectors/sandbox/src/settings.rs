// SPDX-License-Identifier: MIT OR Apache-2.0
//! The instance's configuration. `configuration.schema.json` beside the manifest describes the
//! same for consoles.

use crate::error::SandboxError;
use crate::faults::Fault;
use crate::keys::Lifetime;
use crate::limits::SEALING_DAYS_MAX;
use payhal_messages::settings::{GatewaySettings, Merchant, Tax, Tip};
use serde::Deserialize;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where the ledger lives.
    pub(crate) ledger: LedgerPlace,
    /// ISO 4217 codes it takes; empty = any.
    pub(crate) currencies: Vec<String>,
    /// How long every exchange travels.
    pub(crate) latency_ms: u64,
    /// Exchanges an acceptor may have in flight before the ledger takes it down.
    pub(crate) in_flight_per_acceptor: Option<u32>,
    /// Whether the ledger takes down what is sent while a reversal is owed.
    pub(crate) reversal_before_next: bool,
    /// Days after which the sealing key is replaced, when the connector starts.
    pub(crate) sealing_key_days: u32,
    /// Days for which a replaced sealing key opens.
    pub(crate) sealing_overlap_days: u32,
    /// Whose sealed reads are opened; by default `listed` where it pretends to be live.
    pub(crate) enrolment: Option<Trust>,
    /// Whether a reversal is refused that comes without the card's sealed number.
    pub(crate) reversal_needs_number: bool,
    /// Whether it says that it is live, and refuses what a live gateway must refuse.
    pub(crate) pretend_live: bool,
    /// Version of the EMV parameters that readers get; empty = none.
    pub(crate) reader_parameters: String,
    /// What it reports of its merchant, taxes, tips and surcharges.
    pub(crate) settings: GatewaySettings,
    /// Faults that wait from the start.
    pub(crate) faults: Vec<Fault>,
}

/// Which devices' sealed reads are opened.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trust {
    /// The first key that comes under a device's name is its key from then on.
    FirstUse,
    /// Only keys that an operator enrolled.
    Listed,
}

impl Settings {
    /// Which devices are trusted.
    pub(crate) fn trust(&self) -> Result<Trust, SandboxError> {
        match (self.enrolment, self.pretend_live) {
            (Some(Trust::FirstUse), true) => Err(SandboxError::Configuration(
                "a live gateway takes `enrolment = \"listed\"` only".into(),
            )),
            (Some(trust), _) => Ok(trust),
            (None, true) => Ok(Trust::Listed),
            (None, false) => Ok(Trust::FirstUse),
        }
    }

    /// How long sealing keys live.
    pub(crate) fn lifetime(&self) -> Result<Lifetime, SandboxError> {
        let possible = 1..=SEALING_DAYS_MAX;
        if !possible.contains(&self.sealing_key_days)
            || self.sealing_overlap_days > SEALING_DAYS_MAX
        {
            return Err(SandboxError::Configuration(format!(
                "a sealing key lives for 1 to {SEALING_DAYS_MAX} days, and overlaps for so many at most"
            )));
        }
        Ok(Lifetime {
            days: self.sealing_key_days,
            overlap_days: self.sealing_overlap_days,
        })
    }
}

/// Where the ledger lives.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LedgerPlace {
    /// `ledger.sqlite` in the state folder.
    File,
    /// Nowhere: gone with the process.
    Memory,
}

const CURRENCIES: [&str; 12] = [
    "EUR", "USD", "GBP", "CHF", "SEK", "DKK", "PLN", "BRL", "CLP", "JPY", "BHD", "KWD",
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            ledger: LedgerPlace::File,
            currencies: CURRENCIES.map(String::from).to_vec(),
            latency_ms: 0,
            in_flight_per_acceptor: None,
            reversal_before_next: false,
            sealing_key_days: 90,
            sealing_overlap_days: 30,
            enrolment: None,
            reversal_needs_number: false,
            pretend_live: false,
            reader_parameters: "1".to_owned(),
            settings: reported(),
            faults: Vec::new(),
        }
    }
}

/// What a shop that configures nothing can try: two taxes and three tips; nothing costs more.
fn reported() -> GatewaySettings {
    let tax = |id: &str, name: &str, rate_millionths| Tax {
        id: id.into(),
        name: name.into(),
        rate_millionths,
    };
    let tip = |percent: u32| Tip::Percentage {
        id: percent.to_string(),
        rate_millionths: percent * 10_000,
    };
    GatewaySettings {
        merchant: Some(Merchant {
            name: Some("Sandbox shop".into()),
            ..Merchant::default()
        }),
        taxes: vec![
            tax("standard", "Standard rate", 200_000),
            tax("reduced", "Reduced rate", 55_000),
        ],
        tips: [5, 10, 15].map(tip).to_vec(),
        ..GatewaySettings::default()
    }
}
