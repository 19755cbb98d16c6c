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

/// A key of a reader that encrypts card data under a key for each read. Spent once.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SpentKey {
    /// The reader's name for the place where it lies.
    pub slot: Arc<str>,
    /// The key's serial number, base64.
    pub serial: Arc<str>,
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
    /// Country of its issuer (ISO 3166-1 alpha-2), where the card tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Arc<str>>,
    /// The card's last month, `MMYY`, where the reader tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Arc<str>>,
}

/// The cards that a rule is for; all, where it says nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cards {
    /// Of this scheme.
    pub scheme: Option<Arc<str>>,
    /// Of numbers that begin with one of these; empty: with any.
    pub ranges: Vec<Arc<str>>,
    /// Of issuers in one of these countries (ISO 3166-1 alpha-2); empty: in any. A card that does
    /// not tell its country is of none.
    pub countries: Vec<Arc<str>>,
}

impl Cards {
    /// Whether it is for every card.
    pub(crate) fn are_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a card is among them, as far as it can be seen: of a number only what is not masked.
    pub(crate) fn include(&self, card: &CardFace) -> bool {
        let scheme = self.scheme.as_ref();
        let begins = |range: &Arc<str>| card.masked_pan.starts_with(&**range);
        let country = |country: &Arc<str>| self.countries.contains(country);
        scheme.is_none_or(|scheme| *scheme == card.scheme)
            && (self.ranges.is_empty() || self.ranges.iter().any(begins))
            && (self.countries.is_empty() || card.country.as_ref().is_some_and(country))
    }
}
