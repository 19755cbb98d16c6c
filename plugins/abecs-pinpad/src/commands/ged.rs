// SPDX-License-Identifier: MIT OR Apache-2.0
//! GED: asks for objects of the chip that is being used.

use super::{Command, Fields, WireError, Writer, wire};

/// Asks for objects.
#[derive(Debug)]
pub(crate) struct ChipObjects {
    /// Their tags, one after the other.
    pub(crate) tags: Vec<u8>,
}

impl Command for ChipObjects {
    /// Tags, lengths and values.
    type Answer = Vec<u8>;
    const ID: [u8; 3] = *b"GED";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let mut writer = Writer::default();
        writer.put(&wire::TAGLIST, &self.tags)?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<Vec<u8>, WireError> {
        let fields = Fields::read(answer)?;
        Ok(fields.bytes(&wire::EMVDATA)?.unwrap_or_default())
    }
}
