// SPDX-License-Identifier: MIT OR Apache-2.0
//! TDES DUKPT (ANSI X9.24-1:2009): a KSN of 10 bytes, whose last 21 bits count.
//!
//! For readers that have nothing newer. At most ten bits of a counter are ones, which leaves a
//! device about a million transactions.

use super::future_keys::{FutureKeys, Rules};
use super::{DukptError, from_hex};
use crate::keys::TdesKey;
use crate::secret::{SecretBytes, shown_as};
use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroize;

const RULES: Rules = Rules {
    counter_bits: 21,
    ones_max: 10,
};

/// The 21 bits that count.
const COUNTER: u32 = 0x1F_FFFF;

/// Combined with a key to make another of it (annex A).
const OTHER_HALF: [u8; 16] = [
    0xC0, 0xC0, 0xC0, 0xC0, 0, 0, 0, 0, 0xC0, 0xC0, 0xC0, 0xC0, 0, 0, 0, 0,
];

/// Key serial number: who the device is, and how many transactions it has had.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Ksn([u8; 10]);

impl Ksn {
    /// Ten bytes; a shorter number has `FF` in front.
    pub fn new(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// The ten bytes.
    pub fn bytes(&self) -> &[u8; 10] {
        &self.0
    }

    /// The transaction counter.
    pub fn counter(&self) -> u32 {
        self.last_word() & COUNTER
    }

    /// The same device with another counter, cut to 21 bits.
    pub fn with_counter(&self, counter: u32) -> Self {
        let mut bytes = self.0;
        let word = self.last_word() & !COUNTER | counter & COUNTER;
        bytes[6..].copy_from_slice(&word.to_be_bytes());
        Self(bytes)
    }

    /// The number of the transaction after this one.
    ///
    /// # Errors
    /// [`DukptError::Exhausted`].
    pub fn next(&self) -> Result<Self, DukptError> {
        let next = RULES.next(self.counter()).ok_or(DukptError::Exhausted)?;
        Ok(self.with_counter(next))
    }

    fn last_word(&self) -> u32 {
        u32::from_be_bytes([self.0[6], self.0[7], self.0[8], self.0[9]])
    }

    /// The rightmost 8 bytes, which derivation uses.
    fn register(&self) -> [u8; 8] {
        std::array::from_fn(|at| self.0[at + 2])
    }

    fn is_of(&self, other: &Self) -> bool {
        self.with_counter(0) == other.with_counter(0)
    }
}

impl FromStr for Ksn {
    type Err = DukptError;

    fn from_str(text: &str) -> Result<Self, DukptError> {
        from_hex(text).map(Self::new)
    }
}

impl fmt::Display for Ksn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Ksn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ksn({self})")
    }
}

/// Base derivation key.
pub struct Bdk(TdesKey);

impl Bdk {
    /// Copies 16 bytes. The caller erases its own copy.
    ///
    /// # Errors
    /// [`DukptError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, DukptError> {
        Ok(Self(double_length(bytes)?))
    }

    /// The initial key (IPEK) of the device that the number names.
    pub fn initial_key(&self, ksn: &Ksn) -> InitialKey {
        let ksn = ksn.with_counter(0);
        let name: [u8; 8] = std::array::from_fn(|at| ksn.0[at]);
        let mut halves = [name; 2];
        self.0.encrypt_block(&mut halves[0]);
        variant(&self.0, &OTHER_HALF).encrypt_block(&mut halves[1]);
        let key = SecretBytes::copied(halves.as_flattened());
        halves.as_flattened_mut().zeroize();
        InitialKey { key, ksn }
    }

    /// The key of one transaction, as the device had it.
    ///
    /// # Errors
    /// [`DukptError::Counter`].
    pub fn transaction_key(&self, ksn: &Ksn) -> Result<TransactionKey, DukptError> {
        self.initial_key(ksn).transaction_key(ksn)
    }
}

/// Initial key (IPEK): what is injected into a device.
pub struct InitialKey {
    key: SecretBytes,
    ksn: Ksn,
}

impl InitialKey {
    /// Copies the 16 bytes of the key of that device. The caller erases its own copy.
    ///
    /// # Errors
    /// [`DukptError::Length`].
    pub fn new(bytes: &[u8], ksn: &Ksn) -> Result<Self, DukptError> {
        double_length(bytes)?;
        Ok(Self {
            key: SecretBytes::copied(bytes),
            ksn: ksn.with_counter(0),
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
        if !ksn.is_of(&self.ksn) {
            return Err(DukptError::OtherDevice);
        }
        if !RULES.allow(ksn.counter()) {
            return Err(DukptError::Counter(ksn.counter()));
        }
        let derive = derivation(&self.ksn);
        let way = RULES.way(ksn.counter());
        let key = way.fold(self.key.clone(), |key, counter| derive(&key, counter));
        Ok(TransactionKey::of(key))
    }
}

/// The key of one transaction, and the keys that are made of it for each use.
pub struct TransactionKey(TdesKey);

impl TransactionKey {
    fn of(key: SecretBytes) -> Self {
        Self(TdesKey::of(key).expect("derived keys have 16 bytes"))
    }

    /// The key itself. For comparing with published values; nothing is encrypted under it.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Encrypts PIN blocks.
    pub fn pin_key(&self) -> TdesKey {
        variant(&self.0, &both(0x0000_0000_0000_00FF))
    }

    /// Authenticates what the device sends.
    pub fn mac_request_key(&self) -> TdesKey {
        variant(&self.0, &both(0x0000_0000_0000_FF00))
    }

    /// Authenticates what the device is answered.
    pub fn mac_response_key(&self) -> TdesKey {
        variant(&self.0, &both(0x0000_0000_FF00_0000))
    }

    /// Encrypts what the device sends.
    pub fn data_request_key(&self) -> TdesKey {
        under_itself(&variant(&self.0, &both(0x0000_0000_00FF_0000)))
    }

    /// Encrypts what the device is answered.
    pub fn data_response_key(&self) -> TdesKey {
        under_itself(&variant(&self.0, &both(0x0000_00FF_0000_0000)))
    }
}

/// Device side: 21 future keys, and no past one.
pub struct Device {
    ksn: Ksn,
    keys: FutureKeys,
}

impl Device {
    /// Derives the future keys; the initial key is erased.
    pub fn load(initial: InitialKey) -> Self {
        let InitialKey { key, ksn } = initial;
        let keys = FutureKeys::load(RULES, &key, derivation(&ksn));
        Self { ksn, keys }
    }

    /// The next transaction's number and key. Neither is ever given out again, whatever becomes of
    /// the transaction.
    ///
    /// # Errors
    /// [`DukptError::Exhausted`].
    pub fn next_transaction(&mut self) -> Result<(Ksn, TransactionKey), DukptError> {
        let (counter, key) = self.keys.take(derivation(&self.ksn))?;
        Ok((self.ksn.with_counter(counter), TransactionKey::of(key)))
    }

    /// Everything the device must keep over a restart. To be stored after each transaction has its
    /// number and before anything is sent under it.
    pub fn state(&self) -> SecretBytes {
        let keys = self.keys.state();
        let mut state = SecretBytes::zeroed(self.ksn.0.len() + keys.bytes().len());
        let (ksn, rest) = state.bytes_mut().split_at_mut(self.ksn.0.len());
        ksn.copy_from_slice(&self.ksn.0);
        rest.copy_from_slice(keys.bytes());
        state
    }

    /// What [`Self::state`] gave.
    ///
    /// # Errors
    /// [`DukptError::State`].
    pub fn restore(state: &[u8]) -> Result<Self, DukptError> {
        let split = state.split_first_chunk();
        let (ksn, keys) = split.ok_or(DukptError::State(state.len()))?;
        Ok(Self {
            ksn: Ksn(*ksn),
            keys: FutureKeys::restore(RULES, 16, keys)?,
        })
    }
}

/// Non-reversible key generation (annex A): from a key, the one of a counter with one more bit.
fn derivation(ksn: &Ksn) -> impl Fn(&SecretBytes, u32) -> SecretBytes {
    let ksn = *ksn;
    move |key, counter| {
        let register = ksn.with_counter(counter).register();
        let mut key = key.clone();
        let mut derived = SecretBytes::zeroed(16);
        half(key.bytes(), register, &mut derived.bytes_mut()[8..]);
        exclusive_or(key.bytes_mut(), &OTHER_HALF);
        half(key.bytes(), register, &mut derived.bytes_mut()[..8]);
        derived
    }
}

/// The register, combined with the right half before and after single DES under the left half.
fn half(key: &[u8], register: [u8; 8], derived: &mut [u8]) {
    let (left, right) = key.split_at(8);
    let mut block = register;
    exclusive_or(&mut block, right);
    let cipher = Des::new_from_slice(left).expect("half a key has 8 bytes");
    cipher.encrypt_block((&mut block).into());
    exclusive_or(&mut block, right);
    derived.copy_from_slice(&block);
    block.zeroize();
}

fn variant(key: &TdesKey, mask: &[u8; 16]) -> TdesKey {
    let mut secret = SecretBytes::copied(key.bytes());
    exclusive_or(secret.bytes_mut(), mask);
    TdesKey::of(secret).expect("as long as before")
}

/// Each half encrypted under the whole: one-way, so that a data key tells nothing of the others.
fn under_itself(key: &TdesKey) -> TdesKey {
    let mut secret = SecretBytes::copied(key.bytes());
    let (halves, _) = secret.bytes_mut().as_chunks_mut::<8>();
    halves.iter_mut().for_each(|half| key.encrypt_block(half));
    TdesKey::of(secret).expect("as long as before")
}

fn both(half: u64) -> [u8; 16] {
    let half = half.to_be_bytes();
    std::array::from_fn(|at| half[at % 8])
}

fn exclusive_or(bytes: &mut [u8], mask: &[u8]) {
    bytes
        .iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
}

fn double_length(bytes: &[u8]) -> Result<TdesKey, DukptError> {
    match bytes.len() {
        16 => Ok(TdesKey::of(SecretBytes::copied(bytes)).expect("16 bytes")),
        length => Err(DukptError::Length(length)),
    }
}

shown_as!(
    Bdk: "Bdk[16 bytes]",
    InitialKey: "InitialKey[16 bytes]",
    TransactionKey: "TransactionKey[16 bytes]",
    Device: "Device[21 future keys]"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn ksn() -> Ksn {
        Ksn::new([0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0])
    }

    #[test]
    fn a_number_keeps_its_device_when_it_counts() {
        let counted = ksn().with_counter(0x1F_F800);
        assert_eq!(counted.to_string(), "FFFF9876543210FFF800");
        assert_eq!(counted.counter(), 0x1F_F800);
        assert_eq!(counted.to_string().parse(), Ok(counted));
        for wrong in [
            "",
            "FFFF9876543210FFF8",
            "FFFF9876543210FFF8 0",
            "+FFF9876543210FFF800",
        ] {
            assert_eq!(wrong.parse::<Ksn>(), Err(DukptError::Ksn(wrong.len())));
        }
        assert_eq!(counted.next(), Err(DukptError::Exhausted));
        assert_eq!(ksn().next().unwrap().counter(), 1);
        // Ten ones and a carry.
        let ten = ksn().with_counter(0xF_F801);
        assert_eq!(ten.next().unwrap().counter(), 0xF_F802);
        assert_eq!(ksn().with_counter(0x7FE).next().unwrap().counter(), 0x800);
    }

    #[test]
    fn counters_and_devices_that_cannot_be_are_refused() {
        let initial = InitialKey::new(&[7; 16], &ksn()).unwrap();
        for counter in [0, 0x7FF, COUNTER] {
            let found = initial.transaction_key(&ksn().with_counter(counter));
            assert_eq!(found.unwrap_err(), DukptError::Counter(counter));
        }
        let other = Ksn::new([0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x11, 0xE0, 0, 1]);
        let found = initial.transaction_key(&other);
        assert_eq!(found.unwrap_err(), DukptError::OtherDevice);
        assert_eq!(Bdk::new(&[0; 24]).unwrap_err(), DukptError::Length(24));
        assert_eq!(Device::restore(&[0; 9]).unwrap_err(), DukptError::State(9));
    }
}
