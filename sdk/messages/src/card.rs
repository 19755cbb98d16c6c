// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host may know about a card, and the ciphertext it may not open.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a card was read (ISO 8583 DE 22).
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Contact chip.
    Chip,
    /// Contactless chip.
    Contactless,
    /// Magnetic stripe.
    Stripe,
    /// Typed on an encrypting keypad.
    Manual,
}

/// Cardholder verification method that was used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cvm {
    /// None needed.
    None,
    /// PIN checked by the issuer, as an encrypted PIN block.
    OnlinePin,
    /// PIN checked by the chip.
    OfflinePin,
    /// On the cardholder's own phone or watch.
    OnDevice,
    /// Signature on paper or screen.
    Signature,
}

/// What may be shown of the card: made where the card is read.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CardFace {
    /// At most first 6 (8 where the scheme has 8-digit BINs) and last 4 digits, `*` between.
    pub masked_pan: String,
    /// Scheme in lower case: `visa`, `mastercard`, `amex`, …
    pub scheme: String,
    /// EMV application label or preferred name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Application identifier, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aid: Option<String>,
    /// Country of its issuer (ISO 3166-1 alpha-2), where the card tells: tag 5F28 or 5F55.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The card's last month, `MMYY`, where the reader tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
}

/// Whom a read is sealed to: a gateway connector's key, from its `open`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Recipient {
    /// The gateway instance, part of the sealing's associated data.
    pub gateway: String,
    /// Names the key, part of the sealing's associated data.
    pub key_id: String,
    /// Public key of the scheme, base64 (HPKE DHKEM P-256: 65 bytes, uncompressed).
    #[serde(with = "crate::base64_bytes")]
    #[schemars(with = "String")]
    pub public_key: Vec<u8>,
    /// X.509 certificates of that key, base64 DER, the key's own first. A reader seals only to a key
    /// that a trust anchor of its own vouches for.
    #[serde(with = "crate::base64_list", default)]
    #[schemars(with = "Vec<String>")]
    pub certificates: Vec<Vec<u8>>,
}

/// The scheme of [`Sealed`] that a gateway opens which does not say which ones it does.
pub const HPKE_SCHEME: &str = "hpke-auth-p256-sha256-aes256gcm";

/// Card data encrypted to a gateway; opaque to everyone between.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Sealed {
    /// `hpke-auth-p256-sha256-aes256gcm`, `dukpt-tdes`, `dukpt-aes`, or a reader's own.
    pub scheme: String,
    /// The recipient's key; for DUKPT the key slot of the reader.
    pub key_id: String,
    /// DUKPT key serial number, spent once; empty for HPKE.
    #[serde(
        with = "crate::base64_bytes",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "String")]
    pub ksn: Vec<u8>,
    /// Public key of the device that sealed (HPKE auth mode, 65 bytes, uncompressed); empty for
    /// DUKPT. A recipient opens only what a key sealed that it knows as this device's.
    #[serde(
        with = "crate::base64_bytes",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "String")]
    pub sender_key: Vec<u8>,
    /// HPKE encapsulated key; empty for DUKPT.
    #[serde(with = "crate::base64_bytes", default)]
    #[schemars(with = "String")]
    pub encapsulated_key: Vec<u8>,
    /// The ciphertext with its tag.
    #[serde(with = "crate::base64_bytes")]
    #[schemars(with = "String")]
    pub ciphertext: Vec<u8>,
}
