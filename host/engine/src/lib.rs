// SPDX-License-Identifier: MIT OR Apache-2.0
//! The vocabulary of payhal and the state machine that decides every transaction's fate.
//!
//! Pure: `Engine::step(now, event)` returns effects. It reads no clock, file, socket,
//! randomness or environment, is never async, and keeps no randomly seeded map, so that a history
//! replays exactly.
#![forbid(unsafe_code)]

pub mod answer;
pub mod card;
pub mod device;
pub mod effect;
mod engine;
pub mod event;
pub mod gateway;
pub mod ids;
pub mod money;
pub mod record;
pub mod request;
pub mod time;
pub mod timeouts;

pub use engine::Engine;

/// What the engine is configured with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Deadlines.
    pub timeouts: timeouts::Timeouts,
    /// Gateway for requests that name none.
    pub gateway: Option<ids::GatewayId>,
    /// Acceptor at each gateway.
    pub acceptors: std::collections::BTreeMap<ids::GatewayId, ids::Acceptor>,
}
