// SPDX-License-Identifier: MIT OR Apache-2.0
//! DUKPT, derived unique key per transaction: [`tdes`] (ANSI X9.24-1) and [`aes`] (ANSI X9.24-3).
//!
//! One base derivation key (BDK) belongs to many devices. Each gets an initial key made for its own
//! name, and from it a key for each transaction, named by a key serial number (KSN): whoever has
//! the BDK makes the same key from the KSN. A device erases what it has used, so that a stolen one
//! tells nothing of the past.
//!
//! BDKs belong in a hardware security module, or in the sandbox of a test. What stands here as host
//! side is for that sandbox, and for checking the device side against. It must never be given a
//! live key at a merchant's.

mod future_keys;

pub mod aes;
pub mod tdes;

/// Why a key could not be derived.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DukptError {
    /// The device has used every key it can have; it needs a new initial key.
    #[error("the device has no key left: it needs a new initial key")]
    Exhausted,
    /// The text is not the hexadecimal digits of a key serial number.
    #[error("{0} characters are not a key serial number")]
    Ksn(usize),
    /// No device ever uses this counter: zero, or more one bits than the standard allows.
    #[error("no device uses the transaction counter {0:#x}")]
    Counter(u32),
    /// The key serial number is of another device than the key.
    #[error("the key serial number is of another device")]
    OtherDevice,
    /// The key has none of the lengths of its algorithm.
    #[error("a key cannot have {0} bytes here")]
    Length(usize),
    /// A working key may not be stronger than what it is derived from.
    #[error("a key of {wanted} bits cannot come from one of {derived_from}")]
    Stronger {
        /// Of the working key.
        wanted: u16,
        /// Of the derivation key.
        derived_from: u16,
    },
    /// Stored state of a device is not one.
    #[error("failed to read the stored state of a device ({0} bytes)")]
    State(usize),
}

/// Bytes of hexadecimal digits, as messages carry key serial numbers.
fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], DukptError> {
    let wrong = DukptError::Ksn(text.len());
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wrong);
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = &text[2 * at..2 * at + 2];
        *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong)?;
    }
    Ok(bytes)
}
