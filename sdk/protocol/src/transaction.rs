// SPDX-License-Identifier: MIT OR Apache-2.0
//! Transactions as they are looked at: `payment.get`, `payment.receipt`, and the lines of `payment.list`.
//!
//! Owns the views. It must never show more of a card than its mask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::batch::BatchTotals;
use crate::error::{ErrorName, MoneyMoved};
use crate::ids::{DeviceId, GatewayId, IdempotencyKey, RegisterId, TokenId, TransactionId};
use crate::limits::RECEIPT_COLUMNS;
pub use crate::list::{AmountSought, ListParams, ListResult};
use crate::money::Amount;
use crate::params::{FieldError, Validate, check_id, check_key};
use crate::payment::{Acceptor, Basket, Collection, Forwarding, Free, ResolvedOutcome, UndoResult};
use crate::progress::Stage;
use crate::verbatim::Verbatim;

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// Charges a card.
    Sale,
    /// Gives back after the day's totals, or a part.
    Refund,
    /// Takes back before the day's totals.
    Void,
    /// Holds an amount on a card.
    Authorize,
    /// Takes what is held, all or part of it.
    Capture,
    /// Changes what is held.
    Adjust,
    /// Checks a card, and keeps it as a token where that is possible.
    Verify,
    /// Asks what is left on a card.
    Balance,
    /// Pays out cash.
    CashAdvance,
    /// Compares totals and closes the batch.
    BatchClose,
    /// Keeps a card as a payment token.
    TokenRegister,
    /// Gives a kept payment token another reference or card.
    TokenUpdate,
    /// Keeps a payment token no more.
    TokenDelete,
}

/// How a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionOutcome {
    /// Still running.
    Running,
    /// Approved.
    Approved,
    /// Accepted without asking the gateway; to be forwarded.
    AcceptedOffline,
    /// The card or its issuer said no.
    Declined,
    /// Stopped before it was approved.
    Cancelled,
    /// Ended for another reason.
    Failed,
    /// Not known yet; the host keeps resolving it.
    Unknown,
}

/// The amounts of a transaction. Each has the same currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amounts {
    /// What the register asked for, the total.
    pub requested: Amount,
    /// What was approved, the total; absent unless approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Amount>,
    /// How much of it is tip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<Amount>,
    /// How much of it is surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge: Option<Amount>,
    /// How much of it is paid out in cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashback: Option<Amount>,
    /// What the card was charged in its own currency, where the customer chose that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<Dcc>,
}

/// A charge in the card's own currency. The shop gets what `approved` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dcc {
    /// What the card was charged.
    pub amount: Amount,
    /// Units of that currency for one of the shop's, as decimal text.
    pub rate: String,
    /// What of the rate is the gateway's markup, in millionths.
    pub markup_millionths: u32,
}

/// A card, as much of it as anyone outside the reader may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardView {
    /// Its number, masked where it was read, as `************1111`.
    pub masked_pan: String,
    /// Its scheme, as `visa`.
    pub scheme: String,
    /// How it was presented.
    pub entry: EntryMode,
    /// The application's name on the card, as "VISA DEBIT".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The country of its issuer (ISO 3166-1 alpha-2), where the card tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Its last month, `MMYY`, where the reader tells it. Never in an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
    /// A payment token for it, where the gateway gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// How a card is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryMode {
    /// In the slot.
    Chip,
    /// Held to the device.
    Contactless,
    /// Swiped.
    Stripe,
    /// Typed on an encrypting device.
    Manual,
    /// By token, no card present.
    Token,
}

/// How the cardholder was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cvm {
    /// Not at all.
    None,
    /// PIN, checked by the issuer.
    PinOnline,
    /// PIN, checked by the card.
    PinOffline,
    /// On the customer's own phone or watch.
    OnDevice,
    /// Signature.
    Signature,
}

/// How far the host has come with an unknown outcome, a reversal or a stored sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolution {
    /// What the host is doing.
    pub state: ResolutionState,
    /// When it tries next, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What the host is doing about an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionState {
    /// Asking gateway or terminal.
    Resolving,
    /// Undoing what may have been charged.
    Reversing,
    /// A person has to decide.
    NeedsOperator,
    /// Done.
    Resolved,
}

/// A transaction as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionView {
    /// The host's name for it.
    pub transaction_id: TransactionId,
    /// The register's name for it.
    pub idempotency_key: IdempotencyKey,
    /// The register that asked for it.
    pub register: RegisterId,
    /// What it does.
    pub kind: TransactionKind,
    /// How it stands.
    pub outcome: TransactionOutcome,
    /// Whether money moved.
    pub money_moved: MoneyMoved,
    /// Its amounts.
    pub amounts: Amounts,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayId>,
    /// The card, once one was presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardView>,
    /// The kept payment token that it was by, or about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// The latest stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// How far the host has come with what is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// The register's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Of a capture, an adjustment, a refund or a void: the transaction it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TransactionId>,
    /// The issuer's approval code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_code: Option<String>,
    /// Retrieval reference number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// System trace audit number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stan: Option<String>,
    /// The merchant's identity at the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptor: Option<Acceptor>,
    /// The payment token that the gateway gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What was left on the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Amount>,
    /// Of an offline approval of a terminal: where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Collection>,
    /// Of a sale that was accepted offline: what became of it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarding: Option<Forwarding>,
    /// Of an undo: what it became, and by which rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoResult>,
    /// Of a batch close: its totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchTotals>,
    /// A person settled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<ResolvedBy>,
    /// Since when a signature is kept with it, RFC 3339; `payment.signature` gives it. Only
    /// `payment.get` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
    /// Captures, adjustments, refunds and voids of it. Only `payment.get` gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeView>,
    /// What was sold, as the register wrote it. Only `payment.get` gives it.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub basket: Basket,
    /// Who bought, as the register wrote it. Only `payment.get` gives it.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub customer: Free,
    /// The register's own fields, as it wrote them. Only `payment.get` gives them.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub custom: Free,
    /// The error it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TransactionError>,
    /// What happened, oldest first. Only `payment.get` gives it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineEntry>,
}

/// A person's word on a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolvedBy {
    /// What became of it.
    pub outcome: ResolvedOutcome,
    /// What that is based on.
    pub evidence: String,
    /// Who said so.
    pub operator: String,
    /// Through which register.
    pub register: RegisterId,
    /// When, RFC 3339.
    pub at: String,
}

/// A transaction that changes another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeView {
    /// The changing transaction.
    pub transaction_id: TransactionId,
    /// What it does.
    pub kind: TransactionKind,
    /// Its amount.
    pub amount: Amount,
    /// It stands or may stand: approved, or not yet known.
    pub counts: bool,
}

/// The error a transaction ended with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionError {
    /// Its code.
    pub code: i32,
    /// Its name.
    pub name: ErrorName,
    /// The sentence for the cashier.
    pub message: String,
}

/// One thing that happened in a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When, RFC 3339.
    pub at: String,
    /// What, as one word.
    pub event: String,
    /// What, as a sentence.
    pub text: String,
    /// It is in the journal, so it survives a loss of power.
    pub durable: bool,
}

/// Params of `payment.get`: one of the two names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetParams {
    /// The host's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// The register's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
}

impl Validate for GetParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_one_name(self.transaction_id.as_ref(), self.idempotency_key.as_ref())
    }
}

/// Checks that a transaction is named in exactly one way.
pub(crate) fn check_one_name(
    id: Option<&TransactionId>,
    key: Option<&IdempotencyKey>,
) -> Result<(), FieldError> {
    match (id, key) {
        (Some(id), None) => check_id(id.as_str(), "transaction_id"),
        (None, Some(key)) => check_key(key.as_str(), "idempotency_key"),
        _ => Err(FieldError::new(
            "transaction_id",
            "must be given, or `idempotency_key` instead, but not both",
        )),
    }
}

/// Params of `payment.receipt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptParams {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// Whose copy.
    pub copy: ReceiptCopy,
    /// In which form.
    #[serde(default)]
    pub format: ReceiptFormat,
    /// Columns of the paper for `text`: 24, 32, 40 or 48; what the host's operator set, else 40, if
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<u32>,
    /// Whether it is marked as a duplicate; yes if left out. `false` is for a register that did not
    /// print the receipts of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprint: Option<bool>,
}

impl ReceiptParams {
    /// A receipt as text, marked as a duplicate.
    #[must_use]
    pub fn of(transaction_id: impl Into<TransactionId>, copy: ReceiptCopy) -> Self {
        Self {
            transaction_id: transaction_id.into(),
            copy,
            format: ReceiptFormat::Text,
            columns: None,
            reprint: None,
        }
    }
}

impl Validate for ReceiptParams {
    fn validate(&self) -> Result<(), FieldError> {
        check_id(self.transaction_id.as_str(), "transaction_id")?;
        match self.columns {
            Some(columns) if !RECEIPT_COLUMNS.contains(&columns) => {
                Err(FieldError::new("columns", "must be 24, 32, 40 or 48"))
            }
            _ => Ok(()),
        }
    }
}

/// Whose copy of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptCopy {
    /// The shop's.
    Merchant,
    /// The customer's.
    Customer,
}

/// The form of a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptFormat {
    /// Lines of text for a printer.
    #[default]
    Text,
    /// Fields.
    Json,
    /// A fragment of HTML.
    Html,
}

/// Result of `payment.receipt`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// Whose copy.
    pub copy: ReceiptCopy,
    /// In which form.
    pub format: ReceiptFormat,
    /// A string for `text` and `html`, an object for `json`.
    pub content: Value,
}
