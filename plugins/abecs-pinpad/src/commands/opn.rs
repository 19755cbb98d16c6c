// SPDX-License-Identifier: MIT OR Apache-2.0
//! OPN: opens a session, in the clear or with a key that the pinpad makes.

use super::{Command, Positions, WireError, blocks, wire};

/// Opens a session in the clear.
#[derive(Debug)]
pub(crate) struct Open;

impl Command for Open {
    type Answer = ();
    const ID: [u8; 3] = *b"OPN";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        Ok(Vec::new())
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}

/// Bytes of the host's modulus, and of what is encrypted under it.
pub(crate) const MODULUS_BYTES: usize = 256;

/// Opens a session whose key the pinpad makes, and encrypts for the host.
#[derive(Debug)]
pub(crate) struct OpenSecure {
    pub(crate) modulus: [u8; MODULUS_BYTES],
    /// One to three bytes.
    pub(crate) exponent: Vec<u8>,
}

impl Command for OpenSecure {
    /// The session's key, encrypted.
    type Answer = [u8; MODULUS_BYTES];
    const ID: [u8; 3] = *b"OPN";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        if !(1..=3).contains(&self.exponent.len()) {
            return Err(WireError::TooLong("exponent"));
        }
        let mut content = b"0256".to_vec();
        content.extend(wire::hex(&self.modulus));
        content.extend(wire::digits(self.exponent.len() as u64, 1, "exponent")?);
        content.extend(wire::hex(&self.exponent));
        blocks::block(&content)
    }

    fn read(&self, answer: &[u8]) -> Result<Self::Answer, WireError> {
        let malformed = WireError::Malformed("session key");
        let mut positions = Positions::of(blocks::only(answer)?, "session key");
        if positions.number(3)? != MODULUS_BYTES as u64 {
            return Err(malformed);
        }
        let key = positions.unhex(MODULUS_BYTES)?;
        positions.end()?;
        key.try_into().map_err(|_| malformed)
    }
}
