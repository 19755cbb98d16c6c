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
use crate::leases::LeaseView;
use crate::limits::{CUSTOM_BYTES_MAX, TEXT_CHARS_MAX};
use crate::params::{FieldError, Validate, check_chars, check_id};
use crate::update::UpdateView;

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
    /// The EMV parameters that its gateway gave it, as name and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emv_parameters: Option<String>,
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
    /// Lent to a register, which may have it watch for cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseView>,
    /// The text on its display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// New firmware or configuration: the last since the host started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateView>,
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
    /// Taking new firmware or configuration.
    Updating,
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

/// Params of `device.simulate`: what a person would do at a real device. Beside `device` and
/// `action` it holds what the device's own documentation names for that action, as `card` (by
/// name), `keys` or `fault`; all of it but `device` goes to the device as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SimulateParams {
    /// The simulated device. May be left out where there is just one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// What to do, as `tap`, `insert`, `swipe`, `remove`, `keys`, `fault`, `cards`.
    pub action: String,
    /// The rest, as the device documents it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl SimulateParams {
    /// An action without anything else.
    #[must_use]
    pub fn new(action: &str) -> Self {
        Self {
            device: None,
            action: action.to_owned(),
            rest: Map::new(),
        }
    }

    /// The same with one more member, as `card`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.rest.insert(name.to_owned(), value.into());
        self
    }

    /// What the device gets: everything but its own id.
    #[must_use]
    pub fn for_device(&self) -> Value {
        let mut order = self.rest.clone();
        order.insert("action".to_owned(), Value::String(self.action.clone()));
        Value::Object(order)
    }
}

impl Validate for SimulateParams {
    fn validate(&self) -> Result<(), FieldError> {
        if let Some(device) = &self.device {
            check_id(device.as_str(), "device")?;
        }
        check_chars(&self.action, 1, 64, "action")?;
        let bytes = serde_json::to_vec(&self.rest).map_or(usize::MAX, |bytes| bytes.len());
        if bytes > CUSTOM_BYTES_MAX {
            let must = format!("must be at most {CUSTOM_BYTES_MAX} bytes of JSON");
            return Err(FieldError::new("params", must));
        }
        Ok(())
    }
}

/// Result of `device.simulate`: what the device says, as it documents it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SimulateResult(pub Map<String, Value>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_action_reaches_the_device_whole_but_for_its_id() {
        let text = r#"{"device":"r-1","action":"tap","card":"visa-approve","wait_ms":5}"#;
        let params: SimulateParams = serde_json::from_str(text).unwrap();
        let made = SimulateParams::new("tap")
            .with("card", "visa-approve")
            .with("wait_ms", 5);
        assert_eq!(
            params,
            SimulateParams {
                device: Some("r-1".into()),
                ..made
            }
        );
        let order = serde_json::json!({"action": "tap", "card": "visa-approve", "wait_ms": 5});
        assert_eq!(params.for_device(), order);
    }
}
