// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways as a register sees them.
//!
//! Owns `gateway.list`. It must never carry a credential of a gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::GatewayId;
use crate::params::Validate;

/// Params of `gateway.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayListParams {}

impl Validate for GatewayListParams {}

/// Result of `gateway.list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayListResult {
    /// Every configured gateway, whatever its state.
    pub gateways: Vec<GatewaySummary>,
}

/// A gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewaySummary {
    /// Its id, as calls name it.
    pub id: GatewayId,
    /// Its name for people.
    pub name: String,
    /// The plugin that connects to it.
    pub plugin: String,
    /// What state its connector is in.
    pub state: GatewayState,
    /// The state in words, with its reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_text: Option<String>,
    /// Since when it is in this state, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What it can do, as `refund`, `void`, `partial_approval`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Currencies it takes; any if empty.
    #[serde(default)]
    pub currencies: Vec<String>,
    /// No real money moves there.
    #[serde(default)]
    pub simulated: bool,
}

/// The state of a gateway's connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// Its plugin is starting.
    Starting,
    /// Ready.
    Ready,
    /// The gateway cannot be reached.
    Unreachable,
    /// Its plugin failed and is being restarted, or was given up.
    Failed,
}
