// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands and replies of a gateway connector.

use crate::card::{Entry, Recipient, Sealed};
use crate::currency::{Conversion, CurrencyOffer};
use crate::money::{Amounts, Purpose};
use crate::reader::LoadParameters;
use crate::settings::GatewaySettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Command `open`: empty. Reply: what the host must know about this gateway.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Parameters {
    /// Display name of the gateway.
    pub name: String,
    /// ISO 4217 codes it takes; empty = any.
    pub currencies: Vec<String>,
    /// Key that readers seal to.
    pub recipient: Recipient,
    /// Sealing schemes that it opens; empty = HPKE alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opens: Vec<String>,
    /// Whether this is a live gateway (real money) or a test.
    pub live: bool,
    /// EMV parameters for the readers that ask for them (`[reader] parameters` of their manifest);
    /// absent = readers keep their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_parameters: Option<LoadParameters>,
    /// Its merchant, and what may be added to a price; absent = it says nothing of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<GatewaySettings>,
}

/// A merchant's identity at a gateway (ISO 8583 DE 42 and 41); empty where none is configured.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Acceptor {
    /// MID.
    pub merchant: String,
    /// TID.
    pub terminal: String,
}

/// What every exchange about one transaction carries. Repeats and reversals carry the same.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Wire {
    /// Our transaction.
    pub transaction_id: String,
    /// System trace audit number (DE 11), 1 to 999999, from the host's journaled counter.
    pub stan: u32,
    /// Local date and time the intent was made, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Whose money.
    pub acceptor: Acceptor,
    /// What `prepare` answered; empty in `prepare` itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
}

/// Command `prepare`: before the intent. Makes whatever references the connector needs to
/// inquire and reverse after a power loss; sends nothing.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Prepare {
    /// Transaction references; `reference` is empty.
    pub wire: Wire,
    /// What will be asked.
    pub purpose: Purpose,
    /// Final amounts.
    pub amounts: Amounts,
}

/// Reply to `prepare`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Prepared {
    /// The connector's own references, opaque to the host, at most 1 KiB; recorded in the intent.
    pub reference: String,
}

/// Command `authorize`: ask the issuer. The intent is durable.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Authorize {
    /// Transaction references.
    pub wire: Wire,
    /// What is asked.
    pub purpose: Purpose,
    /// Final amounts; the connector compares them with those inside the seal.
    pub amounts: Amounts,
    /// The card.
    pub card: CardSource,
    /// The register's own reference, for the gateway's back office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_reference: Option<String>,
    /// Number of instalments the cardholder pays in; absent = at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installments: Option<u32>,
    /// An approval code the issuer gave by telephone: record the payment, do not ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_code: Option<String>,
    /// Whether the register keeps the card: the answer should have a payment token for it, whatever
    /// is asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_card: bool,
    /// The offer that the customer took: the card is charged that amount in that currency, whole or
    /// not at all. `amounts` stay what the shop gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<CurrencyOffer>,
}

impl Authorize {
    /// What the card is charged, as chip and seal have it.
    pub fn charged(&self) -> Amounts {
        let dcc = self.dcc.as_ref();
        dcc.map_or_else(|| self.amounts.clone(), CurrencyOffer::amounts)
    }
}

/// Command `forward`: a sale that the chip approved while the gateway could not be reached. The goods
/// are gone. Repeating it with the same `wire` must not act twice: it is repeated until there is an
/// answer, and never reversed. Reply: [`Answer`], which must not be for a part of the amount and not
/// ask for a call.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Forward {
    /// Transaction references, from a `prepare` of their own.
    pub wire: Wire,
    /// What was sold: always a sale.
    pub purpose: Purpose,
    /// Final amounts; the connector compares them with those inside the seal.
    pub amounts: Amounts,
    /// The card, as it was read. Its tags are those of the first cryptogram.
    pub card: ReadCard,
    /// When the chip approved, microseconds since 1970 UTC.
    pub accepted_at_micros: i64,
    /// From the completion, hex to hex; they replace those of the read: the final cryptogram
    /// (9F26, 9F27 of a TC) and the response code the reader made up for the chip (8A). Empty for a
    /// contactless card, whose one cryptogram is the read's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The register's own reference, for the gateway's back office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_reference: Option<String>,
}

/// Where an authorization's card comes from.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum CardSource {
    /// A card that was presented.
    Read(ReadCard),
    /// A payment token this gateway gave earlier. Nobody presents anything.
    Token {
        /// The token.
        token: String,
    },
}

/// A card that was presented to a reader.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ReadCard {
    /// The device instance that read it; part of the sealing's associated data.
    pub device: String,
    /// From the card read; spent once.
    pub read_id: String,
    /// How it was read.
    pub entry: Entry,
    /// The sealed card.
    pub sealed: Sealed,
    /// EMV tags in clear.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Reply to `authorize`, `forward` and `modify`: the gateway answered.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Answer {
    /// What was decided.
    pub decision: Decision,
    /// DE 39 or the gateway's own code, verbatim.
    pub response_code: String,
    /// The gateway's words, for a cashier; no card data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_text: Option<String>,
    /// Amount approved; less than asked for a partial approval. Absent when not approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_minor: Option<i64>,
    /// DE 38.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_code: Option<String>,
    /// DE 37.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// Tags for the chip (91, 71, 72), hex to hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub issuer: BTreeMap<String, String>,
    /// Whether the gateway wants a signature whatever the reader did.
    #[serde(default)]
    pub signature_required: bool,
    /// A payment token that stands for the card at this gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What is left on the card, minor units of the request's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_minor: Option<i64>,
    /// What the card is charged or given in its own currency, where it is; of an authorization only
    /// what its offer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<Conversion>,
}

/// What a gateway decided.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Money moves.
    Approved,
    /// The issuer said no.
    Declined,
    /// The gateway refused the request itself (format, rules, limits); no issuer was asked.
    Rejected,
    /// The issuer wants to be called (DE 39 `01`, `02`). Nothing moved yet; the approval code it
    /// gives by telephone follows as [`Change::VoiceApproval`] of the same transaction.
    Referred,
}

/// Command `modify`: change an earlier transaction. Repeating one with the same `wire` must
/// not act twice. Reply: [`Answer`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Modify {
    /// References of this modification. A voice approval has those of its original.
    pub wire: Wire,
    /// The transaction it changes.
    pub original: Original,
    /// What changes.
    pub change: Change,
    /// The amount of the change; of `adjust`: the new total.
    pub amounts: Amounts,
}

/// The transaction a modification changes.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "known_by", rename_all = "snake_case")]
pub enum Original {
    /// One of this host.
    Wire {
        /// Its references.
        wire: Wire,
    },
    /// One made elsewhere, as its receipt names it.
    Receipt {
        /// The gateway's reference.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// DE 37.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rrn: Option<String>,
        /// When it was, microseconds since 1970 UTC.
        at_micros: i64,
        /// Its amount, minor units.
        amount_minor: i64,
    },
}

/// What a `modify` does to the original.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Confirm an authorization, wholly or in part; several until its amount is used up.
    Capture,
    /// Change the amount of an authorization that was not captured yet.
    Adjust,
    /// Give back after the sale.
    Refund,
    /// Take back before reconciliation.
    Void,
    /// The issuer approved by telephone.
    VoiceApproval {
        /// Its approval code.
        code: String,
    },
}

/// Command `inquire`: what became of this transaction?
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Inquire {
    /// References of the transaction asked about.
    pub wire: Wire,
}

/// Reply to `inquire`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Finding {
    /// The gateway holds an answer.
    Answered {
        /// That answer.
        answer: Answer,
    },
    /// It was reversed.
    Reversed,
    /// It is still being worked on.
    Pending,
    /// The gateway does not know it: it may still be on its way.
    NotFound,
    /// A batch close that was done.
    Reconciled {
        /// Its totals.
        totals: Totals,
    },
}

/// Command `reverse`: undo a transaction whose outcome is unknown. Idempotent.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Reverse {
    /// References of the transaction to undo.
    pub wire: Wire,
    /// Its amounts.
    pub amounts: Amounts,
    /// Why.
    pub reason: ReversalReason,
    /// Card number and expiry, sealed apart when the card was read; only where the manifest says
    /// `reversal_needs_pan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<SealedNumber>,
}

/// A card number that was kept for a reversal.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SealedNumber {
    /// The device instance that read it.
    pub device: String,
    /// The read it belongs to.
    pub read_id: String,
    /// The ciphertext.
    pub sealed: Sealed,
}

/// Why a transaction is reversed (DE 25 / DE 56 family).
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversalReason {
    /// Nobody answered.
    NoAnswer,
    /// The chip refused after approval.
    CardRefused,
    /// Card or reader went away before completion.
    CompletionLost,
    /// The host stopped in between.
    HostRestarted,
}

/// Reply to `reverse`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Reversal {
    /// No money has moved or will move: undone, or barred from happening if it arrives late.
    Reversed,
    /// The gateway will not undo it; a person must look.
    Refused {
        /// The gateway's code.
        response_code: String,
        /// The gateway's words.
        response_text: String,
    },
}

/// Command `report`: something the gateway should know; reply is empty (`{}`).
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// The chip's final cryptogram and script results. May be repeated.
    Advice {
        /// References of the transaction.
        wire: Wire,
        /// From the completion.
        tags: BTreeMap<String, String>,
    },
    /// The order behind an approved payment, be it one of this gateway or of a terminal. May be
    /// repeated.
    NotifyOrder {
        /// References of the transaction.
        wire: Wire,
        /// What was approved.
        amounts: Amounts,
        /// Text of a JSON object: `basket`, `customer` and `custom`, each as the register wrote
        /// it, names, order and spelling included.
        order: String,
    },
}

/// Command `forget_token`: nobody at this host keeps this payment token any more; reply is empty
/// (`{}`). May be repeated; one that is not known is forgotten already. A payment that is under way
/// with it may be refused.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ForgetToken {
    /// Whose it is: the token was given to this merchant.
    pub acceptor: Acceptor,
    /// The token, as the gateway gave it.
    pub token: String,
}

/// Command `reconcile`: totals since the last cutover. Reply: [`Totals`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Reconcile {
    /// References of this reconciliation. Closing twice with the same ones closes once, and
    /// answers the same totals again.
    pub wire: Wire,
    /// Whether to close the batch, or only to tell its totals.
    pub close: bool,
}

/// Reply to `reconcile`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Totals {
    /// The other side's name for the batch.
    pub batch: String,
    /// One row for each currency.
    pub totals: Vec<CurrencyTotals>,
    /// Terminal: what it had approved offline and has now collected, or could not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collected: Vec<Collected>,
}

/// What became of a payment that a terminal approved offline.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Collected {
    /// Our transaction.
    pub transaction_id: String,
    /// Whether the issuer took it. If not, the money is lost.
    pub accepted: bool,
}

/// Totals of one currency, minor units.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CurrencyTotals {
    /// ISO 4217 code.
    pub currency: String,
    /// Sales that stand.
    pub sales: u64,
    /// Their sum.
    pub sales_minor: i64,
    /// Refunds that stand.
    pub refunds: u64,
    /// Their sum.
    pub refunds_minor: i64,
}
