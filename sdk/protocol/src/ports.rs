// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the ports of a device or gateway fare: what it is connected by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A port that a plugin needs, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortSummary {
    /// Its name in the manifest.
    pub name: String,
    /// `serial`, `usb` or `stream`.
    pub kind: String,
    /// Where it is, or where the configuration says that it is: a path, `usb:SERIALNUMBER`, or
    /// `HOST:PORT`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Maker and product of the USB device it is on, as that says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Serial number of the USB device it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Whether it is open.
    pub present: bool,
    /// Why it is not, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
