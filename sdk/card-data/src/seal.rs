// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sealing a read to one gateway: HPKE (RFC 9180), DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
//! AES-256-GCM.
//!
//! [`seal_from`] is in auth mode: it opens only with the public key of the device that sealed it, so
//! that nobody else who knows the gateway's key can make a read up. A PIN is an encrypted PIN block
//! inside, under a key that both sides export from the seal. Errors must never tell which part of a
//! seal was wrong.

use crate::keys::AesKey;
use crate::pin::Pin;
use crate::pin_block::EncryptedPinBlock;
use crate::record::{self, AssociatedTo};
use crate::seal_keys::{PrivateKey, PublicKey};
use crate::sealed_read::{Associated, CardNumber, Inner, Opened, PinKey};
use crate::secret::SecretBytes;
use hpke::aead::{AeadCtxR, AeadCtxS, AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable};

/// Name of the scheme, as replies carry it beside the ciphertext.
pub const AUTH_SCHEME: &str = "hpke-auth-p256-sha256-aes256gcm";

/// RFC 9180 `info`: ties the key schedule to this use.
const CONTEXT: &[u8] = b"payhal card read to gateway";

/// RFC 9180 section 5.3: what the PIN's key is exported for.
const PIN_KEY: &[u8] = b"payhal pin key";

/// AES-256.
const PIN_KEY_BYTES: usize = 32;

/// AES-GCM tag at the end of the ciphertext.
const TAG_BYTES: usize = 16;

pub(crate) type Suite = DhP256HkdfSha256;
type Encapsulated = <Suite as Kem>::EncappedKey;
type Sending = AeadCtxS<AesGcm256, HkdfSha256, Suite>;
type Receiving = AeadCtxR<AesGcm256, HkdfSha256, Suite>;

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

/// Seals `inner` from a device to a recipient, in auth mode, and the PIN with it: the encapsulated
/// key, and the ciphertext with its tag.
///
/// # Errors
/// [`SealError`].
pub fn seal_from(
    sender: &PrivateKey,
    recipient_public_key: &[u8],
    associated: &Associated<'_>,
    inner: &Inner,
    pin: Option<&Pin>,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let aad = record::associated_bytes(AssociatedTo::Read, associated);
    let (encapsulated, context) = sending(sender, recipient_public_key)?;
    let block = pin.map(|pin| {
        let key = pin_key(|exported| context.export(PIN_KEY, exported));
        EncryptedPinBlock::format4(pin, &inner.secrets.pan, &key)
    });
    let clear = record::encode(inner, block.as_ref());
    sealed(
        &encapsulated,
        context,
        clear,
        &aad.ok_or(SealError::Associated)?,
    )
}

/// Seals a card's number alone, in auth mode. It opens with [`open_number_from`] and never as a
/// read.
///
/// # Errors
/// [`SealError`].
pub fn seal_number_from(
    sender: &PrivateKey,
    recipient_public_key: &[u8],
    associated: &Associated<'_>,
    number: &CardNumber,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let aad = record::associated_bytes(AssociatedTo::Number, associated);
    let (encapsulated, context) = sending(sender, recipient_public_key)?;
    let clear = record::encode_number(number);
    sealed(
        &encapsulated,
        context,
        clear,
        &aad.ok_or(SealError::Associated)?,
    )
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
    let aad = record::associated_bytes(AssociatedTo::Read, associated).ok_or(OpenError::Sealed)?;
    let mut context = receiving(sender, key, encapsulated_key)?;
    let clear = opened(&mut context, ciphertext, &aad)?;
    let (inner, block) = record::decode(clear.bytes()).ok_or(OpenError::Record)?;
    let pin = block.map(|block| {
        let key = pin_key(|exported| context.export(PIN_KEY, exported));
        (block, PinKey::Aes(key))
    });
    Ok(Opened::of(associated, inner, pin))
}

/// Opens a seal of [`seal_number_from`] that this sender made.
///
/// # Errors
/// [`OpenError`].
pub fn open_number_from(
    sender: &PublicKey,
    key: &PrivateKey,
    associated: &Associated<'_>,
    encapsulated_key: &[u8],
    ciphertext: &[u8],
) -> Result<CardNumber, OpenError> {
    let aad = record::associated_bytes(AssociatedTo::Number, associated);
    let mut context = receiving(sender, key, encapsulated_key)?;
    let clear = opened(&mut context, ciphertext, &aad.ok_or(OpenError::Sealed)?)?;
    record::decode_number(clear.bytes()).ok_or(OpenError::Record)
}

fn sending(
    sender: &PrivateKey,
    recipient_public_key: &[u8],
) -> Result<(Encapsulated, Sending), SealError> {
    let mode = OpModeS::Auth((sender.usable(), sender.public().0.clone()));
    let recipient = <Suite as Kem>::PublicKey::from_bytes(recipient_public_key)
        .map_err(|_| SealError::PublicKey(recipient_public_key.len()))?;
    hpke::setup_sender(&mode, &recipient, CONTEXT).map_err(|_| SealError::Encrypt)
}

/// Encrypts in place: the only clear copy becomes the ciphertext.
fn sealed(
    encapsulated: &Encapsulated,
    mut context: Sending,
    mut clear: SecretBytes,
    aad: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let tag = context
        .seal_inout_detached(InOutBuf::from(clear.bytes_mut()), aad)
        .map_err(|_| SealError::Encrypt)?;
    let ciphertext = [clear.bytes(), &tag.to_bytes()].concat();
    Ok((encapsulated.to_bytes().to_vec(), ciphertext))
}

fn receiving(
    sender: &PublicKey,
    key: &PrivateKey,
    encapsulated_key: &[u8],
) -> Result<Receiving, OpenError> {
    let mode = OpModeR::Auth(sender.0.clone());
    let encapsulated = Encapsulated::from_bytes(encapsulated_key).map_err(|_| OpenError::Sealed)?;
    hpke::setup_receiver(&mode, &key.usable(), &encapsulated, CONTEXT)
        .map_err(|_| OpenError::Sealed)
}

fn opened(
    context: &mut Receiving,
    ciphertext: &[u8],
    aad: &[u8],
) -> Result<SecretBytes, OpenError> {
    let body = ciphertext.len().checked_sub(TAG_BYTES);
    let (body, tag) = ciphertext.split_at(body.ok_or(OpenError::Sealed)?);
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| OpenError::Sealed)?;
    let mut buffer = SecretBytes::copied(body);
    context
        .open_inout_detached(InOutBuf::from(buffer.bytes_mut()), aad, &tag)
        .map_err(|_| OpenError::Sealed)?;
    Ok(buffer)
}

/// The key of a seal's PIN block, as its context exports it.
fn pin_key(export: impl FnOnce(&mut [u8]) -> Result<(), HpkeError>) -> AesKey {
    let mut exported = SecretBytes::zeroed(PIN_KEY_BYTES);
    export(exported.bytes_mut()).expect("a hash gives 255 times as much");
    AesKey::of(exported).expect("32 bytes")
}
