// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated ABECS pinpad, written from the specification apart from the plugin.
//!
//! Without I/O and without a clock; its cards are test cards. It shares no code with the plugin,
//! so that one mistake does not hide another.
#![forbid(unsafe_code)]

mod books;
mod chip;
mod commands;
mod digits;
mod faults;
mod fields;
mod frame;
mod ids;
mod keys;
mod person;
mod pinpad;
mod random;
mod rsa;
mod secure;
mod status;
mod tables;
mod tracks;
mod waiting;

pub use keys::Keys;
pub use pinpad::{Options, Pinpad, Version};

#[cfg(test)]
mod tests;
