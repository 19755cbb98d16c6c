// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens what readers sealed: whose keys are known, which of ours opens, and whether it opens.
//!
//! What was opened here is authentic, but not yet fresh: the ledger tells whether it was spent.
//! Refusals must tell an operator what to do and nobody what lay inside.

use crate::error::SandboxError;
use crate::keys::{Lifetime, SealingKeys, letters, seconds, tokens_secret};
use crate::pinpad;
use crate::rules::{self, Code};
use crate::settings::Trust;
use payhal_card_data::key_file::{BaseKey, Enrolment, GatewayKeys, KeyFileError, Sender};
use payhal_card_data::pinpad_read::{ABECS_DUKPT_TDES_SCHEME, OpenedPinpadRead};
use payhal_card_data::{
    AUTH_SCHEME, Associated, CardNumber, CardSecrets, DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME,
    DukptKey, Inner, Opened, Pin, PinBlockError, PrivateKey, PublicKey, ReplayToken, SEAL_VERSION,
    SecretBytes, open_from, open_number_from,
};
use payhal_messages::card::{Recipient, Sealed};
use payhal_messages::gateway::{ReadCard, SealedNumber};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Everything that opens seals.
#[derive(Debug)]
pub(crate) struct Opener {
    gateway: String,
    trust: Trust,
    live: bool,
    sealing: Mutex<SealingKeys>,
    files: GatewayKeys,
    /// Read at the start: `payhal keys` writes while the host is stopped.
    base_keys: Vec<BaseKey>,
    tokens: SecretBytes,
}

/// How a read was sealed. Names only.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Manner {
    pub(crate) device: String,
    pub(crate) scheme: &'static str,
    /// Our sealing key, or the slot of the base key.
    pub(crate) key_id: String,
    /// DUKPT: the reader's initial key, in letters, and which of its transactions. The first names
    /// the read; a pinpad spends a key for each part.
    pub(crate) serials: Vec<(String, u32)>,
    /// HPKE: the device's key.
    pub(crate) sender: Option<String>,
}

/// A read that was opened.
#[derive(Debug)]
pub(crate) enum Unsealed {
    /// The reader bound it to purpose and amounts.
    Bound(Opened),
    /// A pinpad encrypted its parts, and bound them to nothing.
    Parts(OpenedPinpadRead),
}

impl Unsealed {
    pub(crate) fn secrets(&self) -> &CardSecrets {
        match self {
            Self::Bound(opened) => &opened.inner.secrets,
            Self::Parts(opened) => &opened.secrets,
        }
    }

    /// What the reader used it for, where it says so.
    pub(crate) fn inner(&self) -> Option<&Inner> {
        match self {
            Self::Bound(opened) => Some(&opened.inner),
            Self::Parts(_) => None,
        }
    }

    pub(crate) fn replay(&self) -> ReplayToken {
        match self {
            Self::Bound(opened) => opened.replay,
            Self::Parts(opened) => opened.replay,
        }
    }

    pub(crate) fn open_pin(&self) -> Option<Result<Pin, PinBlockError>> {
        match self {
            Self::Bound(opened) => opened.open_pin(),
            Self::Parts(opened) => opened.open_pin(),
        }
    }
}

/// A key that opens one seal.
enum Key {
    Hpke {
        own: Arc<PrivateKey>,
        sender: PublicKey,
        /// Nobody was known by the device's name.
        is_new: bool,
    },
    Dukpt(Box<DukptKey>),
}

impl Opener {
    /// For the instance of that name, with the keys of its state folder.
    pub(crate) fn open(
        gateway: &str,
        state_dir: &Path,
        trust: Trust,
        live: bool,
        lifetime: Lifetime,
    ) -> Result<Self, SandboxError> {
        let files = GatewayKeys::of(state_dir);
        Ok(Self {
            gateway: gateway.to_owned(),
            trust,
            live,
            sealing: Mutex::new(SealingKeys::open(state_dir, lifetime, now())?),
            base_keys: files.base_keys()?,
            files,
            tokens: tokens_secret(state_dir)?,
        })
    }

    /// Whom readers seal to. A live gateway shows no certificate of a TEST authority, and has none
    /// of another.
    pub(crate) fn recipient(&self) -> Result<Recipient, SandboxError> {
        let sealing = self.sealing();
        let key = sealing.current();
        let certificates = match self.live {
            true => Vec::new(),
            false => vec![sealing.certificate(&self.gateway, now())?],
        };
        Ok(Recipient {
            gateway: self.gateway.clone(),
            key_id: key.id.clone(),
            public_key: key.key.public_bytes(),
            certificates,
        })
    }

    /// The schemes that are opened here.
    pub(crate) fn schemes(&self) -> Vec<String> {
        let has = |scheme: &str| {
            let mut usable = self.base_keys.iter().filter(|key| self.may_use(key));
            usable.any(|key| key.facts().scheme.scheme() == scheme)
        };
        let dukpt = [
            (DUKPT_TDES_SCHEME, DUKPT_TDES_SCHEME),
            (DUKPT_AES_SCHEME, DUKPT_AES_SCHEME),
            (ABECS_DUKPT_TDES_SCHEME, DUKPT_TDES_SCHEME),
        ];
        let dukpt = dukpt.into_iter().filter(|(_, keys)| has(keys));
        std::iter::once(AUTH_SCHEME)
            .chain(dukpt.map(|(scheme, _)| scheme))
            .map(str::to_owned)
            .collect()
    }

    /// Opens a read of this transaction.
    pub(crate) fn read(
        &self,
        transaction_id: &str,
        read: &ReadCard,
    ) -> Result<(Unsealed, Manner), Code> {
        let sealed = &read.sealed;
        if sealed.scheme == ABECS_DUKPT_TDES_SCHEME {
            let base = self.base(DUKPT_TDES_SCHEME, sealed)?;
            let (opened, serials) = pinpad::read(base, read)?;
            let manner = Manner {
                device: read.device.clone(),
                scheme: ABECS_DUKPT_TDES_SCHEME,
                key_id: sealed.key_id.clone(),
                serials,
                sender: None,
            };
            return Ok((Unsealed::Parts(opened), manner));
        }
        let (key, manner) = self.key_of(&read.device, sealed)?;
        let associated = self.associated(transaction_id, &read.device, &read.read_id, sealed);
        let opened = match &key {
            Key::Hpke { own, sender, .. } => open_from(
                sender,
                own,
                &associated,
                &sealed.encapsulated_key,
                &sealed.ciphertext,
            ),
            Key::Dukpt(key) => key.open(&associated, &sealed.ciphertext),
        };
        let opened = opened.map_err(|_| rules::SEAL)?;
        // Only a device that holds the key can have sealed with it.
        if let Key::Hpke {
            sender,
            is_new: true,
            ..
        } = key
        {
            self.pin(&read.device, sender)?;
        }
        Ok((Unsealed::Bound(opened), manner))
    }

    /// Opens the number that was kept for the reversal of this transaction.
    pub(crate) fn number(
        &self,
        transaction_id: &str,
        number: &SealedNumber,
    ) -> Result<CardNumber, Code> {
        let sealed = &number.sealed;
        if sealed.scheme == ABECS_DUKPT_TDES_SCHEME {
            return pinpad::number(self.base(DUKPT_TDES_SCHEME, sealed)?, sealed);
        }
        let (key, _) = self.key_of(&number.device, sealed)?;
        let associated = self.associated(transaction_id, &number.device, &number.read_id, sealed);
        match key {
            Key::Hpke { is_new: true, .. } => return Err(rules::SENDER_UNKNOWN),
            Key::Hpke { own, sender, .. } => open_number_from(
                &sender,
                &own,
                &associated,
                &sealed.encapsulated_key,
                &sealed.ciphertext,
            ),
            Key::Dukpt(key) => key.open_number(&associated, &sealed.ciphertext),
        }
        .map_err(|_| rules::SEAL)
    }

    /// What payment tokens and hashes of card numbers are made with.
    pub(crate) fn tokens(&self) -> &SecretBytes {
        &self.tokens
    }

    /// The sealing keys.
    pub(crate) fn sealing(&self) -> MutexGuard<'_, SealingKeys> {
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The devices and base keys.
    pub(crate) fn files(&self) -> &GatewayKeys {
        &self.files
    }

    /// The base keys that were there at the start.
    pub(crate) fn base_keys(&self) -> &[BaseKey] {
        &self.base_keys
    }

    fn associated<'a>(
        &'a self,
        transaction_id: &'a str,
        device: &'a str,
        read_id: &'a str,
        sealed: &'a Sealed,
    ) -> Associated<'a> {
        Associated {
            version: SEAL_VERSION,
            read_id,
            transaction_id,
            device,
            gateway: &self.gateway,
            key_id: &sealed.key_id,
        }
    }

    fn key_of(&self, device: &str, sealed: &Sealed) -> Result<(Key, Manner), Code> {
        match sealed.scheme.as_str() {
            AUTH_SCHEME => self.hpke(device, sealed),
            DUKPT_TDES_SCHEME => self.dukpt(DUKPT_TDES_SCHEME, device, sealed),
            DUKPT_AES_SCHEME => self.dukpt(DUKPT_AES_SCHEME, device, sealed),
            _ => Err(rules::SCHEME),
        }
    }

    fn hpke(&self, device: &str, sealed: &Sealed) -> Result<(Key, Manner), Code> {
        let own = self.sealing().opening(&sealed.key_id, now());
        let own = own.ok_or(rules::SEALING_KEY)?;
        let sender = PublicKey::from_bytes(&sealed.sender_key).map_err(|_| rules::SEAL)?;
        let is_new = self.is_new(device, &sender)?;
        let manner = Manner {
            device: device.to_owned(),
            scheme: AUTH_SCHEME,
            key_id: sealed.key_id.clone(),
            serials: Vec::new(),
            sender: Some(payhal_card_data::key_id(&sealed.sender_key)),
        };
        let key = Key::Hpke {
            own,
            sender,
            is_new,
        };
        Ok((key, manner))
    }

    fn dukpt(
        &self,
        scheme: &'static str,
        device: &str,
        sealed: &Sealed,
    ) -> Result<(Key, Manner), Code> {
        let base = self.base(scheme, sealed)?;
        let (serial, key) = transaction_key(base, &sealed.ksn)?;
        let manner = Manner {
            device: device.to_owned(),
            scheme,
            key_id: sealed.key_id.clone(),
            serials: vec![serial],
            sender: None,
        };
        Ok((Key::Dukpt(Box::new(key)), manner))
    }

    /// The base key of the slot that a read names.
    fn base(&self, scheme: &str, sealed: &Sealed) -> Result<&BaseKey, Code> {
        let slot = |key: &&BaseKey| {
            let facts = key.facts();
            facts.slot == sealed.key_id && facts.scheme.scheme() == scheme
        };
        let base = self.base_keys.iter().find(slot).ok_or(rules::BASE_KEY)?;
        match self.may_use(base) {
            true => Ok(base),
            false => Err(rules::TEST_KEY),
        }
    }

    /// Whether a device is still unknown; an error where its key is not to be trusted.
    fn is_new(&self, device: &str, key: &PublicKey) -> Result<bool, Code> {
        let known = self.files.sender(device).map_err(|why| match why {
            KeyFileError::InstanceName => rules::SENDER_UNKNOWN,
            _ => rules::MALFUNCTION,
        })?;
        match (known, self.trust) {
            (Some(known), _) if known.key != *key => Err(rules::SENDER_OTHER),
            (Some(known), Trust::Listed) if known.how != Enrolment::Listed => {
                Err(rules::SENDER_UNKNOWN)
            }
            (Some(_), _) => Ok(false),
            (None, Trust::Listed) => Err(rules::SENDER_UNKNOWN),
            (None, Trust::FirstUse) => Ok(true),
        }
    }

    fn pin(&self, device: &str, key: PublicKey) -> Result<(), Code> {
        // One at a time, so that of two first keys only one becomes the device's.
        let _alone = self.sealing();
        let enrolled = self.files.enrol(&Sender {
            device: device.to_owned(),
            key,
            how: Enrolment::FirstUse,
            at: now(),
        });
        enrolled.map_err(|why| match why {
            KeyFileError::Occupied { .. } => rules::SENDER_OTHER,
            _ => rules::MALFUNCTION,
        })
    }

    fn may_use(&self, key: &BaseKey) -> bool {
        !(self.live && key.facts().test)
    }
}

/// The key of a serial number, and that number taken apart as [`Manner`] has it.
pub(crate) fn transaction_key(
    base: &BaseKey,
    ksn: &[u8],
) -> Result<((String, u32), DukptKey), Code> {
    match base.transaction_key(ksn) {
        Ok((serial, key)) => Ok(((letters(&serial.initial), serial.counter), key)),
        Err(KeyFileError::OtherKey) => Err(rules::BASE_KEY),
        Err(_) => Err(rules::SEAL),
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    seconds(SystemTime::now())
}
