// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sealing a read to one gateway: HPKE (RFC 9180), DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
//! AES-256-GCM.
//!
//! [`seal_from`] is in auth mode: it opens only with the public key of the device that sealed it, so
//! that nobody else who knows the gateway's key can make a read up. [`seal`] is in base mode, for
//! devices that have no key yet. Errors must never tell which part of a seal was wrong.

use crate::record;
use crate::seal_keys::{PrivateKey, PublicKey};
use crate::sealed_read::{Associated, Inner, Opened};
use crate::secret::SecretBytes;
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

/// Name of base mode, as replies carry it beside the ciphertext.
pub const SCHEME: &str = "hpke-p256-sha256-aes256gcm";

/// Name of auth mode.
pub const AUTH_SCHEME: &str = "hpke-auth-p256-sha256-aes256gcm";

/// RFC 9180 `info`: ties the key schedule to this use.
const CONTEXT: &[u8] = b"payhal card read to gateway";

/// AES-GCM tag at the end of the ciphertext.
const TAG_BYTES: usize = 16;

pub(crate) type Suite = DhP256HkdfSha256;
type Encapsulated = <Suite as Kem>::EncappedKey;

/// Why a read could not be sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// The recipient's key is none of this scheme.
    #[error("the recipient's public key ({0} bytes) is not a point of P-256")]
    PublicKey(usize),
    /// A field of the associated data is longer than 64 KiB.
    #[error("a name in the associated data is too long")]
    Associated,
    /// A PIN that is not encrypted.
    #[error("a PIN leaves a reader as an encrypted PIN block only")]
    ClearPin,
    /// The key agreement or the cipher failed.
    #[error("failed to encrypt to the recipient")]
    Encrypt,
}

/// Why a seal could not be opened. One answer for a wrong key, wrong associated data and altered
/// ciphertext alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Not sealed to this key with this associated data by this sender, or altered.
    #[error("failed to open the seal")]
    Sealed,
    /// Opened, but the record inside is not one of this version.
    #[error("failed to understand the record inside the seal")]
    Record,
    /// The private key is none.
    #[error("the private key ({0} bytes) is not a scalar of P-256")]
    PrivateKey(usize),
    /// The sender's key is none.
    #[error("the sender's public key ({0} bytes) is not a point of P-256")]
    PublicKey(usize),
}

/// Seals `inner` from a device to a recipient, in auth mode: the encapsulated key, and the
/// ciphertext with its tag.
///
/// # Errors
/// [`SealError`].
pub fn seal_from(
    sender: &PrivateKey,
    recipient_public_key: &[u8],
    associated: &Associated<'_>,
    inner: &Inner,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let mode = OpModeS::Auth((sender.usable(), sender.public().0.clone()));
    seal_in(&mode, recipient_public_key, associated, inner)
}

/// Seals `inner` to a recipient, in base mode.
///
/// # Errors
/// [`SealError`].
pub fn seal(
    recipient_public_key: &[u8],
    associated: &Associated<'_>,
    inner: &Inner,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    seal_in(&OpModeS::Base, recipient_public_key, associated, inner)
}

/// Opens a seal of [`seal_from`] that this sender made.
///
/// # Errors
/// [`OpenError`].
pub fn open_from(
    sender: &PublicKey,
    key: &PrivateKey,
    associated: &Associated<'_>,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<Opened, OpenError> {
    let mode = OpModeR::Auth(sender.0.clone());
    let clear = open_in(&mode, key, associated, encapsulated_key, ciphertext)?;
    Opened::of(associated, clear.bytes()).ok_or(OpenError::Record)
}

/// Opens a seal of [`seal`].
///
/// # Errors
/// [`OpenError`].
pub fn open(
    key: &PrivateKey,
    associated: &Associated<'_>,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<Inner, OpenError> {
    let mode = OpModeR::Base;
    let clear = open_in(&mode, key, associated, encapsulated_key, ciphertext)?;
    record::decode(clear.bytes()).ok_or(OpenError::Record)
}

fn seal_in(
    mode: &OpModeS<'_, Suite>,
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
            mode,
            &recipient,
            CONTEXT,
            InOutBuf::from(buffer.bytes_mut()),
            &aad,
        )
        .map_err(|_| SealError::Encrypt)?;
    let ciphertext = [buffer.bytes(), &tag.to_bytes()].concat();
    Ok((encapsulated.to_bytes().to_vec(), ciphertext))
}

fn open_in(
    mode: &OpModeR<'_, Suite>,
    key: &PrivateKey,
    associated: &Associated<'_>,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<SecretBytes, OpenError> {
    let encapsulated = Encapsulated::from_bytes(encapsulated_key).map_err(|_| OpenError::Sealed)?;
    let aad = record::associated_bytes(associated).ok_or(OpenError::Sealed)?;
    let body = ciphertext
        .len()
        .checked_sub(TAG_BYTES)
        .ok_or(OpenError::Sealed)?;
    let (body, tag) = ciphertext.split_at(body);
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| OpenError::Sealed)?;
    let mut buffer = SecretBytes::copied(body);
    hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, Suite>(
        mode,
        &key.usable(),
        &encapsulated,
        CONTEXT,
        InOutBuf::from(buffer.bytes_mut()),
        &aad,
        &tag,
    )
    .map_err(|_| OpenError::Sealed)?;
    Ok(buffer)
}
