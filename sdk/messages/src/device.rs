// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device does beside paying: its settings, and talk with cards that do not pay.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reply to `settings`: how the device is set up, as it says itself. What it does not tell is
/// absent. No key is in it, and no card data.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct DeviceSettings {
    /// Currencies it works in (ISO 4217, letters); empty: in whichever it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub currencies: Vec<String>,
    /// What it can do, as `contactless`, `pin`, `tip`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Its bounds by name, as `display_lines`, `pin_digits_max`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
    /// Its own time-outs by name, in milliseconds, as `pin`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub timeouts_ms: BTreeMap<String, u64>,
    /// Places for keys, and how what lies there can be told from another key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyPlace>,
    /// Tables it was loaded with, by name; the value is their version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, String>,
    /// What else it tells, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, String>,
}

/// A place for a key in a device.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct KeyPlace {
    /// Its name or number.
    pub slot: String,
    /// What its key is for, as `data`, `pin`.
    pub purpose: String,
    /// Whether a key is there; absent where the device does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// Check value, hex: the first bytes of something encrypted, from which no key follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_value: Option<String>,
    /// Serial number of the key, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// Command `apdu`: wait for a card that does not pay, select one application, and say these
/// commands to it, in order. A plugin does so only for applications that its own configuration
/// allows, and never for one that pays: see [`crate::apdu`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Apdu {
    /// The application, hex, 5 to 16 bytes.
    pub aid: String,
    /// Commands (ISO/IEC 7816-4), hex, without the selection of the application.
    pub commands: Vec<String>,
    /// How long to wait for the card.
    pub timeout_ms: u64,
    /// The card that was presented for a payment and is not paid with yet: it is talked with where
    /// it lies, and stays presented. Only where the manifest says `apdu_presented`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
}

/// Reply to `apdu`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ApduReply {
    /// What the card said to the selection, hex, with its status word.
    pub selected: String,
    /// What it said to each command, hex, with its status word. Fewer than the commands where the
    /// card left between them.
    pub responses: Vec<String>,
}
