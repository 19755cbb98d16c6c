// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random bytes that are the same for the same seed: AES over a counter.
//!
//! The program draws its seed from the machine; tests name theirs, so that a run can be repeated.

use payhal_card_data::AesKey;

/// A stream of random bytes.
#[derive(Debug)]
pub(crate) struct Random {
    key: AesKey,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            key: AesKey::new(&seed).expect("as long as an AES key"),
            counter: 0,
        }
    }

    /// So many bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for piece in bytes.chunks_mut(AesKey::BLOCK_BYTES) {
            self.counter += 1;
            let mut block = [0; AesKey::BLOCK_BYTES];
            block[..8].copy_from_slice(&self.counter.to_be_bytes());
            self.key.encrypt_block(&mut block);
            piece.copy_from_slice(&block[..piece.len()]);
        }
        bytes
    }

    /// So many bytes, none of them zero.
    pub(crate) fn nonzero<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes: [u8; N] = self.array();
        for byte in &mut bytes {
            while *byte == 0 {
                [*byte] = self.array();
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_bytes_and_another_others() {
        let mut first = Random::new([1; 16]);
        let drawn: [u8; 40] = first.array();
        assert_eq!(drawn, Random::new([1; 16]).array());
        assert_ne!(drawn, Random::new([2; 16]).array());
        assert_ne!(drawn, first.array());
        assert!(!first.nonzero::<2000>().contains(&0));
    }
}
