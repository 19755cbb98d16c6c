// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys of HMAC.

use crate::secret::{SecretBytes, shown_as};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// A key for HMAC-SHA-256.
#[derive(Clone, Eq, PartialEq)]
pub struct HmacKey(pub(super) SecretBytes);

impl HmacKey {
    /// The key itself.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// HMAC-SHA-256 (FIPS 198-1).
    pub fn authenticate(&self, message: &[u8]) -> [u8; 32] {
        self.keyed(message).finalize().into_bytes().into()
    }

    /// Whether `code` is the message's, in constant time.
    pub fn has_authenticated(&self, message: &[u8], code: &[u8]) -> bool {
        self.keyed(message).verify_slice(code).is_ok()
    }

    fn keyed(&self, message: &[u8]) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.bytes())
            .expect("HMAC takes a key of any length")
            .chain_update(message)
    }
}

shown_as!(HmacKey: "HmacKey[16 to 32 bytes]");
