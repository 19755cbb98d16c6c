// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `modify`: capture, adjustment, void and refund of an earlier entry.
//!
//! What is left of an original is summed from the entries that stand, inside the same SQL
//! transaction that writes the change, so that concurrent refunds cannot exceed it together.

use crate::authorize::apply;
use crate::books::{Books, Result};
use crate::converted;
use crate::entry::{Entry, Kind, Origin, State};
use crate::ledger::Ledger;
use crate::limits::RECEIPT_TIME_MICROS;
use crate::rules::{self, Code, Verdict};
use crate::voice;
use payhal_messages::gateway::{Answer, Change, Modify, Original};

/// Carries out the command.
pub(crate) fn modify(ledger: &Ledger, request: &Modify) -> Result<Answer> {
    ledger.write(|books| {
        let answer = match (&request.change, Kind::of_change(&request.change)) {
            (Change::VoiceApproval { code }, _) => voice::approve(books, request, code)?,
            (_, Some(kind)) => change(books, request, kind)?,
            (_, None) => rules::rejected(&rules::FORMAT),
        };
        converted::told(books, &request.wire, answer)
    })
}

fn change(books: &mut Books, request: &Modify, kind: Kind) -> Result<Answer> {
    let original = original(books, request)?;
    let original_id = match (&original, &request.original) {
        (Some(original), _) => Some(original.transaction_id.as_str()),
        (None, Original::Wire { wire }) => Some(wire.transaction_id.as_str()),
        (None, Original::Receipt { .. }) => None,
    };
    if let Some(found) = books.find(&request.wire)? {
        books.count_repeat(&found)?;
        return Ok(repeated(&found, request, kind, original_id));
    }
    if books.closed_by(&request.wire.transaction_id)?.is_some() {
        return Ok(rules::rejected(&rules::DUPLICATE));
    }
    let mut entry = Entry::undecided(&request.wire, kind, &request.amounts);
    entry.original = original_id.map(str::to_owned);
    let verdict = decide(books, request, original.as_ref())?;
    apply(books, &mut entry, verdict);
    let own = match (entry.state, &original) {
        (State::Approved, Some(original)) => {
            converted::share(books, original, kind, entry.amount_minor)?
        }
        _ => None,
    };
    books.insert(&mut entry)?;
    if let Some(own) = own {
        converted::note(books, &entry.transaction_id, &own)?;
    }
    if let (Kind::Void, State::Approved, Some(original)) = (kind, entry.state, &original) {
        books.set_state(original, State::Voided)?;
    }
    Ok(entry.answer())
}

fn repeated(found: &Entry, request: &Modify, kind: Kind, original_id: Option<&str>) -> Answer {
    let same_original = found.original.is_none() || found.original.as_deref() == original_id;
    let same = same_original && found.is_of(&request.wire, kind, &request.amounts);
    match found.kind {
        Kind::Unknown => found.answer(),
        _ if same => found.answer(),
        _ => rules::rejected(&rules::DUPLICATE),
    }
}

/// The entry that is to be changed, if this merchant has it.
fn original(books: &Books, request: &Modify) -> Result<Option<Entry>> {
    let merchant = &request.wire.acceptor.merchant;
    let found = match &request.original {
        Original::Wire { wire } => books.find(wire)?,
        Original::Receipt {
            reference,
            rrn,
            at_micros,
            amount_minor,
        } => by_receipt(books, merchant, reference.as_deref(), rrn.as_deref())?
            .filter(|entry| entry.amount_minor == *amount_minor)
            .filter(|entry| entry.at_micros.abs_diff(*at_micros) <= RECEIPT_TIME_MICROS),
    };
    Ok(found.filter(|entry| entry.merchant == *merchant && entry.kind != Kind::Unknown))
}

/// What a receipt prints as the gateway's reference may be our own reference or the RRN.
fn by_receipt(
    books: &Books,
    merchant: &str,
    reference: Option<&str>,
    rrn: Option<&str>,
) -> Result<Option<Entry>> {
    let by_rrn = match rrn {
        Some(rrn) => books.by_rrn(merchant, rrn)?,
        None => None,
    };
    let Some(reference) = reference else {
        return Ok(by_rrn);
    };
    let by_reference = match books.by_reference(reference)? {
        None => books.by_rrn(merchant, reference)?,
        found => found,
    };
    Ok(by_reference.filter(|entry| rrn.is_none() || by_rrn.as_ref() == Some(entry)))
}

fn decide(books: &Books, request: &Modify, original: Option<&Entry>) -> Result<Verdict> {
    let (is_receipt, total) = (
        matches!(request.original, Original::Receipt { .. }),
        request.amounts.total_minor,
    );
    let refusal = match original {
        _ if is_receipt && request.change != Change::Refund => Some(rules::NOT_CHANGEABLE),
        None if is_receipt => Some(rules::RECEIPT),
        None => Some(rules::NOT_FOUND),
        Some(original) => match original.state {
            State::Voided | State::Reversed => Some(rules::TAKEN_BACK),
            State::Declined | State::Rejected | State::Referred | State::Barred => {
                Some(rules::NOT_CHANGEABLE)
            }
            State::Approved if request.amounts.currency != original.currency => {
                Some(rules::CURRENCY)
            }
            State::Approved if total <= 0 => Some(rules::AMOUNT),
            State::Approved => refusal(books, request, original)?,
        },
    };
    let asked = match request.change {
        Change::Void | Change::VoiceApproval { .. } => None,
        Change::Adjust => rules::by_amount_of_hold(total),
        Change::Capture | Change::Refund => rules::by_amount_of_change(total),
    };
    Ok(match refusal {
        Some(code) => Verdict::Reject(code),
        None => asked.unwrap_or(Verdict::Approve {
            minor: total,
            code: rules::APPROVED,
            signature: false,
        }),
    })
}

fn refusal(books: &Books, request: &Modify, original: &Entry) -> Result<Option<Code>> {
    let total = request.amounts.total_minor;
    match request.change {
        Change::Void => no_void(books, original, total),
        Change::Capture => no_capture(books, original, total),
        Change::Adjust => no_adjustment(books, original, total),
        Change::Refund => no_refund(books, original, total),
        Change::VoiceApproval { .. } => Ok(Some(rules::NOT_REFERRED)),
    }
}

fn no_void(books: &Books, original: &Entry, total: i64) -> Result<Option<Code>> {
    let whole = match original.kind {
        Kind::Void | Kind::Verify | Kind::Balance | Kind::Adjust | Kind::Unknown => {
            return Ok(Some(rules::NOT_CHANGEABLE));
        }
        Kind::Authorize => books.held(original)?,
        Kind::Sale | Kind::Refund | Kind::CashAdvance | Kind::Capture => original.amount_minor,
    };
    if original.origin == Origin::Elsewhere {
        return Ok(Some(rules::NOT_CHANGEABLE));
    }
    // The batch comes first: it is what a cashier must hear of.
    match no_undoing(books, original)? {
        Some(code) if code == rules::RECONCILED => Ok(Some(code)),
        _ if total != whole => Ok(Some(rules::VOID_WHOLE)),
        refusal => Ok(refusal),
    }
}

/// Why an approved entry may not be undone, if it may not: shared by void and reversal.
pub(crate) fn no_undoing(books: &Books, original: &Entry) -> Result<Option<Code>> {
    if books.is_reconciled(original)? {
        return Ok(Some(rules::RECONCILED));
    }
    let id = &original.transaction_id;
    let stands = books.standing(id, Kind::Refund)? + books.standing(id, Kind::Capture)?;
    let needed_elsewhere = match (original.kind, &original.original) {
        (Kind::Capture, Some(authorization)) => {
            original.amount_minor > refundable_of(books, authorization)?
        }
        (Kind::Adjust, Some(authorization)) => books.standing(authorization, Kind::Capture)? > 0,
        _ => false,
    };
    Ok((stands > 0 || needed_elsewhere).then_some(rules::CHANGED_SINCE))
}

fn no_capture(books: &Books, original: &Entry, total: i64) -> Result<Option<Code>> {
    if original.kind != Kind::Authorize {
        return Ok(Some(rules::NOT_CHANGEABLE));
    }
    let captured = books.standing(&original.transaction_id, Kind::Capture)?;
    let left = books.held(original)? - captured;
    Ok((total > left).then_some(rules::TOO_MUCH))
}

fn no_adjustment(books: &Books, original: &Entry, total: i64) -> Result<Option<Code>> {
    if original.kind != Kind::Authorize {
        return Ok(Some(rules::NOT_CHANGEABLE));
    }
    if total > crate::limits::TOTAL_MAX {
        return Ok(Some(rules::AMOUNT));
    }
    let captured = books.standing(&original.transaction_id, Kind::Capture)?;
    Ok((captured > 0).then_some(rules::CHANGED_SINCE))
}

fn no_refund(books: &Books, original: &Entry, total: i64) -> Result<Option<Code>> {
    let own = original.amount_minor - books.standing(&original.transaction_id, Kind::Refund)?;
    let left = match (original.kind, &original.original) {
        (Kind::Sale, _) => own,
        (Kind::Authorize, _) => refundable_of(books, &original.transaction_id)?,
        (Kind::Capture, Some(authorization)) => own.min(refundable_of(books, authorization)?),
        _ => return Ok(Some(rules::NOT_CHANGEABLE)),
    };
    Ok((total > left).then_some(rules::TOO_MUCH))
}

/// What may still be given back of an authorization: its captures, less every refund of it,
/// whether the refund named the authorization or one of the captures.
fn refundable_of(books: &Books, authorization: &str) -> Result<i64> {
    Ok(books.standing(authorization, Kind::Capture)?
        - books.standing(authorization, Kind::Refund)?
        - books.refunds_of_captures(authorization)?)
}
