// SPDX-License-Identifier: MIT OR Apache-2.0
//! The vocabulary of payhal and the state machine that decides every transaction's fate.
//!
//! Pure: `Engine::step(now, event)` returns effects. It reads no clock, file, socket,
//! randomness or environment, is never async, and keeps no randomly seeded map, so that a history
//! replays exactly.
#![forbid(unsafe_code)]

mod abandon;
mod abilities;
mod admit;
mod amounts;
pub mod answer;
mod aside;
#[cfg(test)]
mod aside_cases;
mod batch;
#[cfg(test)]
mod bench;
mod cancel;
pub mod card;
#[cfg(test)]
mod cases;
pub mod conversion;
pub mod dcc;
#[cfg(test)]
mod dcc_cases;
pub mod delayed;
#[cfg(test)]
mod delayed_cases;
pub mod device;
mod devices;
pub mod effect;
mod effects;
mod ending;
mod engine;
pub mod errands;
pub mod event;
mod exchange;
mod fallback;
#[cfg(test)]
mod fallback_cases;
mod fingerprint;
mod forgetting;
pub mod forwarding;
#[cfg(test)]
mod forwarding_cases;
pub mod gateway;
#[cfg(test)]
mod handover;
pub mod ids;
mod keys;
#[cfg(test)]
mod lease_cases;
pub mod leases;
mod limits;
#[cfg(test)]
mod list_cases;
mod look;
pub mod money;
#[cfg(test)]
mod number_cases;
mod numbers;
pub mod offline;
#[cfg(test)]
mod offline_cases;
mod parents;
pub mod pricing;
#[cfg(test)]
mod pricing_cases;
pub mod prompt;
#[cfg(test)]
mod prompt_cases;
pub mod protection;
#[cfg(test)]
mod protection_cases;
#[cfg(test)]
mod question_cases;
mod questions;
pub mod quote;
#[cfg(test)]
mod quote_cases;
mod receipts;
mod recent;
pub mod record;
mod recovery;
#[cfg(test)]
mod report_cases;
mod reports;
pub mod request;
mod resolve;
#[cfg(test)]
mod resolve_cases;
pub mod room;
pub mod routing;
#[cfg(test)]
mod routing_cases;
mod sale;
#[cfg(test)]
mod signature_cases;
mod signatures;
mod spent;
#[cfg(test)]
mod spent_cases;
#[cfg(test)]
mod states;
mod sums;
#[cfg(test)]
mod sums_cases;
mod terminal;
mod terminal_batch;
#[cfg(test)]
mod terminal_batch_cases;
#[cfg(test)]
mod terminal_cases;
#[cfg(test)]
mod terminal_change_cases;
mod terminal_changes;
mod terminal_unknown;
pub mod time;
#[cfg(test)]
mod time_cases;
pub mod timeouts;
#[cfg(test)]
mod token_cases;
pub mod tokens;
mod transaction;
#[cfg(test)]
mod turn_cases;
mod turns;
mod unknown;
mod watching;
#[cfg(test)]
mod watching_cases;
mod withdrawal;

pub use engine::Engine;
pub use fingerprint::fingerprint;

/// What the engine is configured with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Deadlines.
    pub timeouts: timeouts::Timeouts,
    /// Gateway for requests that name none.
    pub gateway: Option<ids::GatewayId>,
    /// Acceptor at each gateway.
    pub acceptors: std::collections::BTreeMap<ids::GatewayId, ids::Acceptor>,
    /// Acceptor of each terminal, where it is known.
    pub terminals: std::collections::BTreeMap<ids::DeviceId, ids::Acceptor>,
    /// What some cards cost more; the first that fits.
    pub surcharges: Vec<pricing::Surcharge>,
    /// Gateways that are live and yet take what was encrypted on this computer.
    pub software_sealing: std::collections::BTreeSet<ids::GatewayId>,
    /// Whether real money is at stake at a gateway, where its owner says.
    pub live: std::collections::BTreeMap<ids::GatewayId, bool>,
    /// Where payments go that name no gateway; the first that fits.
    pub routes: Vec<routing::Route>,
    /// Which sales may be accepted without their gateway, and forwarded later.
    pub offline: Vec<offline::Rule>,
}
