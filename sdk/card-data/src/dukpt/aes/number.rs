// SPDX-License-Identifier: MIT OR Apache-2.0
//! Key serial numbers of twelve bytes.

use super::super::future_keys::Rules;
use super::super::{DukptError, from_hex};
use std::fmt;
use std::str::FromStr;

pub(super) const RULES: Rules = Rules {
    counter_bits: 32,
    ones_max: 16,
};

/// Initial key id: which BDK, and which device of it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct InitialKeyId([u8; 8]);

impl InitialKeyId {
    /// Four bytes that name the BDK, four that name the device.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The eight bytes.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for InitialKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for InitialKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InitialKeyId({self})")
    }
}

/// Key serial number: initial key id and transaction counter.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ksn {
    /// Which device, with which initial key.
    pub initial_key_id: InitialKeyId,
    /// Which of its transactions.
    pub counter: u32,
}

impl Ksn {
    /// The number in twelve bytes.
    pub fn new(bytes: [u8; 12]) -> Self {
        let [.., a, b, c, d] = bytes;
        Self {
            initial_key_id: InitialKeyId(std::array::from_fn(|at| bytes[at])),
            counter: u32::from_be_bytes([a, b, c, d]),
        }
    }

    /// The twelve bytes.
    pub fn bytes(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.initial_key_id.0);
        bytes[8..].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }

    /// The number of the transaction after this one.
    ///
    /// # Errors
    /// [`DukptError::Exhausted`].
    pub fn next(&self) -> Result<Self, DukptError> {
        let counter = RULES.next(self.counter).ok_or(DukptError::Exhausted)?;
        Ok(Self { counter, ..*self })
    }
}

impl FromStr for Ksn {
    type Err = DukptError;

    fn from_str(text: &str) -> Result<Self, DukptError> {
        from_hex(text).map(Self::new)
    }
}

impl fmt::Display for Ksn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:08X}", self.initial_key_id, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ksn(counter: u32) -> Ksn {
        Ksn {
            initial_key_id: InitialKeyId([0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56]),
            counter,
        }
    }

    #[test]
    fn a_number_is_its_twelve_bytes() {
        let number = ksn(0x0102_0304);
        assert_eq!(number.to_string(), "123456789012345601020304");
        assert_eq!(Ksn::new(number.bytes()), number);
        assert_eq!(number.to_string().parse(), Ok(number));
        assert_eq!(ksn(0x1_FFFE).next(), Ok(ksn(0x2_0000)));
        assert_eq!(ksn(0xFFFF_0000).next(), Err(DukptError::Exhausted));
    }
}
