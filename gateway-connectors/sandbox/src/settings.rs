// SPDX-License-Identifier: MIT OR Apache-2.0
//! The instance's configuration. `configuration.schema.json` beside the manifest describes the
//! same for consoles.

use crate::faults::Fault;
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
    /// Faults that wait from the start.
    pub(crate) faults: Vec<Fault>,
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
            faults: Vec::new(),
        }
    }
}
