// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sealing a read under the keys of one DUKPT transaction, for readers that have such keys.
//!
//! A sealed read is the PIN block, which is encrypted under its own key already; the record,
//! encrypted under the data key; and a MAC under the MAC key over both and the associated data, in
//! which the key id is the KSN. Real readers have formats of their own: this one is the virtual
//! reader's and the sandbox gateway's. No clear PIN may go in.

use crate::dukpt::aes::{AesBits, KeyUsage};
use crate::dukpt::{aes, tdes};
use crate::keys::{AesKey, KeyError, Padding, TdesKey};
use crate::pan::Pan;
use crate::pin::{Pin, PinBlockError};
use crate::pin_block::EncryptedPinBlock;
use crate::record;
use crate::seal::{OpenError, SealError};
use crate::sealed_read::{Associated, Inner, Opened};
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
        match self {
            Self::Tdes(key) => EncryptedPinBlock::format0(pin, pan, &key.pin_key()),
            Self::Aes(key) => {
                EncryptedPinBlock::format4(pin, pan, &working(key, KeyUsage::PinEncryption))
            }
        }
    }

    /// The PIN of a PIN block.
    ///
    /// # Errors
    /// [`PinBlockError`].
    pub fn open_pin(&self, block: &EncryptedPinBlock, pan: &Pan) -> Result<Pin, PinBlockError> {
        match self {
            Self::Tdes(key) => block.open_tdes(pan, &key.pin_key()),
            Self::Aes(key) => block.open_aes(pan, &working(key, KeyUsage::PinEncryption)),
        }
    }

    /// Seals `inner`, and the PIN block beside it. One seal for a key.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(
        &self,
        associated: &Associated<'_>,
        inner: &Inner,
        pin: Option<EncryptedPinBlock>,
    ) -> Result<Vec<u8>, SealError> {
        if inner.secrets.online_pin.is_some() {
            return Err(SealError::ClearPin);
        }
        let aad = record::associated_bytes(associated).ok_or(SealError::Associated)?;
        let keys = self.working_keys();
        let mut sealed = match &pin {
            Some(block) => [&[block.format()], block.bytes()].concat(),
            None => vec![NO_PIN],
        };
        sealed.extend_from_slice(&keys.encrypt(record::encode(inner).bytes()));
        let mac = keys.mac(&[&aad, &sealed[..]].concat());
        sealed.extend_from_slice(&mac);
        Ok(sealed)
    }

    /// Opens a seal that this key's device made. The PIN block is opened by itself.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        associated: &Associated<'_>,
        sealed: &[u8],
    ) -> Result<(Opened, Option<EncryptedPinBlock>), OpenError> {
        let aad = record::associated_bytes(associated).ok_or(OpenError::Sealed)?;
        let keys = self.working_keys();
        let body = sealed.len().checked_sub(keys.mac_bytes());
        let (body, mac) = sealed.split_at(body.ok_or(OpenError::Sealed)?);
        if !keys.has_mac(&[&aad, body].concat(), mac) {
            return Err(OpenError::Sealed);
        }
        let (pin, text) = split(body).ok_or(OpenError::Record)?;
        let clear = keys.decrypt(text).map_err(|_| OpenError::Record)?;
        let opened = Opened::of(associated, clear.bytes()).ok_or(OpenError::Record)?;
        Ok((opened, pin))
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
    /// Each key encrypts one text, so that the vector may be zero.
    fn encrypt(&self, clear: &[u8]) -> Vec<u8> {
        match self {
            Self::Tdes { text, .. } => text.encrypt_cbc(&[0; 8], clear, Padding::Bit),
            Self::Aes { text, .. } => text.encrypt_cbc(&[0; 16], clear, Padding::Bit),
        }
    }

    fn decrypt(&self, encrypted: &[u8]) -> Result<SecretBytes, KeyError> {
        match self {
            Self::Tdes { text, .. } => text.decrypt_cbc(&[0; 8], encrypted, Padding::Bit),
            Self::Aes { text, .. } => text.decrypt_cbc(&[0; 16], encrypted, Padding::Bit),
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
