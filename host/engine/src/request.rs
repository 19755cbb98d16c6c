// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a register can ask of the engine.

use crate::ids::{DeviceId, GatewayId, IdempotencyKey, PromptId, RegisterId, Scope, TransactionId};
use crate::money::{Amount, Amounts};
use crate::prompt::PromptKinds;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The scope of its keys.
    pub scope: Scope,
    /// Whether it may see and touch the transactions of other registers.
    pub others: bool,
    /// The questions it can show.
    pub prompts: PromptKinds,
}

/// A request. Those that move money carry a key; the others are answered at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// Move money.
    Money(Box<MoneyRequest>),
    /// Stop what is still running.
    Cancel(Which),
    /// The live state of one transaction; ended ones are read from the journal.
    Live(Which),
    /// The live state of every transaction the caller may see.
    LiveAll,
    /// Show a text on a device, or beep, so that a person finds it.
    Identify {
        /// The device.
        device: DeviceId,
        /// Lines to show.
        lines: Vec<String>,
    },
    /// Answer a question of a device.
    Respond {
        /// The question.
        prompt: PromptId,
        /// The answer.
        response: Response,
    },
}

/// An answer to a question. Which member counts depends on the kind of the question.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Response {
    /// Yes or no.
    pub accepted: Option<bool>,
    /// Place among the choices.
    pub chosen: Option<usize>,
    /// Free text.
    pub text: Option<Arc<str>>,
}

/// Names a transaction by the caller's own key or by our id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which {
    /// The caller's key.
    Key(IdempotencyKey),
    /// Our id.
    Transaction(TransactionId),
}

/// A request that moves money.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MoneyRequest {
    /// The register's key.
    pub key: IdempotencyKey,
    /// What is asked.
    pub kind: Kind,
    /// Total and parts. A void carries none: it takes its original's.
    pub amounts: Option<Amounts>,
    /// What a tip or a surcharge may raise the total to.
    pub amount_max: Option<Amount>,
    /// The device, as given.
    pub device: Option<DeviceId>,
    /// The gateway, as given.
    pub gateway: Option<GatewayId>,
    /// How long to wait for a card, as given.
    pub timeout_ms: Option<u64>,
    /// The register's own reference (receipt or order number).
    pub reference: Option<Arc<str>>,
    /// Unresolved transactions the register says it knows of.
    pub despite: Vec<TransactionId>,
    /// Basket, customer and custom fields as JSON text, kept verbatim.
    pub order: Option<Arc<str>>,
}

/// What kind of money movement.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Goods or services.
    Sale,
    /// Give back, after the sale, all or part of it.
    Refund {
        /// The sale.
        original: TransactionId,
    },
    /// Take back before reconciliation, wholly.
    Void {
        /// The transaction to take back.
        original: TransactionId,
    },
}

impl Kind {
    /// The transaction this one changes, if any.
    pub fn original(&self) -> Option<TransactionId> {
        match self {
            Self::Sale => None,
            Self::Refund { original } | Self::Void { original } => Some(*original),
        }
    }
}

/// A transaction as its register sees it while it is live.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// Our id.
    pub transaction_id: TransactionId,
    /// Whose.
    pub scope: Scope,
    /// The request.
    pub request: MoneyRequest,
    /// The device in use.
    pub device: Option<DeviceId>,
    /// The gateway in use.
    pub gateway: Option<GatewayId>,
    /// The last stage told.
    pub stage: crate::answer::Stage,
    /// Whether an intent is durable.
    pub intent: bool,
    /// For an unknown one: what happens next.
    pub resolution: Option<crate::answer::Resolution>,
    /// When it was accepted.
    pub started_at_micros: i64,
}

/// Registers, for messages that name an owner.
pub type Owner = RegisterId;
