// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sealing a read under the keys of one DUKPT transaction, for readers that have such keys.
//!
//! A sealed read is the PIN block, which is encrypted under its own key already; a random vector
//! and the record, encrypted under the data key; and a MAC under the MAC key over all of it and the
//! associated data. A sealed number is the same without a PIN block, and with associated data of its
//! own. Real readers have formats of their own: this one is the virtual reader's and the sandbox
//! gateway's.

use crate::dukpt::aes::{AesBits, KeyUsage};
use crate::dukpt::{aes, tdes};
use crate::keys::{AesKey, Padding, TdesKey};
use crate::pan::Pan;
use crate::pin::Pin;
use crate::pin_block::EncryptedPinBlock;
use crate::random;
use crate::record::{self, AssociatedTo};
use crate::seal::{OpenError, SealError};
use crate::sealed_read::{Associated, CardNumber, Inner, Opened, PinKey};
use crate::secret::SecretBytes;

/// Name of sealing under TDES DUKPT, as replies carry it beside the ciphertext.
pub const DUKPT_TDES_SCHEME: &str = "dukpt-tdes";

/// Name of sealing under AES DUKPT.
pub const DUKPT_AES_SCHEME: &str = "dukpt-aes";

/// Stands where a PIN block's format would, when there is none.
const NO_PIN: u8 = 0xFF;

/// The key of one transaction, of either standard.
#[derive(Debug)]
pub enum DukptKey {
    /// ANSI X9.24-1.
    Tdes(tdes::TransactionKey),
    /// ANSI X9.24-3. Working keys are as long as this one.
    Aes(aes::TransactionKey),
}

/// Working keys of one seal.
enum Working {
    Tdes { text: TdesKey, mac: TdesKey },
    Aes { text: AesKey, mac: AesKey },
}

impl DukptKey {
    /// Name of the scheme.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Tdes(_) => DUKPT_TDES_SCHEME,
            Self::Aes(_) => DUKPT_AES_SCHEME,
        }
    }

    /// The PIN block of a PIN: format 0 under TDES, which every issuer takes; format 4 under AES.
    pub fn encrypt_pin(&self, pin: &Pin, pan: &Pan) -> EncryptedPinBlock {
        match self.pin_key() {
            PinKey::Tdes(key) => EncryptedPinBlock::format0(pin, pan, &key),
            PinKey::Aes(key) => EncryptedPinBlock::format4(pin, pan, &key),
        }
    }

    /// Seals `inner`, and the PIN block beside it. One read for a key.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        &self,
        associated: &Associated<'_>,
        inner: &Inner,
        pin: Option<EncryptedPinBlock>,
    ) -> Result<Vec<u8>, SealError> {
        let head = match &pin {
            Some(block) => [&[block.format()], block.bytes()].concat(),
            None => vec![NO_PIN],
        };
        let aad = record::associated_bytes(AssociatedTo::Read, associated);
        let clear = record::encode(inner, None);
        Ok(self.sealed(&aad.ok_or(SealError::Associated)?, head, &clear))
    }

    /// Seals a card's number alone, beside its read. It opens with [`Self::open_number`] and never
    /// as a read.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_number(
        &self,
        associated: &Associated<'_>,
        number: &CardNumber,
    ) -> Result<Vec<u8>, SealError> {
        let aad = record::associated_bytes(AssociatedTo::Number, associated);
        let clear = record::encode_number(number);
        Ok(self.sealed(&aad.ok_or(SealError::Associated)?, Vec::new(), &clear))
    }

    /// Opens a seal that this key's device made.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, associated: &Associated<'_>, sealed: &[u8]) -> Result<Opened, OpenError> {
        let aad = record::associated_bytes(AssociatedTo::Read, associated);
        let keys = self.working_keys();
        let body = keys.checked(&aad.ok_or(OpenError::Sealed)?, sealed)?;
        let (block, text) = split(body).ok_or(OpenError::Record)?;
        let clear = keys.decrypt(text)?;
        let (inner, _) = record::decode(clear.bytes()).ok_or(OpenError::Record)?;
        let pin = block.map(|block| (block, self.pin_key()));
        Ok(Opened::of(associated, inner, pin))
    }

    /// Opens a seal of [`Self::seal_number`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_number(
        &self,
        associated: &Associated<'_>,
        sealed: &[u8],
    ) -> Result<CardNumber, OpenError> {
        let aad = record::associated_bytes(AssociatedTo::Number, associated);
        let keys = self.working_keys();
        let text = keys.checked(&aad.ok_or(OpenError::Sealed)?, sealed)?;
        let clear = keys.decrypt(text)?;
        record::decode_number(clear.bytes()).ok_or(OpenError::Record)
    }

    /// What goes in front, the encrypted text, and the MAC over both.
    fn sealed(&self, aad: &[u8], head: Vec<u8>, clear: &SecretBytes) -> Vec<u8> {
        let keys = self.working_keys();
        let mut sealed = head;
        keys.encrypt(clear.bytes(), &mut sealed);
        let mac = keys.mac(&[aad, &sealed[..]].concat());
        sealed.extend_from_slice(&mac);
        sealed
    }

    fn pin_key(&self) -> PinKey {
        match self {
            Self::Tdes(key) => PinKey::Tdes(key.pin_key()),
            Self::Aes(key) => PinKey::Aes(working(key, KeyUsage::PinEncryption)),
        }
    }

    fn working_keys(&self) -> Working {
        match self {
            Self::Tdes(key) => Working::Tdes {
                text: key.data_request_key(),
                mac: key.mac_request_key(),
            },
            Self::Aes(key) => Working::Aes {
                text: working(key, KeyUsage::DataEncryption),
                mac: working(key, KeyUsage::MacGeneration),
            },
        }
    }
}

impl Working {
    /// Adds a fresh vector, and the text under it.
    fn encrypt(&self, clear: &[u8], sealed: &mut Vec<u8>) {
        match self {
            Self::Tdes { text, .. } => {
                let vector = random::array();
                sealed.extend_from_slice(&vector);
                sealed.extend_from_slice(&text.encrypt_cbc(&vector, clear, Padding::Bit));
            }
            Self::Aes { text, .. } => {
                let vector = random::array();
                sealed.extend_from_slice(&vector);
                sealed.extend_from_slice(&text.encrypt_cbc(&vector, clear, Padding::Bit));
            }
        }
    }

    fn decrypt(&self, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let clear = match self {
            Self::Tdes { text, .. } => {
                let (vector, encrypted) = sealed.split_first_chunk().ok_or(OpenError::Record)?;
                text.decrypt_cbc(vector, encrypted, Padding::Bit)
            }
            Self::Aes { text, .. } => {
                let (vector, encrypted) = sealed.split_first_chunk().ok_or(OpenError::Record)?;
                text.decrypt_cbc(vector, encrypted, Padding::Bit)
            }
        };
        clear.map_err(|_| OpenError::Record)
    }

    /// What stands before the MAC, if that is right.
    fn checked<'a>(&self, aad: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], OpenError> {
        let body = sealed.len().checked_sub(self.mac_bytes());
        let (body, mac) = sealed.split_at(body.ok_or(OpenError::Sealed)?);
        match self.has_mac(&[aad, body].concat(), mac) {
            true => Ok(body),
            false => Err(OpenError::Sealed),
        }
    }

    fn mac(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Tdes { mac, .. } => mac.cmac(message).to_vec(),
            Self::Aes { mac, .. } => mac.cmac(message).to_vec(),
        }
    }

    fn has_mac(&self, message: &[u8], code: &[u8]) -> bool {
        match self {
            Self::Tdes { mac, .. } => mac.has_cmac(message, code),
            Self::Aes { mac, .. } => mac.has_cmac(message, code),
        }
    }

    fn mac_bytes(&self) -> usize {
        match self {
            Self::Tdes { .. } => TdesKey::BLOCK_BYTES,
            Self::Aes { .. } => AesKey::BLOCK_BYTES,
        }
    }
}

fn working(key: &aes::TransactionKey, usage: KeyUsage) -> AesKey {
    let bits = match key.bytes().len() {
        16 => AesBits::Bits128,
        24 => AesBits::Bits192,
        _ => AesBits::Bits256,
    };
    key.aes(usage, bits)
        .expect("as strong as what it comes from")
}

/// PIN block, and what is encrypted.
fn split(body: &[u8]) -> Option<(Option<EncryptedPinBlock>, &[u8])> {
    let (format, rest) = body.split_first()?;
    if *format == NO_PIN {
        return Some((None, rest));
    }
    let length = if *format == 4 { 16 } else { 8 };
    let (block, rest) = rest.split_at_checked(length)?;
    Some((Some(EncryptedPinBlock::from_bytes(*format, block)?), rest))
}
