// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pairing and proof: the texts both sides hash, and what they derive from them.
//!
//! Owns every text, label and derivation, so that hosts and registers of all languages agree byte
//! for byte (`vectors/pairing.json`). Key agreement itself is the caller's: only the shared x
//! coordinate comes in. It must never print, copy out in clear text or compare in variable time
//! what is secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::params::FieldError;

/// Bytes of a nonce, a secret, a digest and a proof.
pub const SECRET_BYTES: usize = 32;
/// Bytes of a public key: an uncompressed point of P-256 (SEC 1, 2.3.3).
pub const PUBLIC_KEY_BYTES: usize = 65;
/// The channel of a connection without TLS.
pub const CHANNEL_PLAIN: &str = "ws";

const COMMITMENT: &str = "payhal pairing commitment v1";
const TRANSCRIPT: &str = "payhal pairing v1";
const NUMBER: &[u8] = b"payhal pairing number v1\n";
const SECRET: &[u8] = b"payhal pairing secret v1";
const KEY_ID: &[u8] = b"payhal key id v1";
const HOST_PROOF: &str = "payhal host proof v1";
const REGISTER_PROOF: &str = "payhal register proof v1";
const ROTATION: &str = "payhal rotation v1";

/// What one side contributes to an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// Its public key: base64url without padding of the uncompressed point, 65 bytes.
    pub public_key: String,
    /// Its nonce: base64url without padding of 32 random bytes.
    pub nonce: String,
}

impl Share {
    /// Checks both by their shape; whether the key is a point is seen at the agreement.
    ///
    /// # Errors
    /// Names the field and what it must be.
    pub fn check(&self) -> Result<(), FieldError> {
        check_bytes(&self.public_key, PUBLIC_KEY_BYTES, "public_key")?;
        check_bytes(&self.nonce, SECRET_BYTES, "nonce")
    }

    /// What the register sends before it has seen anything of the host's, so that neither side can
    /// choose its share by the other's.
    #[must_use]
    pub fn commitment(&self) -> String {
        let text = [COMMITMENT, &self.public_key, &self.nonce].join("\n");
        encode(&Sha256::digest(text.as_bytes()))
    }
}

/// Everything two sides agree about in one pairing.
#[derive(Clone, Copy, Debug)]
pub struct Transcript<'a> {
    /// The host.
    pub host_id: &'a str,
    /// The pairing.
    pub pairing_id: &'a str,
    /// The register as it calls itself.
    pub register_id: &'a str,
    /// Its name for people.
    pub register_name: &'a str,
    /// The web page's origin; absent for a native application.
    pub origin: Option<&'a str>,
    /// Host and port as the register dialled them.
    pub authority: &'a str,
    /// [`channel`] of the connection.
    pub channel: &'a str,
    /// The register's share.
    pub register: &'a Share,
    /// The host's share.
    pub host: &'a Share,
}

impl Transcript<'_> {
    /// The digest that number and secret depend on.
    #[must_use]
    pub fn digest(&self) -> [u8; SECRET_BYTES] {
        let text = [
            TRANSCRIPT,
            self.host_id,
            self.pairing_id,
            self.register_id,
            self.register_name,
            or_dash(self.origin),
            self.authority,
            self.channel,
            &self.register.public_key,
            &self.register.nonce,
            &self.host.public_key,
            &self.host.nonce,
        ]
        .join("\n");
        Sha256::digest(text.as_bytes()).into()
    }
}

/// The six digits that a person compares.
#[must_use]
pub fn number(transcript: &[u8; SECRET_BYTES]) -> String {
    let digest = Sha256::new()
        .chain_update(NUMBER)
        .chain_update(transcript)
        .finalize();
    let first = digest.iter().take(8);
    let value = first.fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    format!("{:06}", value % 1_000_000)
}

/// The channel a proof is bound to: plain, or TLS with this leaf certificate.
#[must_use]
pub fn channel(certificate_sha256: Option<&str>) -> String {
    certificate_sha256.map_or_else(
        || CHANNEL_PLAIN.to_owned(),
        |fingerprint| format!("wss:{}", fingerprint.to_ascii_lowercase()),
    )
}

/// What one proof is about: this pairing, this connection, both nonces of it.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    /// The host.
    pub host_id: &'a str,
    /// The register.
    pub register_id: &'a str,
    /// The register's nonce, from its hello.
    pub nonce_register: &'a str,
    /// The host's nonce, from its answer.
    pub nonce_host: &'a str,
    /// The web page's origin; absent for a native application.
    pub origin: Option<&'a str>,
    /// Host and port as the register dialled them.
    pub authority: &'a str,
    /// [`channel`] of the connection.
    pub channel: &'a str,
}

impl Proven<'_> {
    fn text(&self, label: &str, key_id: &str) -> String {
        [
            label,
            self.host_id,
            self.register_id,
            key_id,
            self.nonce_register,
            self.nonce_host,
            or_dash(self.origin),
            self.authority,
            self.channel,
        ]
        .join("\n")
    }
}

/// What both sides agree about when they replace their secret.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// The host.
    pub host_id: &'a str,
    /// The register.
    pub register_id: &'a str,
    /// The register's new share.
    pub register: &'a Share,
    /// The host's new share.
    pub host: &'a Share,
}

/// What register and host of one pairing share. It has no text form but the one for the file it
/// is kept in, and is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct Secret([u8; SECRET_BYTES]);

/// Says that it is one, and nothing else.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Secret {
    /// Takes over what was random or kept.
    #[must_use]
    pub const fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret of a pairing: from the x coordinate of the key agreement and the transcript.
    #[must_use]
    pub fn agreed(x: &[u8; SECRET_BYTES], transcript: &[u8; SECRET_BYTES]) -> Self {
        Self(expanded(transcript, x))
    }

    /// The secret that follows this one.
    #[must_use]
    pub fn rotated(&self, x: &[u8; SECRET_BYTES], rotation: &Rotation<'_>) -> Self {
        let text = [
            ROTATION,
            rotation.host_id,
            rotation.register_id,
            &self.key_id(),
            &rotation.register.public_key,
            &rotation.register.nonce,
            &rotation.host.public_key,
            &rotation.host.nonce,
        ]
        .join("\n");
        let salt = Zeroizing::new(self.hmac(text.as_bytes()));
        Self(expanded(salt.as_slice(), x))
    }

    /// Names the secret without telling anything about it: 16 hexadecimal digits.
    #[must_use]
    pub fn key_id(&self) -> String {
        let tag = self.hmac(KEY_ID);
        tag.iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The host's proof that it holds this secret on this connection.
    #[must_use]
    pub fn host_proof(&self, proven: &Proven<'_>) -> String {
        self.proof(HOST_PROOF, proven)
    }

    /// The register's proof that it holds this secret on this connection.
    #[must_use]
    pub fn register_proof(&self, proven: &Proven<'_>) -> String {
        self.proof(REGISTER_PROOF, proven)
    }

    fn proof(&self, label: &str, proven: &Proven<'_>) -> String {
        encode(&self.hmac(proven.text(label, &self.key_id()).as_bytes()))
    }

    fn hmac(&self, text: &[u8]) -> [u8; SECRET_BYTES] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.chain_update(text).finalize().into_bytes().into()
    }

    /// For the one file it is kept in.
    #[must_use]
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(encode(&self.0))
    }

    /// From the file it was kept in.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        bytes(text).map(Self)
    }
}

fn expanded(salt: &[u8], x: &[u8; SECRET_BYTES]) -> [u8; SECRET_BYTES] {
    let mut secret = [0; SECRET_BYTES];
    Hkdf::<Sha256>::new(Some(salt), x)
        .expand(SECRET, &mut secret)
        .expect("32 bytes are within what HKDF can give");
    secret
}

/// Whether two proofs or digests are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Bytes as they are written on the wire: base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// So many bytes from their text; nothing if it is not exactly theirs.
#[must_use]
pub fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    let bytes = decoded.as_slice().try_into().ok();
    decoded.zeroize();
    bytes
}

/// Checks that a text is so many bytes in base64url without padding.
///
/// # Errors
/// Names `field` and what it must be.
pub fn check_bytes(text: &str, count: usize, field: &str) -> Result<(), FieldError> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    if decoded.is_ok_and(|bytes| bytes.len() == count) {
        return Ok(());
    }
    let must = format!("must be {count} bytes in base64url without padding");
    Err(FieldError::new(field, must))
}

/// Checks the shape of a key id.
///
/// # Errors
/// Names `field` and what it must be.
pub fn check_key_id(text: &str, field: &str) -> Result<(), FieldError> {
    let digits = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if text.len() == 16 && digits {
        return Ok(());
    }
    let must = "must be 16 lower-case hexadecimal digits";
    Err(FieldError::new(field, must))
}

/// An absent origin in a text.
fn or_dash(origin: Option<&str>) -> &str {
    origin.unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(nonce_host: &str) -> Proven<'_> {
        Proven {
            host_id: "h",
            register_id: "till-1",
            nonce_register: "n",
            nonce_host,
            origin: None,
            authority: "127.0.0.1:7425",
            channel: CHANNEL_PLAIN,
        }
    }

    #[test]
    fn a_proof_is_for_one_side_and_one_connection() {
        let secret = Secret::new([7; 32]);
        let first = secret.register_proof(&proven("a"));
        assert!(same(&first, &secret.register_proof(&proven("a"))));
        assert!(!same(&first, &secret.register_proof(&proven("b"))));
        assert!(!same(&first, &secret.host_proof(&proven("a"))));
        let other = Secret::new([8; 32]);
        assert!(!same(&first, &other.register_proof(&proven("a"))));
        assert_ne!(secret.key_id(), other.key_id());
    }

    #[test]
    fn an_origin_called_dash_is_no_native_application() {
        // Browsers never send such an origin, and the host refuses one that is not well formed.
        let native = proven("a");
        let page = Proven {
            origin: Some("http://-"),
            ..native
        };
        let secret = Secret::new([7; 32]);
        assert_ne!(secret.host_proof(&native), secret.host_proof(&page));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret");
        let kept = Secret::new([7; 32]).to_base64();
        let again = Secret::from_base64(&kept).unwrap();
        assert_eq!(again.key_id(), Secret::new([7; 32]).key_id());
        assert!(Secret::from_base64("short").is_none());
    }

    #[test]
    fn shapes_are_exact() {
        assert!(check_bytes(&encode(&[0; 32]), 32, "nonce").is_ok());
        for wrong in [encode(&[0; 31]), encode(&[0; 33]), "===".to_owned()] {
            assert_eq!(check_bytes(&wrong, 32, "nonce").unwrap_err().field, "nonce");
        }
        assert!(check_key_id("0123456789abcdef", "key_id").is_ok());
        for wrong in ["0123456789ABCDEF", "0123456789abcde", "0123456789abcdeg"] {
            assert!(check_key_id(wrong, "key_id").is_err());
        }
    }
}
