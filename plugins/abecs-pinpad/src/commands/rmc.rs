// SPDX-License-Identifier: MIT OR Apache-2.0
//! RMC: asks for the chip to be taken out, and waits for it.

use super::{Command, WireError, blocks, wire};

/// Waits until the coupler is empty; at once where it is.
#[derive(Debug)]
pub(crate) struct RemoveCard {
    /// Two lines of sixteen.
    pub(crate) text: String,
}

impl Command for RemoveCard {
    type Answer = ();
    const ID: [u8; 3] = *b"RMC";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        blocks::block(&wire::padded(&self.text, 32, "text")?)
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}
