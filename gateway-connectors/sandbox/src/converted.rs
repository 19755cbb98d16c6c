// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cards were charged and given in their own currency: beside the entries, which stay in the
//! shop's.
//!
//! A change has the rate of its original. Parts of an original come to the whole of it, however many
//! there are: each gets what is missing to the rounded sum.

use crate::books::{Books, Result};
use crate::entry::{Entry, Kind, State};
use payhal_messages::currency::{Conversion, CurrencyOffer};
use payhal_messages::gateway::{Answer, Decision, Wire};
use rusqlite::params;

/// Notes that an entry is charged as an offer says.
pub(crate) fn as_offered(books: &mut Books, entry: &Entry, offer: &CurrencyOffer) -> Result<()> {
    if matches!(entry.state, State::Approved | State::Referred) {
        let conversion = Conversion {
            amount_minor: offer.amount_minor,
            currency: offer.currency.clone(),
            rate: offer.rate.clone(),
            markup_millionths: offer.markup_millionths,
        };
        note(books, &entry.transaction_id, &conversion)?;
    }
    Ok(())
}

/// What a change of `minor` of an original comes to in the card's currency, where that was charged
/// so. Before the change is written.
pub(crate) fn share(
    books: &Books,
    original: &Entry,
    kind: Kind,
    minor: i64,
) -> Result<Option<Conversion>> {
    let Some(whole) = of(books, &original.transaction_id)? else {
        return Ok(None);
    };
    let before = match kind {
        Kind::Capture | Kind::Refund => books.standing(&original.transaction_id, kind)?,
        _ => 0,
    };
    let worked_out = |part: i64| {
        let (asked, own) = (original.amount_minor.max(1), whole.amount_minor);
        let doubled = i128::from(part) * i128::from(own) * 2 + i128::from(asked);
        i64::try_from(doubled / (i128::from(asked) * 2)).unwrap_or(own)
    };
    let amount_minor = worked_out(before + minor) - worked_out(before);
    Ok((amount_minor > 0).then_some(Conversion {
        amount_minor,
        ..whole
    }))
}

pub(crate) fn note(books: &mut Books, transaction_id: &str, said: &Conversion) -> Result<()> {
    books.run(
        "INSERT INTO converted (transaction_id, amount_minor, currency, rate, markup_millionths) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            transaction_id,
            said.amount_minor,
            said.currency,
            said.rate,
            said.markup_millionths
        ],
    )
}

/// What an entry came to in its card's currency, if it did.
pub(crate) fn of(books: &Books, transaction_id: &str) -> Result<Option<Conversion>> {
    books.row(
        "SELECT amount_minor, currency, rate, markup_millionths FROM converted \
         WHERE transaction_id = ?1",
        [transaction_id],
        |row| {
            Ok(Conversion {
                amount_minor: row.get(0)?,
                currency: row.get(1)?,
                rate: row.get(2)?,
                markup_millionths: row.get(3)?,
            })
        },
    )
}

/// An answer, with the card's own currency where it approves.
pub(crate) fn told(books: &Books, wire: &Wire, answer: Answer) -> Result<Answer> {
    let dcc = match answer.decision {
        Decision::Approved => of(books, &wire.transaction_id)?,
        Decision::Declined | Decision::Rejected | Decision::Referred => None,
    };
    Ok(Answer { dcc, ..answer })
}
