// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plugin may touch, and why, in sentences for an operator.
//!
//! Owns `plugin.explain`. It must never carry an instance's configuration, in which there may be
//! credentials: where a plugin connects and which port it has is no secret, the rest may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::params::{FieldError, Validate, check_id};

/// Params of `plugin.explain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginExplainParams {
    /// The plugin's id.
    pub plugin: String,
}

impl Validate for PluginExplainParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(&self.plugin, "plugin")
    }
}

/// Result of `plugin.explain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginExplainResult {
    /// The plugin's id.
    pub plugin: String,
    /// Its name for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Everything that it may touch.
    pub rows: Vec<AccessRow>,
}

/// One thing that a plugin may touch, or may not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessRow {
    /// What it is about: `Network`, `Files`, `Memory`.
    pub what: String,
    /// The device or gateway that it holds for; absent: for each of this plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What the plugin may do.
    pub access: String,
    /// Who says so, or what it is for.
    pub why: String,
    /// More than plugins have, or less between it and the rest of the computer: worth a question to
    /// its maker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exception: bool,
}
