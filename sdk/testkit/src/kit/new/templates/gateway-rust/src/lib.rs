// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connector to a service that authorizes, in lines of text; see README.md.
//!
//! Readers that encrypt seal to the service itself: this library passes ciphertext on and must never
//! see a card.
#![forbid(unsafe_code)]

mod authorize;
mod config;
mod connector;
mod inquire;
mod modify;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod wire;

payhal_plugin::export_gateway!(connector::BeeperGateway);
