// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole transactions, by bytes that a host would write.

mod faults;
mod host;
mod sessions;
mod tables;
mod transactions;
mod vectors;
