// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pinpads that speak the ABECS protocol, on a serial line or USB CDC.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the wire has more than the reader uses")
)]

mod apdu;
mod authorize_card;
mod blocks;
mod calendar;
mod card;
mod commands;
mod complete;
mod config;
mod crc;
mod error;
mod frame;
mod limits;
mod link;
mod names;
mod objects;
mod parameters;
mod present;
mod prompts;
mod reader;
mod records;
mod sealing;
mod secure;
mod session;
mod settings;
mod show;
mod shown;
mod status;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod texts;
mod wire;

payhal_plugin::export_reader!(reader::AbecsPinpad);
