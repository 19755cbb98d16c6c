// SPDX-License-Identifier: MIT OR Apache-2.0
//! What crosses the plugin ABI, as JSON: commands, replies, progress, prompts and the manifest.
//!
//! Every type is plain and self-describing. Fields are only ever added, always optional;
//! unknown fields are ignored by both sides. Binary fields are base64 strings. Amounts are
//! integers of the currency's minor unit (ISO 4217).
//!
//! There is no type for a card number, a track or a PIN here, and there must never be one: what
//! a host may see of a card is a masked PAN, a scheme and ciphertext it cannot open.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod apdu;
pub mod call;
pub mod card;
mod card_bytes;
pub mod card_check;
pub mod currency;
pub mod device;
pub mod emv;
pub mod gateway;
pub mod limits;
pub mod manifest;
pub mod money;
mod panic_text;
pub mod prompt;
pub mod reader;
pub mod recording;
mod schema;
pub mod settings;
pub mod terminal;
pub mod update;

pub use panic_text::{panic_text, tell_panics_without_payload};
pub use schema::generate;

/// Standard base64 for the binary fields of these messages.
pub mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes bytes as a base64 string.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads bytes from a base64 string; the error names the flaw, never the content.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD
            .decode(&text)
            .map_err(|_| D::Error::custom(format!("{} characters are not base64", text.len())))
    }
}

/// The same for lists of binary fields.
pub mod base64_list {
    use super::base64_bytes;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes each element as a base64 string.
    pub fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
    }

    /// Reads a list of base64 strings; the error names the flaw, never the content.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<u8>>, D::Error> {
        #[derive(Deserialize)]
        struct Element(#[serde(with = "base64_bytes")] Vec<u8>);
        let list = Vec::<Element>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|element| element.0).collect())
    }
}
