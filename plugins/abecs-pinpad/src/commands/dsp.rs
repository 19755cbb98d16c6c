// SPDX-License-Identifier: MIT OR Apache-2.0
//! DSP: shows two lines of sixteen characters.

use super::{Command, WireError, blocks, wire};

/// Characters of both lines.
const TEXT_CHARACTERS: usize = 32;

/// Shows text, the second line after sixteen characters.
#[derive(Debug)]
pub(crate) struct DisplayLines {
    pub(crate) text: String,
}

impl Command for DisplayLines {
    type Answer = ();
    const ID: [u8; 3] = *b"DSP";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        blocks::block(&wire::padded(&self.text, TEXT_CHARACTERS, "text")?)
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}
