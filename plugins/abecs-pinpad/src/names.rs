// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of presentations and reads.

use payhal_plugin::PluginError;

/// A name that no other presentation or read ever has: 128 random bits in letters. Without digits it
/// can never look like a card number.
pub(crate) fn fresh_name() -> Result<String, PluginError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| PluginError::not_sent("draw random bytes"))?;
    let letter = |half: u8| char::from(b'a' + half);
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    Ok(halves.map(letter).collect())
}
