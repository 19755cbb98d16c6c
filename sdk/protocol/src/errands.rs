// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device does for a register beside paying.
//!
//! Owns `device.settings` and `device.apdu`. It must never carry a card number: cards that pay are
//! not talked to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::DeviceId;
use crate::params::{FieldError, Validate, check_chars, check_id};

/// Commands of one `device.apdu`.
const COMMANDS_MAX: usize = 32;
/// Characters of one command in hex: the longest short one.
const COMMAND_CHARS_MAX: usize = 522;
/// Longest wait for a card, milliseconds.
const APDU_MS_MAX: u64 = 120_000;
/// Wait for a card where nothing is said, milliseconds.
const APDU_MS: u64 = 30_000;

/// Params of `device.settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsParams {
    /// The device.
    pub device: DeviceId,
}

impl Validate for SettingsParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")
    }
}

/// Result of `device.settings`: what the device says of itself, now. What it does not tell is
/// absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceSettings {
    /// Currencies it works in (ISO 4217); empty: in whichever it is told.
    #[serde(default)]
    pub currencies: Vec<String>,
    /// What it can do, as `contactless`, `pin`, `tip`.
    #[serde(default)]
    pub features: Vec<String>,
    /// Its bounds by name, as `display_lines`.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// Its own time-outs by name, in milliseconds.
    #[serde(default)]
    pub timeouts_ms: BTreeMap<String, u64>,
    /// Its places for keys.
    #[serde(default)]
    pub keys: Vec<KeyPlace>,
    /// Tables it was loaded with, by name, with their versions.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// What else it tells, by name.
    #[serde(default)]
    pub other: BTreeMap<String, String>,
}

/// A place for a key in a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPlace {
    /// Its name or number.
    pub slot: String,
    /// What its key is for, as `data`, `pin`.
    pub purpose: String,
    /// Whether a key is there, where the device says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// The key's check value, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_value: Option<String>,
    /// The key's serial number, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
}

/// Params of `device.apdu`: talk with a card that does not pay, as a loyalty or identity card. The
/// device's configuration says which applications may be talked to; payment applications never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApduParams {
    /// The device.
    pub device: DeviceId,
    /// The application, hex, 5 to 16 bytes. It is selected before the commands.
    pub aid: String,
    /// The commands (ISO/IEC 7816-4), hex, in order.
    #[serde(default)]
    pub commands: Vec<String>,
    /// How long to wait for the card, milliseconds; 30 s if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The card that was presented before, as `device.card_presented` named it: it is talked with
    /// where it lies, and a payment may use it afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
}

impl ApduParams {
    /// How long to wait for the card, milliseconds.
    #[must_use]
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(APDU_MS)
    }
}

impl Validate for ApduParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")?;
        let is_hex = |text: &str| {
            text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if let Some(id) = &self.presentation_id {
            check_id(id, "presentation_id")?;
        }
        check_chars(&self.aid, 10, 32, "aid")?;
        if !is_hex(&self.aid) {
            return Err(FieldError::new("aid", "must be 5 to 16 bytes of hex"));
        }
        if self.commands.len() > COMMANDS_MAX {
            let must = format!("must be at most {COMMANDS_MAX} commands");
            return Err(FieldError::new("commands", must));
        }
        for command in &self.commands {
            check_chars(command, 8, COMMAND_CHARS_MAX, "commands")?;
            if !is_hex(command) {
                return Err(FieldError::new("commands", "must be hex"));
            }
        }
        match self.timeout_ms {
            Some(ms) if !(1_000..=APDU_MS_MAX).contains(&ms) => {
                let must = format!("must be 1000 to {APDU_MS_MAX}");
                Err(FieldError::new("timeout_ms", must))
            }
            _ => Ok(()),
        }
    }
}

/// Result of `device.apdu`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApduResult {
    /// What the card said to the selection of its application, hex, with its status word. Another
    /// one than `9000`: the card has no such application, and no command was sent.
    pub selected: String,
    /// What it said to each command, hex, with its status word; fewer where it left between them.
    #[serde(default)]
    pub responses: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(aid: &str, commands: &[&str]) -> ApduParams {
        ApduParams {
            device: "reader".into(),
            aid: aid.to_owned(),
            commands: commands.iter().map(|one| (*one).to_owned()).collect(),
            timeout_ms: None,
            presentation_id: None,
        }
    }

    #[test]
    fn what_is_no_hex_or_too_much_is_refused() {
        assert!(params("F0504159484C01", &["00B0000010"]).validate().is_ok());
        assert_eq!(params("F0504159484C01", &[]).timeout_ms(), APDU_MS);
        for bad in ["F0", "F0504159484C0", "G0504159484C01"] {
            assert!(params(bad, &[]).validate().is_err(), "{bad}");
        }
        for bad in ["00B000", "00B000001", "zzzzzzzz"] {
            assert!(params("F0504159484C01", &[bad]).validate().is_err());
        }
        let many = vec!["00B0000010"; COMMANDS_MAX + 1];
        assert!(params("F0504159484C01", &many).validate().is_err());
        let mut short = params("F0504159484C01", &[]);
        short.timeout_ms = Some(10);
        assert!(short.validate().is_err());
    }
}
