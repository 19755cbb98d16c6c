// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a register can ask of the engine.

use crate::answer::Outcome;
use crate::card::Entry;
use crate::delayed::Estimate;
use crate::device::Purpose;
use crate::errands::ErrandOrder;
use crate::gateway::Change;
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, PromptId, RegisterId, Scope, TransactionId};
use crate::leases::LeaseWish;
use crate::money::{Amount, Amounts};
use crate::prompt::PromptKinds;
use crate::quote::Quote;
use crate::tokens::{Keep, Named, Token};
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
    /// A person settles what nobody can find out.
    Resolve(Box<Resolve>),
    /// The totals of the batch, as the other side counts them. No money moves.
    Totals {
        /// The gateway, where no terminal is meant.
        gateway: Option<GatewayId>,
        /// The terminal.
        device: Option<DeviceId>,
    },
    /// What a sale would cost. No money moves.
    Quote(Box<Quote>),
    /// The live state of one transaction; ended ones are read from the journal.
    Live(Which),
    /// The live state of every transaction the caller may see.
    LiveAll,
    /// The terminals that take no payment until an earlier one is resolved, whosever it is.
    Quarantined,
    /// A reader for this register alone, for a while. Answered when that is over.
    Lend(LeaseWish),
    /// Give a device back before its lease ends.
    GiveBack {
        /// The device.
        device: DeviceId,
    },
    /// What is lent, whosever it is.
    Lent,
    /// How much may be sold without a gateway, and what of it is used.
    Rooms,
    /// Show a text on a device, or beep, so that a person finds it.
    Identify {
        /// The device.
        device: DeviceId,
        /// Lines to show.
        lines: Vec<String>,
    },
    /// Keep a signature with a payment that was approved.
    Sign(Box<Sign>),
    /// Send a device on an errand: no money.
    Errand {
        /// The device.
        device: DeviceId,
        /// What it is asked for.
        order: ErrandOrder,
    },
    /// Whoever drives this device or gateway is about to be replaced: not while it is needed.
    SetAside {
        /// Which.
        part: Part,
        /// It goes, or becomes another: nothing open may need it any more.
        wholly: bool,
    },
    /// Answer a question of a device.
    Respond {
        /// The question.
        prompt: PromptId,
        /// The answer.
        response: Response,
    },
}

/// A device or a gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// A reader or terminal.
    Device(DeviceId),
    /// A gateway.
    Gateway(GatewayId),
}

/// A person's word on a transaction whose outcome nobody can find out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolve {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// Approved or failed, and nothing else.
    pub outcome: Outcome,
    /// What it is based on, for an auditor.
    pub evidence: Arc<str>,
    /// Who says so.
    pub operator: Arc<str>,
}

/// A signature that comes after its payment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sign {
    /// The payment.
    pub transaction_id: TransactionId,
    /// What the customer drew, JSON text.
    pub signature: Arc<str>,
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
    /// The final amounts.
    pub amounts: Option<Amounts>,
    /// What the customer drew, JSON text.
    pub signature: Option<Arc<str>>,
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
    /// What it says besides.
    #[serde(default, skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
}

/// What a request says beyond amount and target; empty for most.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Terms {
    /// Entry modes that are wanted; empty = what the device allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// Never to be approved without the issuer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub online_always: bool,
    /// Number of instalments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installments: Option<u32>,
    /// Approval code given by telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_code: Option<Arc<str>>,
    /// The payment token to use instead of a card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Arc<str>>,
    /// The payment token that a register keeps: to pay with, to change, to delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Named>,
    /// What that token was when the request was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered: Option<Box<Token>>,
    /// The card is to be kept as a payment token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// The transaction to refund, where only its receipt is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The surcharge of the card is left out, where its rule lets that be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bypass_surcharge: bool,
    /// The register asked to undo, and this rule chose between void and refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoRule>,
    /// May be accepted while its gateway is away, and forwarded later.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_offline: bool,
    /// The amount comes after the card; this is what it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// The card that was presented before, as the watching reader's news named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Arc<str>>,
}

impl Terms {
    /// Whether there is nothing in it.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A transaction made elsewhere, as its receipt names it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Receipt {
    /// The gateway's reference.
    pub reference: Option<Arc<str>>,
    /// DE 37.
    pub rrn: Option<Arc<str>>,
    /// When it was, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Its amount, minor units; a refund is not above it.
    pub amount_minor: i64,
}

/// Why an undo became what it became.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoRule {
    /// Void: the batch is open and nothing was given back yet.
    BatchOpen,
    /// Refund of what is left: the batch is closed.
    BatchClosed,
    /// Refund of what is left: part of it was given back already.
    PartlyRefunded,
    /// Refund of what is left: it was an authorization, and captured.
    Captured,
    /// Refund of what is left: the other side cannot void.
    VoidUnsupported,
    /// Void: it was accepted offline, and its gateway has not heard of it.
    NotForwarded,
}

/// What kind of money movement.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Goods or services.
    Sale,
    /// Hold now, capture later.
    Authorize,
    /// Check a card, and keep it as a token where that is possible. No amount.
    Verify,
    /// What is left on a card. No amount.
    Balance,
    /// Keep a card as a payment token under the register's own reference. No amount.
    TokenRegister,
    /// Give a kept token another reference, or another card. No amount.
    TokenUpdate,
    /// Keep a token no more. No amount.
    TokenDelete,
    /// Pay out cash.
    CashAdvance,
    /// Give back to a card that is presented, without naming a transaction.
    RefundUnreferenced,
    /// Give back for a transaction that only its receipt tells of.
    RefundByReceipt,
    /// Compare totals and close the batch. No amount.
    BatchClose,
    /// Confirm an authorization, all or part of it.
    Capture {
        /// The authorization.
        original: TransactionId,
    },
    /// Change the amount of an authorization before its capture.
    Adjust {
        /// The authorization.
        original: TransactionId,
    },
    /// Void or refund, whichever the rules allow: one of both when it is accepted.
    Undo {
        /// The transaction to take back.
        original: TransactionId,
    },
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
            Self::Capture { original }
            | Self::Adjust { original }
            | Self::Undo { original }
            | Self::Refund { original }
            | Self::Void { original } => Some(*original),
            _ => None,
        }
    }

    /// What it does to its original, if it changes one.
    pub fn change(&self) -> Option<Change> {
        match self {
            Self::Capture { .. } => Some(Change::Capture),
            Self::Adjust { .. } => Some(Change::Adjust),
            Self::Refund { .. } | Self::RefundByReceipt => Some(Change::Refund),
            Self::Void { .. } => Some(Change::Void),
            _ => None,
        }
    }

    /// What a card is presented for, where one is.
    pub fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::Sale => Some(Purpose::Sale),
            Self::Authorize => Some(Purpose::Authorize),
            Self::Verify | Self::TokenRegister | Self::TokenUpdate => Some(Purpose::Verify),
            Self::Balance => Some(Purpose::Balance),
            Self::CashAdvance => Some(Purpose::CashAdvance),
            Self::RefundUnreferenced => Some(Purpose::Refund),
            _ => None,
        }
    }

    /// Whether less than was asked is no approval.
    pub(crate) fn gives_all_or_nothing(&self) -> bool {
        !matches!(self, Self::Sale | Self::Authorize | Self::CashAdvance)
    }

    /// Whether money can move; what cannot is never reversed and never unknown.
    pub fn moves_money(&self) -> bool {
        !matches!(self, Self::Verify | Self::Balance) && !self.is_of_token()
    }

    /// Whether it is about a kept token, and about no payment.
    pub fn is_of_token(&self) -> bool {
        matches!(
            self,
            Self::TokenRegister | Self::TokenUpdate | Self::TokenDelete
        )
    }

    /// Its name in records and lists.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Authorize => "authorize",
            Self::Verify => "verify",
            Self::Balance => "balance",
            Self::TokenRegister => "token_register",
            Self::TokenUpdate => "token_update",
            Self::TokenDelete => "token_delete",
            Self::CashAdvance => "cash_advance",
            Self::RefundUnreferenced => "refund_unreferenced",
            Self::RefundByReceipt => "refund_by_receipt",
            Self::BatchClose => "batch_close",
            Self::Capture { .. } => "capture",
            Self::Adjust { .. } => "adjust",
            Self::Undo { .. } => "undo",
            Self::Refund { .. } => "refund",
            Self::Void { .. } => "void",
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
    /// Whether it has its outcome, and only its reversal or a person is waited for.
    pub ended: bool,
    /// For an unknown one, or one on its way back: what happens next.
    pub resolution: Option<crate::answer::Resolution>,
    /// For one that was accepted offline: where it is.
    pub forwarding: Option<crate::forwarding::Forwarding>,
    /// When it was accepted.
    pub started_at_micros: i64,
}

/// Registers, for messages that name an owner.
pub type Owner = RegisterId;
