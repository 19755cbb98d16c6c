// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is well with a host and what is not, with what to do about it.
//!
//! Owns `host.diagnose`. It must never carry what a secret file holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::params::Validate;

/// Params of `host.diagnose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnoseParams {}

impl Validate for DiagnoseParams {}

/// Result of `host.diagnose`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnoseResult {
    /// When it looked, RFC 3339.
    pub at: String,
    /// What it found, area by area.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Where, as `journal`, `tls` or `devices`. There may be more of them later.
    pub area: String,
    /// How good it is.
    pub level: FindingLevel,
    /// What was looked at, in a few words.
    pub title: String,
    /// What is, in a sentence.
    pub says: String,
    /// What to do about it, with a command where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

/// How good a finding is, the best first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, and may not for long, or is less safe than it could be.
    Warn,
    /// It does not work, or is not safe.
    Fail,
}
