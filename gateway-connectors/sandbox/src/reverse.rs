// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reverse`: undoes what may have been approved, or bars what has not arrived.
//!
//! After `Reversed` no money of the transaction has moved or can move.

use crate::books::{Books, Result};
use crate::entry::{Entry, Kind, State};
use crate::ledger::Ledger;
use crate::modify::no_undoing;
use crate::rules::{self, Code};
use payhal_messages::gateway::{Reversal, Reverse};

/// Carries out the command.
pub(crate) fn reverse(ledger: &Ledger, request: &Reverse) -> Result<Reversal> {
    ledger.write(|books| match books.find(&request.wire)? {
        None if books.closed_by(&request.wire.transaction_id)?.is_some() => {
            Ok(refused(&rules::RECONCILED))
        }
        None => bar(books, request),
        Some(entry) => match entry.state {
            State::Approved => undo(books, &entry),
            State::Referred => {
                books.set_state(&entry, State::Barred)?;
                Ok(Reversal::Reversed)
            }
            State::Declined | State::Rejected | State::Reversed | State::Voided | State::Barred => {
                Ok(Reversal::Reversed)
            }
        },
    })
}

/// Remembers a reversal that came first, so that the request finds it when it arrives.
fn bar(books: &mut Books, request: &Reverse) -> Result<Reversal> {
    let mut entry = Entry::undecided(&request.wire, Kind::Unknown, &request.amounts);
    entry.seq = books.next_seq();
    entry.state = State::Barred;
    entry.set_code(&rules::REVERSED);
    books.insert(&mut entry)?;
    Ok(Reversal::Reversed)
}

fn undo(books: &mut Books, entry: &Entry) -> Result<Reversal> {
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
