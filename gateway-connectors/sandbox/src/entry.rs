// SPDX-License-Identifier: MIT OR Apache-2.0
//! One row of the ledger, and the answer it stands for.
//!
//! A row must never hold a card number, a track or a PIN block: a masked PAN is all there is.

use crate::rules;
use payhal_messages::gateway::{Answer, Change, Decision, Wire};
use payhal_messages::money::{Amounts, Purpose};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use std::collections::BTreeMap;

/// The columns of `entry`, named once: the struct, the list for SQL, reading and writing.
macro_rules! columns {
    (
        $(#[$doc:meta])*
        $name:ident: $first:ident: $first_type:ty,
        $($(#[$column_doc:meta])* $column:ident: $type:ty,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub(crate) struct $name {
            pub(crate) $first: $first_type,
            $($(#[$column_doc])* pub(crate) $column: $type,)*
        }

        /// The columns of `entry`.
        pub(crate) const COLUMNS: &str =
            concat!(stringify!($first), $(", ", stringify!($column)),*);

        impl $name {
            /// Reads the columns of [`COLUMNS`].
            pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self {
                    $first: row.get(stringify!($first))?,
                    $($column: row.get(stringify!($column))?,)*
                })
            }

            /// What to write into the columns of [`COLUMNS`].
            pub(crate) fn values(&self) -> Vec<&dyn ToSql> {
                vec![&self.$first, $(&self.$column),*]
            }
        }
    };
}

columns! {
    /// An entry.
    Entry: seq: i64,
    transaction_id: String,
    reference: Option<String>,
    origin: Origin,
    kind: Kind,
    state: State,
    /// What was approved; 0 when nothing was.
    amount_minor: i64,
    requested_minor: i64,
    tip_minor: Option<i64>,
    surcharge_minor: Option<i64>,
    cashback_minor: Option<i64>,
    currency: String,
    installments: Option<u32>,
    response_code: String,
    response_text: String,
    approval_code: Option<String>,
    /// The code of a telephone call, as it came.
    voice_code: Option<String>,
    rrn: Option<String>,
    issuer: Issuer,
    signature_required: bool,
    /// The payment token it gave or used.
    token: Option<String>,
    balance_minor: Option<i64>,
    /// `transaction_id` of what a capture, adjustment, void or referenced refund changes.
    original: Option<String>,
    merchant: String,
    terminal: String,
    stan: u32,
    batch: i64,
    read_id: Option<String>,
    masked_pan: Option<String>,
    merchant_reference: Option<String>,
    at_micros: i64,
    /// How often its request arrived again.
    repeats: u32,
}

impl Entry {
    /// An entry for a request that has not been decided yet: rejected, nothing approved.
    pub(crate) fn undecided(wire: &Wire, kind: Kind, amounts: &Amounts) -> Self {
        Self {
            seq: 0,
            transaction_id: wire.transaction_id.clone(),
            reference: Some(wire.reference.clone()).filter(|text| !text.is_empty()),
            origin: Origin::Host,
            kind,
            state: State::Rejected,
            amount_minor: 0,
            requested_minor: amounts.total_minor,
            tip_minor: amounts.tip_minor,
            surcharge_minor: amounts.surcharge_minor,
            cashback_minor: amounts.cashback_minor,
            currency: amounts.currency.clone(),
            installments: None,
            response_code: String::new(),
            response_text: String::new(),
            approval_code: None,
            voice_code: None,
            rrn: None,
            issuer: Issuer::default(),
            signature_required: false,
            token: None,
            balance_minor: None,
            original: None,
            merchant: wire.acceptor.merchant.clone(),
            terminal: wire.acceptor.terminal.clone(),
            stan: wire.stan,
            batch: 0,
            read_id: None,
            masked_pan: None,
            merchant_reference: None,
            at_micros: wire.at_micros,
            repeats: 0,
        }
    }

    /// Whether a request with these says the same as the one that made this entry.
    pub(crate) fn is_of(&self, wire: &Wire, kind: Kind, amounts: &Amounts) -> bool {
        self.transaction_id == wire.transaction_id
            && self.kind == kind
            && self.currency == amounts.currency
            && self.requested_minor == amounts.total_minor
            && self.tip_minor == amounts.tip_minor
            && self.surcharge_minor == amounts.surcharge_minor
            && self.cashback_minor == amounts.cashback_minor
    }

    /// What the gateway answered, and answers again to a repeat. A repeat of something that has
    /// been undone since is refused: saying "approved" twice would invite a second delivery.
    pub(crate) fn answer(&self) -> Answer {
        let decision = match self.state {
            State::Reversed | State::Barred => return rules::rejected(&rules::REVERSED),
            State::Declined => Decision::Declined,
            State::Rejected => Decision::Rejected,
            State::Referred => Decision::Referred,
            State::Approved | State::Voided => Decision::Approved,
        };
        Answer {
            decision,
            response_code: self.response_code.clone(),
            response_text: Some(self.response_text.clone()),
            approved_minor: (decision == Decision::Approved).then_some(self.amount_minor),
            approval_code: self.approval_code.clone(),
            rrn: self.rrn.clone(),
            issuer: self.issuer.0.clone(),
            signature_required: self.signature_required,
            token: self.token.clone(),
            balance_minor: self.balance_minor,
            dcc: None,
        }
    }

    /// Takes down the codes of a decision.
    pub(crate) fn set_code(&mut self, code: &rules::Code) {
        self.response_code = code.code.into();
        self.response_text = code.text.into();
    }
}

/// Tags for the chip, as JSON.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Issuer(pub(crate) BTreeMap<String, String>);

impl ToSql for Issuer {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&self.0)
            .map(ToSqlOutput::from)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl FromSql for Issuer {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?)
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
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
    /// Who made an entry.
    Origin {
        /// The host this connector serves.
        Host = "host",
        /// Somebody else, as a test said.
        Elsewhere = "elsewhere",
    }
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
        /// Taking back before reconciliation.
        Void = "void",
        /// A reversal came for something the gateway had never seen.
        Unknown = "unknown",
    }
}

impl Kind {
    /// Whether it counts in its batch's totals, or changes them.
    pub(crate) fn is_in_totals(self) -> bool {
        match self {
            Self::Sale | Self::Refund | Self::CashAdvance | Self::Capture | Self::Void => true,
            Self::Authorize | Self::Verify | Self::Balance | Self::Adjust | Self::Unknown => false,
        }
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
        /// The issuer wants to be called.
        Referred = "referred",
        /// Approved, then undone by a reversal.
        Reversed = "reversed",
        /// Approved, then taken back by a void.
        Voided = "voided",
        /// Reversed before it arrived or before the issuer was called: it can never be approved.
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

impl Kind {
    /// The kind of entry a change makes; a voice approval makes none.
    pub(crate) fn of_change(change: &Change) -> Option<Self> {
        Some(match change {
            Change::Capture => Self::Capture,
            Change::Adjust => Self::Adjust,
            Change::Refund => Self::Refund,
            Change::Void => Self::Void,
            Change::VoiceApproval { .. } => return None,
        })
    }
}
