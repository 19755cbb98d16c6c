// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payment.sale`, and what a sale and an authorization can say beyond their amount.
//!
//! Owns their shape. It must never offer a field for a card number or a PIN.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::charge::Charge;
use super::order::{Basket, Free, check_order};
use super::{
    check_card, check_despite, check_entry, check_installments, check_presentation,
    check_reference, check_route, check_voice,
};
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TokenId, TransactionId};
use crate::limits::TEXT_CHARS_MAX;
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_chars, check_key, check_timeout};
use crate::token::{check_keep, check_named};
use crate::transaction::EntryMode;
use crate::verbatim::Verbatim;
/// Params of `payment.sale`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SaleParams {
    /// Made and stored by the register before it sends the call.
    pub idempotency_key: IdempotencyKey,
    /// The total the card is charged, every part included. Left out where
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
    /// How far a tip on the device or a surcharge may raise the total; of one that follows the card,
    /// the most it may be.
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

impl SaleParams {
    /// A sale of an amount with everything else left to the host.
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
            allow_offline: false,
            despite: Vec::new(),
            cashback: None,
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

impl SaleParams {
    /// A sale whose amount follows the card: it may be about `estimated_amount`.
    #[must_use]
    pub fn estimated(idempotency_key: impl Into<IdempotencyKey>, estimated_amount: Amount) -> Self {
        Self {
            amount: None,
            estimated_amount: Some(estimated_amount.clone()),
            ..Self::new(idempotency_key, estimated_amount)
        }
    }
}

impl Validate for SaleParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_key(self.idempotency_key.as_str(), "idempotency_key")?;
        let parts = [
            ("cashback", &self.cashback),
            ("tip", &self.tip),
            ("surcharge", &self.surcharge),
        ];
        let charge = Charge {
            amount: self.amount.as_ref(),
            estimated: self.estimated_amount.as_ref(),
            timeout_ms: self.amount_timeout_ms,
            most: self.amount_max.as_ref(),
        };
        charge.check(&parts)?;
        if self.estimated_amount.is_some() && self.allow_offline {
            let must = "must be left out where the amount follows the card";
            return Err(FieldError::new("allow_offline", must));
        }
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

/// A payment token in place of a card, named in one of three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardToken {
    /// The token, as the gateway gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub token: Option<String>,
    /// A kept one, by the host's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// A kept one, by the register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl CardToken {
    /// The token itself.
    #[must_use]
    pub fn of(token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..Self::default()
        }
    }

    /// A kept one, by the host's name for it.
    #[must_use]
    pub fn kept(token_id: impl Into<TokenId>) -> Self {
        Self {
            token_id: Some(token_id.into()),
            ..Self::default()
        }
    }

    /// A kept one, by the register's own reference.
    #[must_use]
    pub fn referred(reference: impl Into<String>) -> Self {
        Self {
            reference: Some(reference.into()),
            ..Self::default()
        }
    }

    /// That it names one token, and says so in one way.
    pub(crate) fn check(&self) -> Result<(), FieldError> {
        if let Some(token) = &self.token {
            check_chars(token, 1, TEXT_CHARS_MAX, "card.token")?;
        }
        check_named(self.token_id.as_ref(), self.reference.as_deref(), "card.")?;
        let ways = [
            self.token.is_some(),
            self.token_id.is_some(),
            self.reference.is_some(),
        ];
        match ways.into_iter().filter(|given| *given).count() {
            1 => Ok(()),
            _ => Err(FieldError::new(
                "card",
                "must have `token`, `token_id` or `reference`, and one of them only",
            )),
        }
    }
}
