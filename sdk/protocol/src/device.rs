// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices as a register sees them, and the driving of simulated ones.
//!
//! Owns `device.*`. It must never name a vendor, nor let a card number in: simulated cards are
//! chosen by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Busy;
use crate::ids::DeviceId;
use crate::limits::{CUSTOM_BYTES_MAX, TEXT_CHARS_MAX};
use crate::params::{FieldError, Validate, check_chars, check_id};

/// Params of `device.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceListParams {}

impl Validate for DeviceListParams {}

/// Result of `device.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceListResult {
    /// Every configured device, whatever its state.
    pub devices: Vec<DeviceSummary>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceSummary {
    /// Its id, as calls name it.
    pub id: DeviceId,
    /// Its name for people.
    pub name: String,
    /// The plugin that drives it.
    pub plugin: String,
    /// Reader or terminal.
    pub kind: DeviceKind,
    /// Its model, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// The version of its firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// How it is connected, as `usb`, `serial`, `tcp` or `virtual`.
    pub connection: String,
    /// What state it is in.
    pub state: DeviceState,
    /// The state in words, with its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_text: Option<String>,
    /// Since when it is in this state, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What it can do, as `contactless`, `pin`, `display`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// What it is approved for, as `pci_pts_6`, `emv_l2`.
    #[serde(default)]
    pub approvals: Vec<String>,
    /// Whose it is while busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_with: Option<Busy>,
    /// The text on its display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// It is not a real device: `device.simulate` drives it.
    #[serde(default)]
    pub simulated: bool,
}

/// The two families of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Reads cards; the host runs the payment.
    Reader,
    /// Runs the whole payment itself.
    Terminal,
}

/// The state of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Its plugin is starting.
    Starting,
    /// Ready for a payment.
    Ready,
    /// Serving a transaction.
    Busy,
    /// Not connected.
    Unplugged,
    /// Its plugin failed and is being restarted, or was given up.
    Failed,
    /// It holds an unknown outcome: no payment until that is resolved.
    Quarantined,
}

/// Params of `device.identify`: lets the device be found among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentifyParams {
    /// The device.
    pub device: DeviceId,
    /// Text to show, where it has a display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Validate for IdentifyParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")?;
        self.text
            .as_deref()
            .map_or(Ok(()), |text| check_chars(text, 0, TEXT_CHARS_MAX, "text"))
    }
}

/// Result of `device.identify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentifyResult {
    /// What the device did, as `beep`, `flash`, `text`.
    #[serde(default)]
    pub did: Vec<String>,
}

/// Params of `device.simulate`: what a person would do at a real device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SimulateParams {
    /// The simulated device. May be left out where there is just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// What to do: `tap`, `insert`, `swipe`, `remove`, `keys`, `fault`, `list` (the cards it knows)
    /// or another action the device documents.
    pub action: String,
    /// The card, by name, as `visa-approve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Keys to press: digits, `OK`, `CANCEL`, `CLEAR`, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// A fault to set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<SimulatedFault>,
    /// Whatever else the device's own documentation names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
}

impl Validate for SimulateParams {
    fn validate(&self) -> Result<(), FieldError> {
        if let Some(device) = &self.device {
            check_id(device.as_str(), "device")?;
        }
        check_chars(&self.action, 1, 64, "action")?;
        if let Some(card) = &self.card {
            check_chars(card, 1, 64, "card")?;
        }
        if let Some(keys) = &self.keys {
            check_chars(keys, 1, TEXT_CHARS_MAX, "keys")?;
        }
        crate::payment::check_object(&self.options, CUSTOM_BYTES_MAX, "options")
    }
}

/// A fault of a simulated device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SimulatedFault {
    /// What goes wrong: `crash`, `hang`, `unplug`, `garble`, `duplicate`, `slow`, or another kind
    /// the device documents. `none` clears the faults.
    pub kind: String,
    /// The step at which it goes wrong, as `present` or `authorize_card`; any if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// How many times; once if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// For `slow`: by how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

/// Result of `device.simulate`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SimulateResult {
    /// The device that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// For `list`: the cards it knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<SimulatedCard>,
    /// Whatever else the device's own documentation names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub state: Map<String, Value>,
}

/// A test card of a simulated device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SimulatedCard {
    /// What `card` calls it.
    pub name: String,
    /// Its scheme, as `visa`.
    pub scheme: String,
    /// Its name for people.
    pub label: String,
    /// What it does, as "declines after approval".
    pub does: String,
    /// How it can be presented: `tap`, `insert`, `swipe`, `manual`.
    #[serde(default)]
    pub entries: Vec<String>,
    /// Its masked number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_pan: Option<String>,
}
