// SPDX-License-Identifier: MIT OR Apache-2.0
//! DEX: shows text of any length the display has room for.

use super::{Command, WireError, blocks, wire};

/// Longest text.
const TEXT_MAX: usize = 160;

/// Shows text; a line end starts a new line.
#[derive(Debug)]
pub(crate) struct Display {
    pub(crate) text: String,
}

impl Command for Display {
    type Answer = ();
    const ID: [u8; 3] = *b"DEX";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let text = wire::latin(&self.text);
        if text.len() > TEXT_MAX {
            return Err(WireError::TooLong("text"));
        }
        let mut content = wire::digits(text.len() as u64, 3, "text")?;
        content.extend(text);
        blocks::block(&content)
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}
