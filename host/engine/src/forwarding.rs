// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of sales that were accepted offline: forwarded in order, one at a time, each until
//! there is a definite answer.

use crate::money::Amount;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What became of a sale that was accepted offline.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Forwarding {
    /// Where it is.
    pub state: ForwardingState,
    /// Since when, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// DE 39 of the gateway, once it has answered.
    pub response_code: Option<Arc<str>>,
    /// The gateway's words, or why a person must look.
    pub response_text: Option<Arc<str>>,
    /// When the next attempt is due, as far as one is planned; microseconds since 1970 UTC.
    pub next_at_micros: Option<i64>,
}

/// Where a sale is that was accepted offline.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardingState {
    /// It waits for its gateway.
    Waiting,
    /// The gateway took it: it is as any sale.
    Approved,
    /// The issuer did not take it: the money is lost.
    Declined,
    /// It was taken back before its gateway heard of it: nothing was charged.
    Withdrawn,
    /// It cannot be forwarded: a person must look.
    NeedsOperator,
}

/// What is lost with a sale that was accepted offline and not taken by its issuer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loss {
    /// How much.
    pub amount: Amount,
    /// The register's own reference.
    pub reference: Option<Arc<str>>,
    /// Basket, customer and custom fields as JSON text, verbatim.
    pub order: Option<Arc<str>>,
}
