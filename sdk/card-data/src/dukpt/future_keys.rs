// SPDX-License-Identifier: MIT OR Apache-2.0
//! Future keys of a device (ANSI X9.24-1 "future key registers", X9.24-3 "intermediate derivation
//! key registers"): one register for each bit of the transaction counter.
//!
//! The register of bit *n* holds the key of the next counter whose lowest one is bit *n*. A key is
//! erased as soon as it is handed out and the keys that depend on it are made. Nothing here may
//! keep or make a past key.

use super::DukptError;
use crate::secret::SecretBytes;

/// What the two standards differ in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Bits of the transaction counter.
    pub(super) counter_bits: u32,
    /// A counter with more ones is skipped, so that no key takes more derivations.
    pub(super) ones_max: u32,
}

impl Rules {
    /// Whether a device that follows the rules ever uses this counter.
    pub(super) fn allow(self, counter: u32) -> bool {
        counter != 0
            && u64::from(counter) >> self.counter_bits == 0
            && counter.count_ones() <= self.ones_max
    }

    /// The counter after this one that the rules allow.
    pub(super) fn next(self, counter: u32) -> Option<u32> {
        let counter = u64::from(counter);
        let step = match counter.count_ones() < self.ones_max {
            true => 1,
            // One more would be too many: the lowest one is carried on instead.
            false => 1 << counter.trailing_zeros(),
        };
        let next = counter + step;
        u32::try_from(next)
            .ok()
            .filter(|_| next >> self.counter_bits == 0)
    }

    /// One bits of a counter, highest first, each with the ones above it: the way from the initial
    /// key to the counter's.
    pub(super) fn way(self, counter: u32) -> impl Iterator<Item = u32> {
        let bits = (0..self.counter_bits).rev().map(|bit| 1_u32 << bit);
        bits.filter(move |bit| counter & bit != 0)
            .map(move |bit| counter & !(bit - 1))
    }
}

pub(super) struct FutureKeys {
    rules: Rules,
    /// The next to be used; none when all are used.
    counter: Option<u32>,
    key_bytes: usize,
    registers: SecretBytes,
}

impl FutureKeys {
    /// Fills every register from the initial key, which the caller erases.
    pub(super) fn load(
        rules: Rules,
        initial: &SecretBytes,
        derive: impl Fn(&SecretBytes, u32) -> SecretBytes,
    ) -> Self {
        let key_bytes = initial.bytes().len();
        let mut made = Self::empty(rules, key_bytes);
        made.derive_below(rules.counter_bits, initial, 0, derive);
        made.counter = Some(1);
        made
    }

    /// The next counter and its key; what depends on it is derived, and it is erased.
    pub(super) fn take(
        &mut self,
        derive: impl Fn(&SecretBytes, u32) -> SecretBytes,
    ) -> Result<(u32, SecretBytes), DukptError> {
        let counter = self.counter.ok_or(DukptError::Exhausted)?;
        let bit = counter.trailing_zeros();
        let key = SecretBytes::copied(self.register(bit));
        if counter.count_ones() < self.rules.ones_max {
            self.derive_below(bit, &key, counter, derive);
        }
        self.register(bit).fill(0);
        self.counter = self.rules.next(counter);
        Ok((counter, key))
    }

    /// Counter and registers; zero for a device whose keys are used up.
    pub(super) fn state(&self) -> SecretBytes {
        let mut state = SecretBytes::zeroed(4 + self.registers.bytes().len());
        let (counter, registers) = state.bytes_mut().split_at_mut(4);
        counter.copy_from_slice(&self.counter.unwrap_or(0).to_be_bytes());
        registers.copy_from_slice(self.registers.bytes());
        state
    }

    /// What [`Self::state`] gave.
    pub(super) fn restore(
        rules: Rules,
        key_bytes: usize,
        state: &[u8],
    ) -> Result<Self, DukptError> {
        let wrong = DukptError::State(state.len());
        let mut made = Self::empty(rules, key_bytes);
        let (counter, registers) = state.split_first_chunk().ok_or(wrong)?;
        if registers.len() != made.registers.bytes().len() {
            return Err(wrong);
        }
        made.registers.bytes_mut().copy_from_slice(registers);
        made.counter = match u32::from_be_bytes(*counter) {
            0 => None,
            counter if rules.allow(counter) => Some(counter),
            _ => return Err(wrong),
        };
        Ok(made)
    }

    fn empty(rules: Rules, key_bytes: usize) -> Self {
        let registers = usize::try_from(rules.counter_bits).expect("a few bits");
        Self {
            rules,
            counter: None,
            key_bytes,
            registers: SecretBytes::zeroed(registers * key_bytes),
        }
    }

    fn derive_below(
        &mut self,
        bit: u32,
        key: &SecretBytes,
        counter: u32,
        derive: impl Fn(&SecretBytes, u32) -> SecretBytes,
    ) {
        for lower in 0..bit {
            let derived = derive(key, counter | 1 << lower);
            self.register(lower).copy_from_slice(derived.bytes());
        }
    }

    fn register(&mut self, bit: u32) -> &mut [u8] {
        let start = usize::try_from(bit).expect("a few bits") * self.key_bytes;
        &mut self.registers.bytes_mut()[start..start + self.key_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        counter_bits: 6,
        ones_max: 3,
    };

    /// A key that remembers its way: the counters it was derived for, folded.
    fn derive(key: &SecretBytes, counter: u32) -> SecretBytes {
        let before = u32::from_be_bytes(key.bytes().try_into().unwrap());
        SecretBytes::copied(&(before.wrapping_mul(67) + counter).to_be_bytes())
    }

    fn by_host(counter: u32) -> SecretBytes {
        let start = SecretBytes::copied(&[0; 4]);
        RULES.way(counter).fold(start, |key, at| derive(&key, at))
    }

    #[test]
    fn every_allowed_counter_is_used_once_in_order_with_the_hosts_key() {
        let mut device = FutureKeys::load(RULES, &SecretBytes::copied(&[0; 4]), derive);
        let expected: Vec<u32> = (0..64).filter(|counter| RULES.allow(*counter)).collect();
        let mut used = Vec::new();
        while let Ok((counter, key)) = device.take(derive) {
            assert_eq!(key, by_host(counter), "counter {counter}");
            used.push(counter);
        }
        assert_eq!(used, expected);
        assert_eq!(device.take(derive).unwrap_err(), DukptError::Exhausted);
        assert!(device.registers.bytes().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_used_key_is_in_no_register() {
        let mut device = FutureKeys::load(RULES, &SecretBytes::copied(&[0; 4]), derive);
        let mut past = Vec::new();
        while let Ok((_, key)) = device.take(derive) {
            past.push(key);
            let held: Vec<&[u8]> = device.registers.bytes().chunks(4).collect();
            for key in &past {
                assert!(!held.contains(&key.bytes()));
            }
        }
    }

    #[test]
    fn a_stored_device_goes_on_where_it_was() {
        let mut device = FutureKeys::load(RULES, &SecretBytes::copied(&[0; 4]), derive);
        for _ in 0..17 {
            device.take(derive).unwrap();
        }
        let state = device.state();
        let mut again = FutureKeys::restore(RULES, 4, state.bytes()).unwrap();
        while let Ok(next) = device.take(derive) {
            assert_eq!(again.take(derive).unwrap(), next);
        }
        assert!(again.take(derive).is_err());
        let mut used_up = FutureKeys::restore(RULES, 4, again.state().bytes()).unwrap();
        assert_eq!(used_up.take(derive).unwrap_err(), DukptError::Exhausted);
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let length = 4 + 6 * 4;
        for (counter, length) in [(1, length - 1), (1, 3), (0b1111, length), (64, length)] {
            let mut state = vec![0; length];
            let counter = u32::to_be_bytes(counter);
            let count = length.min(4);
            state[..count].copy_from_slice(&counter[..count]);
            assert!(FutureKeys::restore(RULES, 4, &state).is_err());
        }
    }
}
