// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a register is told: one answer to each request, progress on the way, notifications after.

use crate::card::{CardFace, Cvm, Entry};
use crate::conversion::Conversion;
use crate::forwarding::{Forwarding, Loss};
use crate::gateway::{Extras, Totals};
use crate::ids::{
    Acceptor, DeviceId, GatewayId, IdempotencyKey, Opaque, RegisterId, TransactionId,
};
use crate::leases::LeaseView;
use crate::money::{Amount, Amounts};
use crate::quote::Quoted;
use crate::request::Snapshot;
use crate::room::Room;
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The detail of a refusal that follows from a person's word.
pub const NOTHING_MOVED: &str = "a person found that no money moved";

/// The one answer to a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Money moved. `replayed`: recalled, not made now.
    Approved {
        /// The final answer.
        approved: Box<Approved>,
        /// Whether an earlier request with this key got it first.
        replayed: bool,
        /// Of one that was accepted offline: what became of it since.
        forwarding: Option<Box<Forwarding>>,
    },
    /// Anything else.
    Refused {
        /// The answer.
        refused: Box<Refused>,
        /// Whether an earlier request with this key got it first.
        replayed: bool,
    },
    /// To a cancel.
    Cancel(CancelState),
    /// To a look at live transactions.
    Live(Vec<Snapshot>),
    /// To a look at quarantined terminals.
    Quarantined(Vec<DeviceId>),
    /// To an identify: done.
    Identified,
    /// To an errand: what the device answers, unread.
    ErrandDone(Opaque),
    /// To an answer to a question: it counted.
    Responded,
    /// To a question for totals.
    Totals(Box<Totals>),
    /// To a quote.
    Quoted(Box<Quoted>),
    /// To a person's word: it is recorded.
    Resolved,
    /// The signature is kept.
    Signed {
        /// Since when, microseconds since 1970 UTC.
        at_micros: i64,
    },
    /// To a wish for a lease: it is over. What is told of it meanwhile is no answer.
    LeaseEnded,
    /// To a register that gives a device back.
    GivenBack,
    /// To a look at what is lent.
    Lent(Vec<LeaseView>),
    /// To a look at what may be sold without a gateway.
    Rooms(Vec<Room>),
    /// To whoever wants to replace what drives a device or gateway: it counts as not ready now,
    /// until it is told to be.
    SetAside,
}

/// A final approval, as it is recorded and told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Approved {
    /// Our id.
    pub transaction_id: TransactionId,
    /// The register's key.
    pub key: IdempotencyKey,
    /// What was asked; of a partial approval no cashback is left.
    pub requested: Amounts,
    /// What was approved; less than asked when `partial`.
    pub approved_minor: i64,
    /// Whether less than asked was approved.
    pub partial: bool,
    /// DE 38.
    pub approval_code: Option<Arc<str>>,
    /// DE 39, verbatim.
    pub response_code: Arc<str>,
    /// DE 37.
    pub rrn: Option<Arc<str>>,
    /// DE 11.
    pub stan: Option<u32>,
    /// The card, where one was presented.
    pub card: Option<CardFace>,
    /// How it was read.
    pub entry: Option<Entry>,
    /// How the cardholder was verified.
    pub cvm: Option<Cvm>,
    /// Whether a signature must be taken on paper.
    pub signature_required: bool,
    /// Where.
    pub gateway: Option<GatewayId>,
    /// With what.
    pub device: Option<DeviceId>,
    /// Whose money.
    pub acceptor: Option<Acceptor>,
    /// Microseconds since 1970 UTC.
    pub at_micros: i64,
    /// Token, balance, what a terminal added, totals of a batch.
    #[serde(default, skip_serializing_if = "Extras::is_plain")]
    pub extras: Extras,
    /// The card allowed it while the gateway was away: it is forwarded later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted_offline: bool,
    /// It took back a sale that was accepted offline, before that was forwarded: nothing was
    /// charged, and no gateway was asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawal: bool,
    /// What the card was charged or given in its own currency, where the customer chose that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcc: Option<Conversion>,
}

/// Why a request was not approved, with everything a register needs to go on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Refused {
    /// Our id, once the request was accepted.
    pub transaction_id: Option<TransactionId>,
    /// The register's key, where the request had one.
    pub key: Option<IdempotencyKey>,
    /// The name, which fixes outcome and retry advice.
    pub reason: Reason,
    /// Whether money is on its way back.
    pub reversing: bool,
    /// When to try again, for reasons that pass.
    pub retry_after_ms: Option<u64>,
    /// DE 39 or the other side's code, verbatim.
    pub response_code: Option<Arc<str>>,
    /// The other side's words.
    pub response_text: Option<Arc<str>>,
    /// For an unknown one: what happens next.
    pub resolution: Option<Resolution>,
    /// For an engineer.
    pub detail: Option<Arc<str>>,
    /// Where several transactions must be looked at first, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<TransactionId>,
    /// Microseconds since 1970 UTC.
    pub at_micros: i64,
}

impl Refused {
    /// A refusal that says its name and nothing else yet.
    pub fn new(reason: Reason, now: Now) -> Self {
        Self {
            transaction_id: None,
            key: None,
            reason,
            reversing: false,
            retry_after_ms: None,
            response_code: None,
            response_text: None,
            resolution: None,
            detail: None,
            unresolved: Vec::new(),
            at_micros: now.wall_micros,
        }
    }
}

/// Names of refusals: the error table of the register API, as far as the engine decides it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too many open transactions.
    RateLimited,
    /// No such device.
    DeviceNotFound,
    /// Another transaction has the device.
    DeviceBusy {
        /// Who has it.
        owner: RegisterId,
        /// Since when, microseconds since 1970 UTC.
        since_micros: i64,
        /// Until when at the latest, microseconds since 1970 UTC, where it is lent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_micros: Option<i64>,
        /// The transaction, if it is one.
        transaction_id: Option<TransactionId>,
    },
    /// The device is unplugged, restarting or broken.
    DeviceUnavailable,
    /// The device cannot do what is asked.
    DeviceUnsupported,
    /// The issuer said no.
    Declined,
    /// Cancelled by the register, on the device, or by a stopping host.
    Cancelled,
    /// No card in time (nothing moved), or no gateway answer in time (being reversed).
    TimedOut,
    /// The outcome is not known yet; the host keeps resolving it.
    OutcomeUnknown,
    /// The key was used with another body.
    KeyReused,
    /// No such transaction, or not this register's.
    TransactionNotFound,
    /// The amount cannot be.
    AmountInvalid,
    /// The rules forbid it: sums, states, kinds.
    NotAllowed,
    /// The card could not be read, is expired, left, or refused after approval (reversing).
    CardError,
    /// The gateway cannot be reached; nothing was sent.
    GatewayUnavailable,
    /// The gateway refused the request itself.
    GatewayRejected,
    /// The gateway could not be reached, which showed only after the intent was recorded. Nothing
    /// was sent, and the key is used.
    NothingSent,
    /// The terminal never began, which showed only after the intent was recorded. Nothing moved,
    /// and the key is used.
    NeverBegun,
    /// An earlier transaction is unknown, and this one looks like its repetition.
    UnresolvedTransaction {
        /// Which.
        transaction_id: TransactionId,
    },
    /// A plugin broke before anything could move.
    PluginFailed,
    /// The journal cannot take new money.
    JournalUnavailable,
    /// The host is stopping.
    HostStopping,
}

/// How a request ended, as the register API tells it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Money moved.
    Approved,
    /// The issuer said no.
    Declined,
    /// Stopped.
    Cancelled,
    /// Ended without money.
    Failed,
    /// Not known yet.
    Unknown,
}

/// What a register may do after a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// The same request with the same key.
    SameKey,
    /// A new attempt with a new key.
    NewKey,
    /// Not as it stands.
    Never,
    /// A person must look first.
    AskOperator,
}

impl Reason {
    /// The outcome this name stands for.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Declined => Outcome::Declined,
            Self::Cancelled => Outcome::Cancelled,
            Self::OutcomeUnknown => Outcome::Unknown,
            _ => Outcome::Failed,
        }
    }

    /// What the register may do.
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited
            | Self::DeviceBusy { .. }
            | Self::DeviceUnavailable
            | Self::GatewayUnavailable
            | Self::JournalUnavailable
            | Self::HostStopping
            | Self::PluginFailed
            | Self::OutcomeUnknown => Retry::SameKey,
            Self::Declined
            | Self::Cancelled
            | Self::TimedOut
            | Self::CardError
            | Self::GatewayRejected
            | Self::NothingSent
            | Self::NeverBegun => Retry::NewKey,
            Self::UnresolvedTransaction { .. } => Retry::AskOperator,
            Self::DeviceNotFound
            | Self::DeviceUnsupported
            | Self::KeyReused
            | Self::TransactionNotFound
            | Self::AmountInvalid
            | Self::NotAllowed => Retry::Never,
        }
    }

    /// Whether an answer with this name is final and stored under its key.
    pub fn uses_key(&self) -> bool {
        self.retry() == Retry::NewKey
    }
}

/// What the host does about an unknown outcome.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Resolution {
    /// What is going on.
    pub state: ResolutionState,
    /// When the next attempt is due, microseconds since 1970 UTC.
    pub next_at_micros: Option<i64>,
}

/// What is going on about an unknown outcome.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionState {
    /// The other side is asked.
    Resolving,
    /// It is being undone.
    Reversing,
    /// A person must look.
    NeedsOperator,
}

/// Answer to a cancel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CancelState {
    /// Under way; the cancelled call gets its own answer.
    Cancelling,
    /// It was cancelled before.
    Cancelled,
    /// The gateway was asked already.
    TooLate,
    /// It had ended.
    Finished,
    /// No such transaction of this register.
    NotFound,
}

/// Where a transaction stands, for people.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Taken up.
    Accepted,
    /// The reader is ready.
    WaitingForCard,
    /// A card is in the slot.
    CardInserted,
    /// A card was tapped.
    CardTapped,
    /// A card was swiped.
    CardSwiped,
    /// The cardholder chooses.
    ApplicationSelection,
    /// The cardholder enters a PIN.
    PinEntry,
    /// The expiry of a typed card is typed.
    ExpiryEntry,
    /// The card is read.
    Reading,
    /// The issuer is asked.
    Authorizing,
    /// The card may be taken out.
    RemoveCard,
    /// A signature is taken.
    Signature,
    /// The chip gets the answer.
    Completing,
    /// Money is on its way back.
    Reversing,
}

/// What happened at the keypad while a PIN is entered: never which key, never how many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PinEvent {
    /// The keypad waits for the PIN.
    Started,
    /// A digit was added.
    Added,
    /// Digits were taken away.
    Removed,
    /// The PIN is complete.
    Finished,
}

/// One step, told to every ticket that waits for the transaction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Our id.
    pub transaction_id: TransactionId,
    /// The register's key.
    pub key: IdempotencyKey,
    /// Strictly increasing within the transaction, from 1.
    pub seq: u32,
    /// The stage.
    pub stage: Stage,
    /// In PIN entry: what happened at the keypad.
    pub pin: Option<PinEvent>,
    /// One line for people.
    pub text: Arc<str>,
    /// Microseconds since 1970 UTC.
    pub at_micros: i64,
}

/// Something registers and consoles may subscribe to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notification {
    /// An unknown outcome or a reversal came to its end, or needs a person.
    Resolved {
        /// Whose.
        register: RegisterId,
        /// Our id.
        transaction_id: TransactionId,
        /// The register's key.
        key: IdempotencyKey,
        /// The outcome that stands.
        outcome: Outcome,
        /// Whether a reversal was acknowledged.
        reversed: bool,
        /// Present when it did not end: a person must look.
        resolution: Option<Resolution>,
    },
    /// The issuer did not take an offline approval of a terminal: the money is lost.
    NotCollected {
        /// Whose.
        register: RegisterId,
        /// Our id.
        transaction_id: TransactionId,
        /// The register's key.
        key: IdempotencyKey,
        /// What is lost.
        amount: Amount,
    },
    /// A sale that was accepted offline was forwarded, was withdrawn, or needs a person.
    Forwarded {
        /// Whose.
        register: RegisterId,
        /// Our id.
        transaction_id: TransactionId,
        /// The register's key.
        key: IdempotencyKey,
        /// What became of it.
        forwarding: Forwarding,
        /// What is lost, where the issuer did not take it.
        loss: Option<Box<Loss>>,
    },
    /// A terminal began to owe the word on a payment, or owes none any more.
    Quarantine {
        /// Which.
        device: DeviceId,
        /// Whether it takes no payment from now on.
        owes: bool,
    },
    /// A transaction began, moved on, or ended: for consoles that draw timelines.
    Moved {
        /// Whose.
        register: RegisterId,
        /// The step.
        progress: Progress,
        /// The amount, for lists.
        amount: Option<Amount>,
        /// Present when it ended.
        outcome: Option<Outcome>,
    },
}
