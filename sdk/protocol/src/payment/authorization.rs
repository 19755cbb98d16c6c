// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holding an amount on a card, and what becomes of it: `payment.authorize`, `payment.adjust`,
//! `payment.capture`.
//!
//! Owns their shape. It must never decide how much of an authorization is left.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::charge::Charge;
use super::order::{Basket, Free, check_free, check_order};
use super::sale::{CardToken, OnlinePolicy, VoiceApproval};
use super::{
    check_card, check_despite, check_entry, check_installments, check_parts, check_presentation,
    check_reference, check_route, check_voice,
};
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_id, check_key, check_timeout};
use crate::token::check_keep;
use crate::transaction::EntryMode;
use crate::verbatim::Verbatim;
/// Params of `payment.authorize`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuthorizeParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The total that is held, every part included. Left out where
    /// `estimated_amount` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Amount")]
    pub amount: Option<Amount>,
    /// The amount follows the card: this is what it may be. The host asks for the final one with
    /// the prompt `set_amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_amount: Option<Amount>,
    /// How long the final amount is waited for, once the card is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_timeout_ms: Option<u64>,
    /// How far a tip on the device or a surcharge may raise the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_max: Option<Amount>,
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
    /// How much of the total is tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// How much of the total is surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<Amount>,
    /// Leave the card's surcharge out, where its rule lets that be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bypass_surcharge: bool,
    /// In how many instalments the issuer splits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installments: Option<u32>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// The card that was presented before, as `device.card_presented` named it; no card is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation_id: Option<String>,
    /// Whether the gateway is always asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<OnlinePolicy>,
    /// A code the issuer gave by telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_approval: Option<VoiceApproval>,
    /// Pay with a payment token instead of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// Keep the card that is presented as a payment token under this reference of the register's
    /// own, where the gateway gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_as: Option<String>,
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

impl AuthorizeParams {
    /// Holds an amount, with everything else left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>, amount: Amount) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            amount: Some(amount),
            estimated_amount: None,
            amount_timeout_ms: None,
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            tip: None,
            surcharge: None,
            bypass_surcharge: false,
            installments: None,
            entry: None,
            presentation_id: None,
            online: None,
            voice_approval: None,
            card: None,
            keep_as: None,
            basket: Basket::default(),
            customer: Free::default(),
            custom: Free::default(),
        }
    }
}

impl Validate for AuthorizeParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        let charge = Charge {
            amount: self.amount.as_ref(),
            estimated: self.estimated_amount.as_ref(),
            timeout_ms: self.amount_timeout_ms,
            most: self.amount_max.as_ref(),
        };
        charge.check(&[("tip", &self.tip), ("surcharge", &self.surcharge)])?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_installments(self.installments)?;
        check_entry(self.entry.as_deref())?;
        check_presentation(self.presentation_id.as_deref(), self.card.is_some())?;
        check_voice(self.voice_approval.as_ref())?;
        check_card(self.card.as_ref())?;
        check_keep(self.keep_as.as_deref(), self.card.as_ref())?;
        check_order(&self.basket, &self.customer, &self.custom)
    }
}

/// Params of `payment.capture`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The authorization.
    pub transaction_id: TransactionId,
    /// How much of it is taken; several captures together take at most what is held.
    pub amount: Amount,
    /// How long to wait for a card, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The register's own reference: the number of the receipt or the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
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

impl CaptureParams {
    /// Takes an amount of an authorization.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
        amount: Amount,
    ) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            transaction_id: transaction_id.into(),
            amount,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            basket: Basket::default(),
            customer: Free::default(),
            custom: Free::default(),
        }
    }
}

impl Validate for CaptureParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        self.amount.check("amount")?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_order(&self.basket, &self.customer, &self.custom)
    }
}

/// Params of `payment.adjust`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdjustParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The authorization.
    pub transaction_id: TransactionId,
    /// The new total that is held, every part included.
    pub amount: Amount,
    /// How much of the total is tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// How much of the total is surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<Amount>,
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

impl AdjustParams {
    /// Changes what is held to a new total.
    #[must_use]
    pub fn of(
        idempotency_key: impl Into<IdempotencyKey>,
        transaction_id: impl Into<TransactionId>,
        amount: Amount,
    ) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            transaction_id: transaction_id.into(),
            amount,
            tip: None,
            surcharge: None,
            timeout_ms: None,
            reference: None,
            despite: Vec::new(),
            custom: Free::default(),
        }
    }
}

impl Validate for AdjustParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        self.amount.check("amount")?;
        check_parts(
            &self.amount,
            &[("tip", &self.tip), ("surcharge", &self.surcharge)],
        )?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_free(&self.custom, "custom")
    }
}
