// SPDX-License-Identifier: MIT OR Apache-2.0
//! One row of the ledger, and the answer it stands for.
//!
//! A row must never hold a card number, a track or a PIN block: a masked PAN is all there is.

use crate::rules;
use payhal_messages::gateway::{Answer, Change, Decision, Wire};
use payhal_messages::money::Purpose;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use std::collections::BTreeMap;

/// An entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) transaction_id: String,
    pub(crate) reference: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    /// What was approved; 0 when nothing was.
    pub(crate) amount_minor: i64,
    pub(crate) requested_minor: i64,
    pub(crate) currency: String,
    pub(crate) response_code: String,
    pub(crate) response_text: String,
    pub(crate) approval_code: Option<String>,
    pub(crate) rrn: Option<String>,
    pub(crate) issuer: BTreeMap<String, String>,
    pub(crate) signature_required: bool,
    /// `transaction_id` of what a capture, void or referenced refund changes.
    pub(crate) original: Option<String>,
    pub(crate) merchant: String,
    pub(crate) terminal: String,
    pub(crate) stan: u32,
    pub(crate) batch: i64,
    pub(crate) read_id: Option<String>,
    pub(crate) masked_pan: Option<String>,
    pub(crate) merchant_reference: Option<String>,
    pub(crate) at_micros: i64,
}

impl Entry {
    /// An entry for a request that has not been decided yet: rejected, nothing approved.
    pub(crate) fn undecided(wire: &Wire, kind: Kind, requested_minor: i64, currency: &str) -> Self {
        Self {
            seq: 0,
            transaction_id: wire.transaction_id.clone(),
            reference: Some(wire.reference.clone()).filter(|text| !text.is_empty()),
            kind,
            state: State::Rejected,
            amount_minor: 0,
            requested_minor,
            currency: currency.into(),
            response_code: String::new(),
            response_text: String::new(),
            approval_code: None,
            rrn: None,
            issuer: BTreeMap::new(),
            signature_required: false,
            original: None,
            merchant: wire.acceptor.merchant.clone(),
            terminal: wire.acceptor.terminal.clone(),
            stan: wire.stan,
            batch: 0,
            read_id: None,
            masked_pan: None,
            merchant_reference: None,
            at_micros: wire.at_micros,
        }
    }

    /// What the gateway answered, and answers again to a repeat. A repeat of something that has
    /// been undone since is refused: saying "approved" twice would invite a second delivery.
    pub(crate) fn answer(&self) -> Answer {
        let decision = match self.state {
            State::Reversed | State::Barred => return rules::rejected(&rules::REVERSED),
            State::Declined => Decision::Declined,
            State::Rejected => Decision::Rejected,
            State::Approved | State::Voided => Decision::Approved,
        };
        Answer {
            decision,
            response_code: self.response_code.clone(),
            response_text: Some(self.response_text.clone()),
            approved_minor: (decision == Decision::Approved).then_some(self.amount_minor),
            approval_code: self.approval_code.clone(),
            rrn: self.rrn.clone(),
            issuer: self.issuer.clone(),
            signature_required: self.signature_required,
            token: None,
            balance_minor: None,
        }
    }

    /// Reads the columns of [`COLUMNS`].
    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let issuer: String = row.get(12)?;
        Ok(Self {
            seq: row.get(0)?,
            transaction_id: row.get(1)?,
            reference: row.get(2)?,
            kind: row.get(3)?,
            state: row.get(4)?,
            amount_minor: row.get(5)?,
            requested_minor: row.get(6)?,
            currency: row.get(7)?,
            response_code: row.get(8)?,
            response_text: row.get(9)?,
            approval_code: row.get(10)?,
            rrn: row.get(11)?,
            issuer: serde_json::from_str(&issuer).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    12,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })?,
            signature_required: row.get(13)?,
            original: row.get(14)?,
            merchant: row.get(15)?,
            terminal: row.get(16)?,
            stan: row.get(17)?,
            batch: row.get(18)?,
            read_id: row.get(19)?,
            masked_pan: row.get(20)?,
            merchant_reference: row.get(21)?,
            at_micros: row.get(22)?,
        })
    }
}

/// The columns of `entry`, in the order [`Entry::from_row`] reads and the ledger writes them.
pub(crate) const COLUMNS: &str = "seq, transaction_id, reference, kind, state, amount_minor, \
    requested_minor, currency, response_code, response_text, approval_code, rrn, issuer, \
    signature_required, original, merchant, terminal, stan, batch, read_id, masked_pan, \
    merchant_reference, at_micros";

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
        /// Card check without an amount.
        Verify = "verify",
        /// Question what is left on a card.
        Balance = "balance",
        /// Cash paid out.
        CashAdvance = "cash_advance",
        /// Confirmation of a hold.
        Capture = "capture",
        /// Another amount for a hold.
        Adjust = "adjust",
        /// Approval by telephone of what was referred.
        VoiceApproval = "voice_approval",
        /// Taking back before reconciliation.
        Void = "void",
        /// A reversal came for something the gateway had never seen.
        Unknown = "unknown",
    }
}

named! {
    /// How an entry stands.
    State {
        /// It counts.
        Approved = "approved",
        /// The issuer said no.
        Declined = "declined",
        /// The gateway refused the request.
        Rejected = "rejected",
        /// Approved, then undone by a reversal.
        Reversed = "reversed",
        /// Approved, then taken back by a void.
        Voided = "voided",
        /// Reversed before it arrived: it can never be approved.
        Barred = "barred",
    }
}

impl From<Purpose> for Kind {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Sale => Self::Sale,
            Purpose::Refund => Self::Refund,
            Purpose::Authorize => Self::Authorize,
            Purpose::Verify => Self::Verify,
            Purpose::Balance => Self::Balance,
            Purpose::CashAdvance => Self::CashAdvance,
            Purpose::Capture => Self::Capture,
            Purpose::Adjust => Self::Adjust,
        }
    }
}

impl From<&Change> for Kind {
    fn from(change: &Change) -> Self {
        match change {
            Change::Capture => Self::Capture,
            Change::Adjust => Self::Adjust,
            Change::Refund => Self::Refund,
            Change::Void => Self::Void,
            Change::VoiceApproval { .. } => Self::VoiceApproval,
        }
    }
}
