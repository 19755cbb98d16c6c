// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payment.sale`, and what a sale and an authorization can say beyond their amount.
//!
//! Owns their shape. It must never offer a field for a card number or a PIN.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Basket, Free, check_order};
use super::{
    check_amount_max, check_card, check_despite, check_entry, check_installments, check_parts,
    check_reference, check_route, check_voice,
};
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_key, check_timeout};
use crate::transaction::EntryMode;
use crate::verbatim::Verbatim;
/// Params of `payment.sale`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SaleParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The total the card is charged, every part included.
    pub amount: Amount,
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
    /// Whether it may be accepted without asking the gateway, where configured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_offline: bool,
    /// Unresolved transactions a person has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despite: Vec<TransactionId>,
    /// How much of the total is paid out in cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback: Option<Amount>,
    /// How much of the total is tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// How much of the total is surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<Amount>,
    /// In how many instalments the issuer splits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installments: Option<u32>,
    /// Only these ways of presenting a card; narrows what the device allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Vec<EntryMode>>,
    /// Whether the gateway is always asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<OnlinePolicy>,
    /// A code the issuer gave by telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_approval: Option<VoiceApproval>,
    /// Pay with a payment token instead of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
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

impl SaleParams {
    /// A sale of an amount with everything else left to the host.
    #[must_use]
    pub fn new(idempotency_key: impl Into<IdempotencyKey>, amount: Amount) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            amount,
            amount_max: None,
            device: None,
            gateway: None,
            timeout_ms: None,
            reference: None,
            allow_offline: false,
            despite: Vec::new(),
            cashback: None,
            tip: None,
            surcharge: None,
            installments: None,
            entry: None,
            online: None,
            voice_approval: None,
            card: None,
            basket: Basket::default(),
            customer: Free::default(),
            custom: Free::default(),
        }
    }
}

impl Validate for SaleParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        self.amount.check("amount")?;
        check_parts(
            &self.amount,
            &[
                ("cashback", &self.cashback),
                ("tip", &self.tip),
                ("surcharge", &self.surcharge),
            ],
        )?;
        check_amount_max(self.amount_max.as_ref(), &self.amount)?;
        check_route(self.device.as_ref(), self.gateway.as_ref())?;
        check_timeout(self.timeout_ms)?;
        check_reference(self.reference.as_deref())?;
        check_despite(&self.despite)?;
        check_installments(self.installments)?;
        check_entry(self.entry.as_deref())?;
        check_voice(self.voice_approval.as_ref())?;
        check_card(self.card.as_ref())?;
        check_order(&self.basket, &self.customer, &self.custom)
    }
}

/// When the gateway is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnlinePolicy {
    /// As card and device decide.
    ByRule,
    /// Always.
    Always,
}

/// A code the issuer gave by telephone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VoiceApproval {
    /// The code.
    pub code: String,
}

/// A payment token in place of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardToken {
    /// The token, as the gateway gave it.
    pub token: String,
}
