// SPDX-License-Identifier: MIT OR Apache-2.0
//! This register's side of a key agreement over P-256, and what it needs at random.
//!
//! Owns one key for one agreement, wiped after it. It must never keep one, nor print one.

use p256::{PublicKey, SecretKey};
use payhal_protocol::pairing::{PUBLIC_KEY_BYTES, SECRET_BYTES, Share, bytes, encode};
use zeroize::Zeroizing;

use crate::error::ConnectError;

/// One key of this register, and what the host learns of it.
pub(crate) struct KeyPair {
    key: SecretKey,
    pub(crate) share: Share,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

impl KeyPair {
    /// A new one.
    pub(crate) fn new() -> Result<Self, ConnectError> {
        loop {
            let bytes = random()?;
            // One in 2^32 numbers is no key of this curve.
            if let Ok(key) = SecretKey::from_slice(&*bytes) {
                return Ok(Self::of(key, nonce()?));
            }
        }
    }

    fn of(key: SecretKey, nonce: String) -> Self {
        let public_key = encode(&key.public_key().to_sec1_bytes());
        Self {
            key,
            share: Share { public_key, nonce },
        }
    }

    /// The x coordinate that both sides share; nothing if the host's key is no point of the curve.
    pub(crate) fn x(&self, public_key: &str) -> Option<Zeroizing<[u8; SECRET_BYTES]>> {
        let point: [u8; PUBLIC_KEY_BYTES] = bytes(public_key)?;
        let other = PublicKey::from_sec1_bytes(&point).ok()?;
        let shared = self.key.diffie_hellman(&other);
        let x: [u8; SECRET_BYTES] = shared.raw_secret_bytes().as_slice().try_into().ok()?;
        Some(Zeroizing::new(x))
    }
}

fn random() -> Result<Zeroizing<[u8; SECRET_BYTES]>, ConnectError> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    getrandom::fill(&mut *bytes).map_err(|_| ConnectError::Randomness)?;
    Ok(bytes)
}

/// A nonce for one connection or one pairing.
pub(crate) fn nonce() -> Result<String, ConnectError> {
    Ok(encode(&*random()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_protocol::pairing::{Proven, Rotation, Secret, Transcript, number};
    use serde_json::Value;

    const VECTORS: &str = include_str!("../../protocol/vectors/pairing.json");

    fn text<'a>(from: &'a Value, field: &str) -> &'a str {
        from[field].as_str().unwrap()
    }

    fn pair(side: &Value) -> KeyPair {
        let private: [u8; SECRET_BYTES] = bytes(text(side, "private_key")).unwrap();
        let key = SecretKey::from_slice(&private).unwrap();
        KeyPair::of(key, text(side, "nonce").to_owned())
    }

    fn secret_of(case: &Value) -> Secret {
        let (own, host) = (pair(&case["register"]), pair(&case["host"]).share);
        assert_eq!(own.share.public_key, text(&case["register"], "public_key"));
        assert_eq!(own.share.commitment(), text(case, "commitment"));
        let transcript = Transcript {
            host_id: text(case, "host_id"),
            pairing_id: text(case, "pairing_id"),
            register_id: text(case, "register_id"),
            register_name: text(case, "register_name"),
            origin: case["origin"].as_str(),
            authority: text(case, "authority"),
            channel: text(case, "channel"),
            register: &own.share,
            host: &host,
        };
        let digest = transcript.digest();
        assert_eq!(number(&digest), text(case, "number"));
        let x = own.x(&host.public_key).unwrap();
        assert_eq!(encode(&*x), text(case, "ecdh_x"));
        Secret::agreed(&x, &digest)
    }

    #[test]
    fn secrets_proofs_and_rotations_are_everybodys() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let secret = secret_of(case);
            assert_eq!(secret.key_id(), text(case, "key_id"));
            let proven = Proven {
                host_id: text(case, "host_id"),
                register_id: text(case, "register_id"),
                nonce_register: text(&case["session"], "nonce_register"),
                nonce_host: text(&case["session"], "nonce_host"),
                origin: case["origin"].as_str(),
                authority: text(case, "authority"),
                channel: text(case, "channel"),
            };
            let session = &case["session"];
            assert_eq!(secret.host_proof(&proven), text(session, "host_proof"));
            assert_eq!(
                secret.register_proof(&proven),
                text(session, "register_proof")
            );
            let rotation = &case["rotation"];
            let (own, host) = (pair(&rotation["register"]), pair(&rotation["host"]).share);
            let next = secret.rotated(
                &own.x(&host.public_key).unwrap(),
                &Rotation {
                    host_id: text(case, "host_id"),
                    register_id: text(case, "register_id"),
                    register: &own.share,
                    host: &host,
                },
            );
            assert_eq!(next.key_id(), text(rotation, "key_id"));
        }
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let mine = KeyPair::new().unwrap();
        let mut point: [u8; PUBLIC_KEY_BYTES] = bytes(&mine.share.public_key).unwrap();
        point[64] ^= 1;
        assert!(mine.x(&encode(&point)).is_none());
    }
}
