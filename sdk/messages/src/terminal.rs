// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands and replies of a terminal, which authorizes by itself.

use crate::card::{CardFace, Cvm, Entry};
use crate::currency::Conversion;
use crate::money::{Amounts, Purpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Command `pay`: run a whole payment. The intent is durable.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Pay {
    /// Our transaction.
    pub transaction_id: String,
    /// Trace number from the host's journaled counter, 1 to 999999.
    pub stan: u32,
    /// What is asked.
    pub purpose: Purpose,
    /// Final amounts.
    pub amounts: Amounts,
    /// What a tip or surcharge asked for by the terminal may raise the total to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_minor_max: Option<i64>,
    /// The transaction that a refund, capture or adjustment belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<OriginalPayment>,
}

/// An earlier transaction of the same terminal.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OriginalPayment {
    /// Our transaction.
    pub transaction_id: String,
    /// Its trace number.
    pub stan: u32,
    /// The terminal's own reference, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Reply to `pay`: what the terminal did.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TerminalOutcome {
    /// Whether money moved.
    pub approved: bool,
    /// The terminal's code, verbatim.
    pub response_code: String,
    /// The terminal's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_text: Option<String>,
    /// Amount approved, when approved: less than asked for a partial approval, more by what the
    /// terminal added as tip or surcharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_minor: Option<i64>,
    /// The tip in it, where the terminal asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip_minor: Option<i64>,
    /// The surcharge in it, where the terminal added one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surcharge_minor: Option<i64>,
    /// DE 38.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_code: Option<String>,
    /// The terminal's own reference, needed for a reversal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// DE 37.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrn: Option<String>,
    /// A payment token that stands for the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What is left on the card, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_minor: Option<i64>,
    /// How the card was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
    /// How the cardholder was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvm: Option<Cvm>,
    /// What may be shown of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardFace>,
    /// What the card was charged in its own currency, where the terminal offered that and the
    /// customer chose it. All other amounts stay in the shop's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<Conversion>,
    /// Whether the sale was approved offline and waits for collection.
    #[serde(default)]
    pub offline: bool,
}

/// Command `inquire`: what became of this transaction? By id, or the last one.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct InquireTerminal {
    /// Our transaction.
    pub transaction_id: String,
    /// Its trace number.
    pub stan: u32,
}

/// Reply to `inquire`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each inquiry and handed on at once"
)]
pub enum TerminalFinding {
    /// The terminal holds its outcome.
    Ended {
        /// That outcome.
        outcome: TerminalOutcome,
    },
    /// It is running.
    Running,
    /// The terminal never took it.
    NotFound,
}

/// Command `reverse`: undo a payment; reply is [`crate::gateway::Reversal`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ReverseTerminal {
    /// Our transaction.
    pub transaction_id: String,
    /// The terminal's own reference, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its amounts.
    pub amounts: Amounts,
}
