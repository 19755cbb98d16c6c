// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of sealing: a recipient's, and a device's where it seals in auth mode.
//!
//! A private key is made where it is used and stays there. It must never pass through a
//! configuration, a message or a log.

use crate::seal::{OpenError, Suite};
use crate::secret::SecretBytes;
use hpke::{Deserializable, Kem, Serializable};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// A private key. Erased when dropped; shows nothing.
pub struct PrivateKey {
    secret: SecretBytes,
    /// Made once: that takes as long as half a seal.
    public: PublicKey,
}

impl PrivateKey {
    /// A fresh key from the system's randomness.
    pub fn generate() -> Self {
        let (own, public) = Suite::gen_keypair();
        let mut bytes = own.to_bytes();
        let secret = SecretBytes::copied(&bytes);
        bytes.as_mut_slice().zeroize();
        Self {
            secret,
            public: PublicKey(public),
        }
    }

    /// The 32 bytes of the key, for its owner's own storage.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.secret.bytes().to_vec())
    }

    /// The key of 32 stored bytes.
    ///
    /// # Errors
    /// [`OpenError::PrivateKey`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OpenError> {
        let own = <Suite as Kem>::PrivateKey::from_bytes(bytes)
            .map_err(|_| OpenError::PrivateKey(bytes.len()))?;
        Ok(Self {
            secret: SecretBytes::copied(bytes),
            public: PublicKey(Suite::sk_to_pk(&own)),
        })
    }

    /// The public key, 65 bytes, uncompressed.
    pub fn public_bytes(&self) -> Vec<u8> {
        self.public.to_bytes()
    }

    /// The public key, for who opens what this key sealed.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// As HPKE takes it, for one use: that type is erased when dropped, but not locked.
    pub(crate) fn usable(&self) -> <Suite as Kem>::PrivateKey {
        <Suite as Kem>::PrivateKey::from_bytes(self.secret.bytes())
            .expect("checked when it was made")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey[32 bytes]")
    }
}

/// A sender's public key: a point of P-256.
#[derive(Clone, Eq, PartialEq)]
pub struct PublicKey(pub(crate) <Suite as Kem>::PublicKey);

impl PublicKey {
    /// Checks 65 bytes, uncompressed.
    ///
    /// # Errors
    /// [`OpenError::PublicKey`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OpenError> {
        <Suite as Kem>::PublicKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| OpenError::PublicKey(bytes.len()))
    }

    /// The 65 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey[65 bytes]")
    }
}
