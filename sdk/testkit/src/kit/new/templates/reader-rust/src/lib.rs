// SPDX-License-Identifier: MIT OR Apache-2.0
//! A card reader that says what happens in lines of text; see README.md.
//!
//! It encrypts by itself: this library passes ciphertext on and must never see a card.
#![forbid(unsafe_code)]

mod authorize_card;
mod complete;
mod config;
mod error;
mod identify;
mod present;
mod reader;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod wire;

payhal_plugin::export_reader!(reader::BeeperReader);
