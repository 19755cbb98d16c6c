// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the table of test cards keeps altered, so that a search of a process's memory, or of a
//! library, for test cards finds what a flow left behind and not the table.
//!
//! That is all it is for; it must never be taken for encryption.

use crate::secret::SecretBytes;

/// Up to `N` characters, altered while the program is compiled.
#[derive(Clone, Copy)]
pub(super) struct Hidden<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

const MASK: u8 = 0xA5;

impl<const N: usize> Hidden<N> {
    /// Only for constants: what a program does at run time would hold the characters in clear.
    pub(super) const fn new(characters: &[u8]) -> Self {
        let mut bytes = [0; N];
        let mut place = 0;
        while place < characters.len() {
            bytes[place] = characters[place] ^ MASK;
            place += 1;
        }
        Self {
            bytes,
            length: characters.len(),
        }
    }

    /// The characters, in locked memory.
    pub(super) fn shown(&self) -> SecretBytes {
        let mut shown = SecretBytes::copied(&self.bytes[..self.length]);
        shown.bytes_mut().iter_mut().for_each(|byte| *byte ^= MASK);
        shown
    }
}
