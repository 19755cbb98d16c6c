// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer to a call that was approved; everything else is an error.
//!
//! Owns its shape. It must never show more of a card than its mask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::BatchTotals;
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use crate::money::Amount;
use crate::token::TokenView;
use crate::transaction::{Amounts, CardView, Cvm};

/// Result of every call with a key: approved, and only that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approved {
    /// The host's name for it.
    pub transaction_id: TransactionId,
    /// The register's name for it.
    pub idempotency_key: IdempotencyKey,
    /// Approved, or accepted to be forwarded later.
    pub outcome: ApprovedOutcome,
    /// Its amounts.
    pub amounts: Amounts,
    /// Less than the requested amount was approved.
    pub partial: bool,
    /// The issuer's approval code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_code: Option<String>,
    /// The gateway's response code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// Retrieval reference number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// System trace audit number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stan: Option<String>,
    /// The card; absent where none was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardView>,
    /// How the cardholder was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvm: Option<Cvm>,
    /// Receipts as lines of text.
    pub receipts: Receipts,
    /// The customer must sign the merchant's receipt.
    pub signature_required: bool,
    /// The gateway that approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// The device that read the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The merchant's identity at the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptor: Option<Acceptor>,
    /// A payment token that stands for the card, for `card: {token}` of a later call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The kept payment token, where the call registered, changed or deleted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<TokenView>,
    /// What is left on the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Amount>,
    /// A terminal approved it without asking the issuer, and has not delivered it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Collection>,
    /// Of a sale that was accepted offline: what became of it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<Forwarding>,
    /// Of `payment.undo`: what was done, and by which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoResult>,
    /// Of `batch.close`: the totals it closed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchTotals>,
    /// When it was approved, RFC 3339.
    pub at: String,
    /// This is the stored answer of an earlier call with the same key.
    pub replayed: bool,
}

/// Where an offline approval of a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// Still in the terminal; the next batch close delivers it.
    Pending,
    /// Delivered, and taken by the issuer.
    Collected,
    /// Delivered, and refused by the issuer: the money is lost.
    Refused,
}

/// What became of a sale that was accepted offline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forwarding {
    /// Where it is.
    pub state: ForwardingState,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// When the gateway is told of it, or told again, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// The gateway's response code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// The gateway's words, or why a person must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_text: Option<String>,
}

/// Where a sale is that was accepted offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForwardingState {
    /// It waits for its gateway.
    Waiting,
    /// The gateway took it: it is as any other sale.
    Approved,
    /// Its issuer did not take it: the money is lost.
    Declined,
    /// It was taken back before its gateway heard of it: nothing was charged.
    Withdrawn,
    /// It cannot be forwarded: a person must look.
    NeedsOperator,
}

/// What an undo became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct UndoResult {
    /// What was done.
    pub did: UndoDone,
    /// Why that.
    pub rule: UndoRule,
}

/// What an undo can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UndoDone {
    /// The whole transaction was taken back before the day's totals.
    Void,
    /// What was left of it was given back.
    Refund,
}

/// Why an undo became what it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UndoRule {
    /// Void: the batch is open and nothing was given back yet.
    BatchOpen,
    /// Refund: the batch is closed.
    BatchClosed,
    /// Refund of the rest: part of it was given back already.
    PartlyRefunded,
    /// Refund: part of the authorization was captured.
    Captured,
    /// Refund: the other side cannot void.
    VoidUnsupported,
    /// Void: it was accepted offline, and its gateway has not heard of it.
    NotForwarded,
}

/// The two ways of being approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovedOutcome {
    /// The gateway or the terminal approved it.
    Approved,
    /// Accepted without asking; `payment.resolved` tells how it went.
    AcceptedOffline,
}

/// Receipts as lines of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipts {
    /// The shop's copy.
    pub merchant: String,
    /// The customer's copy.
    pub customer: String,
}

/// A merchant's identity at a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acceptor {
    /// The merchant's id there.
    pub merchant_id: String,
    /// The terminal's id there.
    pub terminal_id: String,
}
