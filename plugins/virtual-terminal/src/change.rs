// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures, adjustments, refunds and reversals of an earlier entry: whether its sums allow them.
//!
//! What is left of an original is summed from the entries that stand, inside the same SQL
//! transaction that writes the change.

use crate::entry::{Collection, Entry, Kind, State};
use crate::ledger::Books;
use crate::rules::{self, Code};
use payhal_messages::money::Purpose;
use payhal_messages::terminal::Pay;

/// Why the change that a request asks for cannot be made, if it cannot. Names the original in the
/// new entry.
pub(crate) fn refused(
    books: &Books,
    request: &Pay,
    entry: &mut Entry,
) -> rusqlite::Result<Option<Code>> {
    let named = match (&request.original, request.purpose) {
        (Some(named), Purpose::Capture | Purpose::Adjust | Purpose::Refund) => named,
        (None, Purpose::Capture | Purpose::Adjust) => return Ok(Some(rules::NOT_FOUND)),
        _ => return Ok(None),
    };
    entry.original = Some(named.transaction_id.clone());
    let original = books
        .by_id(&named.transaction_id)?
        .filter(|original| original.kind != Kind::Unknown)
        .filter(|original| named.reference.is_none() || named.reference == original.reference);
    let Some(original) = original else {
        return Ok(Some(rules::NOT_FOUND));
    };
    match original.state {
        State::Reversed | State::Barred => return Ok(Some(rules::TAKEN_BACK)),
        State::Approved => {}
        _ => return Ok(Some(rules::NOT_CHANGEABLE)),
    }
    if original.currency != request.amounts.currency {
        return Ok(Some(rules::CURRENCY));
    }
    let asked = request.amounts.total_minor;
    match request.purpose {
        Purpose::Capture => no_capture(books, &original, asked),
        Purpose::Adjust => no_adjust(books, &original),
        _ => no_refund(books, &original, asked),
    }
}

fn no_capture(books: &Books, original: &Entry, asked: i64) -> rusqlite::Result<Option<Code>> {
    if original.kind != Kind::Authorize {
        return Ok(Some(rules::NOT_CHANGEABLE));
    }
    let captured = books.standing(&original.transaction_id, Kind::Capture)?;
    let left = books.held(original)? - captured;
    Ok((asked > left).then_some(rules::TOO_MUCH))
}

fn no_adjust(books: &Books, original: &Entry) -> rusqlite::Result<Option<Code>> {
    let captured = books.standing(&original.transaction_id, Kind::Capture)?;
    let possible = original.kind == Kind::Authorize && captured == 0;
    Ok((!possible).then_some(rules::NOT_CHANGEABLE))
}

fn no_refund(books: &Books, original: &Entry, asked: i64) -> rusqlite::Result<Option<Code>> {
    if original.collection == Some(Collection::Waiting) {
        return Ok(Some(rules::NOT_COLLECTED));
    }
    let own = original.amount_minor - books.standing(&original.transaction_id, Kind::Refund)?;
    let left = match (original.kind, &original.original) {
        (Kind::Sale, _) => own,
        (Kind::Authorize, _) => refundable_of(books, &original.transaction_id)?,
        (Kind::Capture, Some(authorization)) => own.min(refundable_of(books, authorization)?),
        _ => return Ok(Some(rules::NOT_CHANGEABLE)),
    };
    Ok((asked > left).then_some(rules::TOO_MUCH))
}

/// What may still be given back of an authorization: its captures, less every refund of it,
/// whether the refund named the authorization or one of the captures.
fn refundable_of(books: &Books, authorization: &str) -> rusqlite::Result<i64> {
    Ok(books.standing(authorization, Kind::Capture)?
        - books.standing(authorization, Kind::Refund)?
        - books.refunds_of_captures(authorization)?)
}

/// Why an approved entry may not be undone, if it may not.
pub(crate) fn no_undoing(books: &Books, entry: &Entry) -> rusqlite::Result<Option<Code>> {
    if entry.batch < books.open_batch()? {
        return Ok(Some(rules::CLOSED));
    }
    let id = &entry.transaction_id;
    let stands = books.standing(id, Kind::Refund)? + books.standing(id, Kind::Capture)?;
    let needed_elsewhere = match (entry.kind, &entry.original) {
        (Kind::Capture, Some(authorization)) => {
            entry.amount_minor > refundable_of(books, authorization)?
        }
        (Kind::Adjust, Some(authorization)) => books.standing(authorization, Kind::Capture)? > 0,
        _ => false,
    };
    Ok((stands > 0 || needed_elsewhere).then_some(rules::CHANGED_SINCE))
}
