// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways as a register sees them.
//!
//! Owns `gateway.list`. It must never carry a credential of a gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{GatewayId, RegisterId};
use crate::money::Amount;
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
    /// What may be sold while it is away, and what of that is used; nothing if empty. A sale needs one
    /// limit in its currency, and room under each of them. Only `gateway.list` tells it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offline: Vec<OfflineLimit>,
}

/// How much may wait to be forwarded, and what of it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfflineLimit {
    /// It is for this register's sales; for everybody's together if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterId>,
    /// It is for the sales of every gateway together, not of this one alone.
    #[serde(default)]
    pub every_gateway: bool,
    /// The largest sale.
    pub amount_max: Amount,
    /// How many may wait.
    pub count_max: u32,
    /// What they may come to.
    pub total_max: Amount,
    /// How long the oldest may wait before no other is accepted, milliseconds.
    pub age_max_ms: u64,
    /// How many wait, or are about to.
    pub count: u32,
    /// What they come to.
    pub total: Amount,
    /// How long the oldest has waited, milliseconds; absent where none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
}

impl OfflineLimit {
    /// Whether nothing more is accepted under it.
    #[must_use]
    pub fn full(&self) -> bool {
        self.count >= self.count_max
            || self.total.minor >= self.total_max.minor
            || self
                .oldest_ms
                .is_some_and(|oldest| oldest > self.age_max_ms)
    }
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
