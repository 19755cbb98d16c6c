// SPDX-License-Identifier: MIT OR Apache-2.0
//! A payment terminal that exists only here: it authorizes by itself, against a ledger of its own,
//! and fails on demand.
//!
//! It is a plugin like any vendor's, made with the public SDK alone. No money is behind it, it must
//! never be trusted with a real card, and a live gateway refuses it.
#![forbid(unsafe_code)]

mod action;
mod card;
mod change;
mod config;
mod entry;
mod error;
mod fault;
mod inquire;
mod ledger;
mod limits;
mod own_currency;
mod pay;
mod pin;
mod reconcile;
mod reverse;
mod rules;
mod screen;
mod simulator;
mod state;
mod terminal;
#[cfg(test)]
#[path = "../tests/mod.rs"]
mod tests;
mod tip;
mod words;

payhal_plugin::export_terminal!(
    terminal::VirtualTerminal,
    simulator = terminal::VirtualTerminal::simulator
);
