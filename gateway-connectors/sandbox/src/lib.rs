// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sandbox gateway: authorizes test cards against a ledger of its own, and fails on demand.
//!
//! No money is behind it. It must never be told apart from a vendor's connector by the host.
#![forbid(unsafe_code)]

mod authorize;
mod connector;
mod entry;
mod error;
mod inquire;
mod keys;
mod ledger;
mod limits;
mod modify;
mod reconcile;
mod report;
mod reverse;
mod rules;
mod settings;
mod simulator;
#[cfg(test)]
mod tests;

payhal_plugin::export_gateway!(
    connector::Sandbox,
    simulator = connector::Sandbox::simulator
);
