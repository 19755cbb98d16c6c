// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the host may know about a card. There is no type for a card number here.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a card was read (ISO 8583 DE 22).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
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

/// How the cardholder was verified.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cvm {
    /// Not at all.
    None,
    /// PIN, by the issuer.
    OnlinePin,
    /// PIN, by the chip.
    OfflinePin,
    /// On the cardholder's own device.
    OnDevice,
    /// Signature.
    Signature,
}

/// What may be shown of the card; made where the card is read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CardFace {
    /// At most first 6 (8) and last 4 digits.
    pub masked_pan: Arc<str>,
    /// Scheme in lower case.
    pub scheme: Arc<str>,
    /// EMV application label.
    pub application: Option<Arc<str>>,
    /// Application identifier, hex.
    pub aid: Option<Arc<str>>,
}
