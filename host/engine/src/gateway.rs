// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways as the engine knows them: parameters, commands, replies.

use crate::card::Entry;
use crate::ids::{Acceptor, DeviceId, GatewayId, Opaque, TransactionId};
use crate::money::{Amounts, Currency};
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
        /// Final.
        amounts: Amounts,
    },
    /// Ask the issuer.
    Authorize {
        /// References.
        wire: Wire,
        /// Final.
        amounts: Amounts,
        /// Who read the card.
        device: DeviceId,
        /// Names the read.
        read_id: Arc<str>,
        /// How it was read.
        entry: Entry,
        /// Sealed card data and tags.
        sealed: Opaque,
        /// The register's reference.
        merchant_reference: Option<Arc<str>>,
    },
    /// Change an earlier transaction. Safe to repeat with the same references.
    Modify {
        /// References of the change.
        wire: Wire,
        /// References of the original.
        original: Wire,
        /// What changes.
        change: Change,
        /// The amount of the change.
        amounts: Amounts,
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
    },
}

/// What a modification does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
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
    /// To `Authorize` and `Modify`.
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
}
