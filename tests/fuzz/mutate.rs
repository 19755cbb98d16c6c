// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small byte mutator with a seed: the same seed makes the same inputs on every machine.
//!
//! Never reads entropy.

/// Longest input it makes: what is read in one go is shorter, or its length is announced.
const BYTES_MAX: usize = 16_384;

/// Bytes and words that parsers stumble over.
const ODD: [&[u8]; 16] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"-0",
    b"1e999",
    b"99999999999999999999",
    b"null",
    b"\xc3\x28",
    b"\r\n",
];

#[derive(Debug)]
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E6C_63D0_876A_9A99)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`; 0 for 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = (bound as u64).max(1);
        usize::try_from(self.next() % bound).expect("below a usize")
    }

    /// A new input out of those that are kept.
    pub(crate) fn input(&mut self, kept: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = match kept.is_empty() {
            true => Vec::new(),
            false => kept[self.below(kept.len())].clone(),
        };
        for _ in 0..=self.below(6) {
            self.change(&mut bytes, kept);
        }
        bytes.truncate(BYTES_MAX);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, kept: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let some = self.below(16);
        let until = (at + some).min(bytes.len());
        match self.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.next().to_le_bytes()[0],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..until)),
            4 => {
                let again = bytes[at..until].to_vec();
                bytes.splice(at..at, again);
            }
            5 if !kept.is_empty() => {
                // The end of another one.
                let other = &kept[self.below(kept.len())];
                let from = self.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => {
                let random = self.next().to_le_bytes();
                bytes.splice(at..at, random.into_iter().take(some));
            }
            _ => {
                let odd = ODD[self.below(ODD.len())];
                bytes.splice(at..until.min(at + odd.len()), odd.iter().copied());
            }
        }
    }
}
