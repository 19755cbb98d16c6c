// SPDX-License-Identifier: MIT OR Apache-2.0
//! GTS: asks which tables are in the pinpad.

use super::tables::{Acquirer, VERSION_CHARACTERS};
use super::{Command, Positions, WireError, blocks, wire};

/// Asks for the version of an acquirer's tables.
#[derive(Debug)]
pub(crate) struct TableVersion {
    pub(crate) acquirer: Acquirer,
}

impl Command for TableVersion {
    type Answer = String;
    const ID: [u8; 3] = *b"GTS";

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        blocks::block(&wire::digits(self.acquirer.into(), 2, "acquirer")?)
    }

    fn read(&self, answer: &[u8]) -> Result<String, WireError> {
        let mut positions = Positions::of(blocks::only(answer)?, "version of tables");
        let version = positions.text(VERSION_CHARACTERS)?;
        positions.end()?;
        Ok(version)
    }
}
