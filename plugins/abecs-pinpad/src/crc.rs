// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checksum of packets and of envelopes.
//!
//! Owns one polynomial. Must never be taken for protection against somebody on the wire.

const POLYNOMIAL: u16 = 0x1021;

/// CRC-16 as XMODEM has it: from zero, highest bit first, nothing inverted.
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |so_far, &byte| step(so_far, byte))
}

fn step(so_far: u16, byte: u8) -> u16 {
    let mixed = so_far ^ (u16::from(byte) << 8);
    (0..8).fold(mixed, |rest, _| match rest & 0x8000 {
        0 => rest << 1,
        _ => (rest << 1) ^ POLYNOMIAL,
    })
}
