// SPDX-License-Identifier: MIT OR Apache-2.0
//! Amounts as they cross the ABI.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The total the card is charged, and what of it is what. Minor units of `currency`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Amounts {
    /// ISO 4217 alphabetic code.
    pub currency: String,
    /// DE 4, tag 9F02: everything included.
    pub total_minor: i64,
    /// The part of the total that is a tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip_minor: Option<i64>,
    /// The part of the total that is a surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge_minor: Option<i64>,
    /// The part of the total that is paid out, tag 9F03.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback_minor: Option<i64>,
}

/// What is asked of a reader, a terminal or a gateway.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Goods or services, with the cashback the amounts name.
    Sale,
    /// Money back to a card that must be presented.
    Refund,
    /// Hold now, capture later.
    Authorize,
    /// Terminal only: confirm an authorization, wholly or in part.
    Capture,
    /// Terminal only: change an authorization's amount before its capture.
    Adjust,
    /// Check the card, and keep it as a token where that is possible. The amount is 0.
    Verify,
    /// What is left on the card. The amount is 0.
    Balance,
    /// Pay out cash.
    CashAdvance,
}
