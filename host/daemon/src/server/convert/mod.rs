// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where the register API's types and the engine's vocabulary meet.
//!
//! Decides nothing: what the engine must know is handed over, what it says is put into words.

mod answers;
mod leases;
mod prompts;
mod quotes;
mod refusals;
mod requests;
mod tokens;

pub(super) use answers::{
    acceptor, amounts, approved, batch, card_view, dcc, forwarding, forwarding_in,
    forwarding_state, offline_limit, token, undone,
};
pub(super) use leases::{card_presented, lease};
pub(super) use prompts::{cancel_state, pin_event, prompt, prompt_kinds, response, stage};
pub(super) use quotes::{quote, quoted};
pub(super) use refusals::{refused, resolution};
pub(super) use requests::{
    Order, adjust, authorize, balance, capture, cash_advance, close, entries, refund, resolve,
    sale, signature, totals, undo, verify, void,
};
pub(super) use tokens::{delete_token, register_token, token_id, update_token};

use payhal_engine::ids::TransactionId;
use payhal_engine::money::{Amount, Currency};
use payhal_engine::request::Which;
use payhal_protocol as p;
use payhal_protocol::params::FieldError;
use std::str::FromStr;
use uuid::Uuid;

/// RFC 3339 in UTC.
pub(super) fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .unwrap_or_default()
        .to_string()
}

/// Microseconds since 1970 UTC from RFC 3339.
pub(super) fn micros(field: &str, text: &str) -> Result<i64, FieldError> {
    let parsed = jiff::Timestamp::from_str(text);
    let must = "must be a time of RFC 3339, as 2026-11-21T12:00:00Z";
    Ok(parsed
        .map_err(|_| FieldError::new(field, must))?
        .as_microsecond())
}

fn amount_in(field: &str, amount: &p::money::Amount) -> Result<Amount, FieldError> {
    let currency = Currency::from_code(&amount.currency);
    // Gold, test codes and "no currency" have codes too, but nothing can be charged in them.
    let currency = currency.filter(|currency| currency.exponent().is_some());
    let currency = currency.ok_or_else(|| {
        FieldError::amount(
            format!("{field}.currency"),
            "must be the ISO 4217 code of a currency with minor units",
        )
    })?;
    Ok(Amount {
        minor: amount.minor,
        currency,
    })
}

pub(super) fn amount_out(minor: i64, currency: Currency) -> p::money::Amount {
    p::money::Amount::new(minor, currency.code())
}

/// A transaction id as a register writes it.
pub(super) fn transaction_id(
    field: &str,
    id: &p::ids::TransactionId,
) -> Result<TransactionId, FieldError> {
    let parsed = Uuid::parse_str(id.as_str());
    Ok(TransactionId(parsed.map_err(|_| {
        FieldError::new(field, "must be a transaction id")
    })?))
}

/// Names one transaction.
pub(super) fn which(
    id: Option<&p::ids::TransactionId>,
    key: Option<&p::ids::IdempotencyKey>,
) -> Result<Which, FieldError> {
    match (id, key) {
        (Some(id), _) => Ok(Which::Transaction(transaction_id("transaction_id", id)?)),
        (None, Some(key)) => Ok(Which::Key(key.as_str().into())),
        (None, None) => Err(FieldError::new("transaction_id", "must be given")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_money_is_taken() {
        for (code, taken) in [
            ("EUR", true),
            ("CLP", true),
            ("BHD", true),
            ("XAU", false),
            ("XXX", false),
            ("ZZZ", false),
        ] {
            let amount = p::money::Amount::new(1, code);
            assert_eq!(amount_in("amount", &amount).is_ok(), taken, "{code}");
        }
    }
}
