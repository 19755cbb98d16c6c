// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the reader encrypts what it read: to the gateway's key, or under an injected key.
//!
//! Owns the reader's keys and the authorities that it believes. Must never seal to a key that none
//! of them vouches for, whoever handed it in.

use crate::config::Mode;
use payhal_card_data::key_file::{DeviceKeys, InjectedKey, KeyFileError};
use payhal_card_data::{
    AUTH_SCHEME, Associated, CardNumber, DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME, Inner, Pin,
    PrivateKey, SEAL_VERSION, SealError, key_id, seal_from, seal_number_from, verify_certificate,
};
use payhal_messages::card::{Recipient, Sealed};
use payhal_messages::reader::{AuthorizeCard, Sealing as Told};
use payhal_plugin::{Context, PluginError};
use std::time::SystemTime;

/// An authority for gateways' keys.
struct Anchor {
    certificate: &'static [u8],
    /// Its private key is published.
    test: bool,
}

/// They lie in this library, which the signed manifest covers: nobody can hand another one in.
const ANCHORS: &[Anchor] = &[Anchor {
    certificate: include_bytes!("../anchors/sandbox-test.der"),
    test: true,
}];

/// The reader's own key.
pub(crate) enum Sealing {
    /// To the gateway's key, by a key that gateways know this reader by.
    Hpke(PrivateKey),
    /// Under a new key for each read.
    Injected(InjectedKey),
}

/// One read, to be sealed.
pub(crate) struct Read<'a> {
    pub(crate) read_id: &'a str,
    pub(crate) request: &'a AuthorizeCard,
    pub(crate) inner: &'a Inner,
    pub(crate) pin: Option<&'a Pin>,
}

/// A read that is sealed, and its number apart, if that was asked for.
pub(crate) struct Seals {
    pub(crate) read: Sealed,
    pub(crate) number: Option<Sealed>,
}

impl Sealing {
    pub(crate) fn open(mode: Mode, context: &Context) -> Result<Self, PluginError> {
        let keys = DeviceKeys::of(context.state_dir());
        let injected = |scheme| {
            let key = keys.injected(scheme).map_err(|why| unusable(&why))?;
            key.map(Self::Injected).ok_or_else(|| {
                PluginError::not_sent(format!(
                    "find an injected key for {scheme}: stop the host and run `payhal keys inject \
                     --device {} --gateway <gateway> --slot <slot>`",
                    context.instance_name(),
                ))
            })
        };
        match mode {
            Mode::Hpke => {
                let key = keys.sealing_key(seconds(context.calendar()));
                key.map(Self::Hpke).map_err(|why| unusable(&why))
            }
            Mode::DukptTdes => injected(DUKPT_TDES_SCHEME),
            Mode::DukptAes => injected(DUKPT_AES_SCHEME),
        }
    }

    /// What `identify` tells of it.
    pub(crate) fn told(&self) -> Told {
        let (scheme, test_keys) = match self {
            Self::Hpke(_) => (AUTH_SCHEME, ANCHORS.iter().any(|anchor| anchor.test)),
            Self::Injected(key) => (key.facts().scheme.scheme(), key.facts().test),
        };
        Told {
            scheme: scheme.to_owned(),
            software: true,
            test_keys,
        }
    }

    /// Refuses a recipient that no anchor vouches for. An injected key needs none: who has its base
    /// key opens the read, and nobody else.
    pub(crate) fn check(&self, recipient: &Recipient, now: SystemTime) -> Result<(), PluginError> {
        let Self::Hpke(_) = self else {
            return Ok(());
        };
        let refused = |why: String| PluginError::not_sent(format!("seal the card: {why}"));
        let anchors: Vec<_> = ANCHORS.iter().map(|anchor| anchor.certificate).collect();
        let Recipient {
            certificates,
            public_key,
            ..
        } = recipient;
        verify_certificate(certificates, &anchors, seconds(now), public_key)
            .map_err(|why| refused(why.to_string()))?;
        match recipient.key_id == key_id(public_key) {
            true => Ok(()),
            false => Err(refused(
                "the recipient's key has another key's name".to_owned(),
            )),
        }
    }

    /// Seals a read to a recipient that was checked.
    pub(crate) fn seal(&mut self, read: &Read<'_>) -> Result<Seals, PluginError> {
        let number = read.request.seal_number.then(|| CardNumber {
            pan: read.inner.secrets.pan.clone(),
            expiry: read.inner.secrets.expiry,
        });
        match self {
            Self::Hpke(key) => by_key(key, read, number.as_ref()).map_err(unsealed),
            Self::Injected(key) => {
                // From here on the key is spent: its successor is on disk.
                let (ksn, key_of_read) = key.next_transaction().map_err(|why| unusable(&why))?;
                let slot = key.facts().slot.clone();
                let associated = read.associated(&slot);
                let sealed = |ciphertext| Sealed {
                    scheme: key_of_read.scheme().to_owned(),
                    key_id: slot.clone(),
                    ksn: ksn.clone(),
                    sender_key: Vec::new(),
                    encapsulated_key: Vec::new(),
                    ciphertext,
                };
                let pan = &read.inner.secrets.pan;
                let block = read.pin.map(|pin| key_of_read.encrypt_pin(pin, pan));
                let whole = key_of_read.seal(&associated, read.inner, block);
                let number = number.map(|number| key_of_read.seal_number(&associated, &number));
                Ok(Seals {
                    read: whole.map(sealed).map_err(unsealed)?,
                    number: number.transpose().map_err(unsealed)?.map(sealed),
                })
            }
        }
    }
}

impl Read<'_> {
    fn associated<'a>(&'a self, key_id: &'a str) -> Associated<'a> {
        Associated {
            version: SEAL_VERSION,
            read_id: self.read_id,
            transaction_id: &self.request.transaction_id,
            device: &self.request.device,
            gateway: &self.request.recipient.gateway,
            key_id,
        }
    }
}

fn by_key(
    key: &PrivateKey,
    read: &Read<'_>,
    number: Option<&CardNumber>,
) -> Result<Seals, SealError> {
    let Recipient {
        key_id, public_key, ..
    } = &read.request.recipient;
    let associated = read.associated(key_id);
    let sealed = |(encapsulated_key, ciphertext)| Sealed {
        scheme: AUTH_SCHEME.to_owned(),
        key_id: key_id.clone(),
        ksn: Vec::new(),
        sender_key: key.public_bytes(),
        encapsulated_key,
        ciphertext,
    };
    let number = number.map(|number| seal_number_from(key, public_key, &associated, number));
    Ok(Seals {
        read: seal_from(key, public_key, &associated, read.inner, read.pin).map(sealed)?,
        number: number.transpose()?.map(sealed),
    })
}

fn unsealed(why: SealError) -> PluginError {
    PluginError::not_sent(format!("seal the card: {why}"))
}

fn unusable(why: &KeyFileError) -> PluginError {
    PluginError::not_sent(format!("use the reader's key: {why}"))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
