// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes: frames, envelopes, messages, and the line they travel on.

mod commands;
pub(super) mod device;
mod line;
mod published;
mod refused;
mod sessions;

/// The bytes of published or written examples.
fn bytes(hex: &str) -> Vec<u8> {
    crate::wire::unhex(hex.as_bytes(), "example").expect("hexadecimal")
}
