// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways as the engine knows them: parameters, commands, replies.

use crate::card::{CardFace, Entry};
use crate::conversion::Conversion;
use crate::dcc::CurrencyOffer;
use crate::device::Purpose;
use crate::ids::{Acceptor, DeviceId, GatewayId, Opaque, TransactionId};
use crate::money::{Amounts, Currency};
use crate::pricing::Lists;
use crate::request::Receipt;
use crate::tokens::Token;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whether a gateway can be used, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatewayStatus {
    /// What its connector answered to `open`; absent until then.
    pub parameters: Option<GatewayParameters>,
    /// Whether its runner is up.
    pub ready: bool,
    /// How long until it may be ready again, where that is known.
    pub retry_after_ms: Option<u64>,
}

/// What the host must know about a gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatewayParameters {
    /// Currencies it takes; empty = any.
    pub currencies: Vec<Currency>,
    /// Key that readers seal to.
    pub recipient: Recipient,
    /// Whether it can be asked about a transaction.
    pub inquiry: bool,
    /// Transactions one acceptor may have in flight.
    pub in_flight_per_acceptor: Option<u32>,
    /// Whether a reversal must be acknowledged before the acceptor's next transaction.
    pub reversal_before_next: bool,
    /// Whether a reversal carries the card number again, sealed apart.
    pub reversal_needs_number: bool,
    /// What it can do besides a sale.
    pub can: Vec<Ability>,
    /// Whether real money is at stake.
    pub live: bool,
    /// Schemes of encryption that it opens; empty = any.
    pub opens: Vec<Arc<str>>,
    /// What it adds to prices.
    pub lists: Lists,
}

/// What a terminal or gateway can do besides a plain sale; from its manifest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ability {
    /// Hold now, capture later.
    Authorize,
    /// Change an authorization's amount.
    Adjust,
    /// Give back for a transaction of this host.
    Refund,
    /// Give back for a transaction that only its receipt tells of.
    RefundByReceipt,
    /// Give back without naming a transaction.
    RefundUnreferenced,
    /// Take back before reconciliation.
    Void,
    /// Check a card.
    Verify,
    /// Keep a card as a token, and pay with one.
    Token,
    /// Tell what is left on a card.
    Balance,
    /// Pay out cash alone.
    CashAdvance,
    /// Pay out cash with a sale.
    Cashback,
    /// Payment in instalments.
    Installments,
    /// Take an approval code given by telephone.
    VoiceApproval,
    /// Tell the totals of the batch.
    BatchTotals,
    /// Close the batch.
    BatchClose,
    /// Take the chip's completion data.
    Advice,
    /// Take the order behind a payment.
    NotifyOrder,
    /// Take a sale afterwards that its card allowed without asking.
    Forward,
    /// Forget a payment token.
    ForgetToken,
    /// Offer a payment in the card's own currency.
    Dcc,
}

/// Whom a read is sealed to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    /// The gateway instance.
    pub gateway: GatewayId,
    /// Names the key.
    pub key_id: Arc<str>,
    /// The public key.
    pub public_key: Opaque,
    /// Its certificates, which the reader checks.
    pub certificates: Arc<[Opaque]>,
}

/// What every exchange about one transaction carries; recorded in its intent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Wire {
    /// Our transaction.
    pub transaction_id: TransactionId,
    /// DE 11, 1 to 999999.
    pub stan: u32,
    /// When the intent was made, microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Whose money.
    pub acceptor: Acceptor,
    /// The connector's own references, opaque, from `Prepare`.
    pub reference: Arc<str>,
}

/// What a gateway is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GatewayCommand {
    /// Make references; sends nothing.
    Prepare {
        /// With an empty reference.
        wire: Wire,
        /// What will be asked.
        purpose: Purpose,
        /// Final.
        amounts: Amounts,
    },
    /// Whether the card may pay in its own currency. Nothing moves.
    OfferCurrency {
        /// Our transaction.
        transaction_id: TransactionId,
        /// Whose money.
        acceptor: Acceptor,
        /// What will be asked.
        purpose: Purpose,
        /// Final.
        amounts: Amounts,
        /// What may be seen of the card.
        card: CardFace,
        /// How long an offer is waited for.
        timeout_ms: u64,
    },
    /// Ask the issuer.
    Authorize {
        /// References.
        wire: Wire,
        /// What is asked.
        purpose: Purpose,
        /// Final.
        amounts: Amounts,
        /// The card.
        card: CardSource,
        /// The register's reference.
        merchant_reference: Option<Arc<str>>,
        /// Number of instalments.
        installments: Option<u32>,
        /// Approval code given by telephone beforehand.
        voice_code: Option<Arc<str>>,
        /// Whether the card is kept: a payment token is wanted for it.
        keep_card: bool,
        /// The offer of the card's own currency that the customer took.
        dcc: Option<CurrencyOffer>,
    },
    /// Change an earlier transaction. Safe to repeat with the same references.
    Modify {
        /// References of the change.
        wire: Wire,
        /// The transaction it changes.
        original: Original,
        /// What changes.
        change: Change,
        /// The amount of the change; of an adjustment: the new total.
        amounts: Amounts,
    },
    /// The issuer, which wanted to be called, has approved by telephone. Safe to repeat.
    VoiceApproval {
        /// References of the referred transaction.
        wire: Wire,
        /// Its amounts.
        amounts: Amounts,
        /// The approval code.
        code: Arc<str>,
    },
    /// Totals, and the end of the batch. Safe to repeat with the same references.
    Reconcile {
        /// References of the reconciliation.
        wire: Wire,
        /// Whether to close the batch.
        close: bool,
    },
    /// Something the gateway should know. Safe to repeat.
    Report {
        /// References of the transaction.
        wire: Wire,
        /// What.
        report: Report,
    },
    /// Take a sale that its card allowed while the gateway was away. Safe to repeat with the same
    /// references. The sealed read that was kept for it goes along.
    Forward {
        /// References of the forwarding.
        wire: Wire,
        /// What it was for.
        purpose: Purpose,
        /// As the card allowed them.
        amounts: Amounts,
        /// Who read the card.
        device: DeviceId,
        /// Names the read.
        read_id: Arc<str>,
        /// How it was read.
        entry: Entry,
        /// When the register was told, microseconds since 1970 UTC.
        accepted_at_micros: i64,
        /// Tags of the chip's completion, as JSON text.
        tags: Option<Arc<str>>,
        /// The register's reference.
        merchant_reference: Option<Arc<str>>,
    },
    /// Nobody here keeps this payment token any more. Safe to repeat; answered as a report is.
    ForgetToken {
        /// Whose it is.
        acceptor: Acceptor,
        /// The token.
        token: Arc<str>,
    },
    /// What became of it?
    Inquire {
        /// References of the one asked about.
        wire: Wire,
    },
    /// Undo it. Safe to repeat.
    Reverse {
        /// References of the one to undo.
        wire: Wire,
        /// Its amounts.
        amounts: Amounts,
        /// Why.
        reason: ReversalReason,
        /// Whether the sealed number that was kept for it goes with it.
        with_number: bool,
    },
}

/// Where an authorization's card comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CardSource {
    /// It was presented.
    Read {
        /// Who read it.
        device: DeviceId,
        /// Names the read.
        read_id: Arc<str>,
        /// How it was read.
        entry: Entry,
        /// Sealed card data and tags.
        sealed: Opaque,
    },
    /// A payment token.
    Token(Arc<str>),
}

/// The transaction a modification changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Original {
    /// One of this host.
    Wire(Wire),
    /// One made elsewhere.
    Receipt(Receipt),
}

/// Something a gateway should know about a transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Report {
    /// Tags of the chip's completion, as JSON text.
    Advice {
        /// The tags.
        tags: Arc<str>,
    },
    /// The order behind an approved payment, as JSON text.
    NotifyOrder {
        /// What was approved.
        amounts: Amounts,
        /// Basket, customer and custom fields.
        order: Arc<str>,
    },
}

/// Totals of a batch, as the other side counts them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Totals {
    /// The other side's name for the batch.
    pub batch: Arc<str>,
    /// One row for each currency.
    pub rows: Vec<CurrencyTotals>,
    /// Offline approvals of a terminal that were collected, or could not be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collected: Vec<Collected>,
}

/// Totals of one currency.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CurrencyTotals {
    /// The currency.
    pub currency: Currency,
    /// Sales that stand.
    pub sales: u64,
    /// Their sum, minor units.
    pub sales_minor: i64,
    /// Refunds that stand.
    pub refunds: u64,
    /// Their sum, minor units.
    pub refunds_minor: i64,
}

/// What became of an offline approval.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Collected {
    /// Our transaction.
    pub transaction_id: TransactionId,
    /// Whether the issuer took it.
    pub accepted: bool,
}

/// What a modification does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Confirm an authorization, all or part of it.
    Capture,
    /// Change an authorization's amount.
    Adjust,
    /// Give back.
    Refund,
    /// Take back.
    Void,
}

/// Why a transaction is reversed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
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

/// What a gateway answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GatewayReply {
    /// To `Prepare`.
    Prepared {
        /// References, at most 1 KiB.
        reference: Arc<str>,
    },
    /// To `OfferCurrency`.
    CurrencyOffered(Option<CurrencyOffer>),
    /// To `Reconcile`.
    Reconciled(Box<Totals>),
    /// To `Report`: the gateway knows.
    Reported,
    /// To `Authorize`, `Modify`, `VoiceApproval` and `Forward`.
    Answered(Box<GatewayAnswer>),
    /// To `Inquire`.
    Found(Finding),
    /// To `Reverse`: no money has moved or will move.
    Reversed,
    /// To `Reverse`: it will not; a person must look.
    ReversalRefused {
        /// The gateway's code.
        response_code: Arc<str>,
        /// The gateway's words.
        response_text: Arc<str>,
    },
    /// To `Reverse`: the sealed number that must go with it is lost, so it was not sent.
    NumberLost {
        /// For the person who must look.
        reason: Arc<str>,
    },
    /// To `Forward`: the sealed read that must go with it is lost, so it was not sent.
    ReadLost {
        /// For the person who must look.
        reason: Arc<str>,
    },
    /// The connector does not know the command.
    Unsupported,
    /// Line, protocol, plugin or runner broke, or the deadline passed.
    Failed {
        /// Whether the request can have reached the gateway.
        sent: bool,
        /// For an engineer.
        reason: Arc<str>,
    },
}

/// Reply to an inquiry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// The gateway holds an answer.
    Answered(Box<GatewayAnswer>),
    /// It was reversed.
    Reversed,
    /// It is still being worked on.
    Pending,
    /// Not known; never final.
    NotFound,
    /// A batch close that was done.
    Reconciled(Box<Totals>),
}

/// The gateway's word on an authorization or modification.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GatewayAnswer {
    /// What was decided.
    pub decision: Decision,
    /// DE 39, verbatim.
    pub response_code: Arc<str>,
    /// The gateway's words.
    pub response_text: Option<Arc<str>>,
    /// When approved; less than asked for a partial approval.
    pub approved_minor: Option<i64>,
    /// DE 38.
    pub approval_code: Option<Arc<str>>,
    /// DE 37.
    pub rrn: Option<Arc<str>>,
    /// Whether the gateway wants a signature.
    pub signature_required: bool,
    /// Tags for the chip; not recorded.
    #[serde(skip)]
    pub issuer: Opaque,
    /// What it says besides.
    #[serde(default, skip_serializing_if = "Extras::is_plain")]
    pub extras: Extras,
}

/// What an answer says beyond yes or no; empty for most.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Extras {
    /// A payment token that stands for the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Arc<str>>,
    /// The kept token that stands for it, as this call left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Box<Token>>,
    /// What is left on the card, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance_minor: Option<i64>,
    /// The tip a terminal added, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tip_minor: Option<i64>,
    /// The surcharge a terminal added, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surcharge_minor: Option<i64>,
    /// What the card was charged or given in its own currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dcc: Option<Box<Conversion>>,
    /// A terminal's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Arc<str>>,
    /// Approved offline by a terminal, not yet collected.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offline: bool,
    /// Totals of a closed batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Box<Totals>>,
}

impl Extras {
    /// Whether there is nothing in it.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What a gateway decided.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Money moves.
    Approved,
    /// The issuer said no.
    Declined,
    /// The gateway refused the request itself.
    Rejected,
    /// The issuer wants to be called; nothing moved yet.
    Referred,
}
