// SPDX-License-Identifier: MIT OR Apache-2.0
//! Card services besides a payment: `payment.verify`, `payment.balance`, `payment.cash_advance`.
//!
//! Owns their shape. It must never offer a field for a card number or a PIN.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Free, check_free};
use super::sale::{CardToken, VoiceApproval};
use super::{
    check_card, check_despite, check_entry, check_presentation, check_reference, check_route,
    check_voice,
};
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_key, check_timeout};
use crate::transaction::EntryMode;
use crate::verbatim::Verbatim;
/// Params of `payment.verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The device; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// Check a payment token instead of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// Who buys, in the register's own words; kept as it is written, at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub customer: Free,
    /// Kept as it is written, with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl VerifyParams {
    /// Checks a card, with everything left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            entry: None,
            presentation_id: None,
            card: None,
            customer: Free::default(),
            custom: Free::default(),
        }
    }
}

impl Validate for VerifyParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_entry(self.entry.as_deref())?;
        check_presentation(self.presentation_id.as_deref(), self.card.is_some())?;
        check_card(self.card.as_ref())?;
        check_free(&self.customer, "customer")?;
        check_free(&self.custom, "custom")
    }
}

/// Params of `payment.balance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The device; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// Ask about a payment token instead of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// Kept as it is written, with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl BalanceParams {
    /// Asks what is left on a card, with everything left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            entry: None,
            presentation_id: None,
            card: None,
            custom: Free::default(),
        }
    }
}

impl Validate for BalanceParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_entry(self.entry.as_deref())?;
        check_presentation(self.presentation_id.as_deref(), self.card.is_some())?;
        check_card(self.card.as_ref())?;
        check_free(&self.custom, "custom")
    }
}

/// Params of `payment.cash_advance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CashAdvanceParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// What is paid out.
    pub amount: Amount,
    /// The device; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// A code the issuer gave by telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_approval: Option<VoiceApproval>,
    /// Pay with a payment token instead of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// Kept as it is written, with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl CashAdvanceParams {
    /// Pays out cash, with everything else left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>, amount: Amount) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            amount,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            entry: None,
            presentation_id: None,
            voice_approval: None,
            card: None,
            custom: Free::default(),
        }
    }
}

impl Validate for CashAdvanceParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        self.amount.check("amount")?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_entry(self.entry.as_deref())?;
        check_presentation(self.presentation_id.as_deref(), self.card.is_some())?;
        check_voice(self.voice_approval.as_ref())?;
        check_card(self.card.as_ref())?;
        check_free(&self.custom, "custom")
    }
}
