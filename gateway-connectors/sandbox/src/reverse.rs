// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reverse`: undoes what may have been approved, or bars what has not arrived.
//!
//! After `Reversed` no money of the transaction has moved or can move.

use crate::entry::{Entry, Kind, State};
use crate::ledger::{Books, Ledger};
use crate::modify::no_undoing;
use crate::rules::{self, Code};
use payhal_messages::gateway::{Reversal, Reverse};

/// Carries out the command.
pub(crate) fn reverse(ledger: &Ledger, request: &Reverse) -> rusqlite::Result<Reversal> {
    ledger.write(|books| match books.find(&request.wire)? {
        None => bar(books, request),
        Some(entry) => match entry.state {
            State::Approved => undo(books, &entry),
            State::Declined | State::Rejected | State::Reversed | State::Voided | State::Barred => {
                Ok(Reversal::Reversed)
            }
        },
    })
}

/// Remembers a reversal that came first, so that the request finds it when it arrives.
fn bar(books: &mut Books, request: &Reverse) -> rusqlite::Result<Reversal> {
    let amounts = &request.amounts;
    let mut entry = Entry::undecided(
        &request.wire,
        Kind::Unknown,
        amounts.total_minor,
        &amounts.currency,
    );
    entry.seq = books.next_seq();
    entry.state = State::Barred;
    entry.response_code = rules::REVERSED.code.into();
    entry.response_text = rules::REVERSED.text.into();
    books.insert(&entry)?;
    Ok(Reversal::Reversed)
}

fn undo(books: &mut Books, entry: &Entry) -> rusqlite::Result<Reversal> {
    if let Some(code) = no_undoing(books, entry)? {
        return Ok(refused(&code));
    }
    books.set_state(entry, State::Reversed)?;
    // Undoing a void brings back what it had taken back.
    if let (Kind::Void, Some(original)) = (entry.kind, &entry.original)
        && let Some(original) = books.by_id(original)?
    {
        books.set_state(&original, State::Approved)?;
    }
    Ok(Reversal::Reversed)
}

/// The gateway will not undo it.
pub(crate) fn refused(code: &Code) -> Reversal {
    Reversal::Refused {
        response_code: code.code.into(),
        response_text: code.text.into(),
    }
}
