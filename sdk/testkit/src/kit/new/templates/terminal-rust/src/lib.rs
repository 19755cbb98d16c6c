// SPDX-License-Identifier: MIT OR Apache-2.0
//! A payment terminal that says what happens in lines of text; see README.md.
//!
//! It authorizes by itself and masks card numbers: this library must never see one.
#![forbid(unsafe_code)]

mod config;
mod error;
mod identify;
mod inquire;
mod pay;
mod terminal;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod wire;

payhal_plugin::export_terminal!(terminal::BeeperTerminal);
