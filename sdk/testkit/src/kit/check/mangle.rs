// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a bad line does to the bytes of a device. It must never invent what a good device would say.

/// Between single bytes: 9600 baud.
const BYTE_NS: u64 = 1_041_667;

/// What happens to the words of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// They come byte by byte.
    Bytewise,
    /// From this word on they are noise.
    NoiseFrom(usize),
    /// From this word on nothing comes.
    SilentFrom(usize),
}

/// The line, with a count of what passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mangle {
    pub(crate) fault: Fault,
    /// Every wait of the plugin ends this much late.
    pub(crate) late_ns: u64,
    pub(crate) words: usize,
    pub(crate) noise: u32,
}

impl Mangle {
    pub(crate) fn of(fault: Fault) -> Self {
        Self {
            fault,
            ..Self::default()
        }
    }

    /// What comes out for one word of the device, each with its delay.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let word = self.words;
        self.words += 1;
        match self.fault {
            Fault::SilentFrom(from) if word >= from => Vec::new(),
            Fault::NoiseFrom(from) if word >= from => vec![(0, self.noise(bytes.len()))],
            Fault::Bytewise => (0..)
                .zip(bytes)
                .map(|(place, byte)| (place * BYTE_NS, vec![*byte]))
                .collect(),
            _ => vec![(0, bytes.to_vec())],
        }
    }

    /// The same noise in every run: xorshift, of the length that a word had, and some more.
    fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut state = self.noise.max(0x1234_5678);
        let noise = (0..length + 7).map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[1]
        });
        let noise = noise.collect();
        self.noise = state;
        noise
    }
}
