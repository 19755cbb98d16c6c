// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the whole product; each folder beside this one says what it proves. Nothing is
//! exported.
#![forbid(unsafe_code)]

#[cfg(test)]
mod card_numbers;
#[cfg(test)]
#[path = "../fuzz/mod.rs"]
mod fuzz;
#[cfg(test)]
mod money;
