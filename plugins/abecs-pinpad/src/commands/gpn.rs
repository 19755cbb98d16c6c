// SPDX-License-Identifier: MIT OR Apache-2.0
//! GPN: asks for a PIN whose card number the host knows.

use super::{Command, Key, Positions, WireError, blocks, wire};
use zeroize::Zeroizing;

/// Asks for a PIN, encrypted together with the card number.
pub(crate) struct AskPin {
    /// In the clear: only for numbers that the host may know.
    pub(crate) pan: Zeroizing<String>,
    pub(crate) key: Key,
    pub(crate) least: u8,
    pub(crate) most: u8,
    /// Two lines of sixteen.
    pub(crate) text: String,
}

/// The PIN, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinAsked {
    pub(crate) block: [u8; 8],
    /// Zeros where the key was a working key.
    pub(crate) ksn: [u8; 10],
}

impl Command for AskPin {
    type Answer = PinAsked;
    const ID: [u8; 3] = *b"GPN";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let is_number = (8..=19).contains(&self.pan.len());
        if !is_number || !self.pan.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WireError::Malformed(wire::PAN.name));
        }
        if self.least > self.most || self.most > 12 {
            return Err(WireError::TooLong("PIN"));
        }
        let working = match &self.key {
            Key::Working { encrypted, .. } => *encrypted,
            Key::Dukpt { .. } => [0; 16],
        };
        let mut content = Zeroizing::new(Vec::with_capacity(96));
        content.push(self.key.pin_method());
        content.extend(wire::digits(self.key.slot().into(), 2, wire::KEYIDX.name)?);
        content.extend(wire::hex(&working));
        content.extend(wire::digits(self.pan.len() as u64, 2, wire::PAN.name)?);
        content.extend(self.pan.bytes());
        content.extend(std::iter::repeat_n(b' ', 19 - self.pan.len()));
        content.push(b'1');
        content.extend(wire::digits(self.least.into(), 2, "PIN")?);
        content.extend(wire::digits(self.most.into(), 2, "PIN")?);
        content.extend(wire::padded(&self.text, 32, "text")?);
        blocks::block(&content)
    }

    fn read(&self, answer: &[u8]) -> Result<PinAsked, WireError> {
        let malformed = || WireError::Malformed("PIN");
        let mut positions = Positions::of(blocks::only(answer)?, "PIN");
        let block = positions.unhex(8)?.try_into().map_err(|_| malformed())?;
        let ksn = positions.unhex(10)?.try_into().map_err(|_| malformed())?;
        positions.end()?;
        Ok(PinAsked { block, ksn })
    }
}
