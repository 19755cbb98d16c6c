// SPDX-License-Identifier: MIT OR Apache-2.0
//! The instance's configuration. `configuration.schema.json` beside the manifest describes the
//! same for consoles.

use crate::simulator::Fault;
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
            faults: Vec::new(),
        }
    }
}
