// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the terminal is asked to do, in terms of the protocols.
//!
//! It owns the mark that a request carries and its answer must bring back. Must never make the same
//! mark for two requests that could be taken for each other.

use crate::config::{Config, Protocol};
use crate::error::{amount_unsayable, currency_unknown, refusal};
use crate::limits::V3_AMOUNT_MAX;
use crate::wire::serial::AMOUNT_MAX;
use payhal_messages::call::Refusal;
use payhal_messages::money::Amounts;
use payhal_plugin::card_data::emv::currency_number;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Take money.
    Debit,
    /// Give money.
    Credit,
    /// Undo a debit.
    Cancel,
}

/// A request that moves money.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Order {
    pub(crate) action: Action,
    pub(crate) minor: i64,
    /// ISO 4217 numeric.
    pub(crate) currency: String,
    pub(crate) mark: Mark,
    /// Whether less may be done.
    pub(crate) partial: bool,
}

impl Order {
    pub(crate) fn of(
        config: &Config,
        action: Action,
        amounts: &Amounts,
        mark: Mark,
    ) -> Result<Self, Refusal> {
        let currency = currency_number(&amounts.currency).ok_or_else(currency_unknown)?;
        let most = match config.protocol {
            Protocol::V3 => V3_AMOUNT_MAX,
            Protocol::E | Protocol::EPlus => i64::from(AMOUNT_MAX),
        };
        if !(1..=most).contains(&amounts.total_minor) {
            return Err(amount_unsayable());
        }
        if amounts.cashback_minor.is_some_and(|minor| minor != 0) {
            let text = "The terminal pays out no cash with a sale.";
            return Err(refusal("cashback_unsupported", text));
        }
        Ok(Self {
            action,
            minor: amounts.total_minor,
            currency: format!("{currency:03}"),
            mark,
            partial: config.partial && action == Action::Debit,
        })
    }

    /// Whether the terminal may have done this amount.
    pub(crate) fn allows(&self, minor: i64) -> bool {
        minor == self.minor || (self.partial && (1..self.minor).contains(&minor))
    }
}

/// Ten characters that name a request among all others of this host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mark(String);

impl Mark {
    /// Of a payment: its trace number, and the end of its transaction's name, because trace numbers
    /// begin again.
    pub(crate) fn of_payment(stan: u32, transaction_id: &str) -> Self {
        let stan = stan % 1_000_000;
        Self(format!("{stan:06}{}", tail(transaction_id, 4)))
    }

    /// Of a reversal, which has no trace number and may be tried again: its transaction and a moment.
    pub(crate) fn of_reversal(transaction_id: &str, now: SystemTime) -> Self {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let moment = seconds & 0xffff;
        Self(format!("V{}{moment:04X}", tail(transaction_id, 5)))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The last letters and digits of a name, in upper case; zeros where there are too few.
fn tail(name: &str, count: usize) -> String {
    let plain = name.chars().filter(char::is_ascii_alphanumeric);
    let mut tail: Vec<char> = plain.map(|letter| letter.to_ascii_uppercase()).collect();
    tail.drain(..tail.len().saturating_sub(count));
    let zeros = std::iter::repeat_n('0', count - tail.len());
    zeros.chain(tail).collect()
}
