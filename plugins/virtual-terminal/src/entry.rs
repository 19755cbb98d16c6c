// SPDX-License-Identifier: MIT OR Apache-2.0
//! One row of the ledger, and the answer it stands for.
//!
//! A row must never hold a card number, a track or a PIN: a masked number is all there is.

use crate::rules::{self, Code};
use payhal_messages::money::Purpose;
use payhal_messages::terminal::{Pay, ReverseTerminal, TerminalOutcome};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};

/// An entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) transaction_id: String,
    /// The terminal's own name for it.
    pub(crate) reference: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// What was approved; 0 when nothing was.
    pub(crate) amount_minor: i64,
    pub(crate) requested_minor: i64,
    pub(crate) currency: String,
    /// `transaction_id` of what a capture, adjustment or refund changes.
    pub(crate) original: Option<String>,
    pub(crate) stan: u32,
    pub(crate) batch: i64,
    /// Name of the test card.
    pub(crate) card: Option<String>,
    pub(crate) collection: Option<Collection>,
    /// Of a running one: how many inquiries it still takes.
    pub(crate) inquiries_left: i64,
    /// What was told when it ended.
    pub(crate) answer: TerminalOutcome,
    pub(crate) at_micros: i64,
}

/// The columns of `entry`, in the order the ledger writes them.
pub(crate) const COLUMNS: &str = "seq, transaction_id, reference, kind, state, amount_minor, \
    requested_minor, currency, original, stan, batch, card, collection, inquiries_left, answer, \
    at_micros, response_code, approval_code, masked_pan, offline";

impl Entry {
    /// An entry for a request that nobody has decided yet.
    pub(crate) fn undecided(request: &Pay, at_micros: i64) -> Self {
        Self {
            seq: 0,
            transaction_id: request.transaction_id.clone(),
            reference: None,
            kind: request.purpose.into(),
            state: State::Ended,
            amount_minor: 0,
            requested_minor: request.amounts.total_minor,
            currency: request.amounts.currency.clone(),
            original: None,
            stan: request.stan,
            batch: 0,
            card: None,
            collection: None,
            inquiries_left: 0,
            answer: no(&rules::NOTHING),
            at_micros,
        }
    }

    /// An entry for a request that must never be decided.
    pub(crate) fn barred(request: &ReverseTerminal, at_micros: i64) -> Self {
        Self {
            seq: 0,
            transaction_id: request.transaction_id.clone(),
            reference: None,
            kind: Kind::Unknown,
            state: State::Barred,
            amount_minor: 0,
            requested_minor: request.amounts.total_minor,
            currency: request.amounts.currency.clone(),
            original: None,
            stan: 0,
            batch: 0,
            card: None,
            collection: None,
            inquiries_left: 0,
            answer: no(&rules::REVERSED),
            at_micros,
        }
    }

    /// What the terminal tells of it now. Something undone since is told as not approved: saying
    /// "approved" again would invite a delivery.
    pub(crate) fn outcome(&self) -> TerminalOutcome {
        match self.state {
            State::Reversed | State::Barred => TerminalOutcome {
                reference: self.reference.clone(),
                ..no(&rules::REVERSED)
            },
            _ => self.answer.clone(),
        }
    }

    /// Reads the columns of [`COLUMNS`].
    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let answer: String = row.get(14)?;
        Ok(Self {
            seq: row.get(0)?,
            transaction_id: row.get(1)?,
            reference: row.get(2)?,
            kind: row.get(3)?,
            state: row.get(4)?,
            amount_minor: row.get(5)?,
            requested_minor: row.get(6)?,
            currency: row.get(7)?,
            original: row.get(8)?,
            stan: row.get(9)?,
            batch: row.get(10)?,
            card: row.get(11)?,
            collection: row.get(12)?,
            inquiries_left: row.get(13)?,
            answer: serde_json::from_str(&answer).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(14, Type::Text, Box::new(error))
            })?,
            at_micros: row.get(15)?,
        })
    }
}

/// An outcome in which no money moved.
pub(crate) fn no(code: &Code) -> TerminalOutcome {
    TerminalOutcome {
        approved: false,
        response_code: code.code.to_owned(),
        response_text: Some(code.text.to_owned()),
        approved_minor: None,
        tip_minor: None,
        surcharge_minor: None,
        approval_code: None,
        reference: None,
        rrn: None,
        token: None,
        balance_minor: None,
        dcc: None,
        entry: None,
        cvm: None,
        card: None,
        offline: false,
    }
}

/// An enum that a text column holds by name.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// The name in the ledger.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.name().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(FromSqlError::InvalidType),
                }
            }
        }
    };
}

named! {
    /// What an entry is.
    Kind {
        /// Purchase.
        Sale = "sale",
        /// Money back: to a presented card, or (with `original`) of an earlier entry.
        Refund = "refund",
        /// Hold.
        Authorize = "authorize",
        /// Confirmation of a hold.
        Capture = "capture",
        /// Another amount for a hold.
        Adjust = "adjust",
        /// Card check.
        Verify = "verify",
        /// Question for what is left on a card.
        Balance = "balance",
        /// Cash alone.
        CashAdvance = "cash_advance",
        /// A reversal came for something the terminal had never seen.
        Unknown = "unknown",
    }
}

named! {
    /// How an entry stands.
    State {
        /// The customer is still at the terminal.
        Running = "running",
        /// It counts.
        Approved = "approved",
        /// The issuer or the terminal said no.
        Declined = "declined",
        /// Card, cardholder, cashier or cable ended it before it was decided.
        Ended = "ended",
        /// Approved, then undone.
        Reversed = "reversed",
        /// Reversed before it was decided: it can never be approved.
        Barred = "barred",
        /// Approved offline, and the issuer did not take it.
        Uncollected = "uncollected",
    }
}

named! {
    /// Where the collection of an offline approval stands.
    Collection {
        /// Until the next close of the batch.
        Waiting = "waiting",
        /// The issuer took it.
        Accepted = "accepted",
        /// The issuer did not.
        Rejected = "rejected",
    }
}

impl From<Purpose> for Kind {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Sale => Self::Sale,
            Purpose::Refund => Self::Refund,
            Purpose::Authorize => Self::Authorize,
            Purpose::Capture => Self::Capture,
            Purpose::Adjust => Self::Adjust,
            Purpose::Verify => Self::Verify,
            Purpose::Balance => Self::Balance,
            Purpose::CashAdvance => Self::CashAdvance,
        }
    }
}
