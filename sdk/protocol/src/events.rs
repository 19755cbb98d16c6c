// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events of the host, for who subscribes.
//!
//! Owns `events.subscribe` and the notifications behind it. It must never be the only way to learn
//! of an outcome: the answer to a call and `payment.get` say the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{PairingState, PairingView};
use crate::device::DeviceSummary;
use crate::gateway::GatewaySummary;
use crate::ids::{PairingId, RegisterId};
use crate::money::Amount;
use crate::params::{FieldError, Validate};
use crate::payment::Basket;
use crate::registers::RegisterView;
use crate::transaction::TransactionView;
use crate::verbatim::Verbatim;

/// What can be subscribed to; each topic is the name of its notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Topic {
    /// An unknown outcome, a reversal or a stored sale came to its end.
    #[serde(rename = "payment.resolved")]
    PaymentResolved,
    /// A transaction began, came further or ended.
    #[serde(rename = "payment.changed")]
    PaymentChanged,
    /// A device changed its state.
    #[serde(rename = "device.changed")]
    DeviceChanged,
    /// A gateway changed its state.
    #[serde(rename = "gateway.changed")]
    GatewayChanged,
    /// The host is about to stop.
    #[serde(rename = "host.stopping")]
    HostStopping,
    /// A pairing began, came further or ended. For the operator only.
    #[serde(rename = "pairing.changed")]
    PairingChanged,
    /// A register was paired, unpaired, changed, came or went. For the operator only.
    #[serde(rename = "register.changed")]
    RegisterChanged,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 7] = [
        Self::PaymentResolved,
        Self::PaymentChanged,
        Self::DeviceChanged,
        Self::GatewayChanged,
        Self::HostStopping,
        Self::PairingChanged,
        Self::RegisterChanged,
    ];

    /// The topic as it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentResolved => "payment.resolved",
            Self::PaymentChanged => "payment.changed",
            Self::DeviceChanged => "device.changed",
            Self::GatewayChanged => "gateway.changed",
            Self::HostStopping => "host.stopping",
            Self::PairingChanged => "pairing.changed",
            Self::RegisterChanged => "register.changed",
        }
    }

    /// Whether only the operator is told: what others are paired, and what they may do.
    #[must_use]
    pub const fn is_operators(self) -> bool {
        matches!(self, Self::PairingChanged | Self::RegisterChanged)
    }

    /// The topic with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// Params of `events.subscribe`. A second call replaces the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubscribeParams {
    /// Replay what came after this number, as far as the host still has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_seq: Option<u64>,
    /// Only these topics; all that the caller may follow if left out. Topics the host does not know are an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<Topic>>,
}

impl Validate for SubscribeParams {
    fn validate(&self) -> Result<(), FieldError> {
        let named = self.topics.as_ref().map_or(0, Vec::len);
        if named > Topic::ALL.len() {
            return Err(FieldError::new("topics", "must name each topic once"));
        }
        Ok(())
    }
}

/// Result of `events.subscribe`. The replayed events follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubscribeResult {
    /// The number of the latest event.
    pub seq: u64,
    /// Events between `since_seq` and now are gone: read the lists anew.
    pub missed: bool,
}

/// Params of the `payment.resolved` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentResolved {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The transaction as it is now.
    pub transaction: TransactionView,
    /// What is lost: the goods are gone, and the issuer did not take the sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// What is lost with a sale that was accepted offline and not taken by its issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loss {
    /// How much.
    pub amount: Amount,
    /// The register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What was sold, as the register wrote it.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub basket: Basket,
}

/// Params of the `payment.changed` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentChanged {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The transaction as it is now.
    pub transaction: TransactionView,
}

/// Params of the `device.changed` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceChanged {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The device as it is now.
    pub device: DeviceSummary,
    /// It was removed: `device` is how it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// Params of the `gateway.changed` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayChanged {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The gateway as it is now.
    pub gateway: GatewaySummary,
    /// It was removed: `gateway` is how it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// Params of the `host.stopping` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostStopping {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Why, in words.
    pub reason: String,
    /// How long running transactions still have.
    pub grace_ms: u64,
}

/// Params of the `pairing.changed` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairingChanged {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The pairing.
    pub pairing_id: PairingId,
    /// How far it has come.
    pub state: PairingState,
    /// The pairing as it is now, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing: Option<PairingView>,
}

/// Params of the `register.changed` notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegisterChanged {
    /// Number of the event.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The register.
    pub register_id: RegisterId,
    /// The register as it is now; absent once it is unpaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_written_as_they_are_named() {
        for topic in Topic::ALL {
            assert_eq!(serde_json::to_value(topic).unwrap(), topic.as_str());
            assert_eq!(Topic::from_name(topic.as_str()), Some(topic));
        }
    }
}
