// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recording what passes between a device and its plugin, for the plugin's tests.
//!
//! Owns `device.record`. It carries lines of `payhal-recording 1`, which are scrubbed of card data
//! before they reach the host; it must never carry anything else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::DeviceId;
use crate::params::{FieldError, Validate, check_id};

/// What is done about a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordAction {
    /// Begin anew: the idle device's plugin is started anew, and what was recorded before is gone.
    Start,
    /// Give what was recorded since it was last asked for.
    Read,
    /// End: the idle device's plugin is started anew. The rest is there to be read.
    Stop,
}

/// Params of `device.record`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordParams {
    /// The device.
    pub device: DeviceId,
    /// What to do.
    pub action: RecordAction,
}

impl Validate for RecordParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")
    }
}

/// Result of `device.record`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordResult {
    /// The next lines of the recording, each with its end. They are not given again.
    #[serde(default)]
    pub lines: String,
    /// Whether more is there already: read on.
    #[serde(default)]
    pub more: bool,
    /// Whether it is recorded now.
    pub recording: bool,
    /// Lines were lost: more was recorded than the host keeps for whoever reads.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}
