// SPDX-License-Identifier: MIT OR Apache-2.0
//! Secure communication: the session's key, which the pinpad makes, and envelopes under it.
//!
//! Owns the host's RSA key and the session's AES key. Must never be taken for more than it is: the
//! pinpad proves nothing, and whoever sits on the wire can open a session with each side.

use super::commands::opn::{MODULUS_BYTES, OpenSecure};
use super::frame::{CIPHER_BLOCK, DC2, pack, unpack};
use super::wire::WireError;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use payhal_plugin::card_data::{AesKey, Padding};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Bytes of the session's key.
const KEY_BYTES: usize = 16;

/// The key of one session.
pub(crate) struct SessionKey(AesKey);

impl SessionKey {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, WireError> {
        let wrong = WireError::Malformed("session key");
        match bytes.len() {
            KEY_BYTES => AesKey::new(bytes).map(Self).map_err(|_| wrong),
            _ => Err(wrong),
        }
    }

    /// The packet that carries `clear`.
    pub(crate) fn seal(&self, clear: &[u8]) -> Result<Vec<u8>, WireError> {
        let block = pack(clear)?;
        let sealed = self
            .0
            .encrypt_cbc(&[0; CIPHER_BLOCK], &block, Padding::Zeros);
        let mut packet = Vec::with_capacity(1 + sealed.len());
        packet.push(DC2);
        packet.extend(sealed);
        Ok(packet)
    }

    /// What a packet carries.
    pub(crate) fn open(&self, packet: &[u8]) -> Result<Zeroizing<Vec<u8>>, WireError> {
        let malformed = WireError::Malformed("envelope");
        let Some((&DC2, sealed)) = packet.split_first() else {
            return Err(malformed);
        };
        let block = self
            .0
            .decrypt_cbc(&[0; CIPHER_BLOCK], sealed, Padding::Zeros);
        let block = block.map_err(|_| malformed)?;
        unpack(block.bytes()).map(|clear| Zeroizing::new(clear.to_vec()))
    }
}

/// The host's key pair, under which pinpads send their session keys.
pub(crate) struct HostKey {
    private: Pkcs1PrivateDecryptingKey,
    modulus: [u8; MODULUS_BYTES],
    exponent: Vec<u8>,
}

/// What stands before the modulus in the encoding of a public key of 2048 bits.
const BEFORE_MODULUS: usize = 33;

impl HostKey {
    /// A new one. Takes a moment.
    pub(crate) fn generate() -> Option<Self> {
        Self::of(PrivateDecryptingKey::generate(KeySize::Rsa2048).ok()?)
    }

    fn of(private: PrivateDecryptingKey) -> Option<Self> {
        let encoded = AsDer::<PublicKeyX509Der<'_>>::as_der(&private.public_key()).ok()?;
        let after = encoded.as_ref().get(BEFORE_MODULUS..)?;
        let (modulus, exponent) = after.split_first_chunk::<MODULUS_BYTES>()?;
        // An integer: its tag, its length, itself.
        let &[0x02, length, ref exponent @ ..] = exponent else {
            return None;
        };
        (usize::from(length) == exponent.len() && modulus[0] >= 0x80).then_some(())?;
        Some(Self {
            modulus: *modulus,
            exponent: exponent.to_vec(),
            private: Pkcs1PrivateDecryptingKey::new(private).ok()?,
        })
    }

    /// Reads one in PKCS#8.
    #[cfg(test)]
    pub(crate) fn from_pkcs8(encoded: &[u8]) -> Option<Self> {
        Self::of(PrivateDecryptingKey::from_pkcs8(encoded).ok()?)
    }

    /// The command that opens a session under it.
    pub(crate) fn command(&self) -> OpenSecure {
        OpenSecure {
            modulus: self.modulus,
            exponent: self.exponent.clone(),
        }
    }

    /// The session's key, as the pinpad encrypted it.
    pub(crate) fn open(&self, encrypted: &[u8; MODULUS_BYTES]) -> Result<SessionKey, WireError> {
        let mut space = Zeroizing::new([0; MODULUS_BYTES]);
        let opened = self.private.decrypt(encrypted, &mut space[..]);
        SessionKey::new(opened.map_err(|_| WireError::Malformed("session key"))?)
    }
}

/// This process's key pair, made when it is first needed; it ends with the process.
pub(crate) fn host_key() -> Option<&'static HostKey> {
    static KEY: OnceLock<Option<HostKey>> = OnceLock::new();
    KEY.get_or_init(HostKey::generate).as_ref()
}
