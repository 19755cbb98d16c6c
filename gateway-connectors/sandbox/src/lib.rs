// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sandbox gateway: authorizes test cards against a ledger of its own, and fails on demand.
//!
//! No money is behind it. It must never be told apart from a vendor's connector by the host.
#![forbid(unsafe_code)]

mod authority;
mod authorize;
mod books;
mod card;
mod connector;
mod contradict;
mod converted;
mod cryptogram;
mod currency;
mod entry;
mod error;
mod faults;
mod forward;
mod gateway;
mod inquire;
mod keys;
mod ledger;
mod limits;
mod modify;
mod opening;
mod pinpad;
mod plant;
mod reader_parameters;
mod reads;
mod reconcile;
mod report;
mod reverse;
mod rules;
mod settings;
mod shown;
mod shown_keys;
mod simulator;
#[cfg(test)]
mod tests;
mod turns;
mod voice;

payhal_plugin::export_gateway!(
    connector::Sandbox,
    simulator = connector::Sandbox::simulator
);
