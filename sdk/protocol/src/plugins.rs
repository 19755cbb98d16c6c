// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is installed on a host, and how its instances fare.
//!
//! Owns `plugin.list`. It must never carry an instance's configuration: there may be credentials in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::params::Validate;

/// Params of `plugin.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginListParams {}

impl Validate for PluginListParams {}

/// Result of `plugin.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginListResult {
    /// Every plugin that is installed, in order of their ids; then those that are broken.
    pub plugins: Vec<PluginSummary>,
}

/// An installed plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginSummary {
    /// Its id; the name of its folder where the manifest cannot be read.
    pub id: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `reader`, `terminal` or `gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who made the device that an instance of it found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Major version of the plugin interface it was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<u32>,
    /// Approvals that its manifest claims, as `pci_pts 4-12345`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<String>,
    /// It drives nothing real.
    #[serde(default)]
    pub simulated: bool,
    /// Its folder.
    pub folder: String,
    /// The devices and gateways that it drives here.
    #[serde(default)]
    pub instances: Vec<PluginInstance>,
    /// Why it cannot be used, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// Who signed it; `unsigned` if nobody did.
    pub signed: String,
}

/// A device or gateway that a plugin drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginInstance {
    /// Its name in the configuration.
    pub name: String,
    /// `starting`, `ready`, `detached`, `failed`, `given_up` or `stopped`.
    pub state: String,
    /// How often its process ended unasked since the host started.
    pub restarts: u32,
    /// Why it is not ready, or was not last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Memory that its process has resident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}
