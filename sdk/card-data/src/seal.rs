// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sealing a read to one gateway: HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256),
//! HKDF-SHA256, AES-256-GCM.
//!
//! Amounts lie inside with the card, so that a gateway can compare them with the request it gets.
//! What names the read lies in the associated data. Errors must never tell which part of a seal
//! was wrong.

use crate::record;
use crate::secrets::CardSecrets;
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Name of the scheme, as replies carry it beside the ciphertext.
pub const SCHEME: &str = "hpke-p256-sha256-aes256gcm";

/// Version of the two encodings.
pub const SEAL_VERSION: u8 = 1;

/// RFC 9180 `info`: ties the key schedule to this use.
const CONTEXT: &[u8] = b"payhal card read to gateway";

/// AES-GCM tag at the end of the ciphertext.
const TAG_BYTES: usize = 16;

type Suite = DhP256HkdfSha256;
type Encapsulated = <Suite as Kem>::EncappedKey;

/// What a seal is bound to; both sides must name the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Associated<'a> {
    /// [`SEAL_VERSION`].
    pub version: u8,
    /// The read; a recipient spends each once.
    pub read_id: &'a str,
    /// The transaction.
    pub transaction_id: &'a str,
    /// The device instance.
    pub device: &'a str,
    /// The gateway instance.
    pub gateway: &'a str,
    /// The recipient's key.
    pub key_id: &'a str,
}

/// What lies inside a seal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inner {
    /// What the reader was told the card is for.
    pub purpose: Purpose,
    /// Amounts as the reader used them.
    pub amounts: Amounts,
    /// The card.
    pub secrets: CardSecrets,
}

/// What the reader was told the card is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Goods or services.
    Sale,
    /// Money back.
    Refund,
    /// Hold now, capture later.
    Authorize,
    /// Check the card; no amount.
    Verify,
    /// What is left on the card; no amount.
    Balance,
    /// Pay out cash.
    CashAdvance,
}

/// Amounts as the reader used them, minor units.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Amounts {
    /// ISO 4217 alphabetic code.
    pub currency: [u8; 3],
    /// Everything included.
    pub total_minor: i64,
    /// Of it, a tip.
    pub tip_minor: Option<i64>,
    /// Of it, a surcharge.
    pub surcharge_minor: Option<i64>,
    /// Of it, paid out.
    pub cashback_minor: Option<i64>,
}

/// Why a read could not be sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// The recipient's key is none of this scheme.
    #[error("the recipient's public key ({0} bytes) is not a point of P-256")]
    PublicKey(usize),
    /// A field of the associated data is longer than 64 KiB.
    #[error("a name in the associated data is too long")]
    Associated,
    /// The key agreement or the cipher failed.
    #[error("failed to encrypt to the recipient")]
    Encrypt,
}

/// Why a seal could not be opened. One answer for a wrong key, wrong associated data and altered
/// ciphertext alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Not sealed to this key with this associated data, or altered.
    #[error("failed to open the seal")]
    Sealed,
    /// Opened, but the record inside is not one of this version.
    #[error("failed to understand the record inside the seal")]
    Record,
    /// The private key is none.
    #[error("the private key ({0} bytes) is not a scalar of P-256")]
    PrivateKey(usize),
}

/// Seals `inner` to a recipient: the encapsulated key, and the ciphertext with its tag.
///
/// # Errors
/// [`SealError`].
pub fn seal(
    recipient_public_key: &[u8],
    associated: &Associated<'_>,
    inner: &Inner,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let recipient = <Suite as Kem>::PublicKey::from_bytes(recipient_public_key)
        .map_err(|_| SealError::PublicKey(recipient_public_key.len()))?;
    let aad = record::associated_bytes(associated).ok_or(SealError::Associated)?;
    // Encrypted in place: the only clear copy becomes the ciphertext.
    let mut buffer = record::encode(inner);
    let (encapsulated, tag) =
        hpke::single_shot_seal_inout_detached::<AesGcm256, HkdfSha256, Suite>(
            &OpModeS::Base,
            &recipient,
            CONTEXT,
            InOutBuf::from(buffer.as_mut_slice()),
            &aad,
        )
        .map_err(|_| SealError::Encrypt)?;
    let mut ciphertext = Vec::with_capacity(buffer.len() + TAG_BYTES);
    ciphertext.extend_from_slice(&buffer);
    ciphertext.extend_from_slice(&tag.to_bytes());
    Ok((encapsulated.to_bytes().to_vec(), ciphertext))
}

/// Opens a seal.
///
/// # Errors
/// [`OpenError`].
pub fn open(
    key: &PrivateKey,
    associated: &Associated<'_>,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<Inner, OpenError> {
    let encapsulated = Encapsulated::from_bytes(encapsulated_key).map_err(|_| OpenError::Sealed)?;
    let aad = record::associated_bytes(associated).ok_or(OpenError::Sealed)?;
    let body = ciphertext
        .len()
        .checked_sub(TAG_BYTES)
        .ok_or(OpenError::Sealed)?;
    let (body, tag) = ciphertext.split_at(body);
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| OpenError::Sealed)?;
    let mut buffer = Zeroizing::new(body.to_vec());
    hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, Suite>(
        &OpModeR::Base,
        &key.0,
        &encapsulated,
        CONTEXT,
        InOutBuf::from(buffer.as_mut_slice()),
        &aad,
        &tag,
    )
    .map_err(|_| OpenError::Sealed)?;
    record::decode(&buffer).ok_or(OpenError::Record)
}

/// A recipient's private key. Erased when dropped; shows nothing.
pub struct PrivateKey(<Suite as Kem>::PrivateKey);

impl PrivateKey {
    /// A fresh key from the system's randomness.
    pub fn generate() -> Self {
        Self(Suite::gen_keypair().0)
    }

    /// The 32 bytes of the key, for the connector's own storage.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut array = self.0.to_bytes();
        let bytes = Zeroizing::new(array.to_vec());
        array.as_mut_slice().zeroize();
        bytes
    }

    /// The key of 32 stored bytes.
    ///
    /// # Errors
    /// [`OpenError::PrivateKey`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OpenError> {
        <Suite as Kem>::PrivateKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| OpenError::PrivateKey(bytes.len()))
    }

    /// The public key, 65 bytes, uncompressed.
    pub fn public_bytes(&self) -> Vec<u8> {
        Suite::sk_to_pk(&self.0).to_bytes().to_vec()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey[32 bytes]")
    }
}
