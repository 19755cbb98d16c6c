// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale that somebody else made, as a test puts it into the ledger: what a refund by receipt
//! finds.

use crate::authorize::apply;
use crate::books::Result;
use crate::entry::{Entry, Kind, Origin};
use crate::ledger::Ledger;
use crate::rules::{APPROVED, Verdict};
use payhal_card_data::{masked, test_card};
use payhal_messages::gateway::{Acceptor, Wire};
use payhal_messages::money::Amounts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::SystemTime;

/// What is known of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planted {
    merchant: String,
    #[serde(default = "elsewhere")]
    terminal: String,
    amount_minor: i64,
    currency: String,
    #[serde(default = "visa")]
    card: String,
    /// The gateway's reference on its receipt.
    reference: Option<String>,
    /// The RRN on its receipt; otherwise one is made.
    rrn: Option<String>,
    /// When it was; otherwise now.
    at_micros: Option<i64>,
}

fn elsewhere() -> String {
    "elsewhere".into()
}

fn visa() -> String {
    "visa-approve".into()
}

/// Writes it, and answers with what its receipt says.
pub(crate) fn plant(
    ledger: &Ledger,
    planted: Planted,
) -> Result<std::result::Result<Value, String>> {
    let Some(card) = test_card(&planted.card) else {
        return Ok(Err(format!("there is no test card `{}`", planted.card)));
    };
    if planted.amount_minor <= 0 {
        return Ok(Err("`amount_minor` must be positive".into()));
    }
    ledger.write(|books| {
        let reference = planted.reference.unwrap_or_default();
        if !reference.is_empty() && books.by_reference(&reference)?.is_some() {
            return Ok(Err("this reference is taken".into()));
        }
        let wire = Wire {
            transaction_id: String::new(),
            stan: 0,
            at_micros: planted.at_micros.unwrap_or_else(now),
            acceptor: Acceptor {
                merchant: planted.merchant,
                terminal: planted.terminal,
            },
            reference,
        };
        let amounts = Amounts {
            currency: planted.currency,
            total_minor: planted.amount_minor,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        };
        let mut entry = Entry::undecided(&wire, Kind::Sale, &amounts);
        let verdict = Verdict::Approve {
            minor: planted.amount_minor,
            code: APPROVED,
            signature: false,
        };
        apply(books, &mut entry, verdict);
        entry.transaction_id = format!("elsewhere-{}", entry.seq);
        entry.origin = Origin::Elsewhere;
        entry.masked_pan = Some(masked(&card.pan()));
        entry.rrn = planted.rrn.or(entry.rrn);
        books.insert(&mut entry)?;
        Ok(Ok(json!({
            "transaction_id": entry.transaction_id,
            "reference": entry.reference,
            "rrn": entry.rrn,
            "at_micros": entry.at_micros,
            "amount_minor": entry.amount_minor,
        })))
    })
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}
