// SPDX-License-Identifier: MIT OR Apache-2.0
//! Giving back: `payment.refund`, `payment.void`, `payment.undo`.
//!
//! Owns their shape. It must never decide how much of a transaction is left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Basket, Free, check_free, check_order};
use super::sale::CardToken;
use super::{
    check_card, check_despite, check_entry, check_presentation, check_reference, check_route,
};
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::limits::REFERENCE_CHARS_MAX;
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_chars, check_id, check_key, check_timeout};
use crate::transaction::EntryMode;
use crate::verbatim::Verbatim;
/// Params of `payment.refund`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefundParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// What is given back; at most what is left of the original.
    pub amount: Amount,
    /// The transaction it gives back from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// An original this host has no record of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// The device; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway; the host chooses if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card, where one is needed.
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
    /// Give back to the card behind a payment token; only where no payment is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// What is sold; kept as it is written, at most 64 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub basket: Basket,
    /// Who buys, in the register's own words; kept as it is written, at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub customer: Free,
    /// Kept as it is written, with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl RefundParams {
    /// A refund that names no transaction yet: unreferenced, where it stays so.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>, amount: Amount) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            amount,
            transaction_id: None,
            original: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            entry: None,
            card: None,
            presentation_id: None,
            basket: Basket::default(),
            customer: Free::default(),
            custom: Free::default(),
        }
    }

    /// A refund of a transaction of this host.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
        amount: Amount,
    ) -> Self {
        Self {
            transaction_id: Some(transaction_id.into()),
            ..Self::new(idempotency_key, amount)
        }
    }

    fn check_original(&self) -> Result<(), FieldError> {
        if let Some(id) = &self.transaction_id {
            check_id(id.as_str(), "transaction_id")?;
        }
        let Some(original) = &self.original else {
            return Ok(());
        };
        if self.transaction_id.is_some() {
            return Err(FieldError::new(
                "original",
                "must be left out where `transaction_id` is given",
            ));
        }
        original.check()?;
        if self
            .gateway
            .as_ref()
            .is_some_and(|gateway| *gateway != original.gateway)
        {
            return Err(FieldError::new(
                "gateway",
                "must be left out, or be that of `original`",
            ));
        }
        if original.amount.currency != self.amount.currency {
            return Err(FieldError::amount(
                "amount.currency",
                "must be the currency of `original.amount`",
            ));
        }
        if self.amount.minor > original.amount.minor {
            return Err(FieldError::amount(
                "amount.minor",
                "must not be more than `original.amount.minor`",
            ));
        }
        Ok(())
    }
}

impl Validate for RefundParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        self.amount.check("amount")?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_entry(self.entry.as_deref())?;
        check_card(self.card.as_ref())?;
        if self.card.is_some() && (self.transaction_id.is_some() || self.original.is_some()) {
            return Err(FieldError::new(
                "card",
                "must be left out where a payment is named: it is given back to its card",
            ));
        }
        let named = self.transaction_id.is_some() || self.original.is_some();
        let else_paid = named || self.card.is_some();
        check_presentation(self.presentation_id.as_deref(), else_paid)?;
        self.check_original()?;
        check_order(&self.basket, &self.customer, &self.custom)
    }
}

/// A payment this host has no record of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Original {
    /// The gateway that holds it.
    pub gateway: GatewayId,
    /// The register's reference of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The gateway's retrieval reference number of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// When it was made, RFC 3339.
    pub at: String,
    /// Its amount.
    pub amount: Amount,
}

impl Original {
    fn check(&self) -> Result<(), FieldError> {
        check_id(self.gateway.as_str(), "original.gateway")?;
        match (&self.reference, &self.rrn) {
            (Some(reference), None) => {
                check_chars(reference, 1, REFERENCE_CHARS_MAX, "original.reference")?;
            }
            (None, Some(rrn)) => check_chars(rrn, 1, REFERENCE_CHARS_MAX, "original.rrn")?,
            _ => {
                return Err(FieldError::new(
                    "original.reference",
                    "must be given, or `original.rrn` instead, but not both",
                ));
            }
        }
        check_chars(&self.at, 1, 64, "original.at")?;
        self.amount.check("original.amount")
    }
}

/// Params of `payment.void`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoidParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The transaction to take back, all of it.
    pub transaction_id: TransactionId,
    /// How long to wait for a card, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
    /// Kept as it is written, with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl VoidParams {
    /// A void of a transaction of this host.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
    ) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            transaction_id: transaction_id.into(),
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            custom: Free::default(),
        }
    }
}

impl Validate for VoidParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_free(&self.custom, "custom")
    }
}

/// Params of `payment.undo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndoParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The transaction to take back: by a void where the rules allow it, else by a refund of what is left.
    pub transaction_id: TransactionId,
    /// How long to wait for a card, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
    /// Kept as it is written, with the transaction; at most 8 KiB.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
}

impl UndoParams {
    /// Takes back a transaction of this host, whichever way.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
    ) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            transaction_id: transaction_id.into(),
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            custom: Free::default(),
        }
    }
}

impl Validate for UndoParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_free(&self.custom, "custom")
    }
}
