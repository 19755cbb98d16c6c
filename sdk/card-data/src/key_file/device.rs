// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader's own keys.
//!
//! An injected key is stored as it runs: the initial key is on no disk. A key must never be given
//! out before what follows it is on disk.

use super::disk::{damaged, destroy, load, store};
use super::form::{Blank, Field, FileKind, Form};
use super::scheme::KeySerial;
use super::{KeyFileError, KeyScheme, keys_folder, slot_name};
use crate::dukpt::{DukptError, aes, tdes};
use crate::seal_dukpt::{DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME, DukptKey};
use crate::seal_keys::{PrivateKey, PublicKey};
use std::fmt;
use std::path::{Path, PathBuf};

/// The keys in a reader's state folder.
#[derive(Clone, Debug)]
pub struct DeviceKeys {
    folder: PathBuf,
}

/// What may be told of an injected key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyFacts {
    /// The slot's name: key id of reads sealed under it.
    pub slot: String,
    /// Algorithm and length.
    pub scheme: KeyScheme,
    /// As [`KeySerial::initial`].
    pub initial: Vec<u8>,
    /// For tests only.
    pub test: bool,
    /// Seconds since 1970 UTC.
    pub injected_at: u64,
    /// Counter of the last transaction that began; 0 before the first.
    pub used: u32,
}

/// An injected key: gives one key for each transaction.
pub struct InjectedKey {
    facts: KeyFacts,
    running: Running,
    path: PathBuf,
}

enum Running {
    Tdes(tdes::Device),
    Aes(aes::Device),
}

impl DeviceKeys {
    /// Of the instance with that state folder. Nothing is read or made yet.
    pub fn of(state_dir: &Path) -> Self {
        Self {
            folder: keys_folder(state_dir),
        }
    }

    /// The reader's private key for sealing, made when there is none. `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`KeyFileError`]: a damaged key is not replaced, since gateways know it.
    pub fn sealing_key(&self, now: u64) -> Result<PrivateKey, KeyFileError> {
        let path = self.folder.join("device.key");
        let key = match load(&path)? {
            Some(bytes) => {
                let form = Form::read(bytes, FileKind::Sealing).map_err(|w| damaged(&path, w))?;
                PrivateKey::from_bytes(form.field(Field::Key).map_err(|w| damaged(&path, w))?)?
            }
            None => {
                let key = PrivateKey::generate();
                let form = Blank::new(FileKind::Sealing)
                    .put(Field::At, &now.to_be_bytes())
                    .put(Field::Key, &key.to_bytes());
                store(&path, &form.finished())?;
                key
            }
        };
        self.publish(key.public())?;
        Ok(key)
    }

    /// The public half of [`Self::sealing_key`]; `None` before the reader was opened.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn public_key(&self) -> Result<Option<PublicKey>, KeyFileError> {
        let path = self.public_path();
        let Some(bytes) = load(&path)? else {
            return Ok(None);
        };
        let form = Form::read(bytes, FileKind::Sender).map_err(|what| damaged(&path, what))?;
        let key = form
            .field(Field::Key)
            .map_err(|what| damaged(&path, what))?;
        Ok(Some(PublicKey::from_bytes(key)?))
    }

    /// The injected key for a scheme: [`DUKPT_TDES_SCHEME`] or [`DUKPT_AES_SCHEME`].
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn injected(&self, scheme: &str) -> Result<Option<InjectedKey>, KeyFileError> {
        let path = self.injected_path(scheme);
        let Some(bytes) = load(&path)? else {
            return Ok(None);
        };
        let wrong = |what| damaged(&path, what);
        let form = Form::read(bytes, FileKind::Injected).map_err(wrong)?;
        InjectedKey::of(&form, &path).map(Some).map_err(wrong)
    }

    /// Facts of every injected key.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn injected_facts(&self) -> Result<Vec<KeyFacts>, KeyFileError> {
        let mut facts = Vec::new();
        for scheme in [DUKPT_TDES_SCHEME, DUKPT_AES_SCHEME] {
            facts.extend(self.injected(scheme)?.map(|key| key.facts));
        }
        Ok(facts)
    }

    /// Refuses where a key for this scheme is.
    pub(super) fn check_free(&self, scheme: KeyScheme) -> Result<(), KeyFileError> {
        let path = self.injected_path(scheme.scheme());
        match path.exists() {
            false => Ok(()),
            true => Err(KeyFileError::Occupied { path }),
        }
    }

    /// Loads an initial key into the reader, in place of the one for the same scheme.
    pub(super) fn inject(&self, facts: KeyFacts, initial: &[u8]) -> Result<KeyFacts, KeyFileError> {
        slot_name(&facts.slot)?;
        let running = match facts.scheme {
            KeyScheme::Tdes => {
                let ksn = facts.initial.as_slice().try_into();
                let ksn = tdes::Ksn::new(ksn.map_err(|_| KeyFileError::OtherKey)?);
                Running::Tdes(tdes::Device::load(tdes::InitialKey::new(initial, &ksn)?))
            }
            KeyScheme::Aes128 | KeyScheme::Aes192 | KeyScheme::Aes256 => {
                let id = facts.initial.as_slice().try_into();
                let id = aes::InitialKeyId::new(id.map_err(|_| KeyFileError::OtherKey)?);
                Running::Aes(aes::Device::load(aes::InitialKey::new(initial, id)?))
            }
        };
        let path = self.injected_path(facts.scheme.scheme());
        let key = InjectedKey {
            facts,
            running,
            path,
        };
        key.store()?;
        Ok(key.facts)
    }

    /// Destroys the injected key for a scheme; whether there was one.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn destroy_injected(&self, scheme: &str) -> Result<bool, KeyFileError> {
        destroy(&self.injected_path(scheme))
    }

    fn injected_path(&self, scheme: &str) -> PathBuf {
        // No other scheme is injected, whatever it is called.
        let name = match scheme {
            DUKPT_TDES_SCHEME => DUKPT_TDES_SCHEME,
            _ => DUKPT_AES_SCHEME,
        };
        self.folder.join(format!("{name}.key"))
    }

    fn public_path(&self) -> PathBuf {
        self.folder.join("device.pub")
    }

    fn publish(&self, key: &PublicKey) -> Result<(), KeyFileError> {
        if self
            .public_key()
            .is_ok_and(|there| there.as_ref() == Some(key))
        {
            return Ok(());
        }
        let form = Blank::new(FileKind::Sender).put(Field::Key, &key.to_bytes());
        store(&self.public_path(), &form.finished())
    }
}

impl InjectedKey {
    /// What may be told of it.
    pub fn facts(&self) -> &KeyFacts {
        &self.facts
    }

    /// KSN and key of the next transaction. When this returns, the key's successor is on disk and
    /// the key on none: it never comes again, whatever becomes of the transaction.
    ///
    /// # Errors
    /// [`KeyFileError`]; the key is spent even then.
    pub fn next_transaction(&mut self) -> Result<(Vec<u8>, DukptKey), KeyFileError> {
        let (ksn, key) = match &mut self.running {
            Running::Tdes(device) => {
                let (ksn, key) = device.next_transaction()?;
                (ksn.bytes().to_vec(), DukptKey::Tdes(key))
            }
            Running::Aes(device) => {
                let (ksn, key) = device.next_transaction()?;
                (ksn.bytes().to_vec(), DukptKey::Aes(key))
            }
        };
        let serial = KeySerial::of(self.facts.scheme, &ksn);
        self.facts.used = serial.map_or(self.facts.used, |serial| serial.counter);
        self.store()?;
        Ok((ksn, key))
    }

    fn store(&self) -> Result<(), KeyFileError> {
        let state = match &self.running {
            Running::Tdes(device) => device.state(),
            Running::Aes(device) => device.state(),
        };
        let facts = &self.facts;
        let form = Blank::new(FileKind::Injected)
            .put(Field::Slot, facts.slot.as_bytes())
            .put(Field::Scheme, &[facts.scheme.code()])
            .put(Field::Serial, &facts.initial)
            .put_if(Field::Test, facts.test)
            .put(Field::At, &facts.injected_at.to_be_bytes())
            .put(Field::Count, &facts.used.to_be_bytes())
            .put(Field::Key, state.bytes());
        store(&self.path, &form.finished())
    }

    fn of(form: &Form, path: &Path) -> Result<Self, &'static str> {
        let scheme = KeyScheme::of_code(form.field(Field::Scheme)?)?;
        let state = form.field(Field::Key)?;
        let no_state = |_: DukptError| "the running keys are none";
        let running = match scheme {
            KeyScheme::Tdes => Running::Tdes(tdes::Device::restore(state).map_err(no_state)?),
            _ => Running::Aes(aes::Device::restore(state).map_err(no_state)?),
        };
        let facts = KeyFacts {
            slot: form.text(Field::Slot)?,
            scheme,
            initial: form.field(Field::Serial)?.to_vec(),
            test: form.has(Field::Test),
            injected_at: form.seconds()?,
            used: form.count()?,
        };
        Ok(Self {
            facts,
            running,
            path: path.to_owned(),
        })
    }
}

impl fmt::Debug for InjectedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("InjectedKey");
        shown.field("facts", &self.facts).finish_non_exhaustive()
    }
}
