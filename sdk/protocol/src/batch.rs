// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reconciliation: `batch.totals` looks, `batch.close` closes.
//!
//! Owns the shapes. It must never work out a total: the numbers are the other side's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::limits::REFERENCE_CHARS_MAX;
use crate::params::{FieldError, Validate, check_chars, check_key, check_timeout};
use crate::payment::{check_despite, check_route};

/// Params of `batch.totals`: of a terminal, or of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TotalsParams {
    /// The terminal, where its own batch is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if both are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
}

impl Validate for TotalsParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_route(self.device.as_ref(), self.gateway.as_ref())
    }
}

/// Params of `batch.close`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloseParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The terminal, where its own batch is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if both are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference, as the number of its own day's report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Unresolved transactions a person has looked at: they do not hinder the close.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
}

impl CloseParams {
    /// Closes the batch that the host chooses.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
        }
    }
}

impl Validate for CloseParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        if let Some(reference) = &self.reference {
            check_chars(reference, 1, REFERENCE_CHARS_MAX, "reference")?;
        }
        check_despite(&self.despite)
    }
}

/// Totals of a batch, as gateway or terminal counts them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchTotals {
    /// The other side's name for the batch.
    pub batch: String,
    /// One row for each currency.
    pub totals: Vec<CurrencyTotals>,
    /// Offline approvals of a terminal that were delivered by this close.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collected: Vec<Collected>,
}

/// Totals of one currency, in its minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CurrencyTotals {
    /// ISO 4217 alphabetic code.
    pub currency: String,
    /// Number of sales that stand.
    pub sales: u64,
    /// Their sum.
    pub sales_minor: i64,
    /// Number of refunds that stand.
    pub refunds: u64,
    /// Their sum.
    pub refunds_minor: i64,
}

/// What became of an offline approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Collected {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// Whether the issuer took it. If not, the money is lost.
    pub accepted: bool,
}
