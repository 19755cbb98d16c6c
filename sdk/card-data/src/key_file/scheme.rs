// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which DUKPT a key is for, and what a key serial number says of it.

use super::KeyFileError;
use crate::dukpt::{aes, tdes};
use crate::seal_dukpt::{DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME};

/// Bits of a TDES KSN that count transactions.
const TDES_COUNTER_BITS: u32 = 21;

/// Which DUKPT a key is for, and how long it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyScheme {
    /// ANSI X9.24-1, keys of 112 bits.
    Tdes,
    /// ANSI X9.24-3 with keys of 128 bits.
    Aes128,
    /// ANSI X9.24-3 with keys of 192 bits.
    Aes192,
    /// ANSI X9.24-3 with keys of 256 bits.
    Aes256,
}

impl KeyScheme {
    /// As sealed reads name it: [`DUKPT_TDES_SCHEME`] or [`DUKPT_AES_SCHEME`].
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Tdes => DUKPT_TDES_SCHEME,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => DUKPT_AES_SCHEME,
        }
    }

    /// Bytes of a base key and of an initial key.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Tdes | Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Self::Tdes => 1,
            Self::Aes128 => 2,
            Self::Aes192 => 3,
            Self::Aes256 => 4,
        }
    }

    pub(super) fn of_code(code: &[u8]) -> Result<Self, &'static str> {
        match code {
            [1] => Ok(Self::Tdes),
            [2] => Ok(Self::Aes128),
            [3] => Ok(Self::Aes192),
            [4] => Ok(Self::Aes256),
            _ => Err("an unknown scheme"),
        }
    }
}

/// A key serial number, taken apart: what is the same for all transactions of an injected key, and
/// which one this is. A gateway keeps the highest counter for each key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct KeySerial {
    /// Names base key and device: 10 bytes with no counter under TDES, 8 under AES.
    pub initial: Vec<u8>,
    /// Which of the key's transactions; never 0.
    pub counter: u32,
}

impl KeySerial {
    /// Takes a KSN of a scheme apart. `None`: it has another length.
    pub fn of(scheme: KeyScheme, ksn: &[u8]) -> Option<Self> {
        if scheme == KeyScheme::Tdes {
            let ksn = tdes::Ksn::new(ksn.try_into().ok()?);
            return Some(Self {
                initial: ksn.with_counter(0).bytes().to_vec(),
                counter: ksn.counter(),
            });
        }
        let ksn = aes::Ksn::new(ksn.try_into().ok()?);
        Some(Self {
            initial: ksn.initial_key_id.bytes().to_vec(),
            counter: ksn.counter,
        })
    }
}

/// The name of the n-th device of a base key: `set`, which names the base key, and the device.
pub(super) fn initial_of(
    scheme: KeyScheme,
    set: &[u8],
    device: u32,
) -> Result<Vec<u8>, KeyFileError> {
    if scheme != KeyScheme::Tdes {
        return Ok([set, &device.to_be_bytes()].concat());
    }
    let bits = u64::from(device) << TDES_COUNTER_BITS;
    let [a, b, c, low @ ..] = bits.to_be_bytes();
    // 19 bits of device between 40 of base key and 21 of counter.
    match [a, b, c] {
        [0, 0, 0] => Ok([set, &low].concat()),
        _ => Err(KeyFileError::DevicesExhausted),
    }
}

/// Bytes at the beginning of a KSN that name the base key.
pub(super) fn set_bytes(scheme: KeyScheme) -> usize {
    match scheme {
        KeyScheme::Tdes => 5,
        KeyScheme::Aes128 | KeyScheme::Aes192 | KeyScheme::Aes256 => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_comes_apart_as_it_was_made() {
        let initial = initial_of(KeyScheme::Tdes, &[0xFF, 0xFF, 1, 2, 3], 0x7_FFFF).unwrap();
        assert_eq!(initial.len(), 10);
        let name = tdes::Ksn::new(initial.as_slice().try_into().unwrap());
        assert_eq!(
            name.counter(),
            0,
            "the device does not reach into the counter"
        );
        let serial = KeySerial::of(KeyScheme::Tdes, name.with_counter(9).bytes()).unwrap();
        assert_eq!((serial.initial, serial.counter), (initial, 9));
        assert!(initial_of(KeyScheme::Tdes, &[0; 5], 0x8_0000).is_err());

        let initial = initial_of(KeyScheme::Aes256, &[1, 2, 3, 4], 7).unwrap();
        let ksn = [&initial[..], &5_u32.to_be_bytes()].concat();
        let serial = KeySerial::of(KeyScheme::Aes256, &ksn).unwrap();
        assert_eq!((serial.initial, serial.counter), (initial, 5));
        assert_eq!(KeySerial::of(KeyScheme::Tdes, &ksn), None);
    }
}
