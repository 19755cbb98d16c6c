// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `modify`: capture, void and refund of an earlier entry.
//!
//! What is left of an original is summed from the entries that stand, inside the same SQL
//! transaction that writes the change, so that concurrent refunds cannot exceed it together.

use crate::authorize::apply;
use crate::entry::{Entry, Kind, State};
use crate::ledger::{Books, Ledger};
use crate::rules::{self, Code, Verdict};
use payhal_messages::gateway::{Answer, Change, Modify, Original};

/// Carries out the command.
pub(crate) fn modify(ledger: &Ledger, request: &Modify) -> rusqlite::Result<Answer> {
    ledger.write(|books| {
        let Original::Wire { wire } = &request.original else {
            return Ok(rules::rejected(&rules::NOT_FOUND));
        };
        let original = books.find(wire)?;
        let original_id = original
            .as_ref()
            .map_or(&wire.transaction_id, |original| &original.transaction_id);
        if let Some(found) = books.find(&request.wire)? {
            return Ok(repeated(&found, request, original_id));
        }
        let mut entry = Entry::undecided(
            &request.wire,
            (&request.change).into(),
            request.amounts.total_minor,
            &request.amounts.currency,
        );
        entry.original = Some(original_id.clone());
        let verdict = decide(books, request, original.as_ref())?;
        apply(books, &mut entry, verdict);
        books.insert(&entry)?;
        if let (Change::Void, State::Approved, Some(original)) =
            (&request.change, entry.state, &original)
        {
            books.set_state(original, State::Voided)?;
        }
        Ok(entry.answer())
    })
}

fn repeated(found: &Entry, request: &Modify, original_id: &str) -> Answer {
    let same = found.transaction_id == request.wire.transaction_id
        && found.kind == (&request.change).into()
        && found.original.as_deref() == Some(original_id)
        && found.requested_minor == request.amounts.total_minor
        && found.currency == request.amounts.currency;
    match found.kind {
        Kind::Unknown => found.answer(),
        _ if same => found.answer(),
        _ => rules::rejected(&rules::DUPLICATE),
    }
}

fn decide(books: &Books, request: &Modify, original: Option<&Entry>) -> rusqlite::Result<Verdict> {
    let Some(original) = original
        .filter(|original| original.merchant == request.wire.acceptor.merchant)
        .filter(|original| original.kind != Kind::Unknown)
    else {
        return Ok(Verdict::Reject(rules::NOT_FOUND));
    };
    let refusal = match original.state {
        State::Voided | State::Reversed => Some(rules::TAKEN_BACK),
        State::Declined | State::Rejected | State::Barred => Some(rules::NOT_CHANGEABLE),
        State::Approved if request.amounts.currency != original.currency => Some(rules::CURRENCY),
        State::Approved if request.amounts.total_minor <= 0 => Some(rules::AMOUNT),
        State::Approved => match &request.change {
            Change::Void => no_void(books, request, original)?,
            Change::Capture => no_capture(books, request, original)?,
            Change::Refund => no_refund(books, request, original)?,
            Change::Adjust | Change::VoiceApproval { .. } => Some(rules::NOT_CHANGEABLE),
        },
    };
    let asked = match &request.change {
        Change::Void | Change::Adjust | Change::VoiceApproval { .. } => None,
        Change::Capture | Change::Refund => rules::by_amount_of_change(request.amounts.total_minor),
    };
    Ok(match refusal {
        Some(code) => Verdict::Reject(code),
        None => asked.unwrap_or(Verdict::Approve {
            minor: request.amounts.total_minor,
            code: rules::APPROVED,
            signature: false,
        }),
    })
}

fn no_void(books: &Books, request: &Modify, original: &Entry) -> rusqlite::Result<Option<Code>> {
    if matches!(original.kind, Kind::Void | Kind::Verify) {
        return Ok(Some(rules::NOT_CHANGEABLE));
    }
    if request.amounts.total_minor != original.amount_minor {
        return Ok(Some(rules::VOID_WHOLE));
    }
    no_undoing(books, original)
}

/// Why an approved entry may not be undone, if it may not: shared by void and reversal.
pub(crate) fn no_undoing(books: &Books, original: &Entry) -> rusqlite::Result<Option<Code>> {
    if books.is_reconciled(original)? {
        return Ok(Some(rules::RECONCILED));
    }
    let id = &original.transaction_id;
    let stands = books.standing(id, Kind::Refund)? + books.standing(id, Kind::Capture)?;
    let needed_elsewhere = match (original.kind, &original.original) {
        (Kind::Capture, Some(authorization)) => {
            original.amount_minor > refundable_of(books, authorization)?
        }
        _ => false,
    };
    Ok((stands > 0 || needed_elsewhere).then_some(rules::CHANGED_SINCE))
}

fn no_capture(books: &Books, request: &Modify, original: &Entry) -> rusqlite::Result<Option<Code>> {
    if original.kind != Kind::Authorize {
        return Ok(Some(rules::NOT_CHANGEABLE));
    }
    let captured = books.standing(&original.transaction_id, Kind::Capture)?;
    let left = original.amount_minor - captured;
    Ok((request.amounts.total_minor > left).then_some(rules::TOO_MUCH))
}

fn no_refund(books: &Books, request: &Modify, original: &Entry) -> rusqlite::Result<Option<Code>> {
    let own = original.amount_minor - books.standing(&original.transaction_id, Kind::Refund)?;
    let left = match (original.kind, &original.original) {
        (Kind::Sale, _) => own,
        (Kind::Authorize, _) => refundable_of(books, &original.transaction_id)?,
        (Kind::Capture, Some(authorization)) => own.min(refundable_of(books, authorization)?),
        _ => return Ok(Some(rules::NOT_CHANGEABLE)),
    };
    Ok((request.amounts.total_minor > left).then_some(rules::TOO_MUCH))
}

/// What may still be given back of an authorization: its captures, less every refund of it,
/// whether the refund named the authorization or one of the captures.
fn refundable_of(books: &Books, authorization: &str) -> rusqlite::Result<i64> {
    Ok(books.standing(authorization, Kind::Capture)?
        - books.standing(authorization, Kind::Refund)?
        - books.refunds_of_captures(authorization)?)
}
