// SPDX-License-Identifier: MIT OR Apache-2.0
//! A card reader that exists only here: cards, keys and faults come from people and scripts.
//!
//! It is a plugin like any vendor's, made with the public SDK alone. It must never be trusted with
//! a real card, and a live gateway refuses it.
#![forbid(unsafe_code)]

mod action;
mod alone;
mod apdu;
mod authorize_card;
mod chip;
mod complete;
mod config;
mod confirm_currency;
mod error;
mod fault;
mod flash;
mod limits;
mod other_card;
mod pin;
mod present;
mod reader;
mod screen;
mod sealing;
mod settings;
mod simulator;
mod state;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod tip;
mod words;

payhal_plugin::export_reader!(
    reader::VirtualReader,
    simulator = reader::VirtualReader::simulator
);
