// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment terminals that speak Concert to the till: V3 over TCP, E and E+ on a serial line.
//!
//! The terminal runs the whole payment; the plugin carries one request and one answer. It must never
//! ask twice for what may have been taken, and never believe an answer that is not to its request.
#![forbid(unsafe_code)]

mod answer;
mod card;
mod config;
mod credit;
mod debit;
mod error;
mod identification;
mod limits;
mod line;
mod order;
mod reversal;
mod serial;
mod status;
mod terminal;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod upload;
mod v3;
mod waiting;
mod wire;

payhal_plugin::export_terminal!(terminal::ConcertTerminal);
