// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway reports of its merchant and of what may be added to a price.
//!
//! Owns `gateway.settings`. It must never carry a credential of a gateway. A rate is an integer of
//! millionths: 1.5 % is 15 000.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::GatewayId;
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_id};

/// Params of `gateway.settings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewaySettingsParams {
    /// The gateway; the default one, or the only one, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
}

impl Validate for GatewaySettingsParams {
    fn validate(&self) -> Result<(), FieldError> {
        let named = self.gateway.as_ref();
        named.map_or(Ok(()), |id| check_id(id.as_str(), "gateway"))
    }
}

/// Result of `gateway.settings`: as the gateway reported it when its connector started. What it does
/// not say is left out, or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewaySettings {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its name for people.
    pub name: String,
    /// Whether real money is at stake.
    pub live: bool,
    /// Currencies it takes; any if empty.
    pub currencies: Vec<String>,
    /// What can be asked of it, as `refund` or `void`, and what it does in words of its own.
    pub features: Vec<String>,
    /// Whose money it is, as the gateway has it on file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<GatewayMerchant>,
    /// What it takes at most at a time, one for each currency.
    pub limits: Vec<GatewayLimits>,
    /// Taxes for `payment.quote`.
    pub taxes: Vec<TaxEntry>,
    /// Tips that customers are offered, on the reader and in `payment.quote`.
    pub tips: Vec<TipEntry>,
    /// What some cards cost more there, where the host has no rule of its own; the first that fits.
    pub surcharges: Vec<SurchargeEntry>,
}

/// A merchant as its gateway knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayMerchant {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
    /// Its country, ISO 3166 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What it sells, four digits (ISO 18245).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// What a gateway takes at most at a time; what is absent it does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayLimits {
    /// ISO 4217 code.
    pub currency: String,
    /// Of a sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_max: Option<Amount>,
    /// Of a refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_max: Option<Amount>,
    /// Of cash with a sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback_max: Option<Amount>,
}

/// A tax that goes on top of a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaxEntry {
    /// Names it in `payment.quote`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Of the price, in millionths.
    pub rate_millionths: u32,
}

/// A tip that is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TipEntry {
    /// A share of the price.
    Percentage {
        /// Names it in `payment.quote`.
        id: String,
        /// Of the price, in millionths.
        rate_millionths: u32,
    },
    /// So much, in its currency only.
    Amount {
        /// Names it in `payment.quote`.
        id: String,
        /// How much.
        amount: Amount,
    },
}

/// What payments with some cards cost more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SurchargeEntry {
    /// With cards of this scheme; of all, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// With numbers that begin so; with all, if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<String>,
    /// In this currency; in all, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Of the price with its taxes, without tip and cash, in millionths.
    pub rate_millionths: u32,
    /// Besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Amount>,
    /// A register may leave it out (`bypass_surcharge`).
    pub bypass: bool,
    /// The customer is told and asked; otherwise it is simply added.
    pub disclose: bool,
}
