// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader that is one register's for a while: `device.watch`, `device.reserve`, and what only the
//! connection that asked is told of it.
//!
//! Owns their shape. It must never show more of a card than its scheme and its last four digits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::DeviceId;
use crate::limits::{LEASE_MS_MAX, TIMEOUT_MS_MIN};
use crate::params::{FieldError, Validate, check_id};
use crate::payment::check_entry;
use crate::transaction::EntryMode;

/// Name of the notification that a card was presented.
pub const CARD_PRESENTED: &str = "device.card_presented";
/// Name of the notification that a presentation is void.
pub const CARD_REMOVED: &str = "device.card_removed";
/// Name of the notification that a lease ended.
pub const LEASE_ENDED: &str = "device.lease_ended";

/// Params of `device.watch`: the reader waits for cards before anybody asks for money.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WatchParams {
    /// The reader; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// How long the lease lasts, unless the connection ends before; 10 minutes if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
}

impl Validate for WatchParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_lease(self.device.as_ref(), self.lease_ms)?;
        check_entry(self.entry.as_deref())
    }
}

/// Params of `device.reserve`: the device is kept from other registers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReserveParams {
    /// The reader; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// How long the lease lasts, unless the connection ends before; 10 minutes if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
}

impl Validate for ReserveParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_lease(self.device.as_ref(), self.lease_ms)
    }
}

/// Result of `device.watch` and `device.reserve`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseResult {
    /// The reader.
    pub device: DeviceId,
    /// Names this lease in what is told of it.
    pub watch_id: String,
    /// When it ends at the latest, RFC 3339.
    pub until: String,
}

/// Params of `device.unwatch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnwatchParams {
    /// The reader.
    pub device: DeviceId,
}

impl Validate for UnwatchParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")
    }
}

/// Params of `device.release`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseParams {
    /// The reader.
    pub device: DeviceId,
}

impl Validate for ReleaseParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.device.as_str(), "device")
    }
}

/// Result of `device.unwatch` and `device.release`: the lease is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseOver {}

/// Params of the `device.card_presented` notification, which only the connection gets that watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardPresented {
    /// The reader.
    pub device: DeviceId,
    /// Names the presentation in the one call that may use it.
    pub presentation_id: String,
    /// How it was read.
    pub entry: EntryMode,
    /// What is told of the card.
    pub card: PresentedCard,
    /// When, RFC 3339.
    pub at: String,
    /// Until when it may be used, RFC 3339.
    pub expires_at: String,
}

/// A card as it is told before anybody asked for money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PresentedCard {
    /// The scheme, as `visa`.
    pub scheme: String,
    /// Its last four digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_four: Option<String>,
}

/// Params of the `device.card_removed` notification: the presentation is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardRemoved {
    /// The reader.
    pub device: DeviceId,
    /// Which.
    pub presentation_id: String,
}

/// Params of the `device.lease_ended` notification: the device is anybody's again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseEnded {
    /// The reader.
    pub device: DeviceId,
    /// The lease.
    pub watch_id: String,
}

/// A lease as `device.list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseView {
    /// Whose; left out where it is none of the caller's business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_id: Option<crate::ids::RegisterId>,
    /// Whether the reader watches for cards.
    pub watching: bool,
    /// Since when, RFC 3339.
    pub since: String,
    /// Until when at the latest, RFC 3339.
    pub until: String,
}

fn check_lease(device: Option<&DeviceId>, lease_ms: Option<u64>) -> Result<(), FieldError> {
    device.map_or(Ok(()), |device| check_id(device.as_str(), "device"))?;
    let range = TIMEOUT_MS_MIN..=LEASE_MS_MAX;
    if lease_ms.is_some_and(|ms| !range.contains(&ms)) {
        let must = format!("must be an integer from {TIMEOUT_MS_MIN} to {LEASE_MS_MAX}");
        return Err(FieldError::new("lease_ms", must));
    }
    Ok(())
}
