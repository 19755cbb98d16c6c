// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the journal shows: one line for each transaction, its records, and pages of lines.

use payhal_engine::answer::Outcome;
use payhal_engine::conversion::Conversion;
use payhal_engine::forwarding::ForwardingState;
use payhal_engine::ids::{
    DeviceId, GatewayId, IdempotencyKey, Position, RegisterId, Scope, TokenId, TransactionId,
};
use payhal_engine::money::{Amount, Currency};
use payhal_engine::record::{PastChange, Record};
use payhal_engine::request::Kind;
use std::str::FromStr;
use std::sync::Arc;

/// One transaction in a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// Our id.
    pub transaction_id: TransactionId,
    /// Whose key.
    pub scope: Scope,
    /// The register's key.
    pub key: IdempotencyKey,
    /// Sale, refund, void; with the original.
    pub kind: Kind,
    /// What was asked. Absent for a void refused before its original was looked up.
    pub amount: Option<Amount>,
    /// What was approved, minor units.
    pub approved_minor: Option<i64>,
    /// What the card was charged in its own currency, where the customer chose that.
    pub dcc: Option<Conversion>,
    /// The register's own reference.
    pub reference: Option<Arc<str>>,
    /// The device that took part.
    pub device: Option<DeviceId>,
    /// The gateway that took part.
    pub gateway: Option<GatewayId>,
    /// Absent while it is not known.
    pub outcome: Option<Outcome>,
    /// Whether money is on its way back and the other side has not acknowledged it.
    pub reversing: bool,
    /// Whether a reversal was acknowledged.
    pub reversed: bool,
    /// Whether a person must look.
    pub needs_operator: bool,
    /// Whether a gateway must still be told of the outcome, which is final.
    pub reporting: bool,
    /// Of one that was accepted offline: where it is.
    pub forwarding: Option<ForwardingState>,
    /// The card's last four digits.
    pub last_four: Option<Arc<str>>,
    /// The kept payment token that it was by, or about.
    pub token: Option<TokenId>,
    /// DE 38.
    pub approval_code: Option<Arc<str>>,
    /// Time of the first record, microseconds since 1970 UTC.
    pub started_at_micros: i64,
    /// Time of the ending.
    pub ended_at_micros: Option<i64>,
    /// Its first record.
    pub first: Position,
    /// Its last record.
    pub last: Position,
}

impl Summary {
    /// Whether it has not come to rest.
    pub fn open(&self) -> bool {
        self.undecided() || self.reporting || self.forwarding == Some(ForwardingState::Waiting)
    }

    /// Whether its outcome is not final on both sides.
    fn undecided(&self) -> bool {
        self.outcome.is_none() || self.reversing || self.needs_operator
    }

    /// Whether its amount stands or may stand: approved, or not yet known, or being reversed.
    pub fn counts(&self) -> bool {
        let lost = self.forwarding == Some(ForwardingState::Declined);
        self.undecided() || (self.outcome == Some(Outcome::Approved) && !self.reversed && !lost)
    }

    /// Where a list goes on after this line.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            started_at_micros: self.started_at_micros,
            first: self.first,
        }
    }
}

/// One transaction with everything the journal holds of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct View {
    /// The line.
    pub summary: Summary,
    /// All its records, in order.
    pub records: Vec<Record>,
    /// Every transaction that changed it.
    pub changes: Vec<PastChange>,
    /// Whether it was pruned: only its answer is left, and what changed it is not known any more.
    pub pruned: bool,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Became {
    /// This, for one that was accepted offline once its gateway said so; [`Outcome::Unknown`] =
    /// without an ending.
    Ended(Outcome),
    /// It was accepted offline, and nobody knows yet whether its issuer takes it.
    AcceptedOffline,
}

/// An amount that is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sought {
    /// Minor units.
    pub minor: i64,
    /// Absent: of any.
    pub currency: Option<Currency>,
}

/// Which transactions a list shows; what is absent does not filter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Started at or after, microseconds since 1970 UTC.
    pub since_micros: Option<i64>,
    /// Started before.
    pub until_micros: Option<i64>,
    /// Of this register.
    pub register: Option<RegisterId>,
    /// By, or about, this payment token.
    pub token: Option<TokenId>,
    /// That this became of, as far as is known now.
    pub outcome: Option<Became>,
    /// But these.
    pub without: Vec<TransactionId>,
    /// Where this was asked for or approved, or is what the card was charged.
    pub amount: Option<Sought>,
    /// The card's last four digits.
    pub last_four: Option<Arc<str>>,
    /// At rest or not.
    pub open: Option<bool>,
    /// Accepted offline, and there now.
    pub forwarding: Option<ForwardingState>,
    /// Part of the reference, the whole key, the whole approval code, the whole transaction id,
    /// or the card's last four digits.
    pub text: Option<String>,
    /// Goes on after this line.
    pub cursor: Option<Cursor>,
    /// Lines at most; 0 = as many as a page may have.
    pub limit: u32,
}

/// What is known of sales that were accepted offline.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offline {
    /// How many wait for their gateway, or for a person.
    pub waiting: u64,
    /// When the oldest of them began, microseconds since 1970 UTC.
    pub since_micros: Option<i64>,
    /// How many were not taken by their issuers.
    pub lost: u64,
}

/// Lines, newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The lines.
    pub rows: Vec<Summary>,
    /// Present when there are more.
    pub next: Option<Cursor>,
}

/// Place in a list. Its text is opaque to others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    pub(crate) started_at_micros: i64,
    pub(crate) first: Position,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.started_at_micros, self.first.0)
    }
}

/// The text is not a cursor of a journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("go on with the list: the cursor is not one that a list gave; start without one")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (at, first) = text.split_once('.').ok_or(NotACursor)?;
        Ok(Self {
            started_at_micros: at.parse().map_err(|_| NotACursor)?,
            first: Position(first.parse().map_err(|_| NotACursor)?),
        })
    }
}
