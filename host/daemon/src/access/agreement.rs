// SPDX-License-Identifier: MIT OR Apache-2.0
//! This host's side of a key agreement over P-256, and what it needs at random.
//!
//! A key lives for one agreement and is wiped after it.

use p256::{PublicKey, SecretKey};
use payhal_protocol::pairing::{PUBLIC_KEY_BYTES, SECRET_BYTES, Share, bytes, encode};
use zeroize::Zeroizing;

/// One key of this host, and what the register learns of it.
pub(super) struct KeyPair {
    key: SecretKey,
    /// The public half with a nonce.
    pub(super) share: Share,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

impl KeyPair {
    /// A new one.
    pub(super) fn new() -> Self {
        let key = loop {
            // One in 2^32 numbers is no key of this curve.
            if let Ok(key) = SecretKey::from_slice(&*random::<SECRET_BYTES>()) {
                break key;
            }
        };
        let share = Share {
            public_key: encode(&key.public_key().to_sec1_bytes()),
            nonce: random_text::<SECRET_BYTES>(),
        };
        Self { key, share }
    }

    /// The x coordinate that both sides share; nothing if the other's key is no point of the curve.
    pub(super) fn x(&self, public_key: &str) -> Option<Zeroizing<[u8; SECRET_BYTES]>> {
        let point: [u8; PUBLIC_KEY_BYTES] = bytes(public_key)?;
        let other = PublicKey::from_sec1_bytes(&point).ok()?;
        let shared = self.key.diffie_hellman(&other);
        let x: [u8; SECRET_BYTES] = shared.raw_secret_bytes().as_slice().try_into().ok()?;
        Some(Zeroizing::new(x))
    }
}

/// So many random bytes.
pub(super) fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).expect("the system gives randomness");
    bytes
}

/// The same as text.
pub(super) fn random_text<const N: usize>() -> String {
    encode(&*random::<N>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_share_one_coordinate() {
        let (one, other) = (KeyPair::new(), KeyPair::new());
        assert_eq!(
            *one.x(&other.share.public_key).unwrap(),
            *other.x(&one.share.public_key).unwrap()
        );
        assert_ne!(one.share.nonce, other.share.nonce);
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let mine = KeyPair::new();
        let mut point: [u8; PUBLIC_KEY_BYTES] = bytes(&mine.share.public_key).unwrap();
        point[64] ^= 1;
        assert!(mine.x(&encode(&point)).is_none());
        assert!(mine.x(&encode(&[0; PUBLIC_KEY_BYTES])).is_none());
        assert!(mine.x("").is_none());
    }
}
