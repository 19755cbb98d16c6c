// SPDX-License-Identifier: MIT OR Apache-2.0
//! New firmware or configuration for a device.
//!
//! Owns `device.update`, which is the operator's. It must never carry the file itself: that lies on
//! the host's machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::DeviceId;
use crate::params::{FieldError, Validate, check_id};

/// Longest path of a file.
const PATH_BYTES_MAX: usize = 4096;

/// A SHA-256 in hex.
const SHA256_CHARS: usize = 64;

/// What to do about an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum UpdateAction {
    /// Store the file, and give it to the device as soon as that is idle.
    Start {
        /// What the file is for.
        kind: UpdateKind,
        /// The file, by its whole path on the host's machine; at most 64 MiB.
        file: String,
        /// What its SHA-256 must be, hex, as its maker tells it. Another file is refused before
        /// the device hears of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// Tell how it fares.
    Status,
    /// Give it up. A device that is not whole takes no payment until it is given another; one that
    /// puts the file in force at this moment ends that first.
    Abort,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// The device's program.
    Firmware,
    /// Its settings.
    Configuration,
}

/// Params of `device.update`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateParams {
    /// The device.
    pub device: DeviceId,
    /// What to do.
    #[serde(flatten)]
    pub action: UpdateAction,
}

impl Validate for UpdateParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")?;
        let UpdateAction::Start { file, sha256, .. } = &self.action else {
            return Ok(());
        };
        let is_hash = |text: &String| {
            text.len() == SHA256_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if !sha256.as_ref().is_none_or(is_hash) {
            return Err(FieldError::new("sha256", "must be 64 hex digits"));
        }
        let whole = file.starts_with('/') && file.len() <= PATH_BYTES_MAX;
        match whole && !file.contains('\0') {
            true => Ok(()),
            false => Err(FieldError::new(
                "file",
                "must be a whole path on the host's machine",
            )),
        }
    }
}

/// Result of `device.update`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateResult {
    /// The last update since the host started; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateView>,
}

/// How an update of a device fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateView {
    /// What the file is for.
    pub kind: UpdateKind,
    /// Its name.
    pub name: String,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// How much of it the device has.
    pub done_bytes: u64,
    /// Where it stands.
    pub state: UpdateState,
    /// Why it was refused, in the device's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The device's firmware before it, as the device told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware_before: Option<String>,
    /// The device's firmware since it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
}

/// Where an update stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateState {
    /// Stored; the device is away, starting or failing.
    Waiting,
    /// The device takes it.
    Running,
    /// The device works with it.
    Done,
    /// The device did not take it, and works as before.
    Refused,
    /// The operator gave it up.
    Aborted,
}
