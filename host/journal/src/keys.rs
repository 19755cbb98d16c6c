// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which keys the journal may hold, in memory: a new key is known to be new without a look at the
//! file.
//!
//! Layers of a blocked Bloom filter: each key sets a few bits of one cache line. It may say of a key
//! that it could be there although it is not; it must never say that a key is not there although it
//! is. So it says nothing at all until every key of the file is in it, nothing is ever taken out,
//! and a key is added before its record is queued.

use crate::limits::{KEY_BITS, KEYS_FIRST_LAYER, KEYS_MAX};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Words of 64 bits in a block: one cache line.
const BLOCK_WORDS: usize = 8;

/// Bits a key sets in its block.
const PROBES: usize = 6;

/// A key with its scope, as a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyHash(u64);

impl KeyHash {
    /// Of a key in its scope. Without a random seed: an attacker who finds two keys with one hash
    /// gains a look at the file.
    pub(crate) fn of(register: &str, generation: u32, key: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (register, generation, key).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The filter, shared by whoever asks and the thread that fills it.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    layers: Vec<Layer>,
    /// Whether every key of the file is in it.
    full: bool,
}

impl Keys {
    fn held(&self) -> MutexGuard<'_, Inner> {
        // Bits are set one by one: a panic between two leaves no key out that was in.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for so many keys at once, so that there are few layers.
    pub(crate) fn expect(&self, keys: usize) {
        self.held().grow(keys);
    }

    /// Adds one.
    pub(crate) fn add(&self, key: KeyHash) {
        self.held().add(key);
    }

    /// Adds several under one lock.
    pub(crate) fn add_all(&self, keys: &[KeyHash]) {
        let mut held = self.held();
        for key in keys {
            held.add(*key);
        }
    }

    /// Every key of the file has been added.
    pub(crate) fn complete(&self) {
        self.held().full = true;
    }

    /// Whether the file cannot hold this key. `false` says nothing.
    pub(crate) fn lacks(&self, key: KeyHash) -> bool {
        let held = self.held();
        held.full && !held.layers.iter().any(|layer| layer.may_hold(key))
    }

    /// Bytes of memory it takes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let held = self.held();
        held.layers.iter().map(|layer| layer.words.len() * 8).sum()
    }
}

impl Inner {
    fn add(&mut self, key: KeyHash) {
        if self.layers.last().is_none_or(Layer::is_full) {
            let keys = self.layers.iter().map(|layer| layer.room).sum();
            self.grow(keys);
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.add(key);
        }
    }

    /// Another layer for so many keys, as far as the bound goes; beyond it the last one gets fuller
    /// and says "may be there" more often.
    fn grow(&mut self, keys: usize) {
        let room: usize = self.layers.iter().map(|layer| layer.room).sum();
        let more = keys
            .max(KEYS_FIRST_LAYER)
            .min(KEYS_MAX.saturating_sub(room));
        if more > 0 {
            self.layers.push(Layer::new(more));
        }
    }
}

#[derive(Debug)]
struct Layer {
    words: Box<[u64]>,
    /// Keys it is made for.
    room: usize,
    added: usize,
}

impl Layer {
    fn new(room: usize) -> Self {
        let blocks = (room * KEY_BITS).div_ceil(64 * BLOCK_WORDS).max(1);
        Self {
            words: vec![0; blocks * BLOCK_WORDS].into_boxed_slice(),
            room,
            added: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.added >= self.room
    }

    fn add(&mut self, key: KeyHash) {
        let (block, bits) = self.place(key);
        for (word, bit) in bits {
            self.words[block + word] |= bit;
        }
        self.added += 1;
    }

    fn may_hold(&self, key: KeyHash) -> bool {
        let (block, mut bits) = self.place(key);
        bits.all(|(word, bit)| self.words[block + word] & bit != 0)
    }

    /// First word of the key's block, and its bits there.
    fn place(&self, key: KeyHash) -> (usize, impl Iterator<Item = (usize, u64)> + use<>) {
        let blocks = (self.words.len() / BLOCK_WORDS) as u64;
        // The upper half chooses the block, the lower the bits; 9 bits name one of 512.
        let block = ((key.0 >> 32) * blocks) >> 32;
        let seed = key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (0..PROBES).map(move |probe| {
            let at = seed >> (10 * probe) & 0x1ff;
            (at as usize / 64, 1 << (at % 64))
        });
        (block as usize * BLOCK_WORDS, bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn hash(number: usize) -> KeyHash {
        KeyHash::of("till", 1, &format!("key-{number}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What was added, in whatever order with growing and filling, is never said to be absent.
        #[test]
        fn nothing_that_was_added_is_absent(
            steps in prop::collection::vec((any::<u16>(), any::<bool>()), 1..400),
            expected in 0_usize..3_000,
        ) {
            let keys = Keys::default();
            let mut added = HashSet::new();
            for (number, (key, in_bulk)) in steps.into_iter().enumerate() {
                if number == 7 {
                    keys.expect(expected);
                }
                let key = usize::from(key);
                if in_bulk {
                    let many: Vec<_> = (key..key + 300).collect();
                    keys.add_all(&many.iter().map(|key| hash(*key)).collect::<Vec<_>>());
                    added.extend(many);
                } else {
                    keys.add(hash(key));
                    added.insert(key);
                }
                prop_assert!(!keys.lacks(hash(key)), "says nothing before it is full");
            }
            prop_assert!(!keys.lacks(hash(70_000)), "says nothing before it is full");
            keys.complete();
            for key in added {
                prop_assert!(!keys.lacks(hash(key)));
            }
        }
    }

    #[test]
    fn most_new_keys_are_known_to_be_new() {
        let keys = Keys::default();
        keys.expect(50_000);
        for number in 0..150_000 {
            keys.add(hash(number));
        }
        keys.complete();
        let known = (200_000..210_000).filter(|number| keys.lacks(hash(*number)));
        let known = known.count();
        assert!(known > 9_500, "{known} of 10,000");
        assert!(keys.bytes() < 1024 * 1024, "{} bytes", keys.bytes());
    }

    #[test]
    fn it_stays_bounded() {
        let keys = Keys::default();
        for _ in 0..8 {
            keys.expect(KEYS_MAX / 2);
        }
        assert!(keys.bytes() <= KEYS_MAX * KEY_BITS / 8 + 1024);
        assert!(!keys.lacks(hash(1)));
        keys.add(hash(1));
        keys.complete();
        assert!(!keys.lacks(hash(1)));
        assert!(keys.lacks(hash(2)));
    }
}
