// SPDX-License-Identifier: MIT OR Apache-2.0
//! AES DUKPT (ANSI X9.24-3:2017): a KSN of 12 bytes, whose last 32 bits count.
//!
//! At most sixteen bits of a counter are ones, which leaves a device about two billion
//! transactions; after them, or before, it can be given a new initial key under its update key.

use super::DukptError;
use super::future_keys::FutureKeys;
use crate::keys::{AesKey, TdesKey};
use crate::secret::{SecretBytes, shown_as};
use std::fmt;

mod hmac_key;
mod kind;
mod number;

pub use hmac_key::HmacKey;
pub use kind::{AesBits, KeyUsage, TdesParts};
pub use number::{InitialKeyId, Ksn};

use kind::Kind;
use number::RULES;

/// Names the transaction under which a device gets its next initial key. No transaction has it.
const UPDATE_COUNTER: u32 = u32::MAX;

/// Bytes of a block of derivation input, and of its output.
const BLOCK_BYTES: usize = AesKey::BLOCK_BYTES;

const KEY_DERIVATION: u16 = 0x8000;
const INITIAL_KEY: u16 = 0x8001;

/// Base derivation key of 128, 192 or 256 bits.
pub struct Bdk(AesKey);

impl Bdk {
    /// Copies 16, 24 or 32 bytes. The caller erases its own copy.
    ///
    /// # Errors
    /// [`DukptError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, DukptError> {
        Ok(Self(aes_key(bytes)?))
    }

    /// The initial key of the device that the id names, as long as this one.
    pub fn initial_key(&self, id: InitialKeyId) -> InitialKey {
        let kind = own_bits(&self.0).kind();
        let key = derived(&self.0, INITIAL_KEY, kind, *id.bytes());
        InitialKey {
            key: AesKey::of(key).expect("as long as before"),
            id,
        }
    }

    /// The key of one transaction, as the device had it.
    ///
    /// # Errors
    /// [`DukptError::Counter`].
    pub fn transaction_key(&self, ksn: &Ksn) -> Result<TransactionKey, DukptError> {
        self.initial_key(ksn.initial_key_id).transaction_key(ksn)
    }
}

/// Initial key: what is injected into a device.
pub struct InitialKey {
    key: AesKey,
    id: InitialKeyId,
}

impl InitialKey {
    /// Copies the 16, 24 or 32 bytes of the key with that id. The caller erases its own copy.
    ///
    /// # Errors
    /// [`DukptError::Length`].
    pub fn new(bytes: &[u8], id: InitialKeyId) -> Result<Self, DukptError> {
        Ok(Self {
            key: aes_key(bytes)?,
            id,
        })
    }

    /// The key, for who injects it.
    pub fn bytes(&self) -> &[u8] {
        self.key.bytes()
    }

    /// The key of one transaction: host side.
    ///
    /// # Errors
    /// [`DukptError`].
    pub fn transaction_key(&self, ksn: &Ksn) -> Result<TransactionKey, DukptError> {
        if ksn.initial_key_id != self.id {
            return Err(DukptError::OtherDevice);
        }
        if !RULES.allow(ksn.counter) {
            return Err(DukptError::Counter(ksn.counter));
        }
        Ok(self.walked_to(ksn.counter))
    }

    /// What the device's update keys come from ("DUKPT update key"): under a key encryption key of
    /// it, the next initial key is sent.
    pub fn update_key(&self) -> TransactionKey {
        self.walked_to(UPDATE_COUNTER)
    }

    fn walked_to(&self, counter: u32) -> TransactionKey {
        let derive = derivation(self.id);
        let start = SecretBytes::copied(self.key.bytes());
        let key = RULES.way(counter).fold(start, |key, at| derive(&key, at));
        TransactionKey::of(key, self.id, counter)
    }
}

/// The derivation key of one transaction, and the working keys that come from it.
pub struct TransactionKey {
    key: AesKey,
    id: InitialKeyId,
    counter: u32,
}

impl TransactionKey {
    fn of(key: SecretBytes, id: InitialKeyId, counter: u32) -> Self {
        let key = AesKey::of(key).expect("derived keys are as long as what they come from");
        Self { key, id, counter }
    }

    /// The key itself. For comparing with published values; nothing is encrypted under it.
    pub fn bytes(&self) -> &[u8] {
        self.key.bytes()
    }

    /// An AES key for that use.
    ///
    /// # Errors
    /// [`DukptError::Stronger`].
    pub fn aes(&self, usage: KeyUsage, bits: AesBits) -> Result<AesKey, DukptError> {
        let key = self.working_key(usage, bits.kind())?;
        Ok(AesKey::of(key).expect("of the size that was asked for"))
    }

    /// A TDES key for that use, for what cannot do AES yet.
    ///
    /// # Errors
    /// [`DukptError::Stronger`]; never, as TDES is weaker than every AES.
    pub fn tdes(&self, usage: KeyUsage, parts: TdesParts) -> Result<TdesKey, DukptError> {
        let key = self.working_key(usage, parts.kind())?;
        Ok(TdesKey::of(key).expect("of the size that was asked for"))
    }

    /// A key for HMAC.
    ///
    /// # Errors
    /// [`DukptError::Stronger`].
    pub fn hmac(&self, usage: KeyUsage, bits: AesBits) -> Result<HmacKey, DukptError> {
        Ok(HmacKey(self.working_key(usage, bits.hmac())?))
    }

    fn working_key(&self, usage: KeyUsage, kind: Kind) -> Result<SecretBytes, DukptError> {
        let own = own_bits(&self.key).bits();
        if kind.strength > own {
            return Err(DukptError::Stronger {
                wanted: kind.bits,
                derived_from: own,
            });
        }
        let named = transaction(self.id, self.counter);
        Ok(derived(&self.key, usage.code(), kind, named))
    }
}

/// Device side: 32 future keys, and no past one.
pub struct Device {
    id: InitialKeyId,
    update_key: TransactionKey,
    keys: FutureKeys,
}

impl Device {
    /// Derives the future keys and the update key; the initial key is erased.
    pub fn load(initial: InitialKey) -> Self {
        let update_key = initial.update_key();
        let InitialKey { key, id } = initial;
        let start = SecretBytes::copied(key.bytes());
        Self {
            id,
            update_key,
            keys: FutureKeys::load(RULES, &start, derivation(id)),
        }
    }

    /// The next transaction's number and key. Neither is ever given out again, whatever becomes of
    /// the transaction.
    ///
    /// # Errors
    /// [`DukptError::Exhausted`].
    pub fn next_transaction(&mut self) -> Result<(Ksn, TransactionKey), DukptError> {
        let (counter, key) = self.keys.take(derivation(self.id))?;
        let ksn = Ksn {
            initial_key_id: self.id,
            counter,
        };
        Ok((ksn, TransactionKey::of(key, self.id, counter)))
    }

    /// Opens what the next initial key is sent in; see [`InitialKey::update_key`].
    pub fn update_key(&self) -> &TransactionKey {
        &self.update_key
    }

    /// Goes on with a new initial key, from its first transaction; every key of the former one is
    /// erased.
    ///
    /// # Errors
    /// [`DukptError::OtherDevice`] for the id that is in use: its counters would come again.
    pub fn update_initial_key(&mut self, initial: InitialKey) -> Result<(), DukptError> {
        if initial.id == self.id {
            return Err(DukptError::OtherDevice);
        }
        *self = Self::load(initial);
        Ok(())
    }

    /// Everything the device must keep over a restart. To be stored after each transaction has its
    /// number and before anything is sent under it.
    pub fn state(&self) -> SecretBytes {
        let (update_key, keys) = (self.update_key.bytes(), self.keys.state());
        let parts = [&self.id.bytes()[..], update_key, keys.bytes()];
        let mut state = SecretBytes::zeroed(parts.iter().map(|part| part.len()).sum());
        let mut rest = state.bytes_mut();
        for part in parts {
            let (space, after) = rest.split_at_mut(part.len());
            space.copy_from_slice(part);
            rest = after;
        }
        state
    }

    /// What [`Self::state`] gave.
    ///
    /// # Errors
    /// [`DukptError::State`].
    pub fn restore(state: &[u8]) -> Result<Self, DukptError> {
        let wrong = DukptError::State(state.len());
        let (id, rest) = state.split_first_chunk().ok_or(wrong)?;
        // Update key, counter, and a register for each bit.
        let registers = rest.len().checked_sub(4).ok_or(wrong)?;
        let key_bytes = registers / 33;
        AesBits::of_length(key_bytes).map_err(|_| wrong)?;
        let (update_key, keys) = rest.split_at(key_bytes);
        let id = InitialKeyId::new(*id);
        let update_key = SecretBytes::copied(update_key);
        Ok(Self {
            id,
            update_key: TransactionKey::of(update_key, id, UPDATE_COUNTER),
            keys: FutureKeys::restore(RULES, key_bytes, keys).map_err(|_| wrong)?,
        })
    }
}

/// From a derivation key, the one of a counter with one more bit.
fn derivation(id: InitialKeyId) -> impl Fn(&SecretBytes, u32) -> SecretBytes {
    move |key, counter| {
        let key = AesKey::of(key.clone()).expect("derivation keys are AES keys");
        let kind = own_bits(&key).kind();
        derived(&key, KEY_DERIVATION, kind, transaction(id, counter))
    }
}

/// Second half of derivation input: the device's half of the id, and the counter.
fn transaction(id: InitialKeyId, counter: u32) -> [u8; 8] {
    let counter = counter.to_be_bytes();
    std::array::from_fn(|at| {
        if at < 4 {
            id.bytes()[at + 4]
        } else {
            counter[at - 4]
        }
    })
}

/// A key made of one or two encrypted blocks of derivation input (section 6.3).
fn derived(from: &AesKey, usage: u16, kind: Kind, named: [u8; 8]) -> SecretBytes {
    let length = usize::from(kind.bits / 8);
    let blocks = length.div_ceil(BLOCK_BYTES);
    let mut key = SecretBytes::zeroed(blocks * BLOCK_BYTES);
    let (chunks, _) = key.bytes_mut().as_chunks_mut::<BLOCK_BYTES>();
    for (block, number) in chunks.iter_mut().zip(1_u8..) {
        block[0] = 1;
        block[1] = number;
        block[2..4].copy_from_slice(&usage.to_be_bytes());
        block[4..6].copy_from_slice(&kind.algorithm.to_be_bytes());
        block[6..8].copy_from_slice(&kind.bits.to_be_bytes());
        block[8..].copy_from_slice(&named);
        from.encrypt_block(block);
    }
    // What lies behind is erased with the rest.
    key.shortened(length)
}

fn own_bits(key: &AesKey) -> AesBits {
    AesBits::of_length(key.bytes().len()).expect("an AES key has a length of AES")
}

fn aes_key(bytes: &[u8]) -> Result<AesKey, DukptError> {
    AesKey::new(bytes).map_err(|_| DukptError::Length(bytes.len()))
}

shown_as!(
    Bdk: "Bdk[16 to 32 bytes]",
    InitialKey: "InitialKey[16 to 32 bytes]",
    TransactionKey: "TransactionKey[16 to 32 bytes]",
    Device: "Device[32 future keys]"
);

#[cfg(test)]
mod tests {
    use super::*;

    const ID: InitialKeyId = InitialKeyId::new([0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56]);

    fn ksn(counter: u32) -> Ksn {
        Ksn {
            initial_key_id: ID,
            counter,
        }
    }

    #[test]
    fn a_working_key_is_no_stronger_than_its_origin() {
        let key = InitialKey::new(&[7; 16], ID).unwrap();
        let key = key.transaction_key(&ksn(1)).unwrap();
        for bits in [AesBits::Bits192, AesBits::Bits256] {
            let stronger = DukptError::Stronger {
                wanted: bits.bits(),
                derived_from: 128,
            };
            let usage = KeyUsage::DataEncryption;
            assert_eq!(key.aes(usage, bits), Err(stronger));
            assert_eq!(key.hmac(usage, bits), Err(stronger));
        }
        assert!(key.tdes(KeyUsage::PinEncryption, TdesParts::Three).is_ok());
    }

    #[test]
    fn counters_and_devices_that_cannot_be_are_refused() {
        let initial = InitialKey::new(&[7; 32], ID).unwrap();
        for counter in [0, 0x1_FFFF, u32::MAX] {
            let found = initial.transaction_key(&ksn(counter));
            assert_eq!(found.unwrap_err(), DukptError::Counter(counter));
        }
        let other = Ksn::new([1; 12]);
        let found = initial.transaction_key(&other);
        assert_eq!(found.unwrap_err(), DukptError::OtherDevice);
        assert_eq!(Bdk::new(&[0; 8]).unwrap_err(), DukptError::Length(8));
    }

    #[test]
    fn a_new_initial_key_starts_again_under_its_own_id() {
        let mut device = Device::load(InitialKey::new(&[7; 16], ID).unwrap());
        for _ in 0..5 {
            device.next_transaction().unwrap();
        }
        let same = InitialKey::new(&[8; 16], ID).unwrap();
        assert!(device.update_initial_key(same).is_err());
        let next = InitialKeyId::new([9; 8]);
        let fresh = || InitialKey::new(&[8; 24], next).unwrap();
        device.update_initial_key(fresh()).unwrap();
        let (ksn, key) = device.next_transaction().unwrap();
        assert_eq!((ksn.initial_key_id, ksn.counter), (next, 1));
        assert_eq!(key.bytes(), fresh().transaction_key(&ksn).unwrap().bytes());
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for length in [0, 8, 12, 13, 12 + 33 * 8, 12 + 33 * 16 + 1] {
            let found = Device::restore(&vec![1; length]);
            assert_eq!(found.unwrap_err(), DukptError::State(length));
        }
    }
}
