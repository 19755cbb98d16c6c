// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keys are for, and of which algorithm and size, as derivation input names them (X9.24-3, 6.3).

use super::super::DukptError;

/// What a working key may be used for, seen from the device.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyUsage {
    /// Encrypts other keys.
    KeyEncryption,
    /// Encrypts PIN blocks.
    PinEncryption,
    /// The device authenticates what it sends.
    MacGeneration,
    /// The device checks what it is answered.
    MacVerification,
    /// One key for both.
    MacBothWays,
    /// The device encrypts what it sends.
    DataEncryption,
    /// The device decrypts what it is answered.
    DataDecryption,
    /// One key for both.
    DataBothWays,
}

impl KeyUsage {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::KeyEncryption,
        Self::PinEncryption,
        Self::MacGeneration,
        Self::MacVerification,
        Self::MacBothWays,
        Self::DataEncryption,
        Self::DataDecryption,
        Self::DataBothWays,
    ];

    pub(super) fn code(self) -> u16 {
        match self {
            Self::KeyEncryption => 0x0002,
            Self::PinEncryption => 0x1000,
            Self::MacGeneration => 0x2000,
            Self::MacVerification => 0x2001,
            Self::MacBothWays => 0x2002,
            Self::DataEncryption => 0x3000,
            Self::DataDecryption => 0x3001,
            Self::DataBothWays => 0x3002,
        }
    }
}

/// Size of an AES key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AesBits {
    /// AES-128.
    Bits128,
    /// AES-192.
    Bits192,
    /// AES-256.
    Bits256,
}

/// Parts of a TDES key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TdesParts {
    /// 2-key TDEA.
    Two,
    /// 3-key TDEA.
    Three,
}

/// A kind of key as derivation input names it.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) algorithm: u16,
    pub(super) bits: u16,
    /// Of security, which derivation may not raise.
    pub(super) strength: u16,
}

impl AesBits {
    /// Bits of the key.
    pub fn bits(self) -> u16 {
        match self {
            Self::Bits128 => 128,
            Self::Bits192 => 192,
            Self::Bits256 => 256,
        }
    }

    pub(super) fn of_length(bytes: usize) -> Result<Self, DukptError> {
        match bytes {
            16 => Ok(Self::Bits128),
            24 => Ok(Self::Bits192),
            32 => Ok(Self::Bits256),
            length => Err(DukptError::Length(length)),
        }
    }

    pub(super) fn kind(self) -> Kind {
        let algorithm = match self {
            Self::Bits128 => 2,
            Self::Bits192 => 3,
            Self::Bits256 => 4,
        };
        Kind {
            algorithm,
            bits: self.bits(),
            strength: self.bits(),
        }
    }

    pub(super) fn hmac(self) -> Kind {
        Kind {
            algorithm: 5,
            ..self.kind()
        }
    }
}

impl TdesParts {
    pub(super) fn kind(self) -> Kind {
        let (algorithm, bits, strength) = match self {
            Self::Two => (0, 128, 80),
            Self::Three => (1, 192, 112),
        };
        Kind {
            algorithm,
            bits,
            strength,
        }
    }
}
