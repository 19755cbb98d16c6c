// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives the real runner with plugins in C, good and bad.
#![expect(
    unreachable_pub,
    reason = "the modules of a test have no other crate to be seen by"
)]

mod faults;
#[cfg(test)]
mod frozen;
mod harness;
mod record;
#[cfg(test)]
mod sandbox;
mod service;
mod waits;
