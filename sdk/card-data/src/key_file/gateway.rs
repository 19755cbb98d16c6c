// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys that a gateway opens reads with: base derivation keys, and the public keys of its devices.
//!
//! A base key opens every read of every device that has a key of it: it belongs into a hardware
//! security module, or into the sandbox of a test. Nothing here may serve a live gateway.

use super::device::{DeviceKeys, KeyFacts};
use super::disk::{damaged, destroy, load, names, store};
use super::form::{Blank, Field, FileKind, Form};
use super::scheme::{KeySerial, initial_of, set_bytes};
use super::{KeyFileError, KeyScheme, instance_name, keys_folder, slot_name};
use crate::dukpt::{aes, tdes};
use crate::random;
use crate::seal_dukpt::DukptKey;
use crate::seal_keys::PublicKey;
use crate::secret::SecretBytes;
use std::fmt;
use std::path::{Path, PathBuf};

/// The keys in a gateway's state folder.
#[derive(Clone, Debug)]
pub struct GatewayKeys {
    folder: PathBuf,
}

/// What may be told of a base key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaseKeyFacts {
    /// The slot's name: key id of reads that it opens.
    pub slot: String,
    /// Algorithm and length.
    pub scheme: KeyScheme,
    /// Names this base key: every KSN begins with it.
    pub set: Vec<u8>,
    /// For tests only. A gateway that is live must not use it.
    pub test: bool,
    /// Seconds since 1970 UTC.
    pub made_at: u64,
    /// How many initial keys were made of it.
    pub devices: u32,
}

/// A base derivation key.
pub struct BaseKey {
    facts: BaseKeyFacts,
    key: SecretBytes,
}

/// How a gateway came to know a device's key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enrolment {
    /// It was the first that came under the device's name.
    FirstUse,
    /// An operator put it there.
    Listed,
}

/// A device whose sealed reads a gateway takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sender {
    /// Its name in the host's configuration.
    pub device: String,
    /// What it seals with.
    pub key: PublicKey,
    /// How it became known.
    pub how: Enrolment,
    /// When, in seconds since 1970 UTC.
    pub at: u64,
}

impl GatewayKeys {
    /// Of the instance with that state folder. Nothing is read or made yet.
    pub fn of(state_dir: &Path) -> Self {
        Self {
            folder: keys_folder(state_dir),
        }
    }

    /// Makes a base key from the system's randomness. `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`KeyFileError::Occupied`]: readers have keys of the one that is there.
    pub fn make_base_key(
        &self,
        slot: &str,
        scheme: KeyScheme,
        test: bool,
        now: u64,
    ) -> Result<BaseKeyFacts, KeyFileError> {
        let path = self.base_path(slot)?;
        if path.exists() {
            return Err(KeyFileError::Occupied { path });
        }
        let mut key = SecretBytes::zeroed(scheme.key_bytes());
        getrandom::fill(key.bytes_mut()).expect("the system gives random bytes");
        let base = BaseKey {
            facts: BaseKeyFacts {
                slot: slot.to_owned(),
                scheme,
                set: new_set(scheme),
                test,
                made_at: now,
                devices: 0,
            },
            key,
        };
        store(&path, &base.form())?;
        Ok(base.facts)
    }

    /// The base key of a slot.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn base_key(&self, slot: &str) -> Result<Option<BaseKey>, KeyFileError> {
        let path = self.base_path(slot)?;
        let Some(bytes) = load(&path)? else {
            return Ok(None);
        };
        let wrong = |what| damaged(&path, what);
        let form = Form::read(bytes, FileKind::Base).map_err(wrong)?;
        BaseKey::of(&form, slot).map(Some).map_err(wrong)
    }

    /// Every base key, by slot.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn base_keys(&self) -> Result<Vec<BaseKey>, KeyFileError> {
        let mut keys = Vec::new();
        for slot in names(&self.folder.join("bdk"), ".key")? {
            keys.extend(self.base_key(&slot)?);
        }
        Ok(keys)
    }

    /// Destroys a base key; whether there was one. Reads under it open nowhere any more.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn destroy_base_key(&self, slot: &str) -> Result<bool, KeyFileError> {
        destroy(&self.base_path(slot)?)
    }

    /// Makes the next initial key of a slot and loads it into a reader. A number is spent even
    /// where that fails: no two readers ever have the same.
    ///
    /// # Errors
    /// [`KeyFileError::Occupied`] for a reader that has a key for this scheme, unless `replace`.
    pub fn inject(
        &self,
        base: &mut BaseKey,
        device: &DeviceKeys,
        replace: bool,
        now: u64,
    ) -> Result<KeyFacts, KeyFileError> {
        let scheme = base.facts.scheme;
        if !replace {
            device.check_free(scheme)?;
        }
        let number = base.facts.devices.checked_add(1);
        let number = number.ok_or(KeyFileError::DevicesExhausted)?;
        let initial = initial_of(scheme, &base.facts.set, number)?;
        base.facts.devices = number;
        store(&self.base_path(&base.facts.slot)?, &base.form())?;
        let facts = KeyFacts {
            slot: base.facts.slot.clone(),
            scheme,
            initial,
            test: base.facts.test,
            injected_at: now,
            used: 0,
        };
        base.with_initial_key(&facts.initial.clone(), |key| device.inject(facts, key))?
    }

    /// The key that a device must seal with.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn sender(&self, device: &str) -> Result<Option<Sender>, KeyFileError> {
        let path = self.sender_path(device)?;
        let Some(bytes) = load(&path)? else {
            return Ok(None);
        };
        let wrong = |what| damaged(&path, what);
        let form = Form::read(bytes, FileKind::Sender).map_err(wrong)?;
        Sender::of(&form, device).map(Some).map_err(wrong)
    }

    /// Every device that this gateway takes reads from, by name.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn senders(&self) -> Result<Vec<Sender>, KeyFileError> {
        let mut senders = Vec::new();
        for device in names(&self.folder.join("senders"), ".pub")? {
            senders.extend(self.sender(&device)?);
        }
        Ok(senders)
    }

    /// Takes reads from a device from now on. The same key again is no error.
    ///
    /// # Errors
    /// [`KeyFileError::Occupied`] for a device that is known by another key: it is to be forgotten
    /// first.
    pub fn enrol(&self, sender: &Sender) -> Result<(), KeyFileError> {
        let path = self.sender_path(&sender.device)?;
        match self.sender(&sender.device)? {
            Some(known) if known.key != sender.key => {
                return Err(KeyFileError::Occupied { path });
            }
            // First use says less than what an operator did.
            Some(known) if known.how == sender.how || known.how == Enrolment::Listed => {
                return Ok(());
            }
            Some(_) | None => {}
        }
        let form = Blank::new(FileKind::Sender)
            .put(Field::Device, sender.device.as_bytes())
            .put(Field::Key, &sender.key.to_bytes())
            .put(Field::How, &[sender.how.code()])
            .put(Field::At, &sender.at.to_be_bytes());
        store(&path, &form.finished())
    }

    /// Takes no more reads from a device; whether it was known.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn forget(&self, device: &str) -> Result<bool, KeyFileError> {
        destroy(&self.sender_path(device)?)
    }

    fn base_path(&self, slot: &str) -> Result<PathBuf, KeyFileError> {
        let name = format!("{}.key", slot_name(slot)?);
        Ok(self.folder.join("bdk").join(name))
    }

    fn sender_path(&self, device: &str) -> Result<PathBuf, KeyFileError> {
        let name = format!("{}.pub", instance_name(device)?);
        Ok(self.folder.join("senders").join(name))
    }
}

impl BaseKey {
    /// What may be told of it.
    pub fn facts(&self) -> &BaseKeyFacts {
        &self.facts
    }

    /// The key of one transaction, and its number taken apart. Whether the counter is one that was
    /// not used before is for the caller to see.
    ///
    /// # Errors
    /// [`KeyFileError::OtherKey`], [`KeyFileError::Dukpt`].
    pub fn transaction_key(&self, ksn: &[u8]) -> Result<(KeySerial, DukptKey), KeyFileError> {
        let serial = KeySerial::of(self.facts.scheme, ksn).ok_or(KeyFileError::OtherKey)?;
        if !serial.initial.starts_with(&self.facts.set) {
            return Err(KeyFileError::OtherKey);
        }
        let other = |_| KeyFileError::OtherKey;
        let key = match self.facts.scheme {
            KeyScheme::Tdes => {
                let ksn = tdes::Ksn::new(ksn.try_into().map_err(other)?);
                DukptKey::Tdes(tdes::Bdk::new(self.key.bytes())?.transaction_key(&ksn)?)
            }
            KeyScheme::Aes128 | KeyScheme::Aes192 | KeyScheme::Aes256 => {
                let ksn = aes::Ksn::new(ksn.try_into().map_err(other)?);
                DukptKey::Aes(aes::Bdk::new(self.key.bytes())?.transaction_key(&ksn)?)
            }
        };
        Ok((serial, key))
    }

    fn with_initial_key<T>(
        &self,
        initial: &[u8],
        with: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, KeyFileError> {
        let other = |_| KeyFileError::OtherKey;
        if self.facts.scheme == KeyScheme::Tdes {
            let ksn = tdes::Ksn::new(initial.try_into().map_err(other)?);
            let key = tdes::Bdk::new(self.key.bytes())?.initial_key(&ksn);
            return Ok(with(key.bytes()));
        }
        let id = aes::InitialKeyId::new(initial.try_into().map_err(other)?);
        let key = aes::Bdk::new(self.key.bytes())?.initial_key(id);
        Ok(with(key.bytes()))
    }

    fn form(&self) -> SecretBytes {
        let facts = &self.facts;
        Blank::new(FileKind::Base)
            .put(Field::Slot, facts.slot.as_bytes())
            .put(Field::Scheme, &[facts.scheme.code()])
            .put(Field::Serial, &facts.set)
            .put_if(Field::Test, facts.test)
            .put(Field::At, &facts.made_at.to_be_bytes())
            .put(Field::Count, &facts.devices.to_be_bytes())
            .put(Field::Key, self.key.bytes())
            .finished()
    }

    fn of(form: &Form, slot: &str) -> Result<Self, &'static str> {
        let facts = BaseKeyFacts {
            slot: form.text(Field::Slot)?,
            scheme: KeyScheme::of_code(form.field(Field::Scheme)?)?,
            set: form.field(Field::Serial)?.to_vec(),
            test: form.has(Field::Test),
            made_at: form.seconds()?,
            devices: form.count()?,
        };
        let key = form.field(Field::Key)?;
        if facts.slot != slot {
            return Err("it is of another slot");
        }
        if key.len() != facts.scheme.key_bytes() || facts.set.len() != set_bytes(facts.scheme) {
            return Err("a key has another length");
        }
        let key = SecretBytes::copied(key);
        Ok(Self { facts, key })
    }
}

impl Sender {
    fn of(form: &Form, device: &str) -> Result<Self, &'static str> {
        let sender = Self {
            device: form.text(Field::Device)?,
            key: PublicKey::from_bytes(form.field(Field::Key)?).map_err(|_| "it is no key")?,
            how: Enrolment::of_code(form.field(Field::How)?)?,
            at: form.seconds()?,
        };
        match sender.device == device {
            true => Ok(sender),
            false => Err("it is of another device"),
        }
    }
}

impl Enrolment {
    fn code(self) -> u8 {
        match self {
            Self::FirstUse => 1,
            Self::Listed => 2,
        }
    }

    fn of_code(code: &[u8]) -> Result<Self, &'static str> {
        match code {
            [1] => Ok(Self::FirstUse),
            [2] => Ok(Self::Listed),
            _ => Err("an unknown enrolment"),
        }
    }
}

impl fmt::Debug for BaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("BaseKey");
        shown.field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Names a base key. Random: names of two sandboxes do not meet.
fn new_set(scheme: KeyScheme) -> Vec<u8> {
    match scheme {
        // A TDES KSN that is short of ten bytes is padded with these.
        KeyScheme::Tdes => [&[0xFF, 0xFF][..], &random::array::<3>()].concat(),
        _ => random::array::<4>().to_vec(),
    }
}
