// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reverse`: undoes what may have been approved, or bars what has not arrived.
//!
//! Where numbers are asked for, a reversal of what was paid with a presented card comes with that
//! card's sealed number. After `Reversed` no money of the transaction has moved or can move.

use crate::books::{Books, Result};
use crate::card::card_hash;
use crate::entry::{Entry, Kind, State};
use crate::ledger::Ledger;
use crate::modify::no_undoing;
use crate::opening::Opener;
use crate::reads;
use crate::rules::{self, Code};
use payhal_messages::gateway::{Reversal, Reverse};

/// Carries out the command. `needs_number` asks for the card's number.
pub(crate) fn reverse(
    ledger: &Ledger,
    opener: &Opener,
    needs_number: bool,
    request: &Reverse,
) -> Result<Reversal> {
    let number = request.number.as_ref().map(|number| Number {
        read_id: &number.read_id,
        card: opener
            .number(&request.wire.transaction_id, number)
            .map(|number| card_hash(opener.tokens(), &number.pan)),
    });
    ledger.write(|books| {
        let found = books.find(&request.wire)?;
        if let Some(code) = no_number(books, found.as_ref(), number.as_ref(), needs_number)? {
            return Ok(refused(&code));
        }
        let Some(entry) = found else {
            return match books.closed_by(&request.wire.transaction_id)? {
                Some(_) => Ok(refused(&rules::RECONCILED)),
                None => bar(books, request),
            };
        };
        match entry.state {
            State::Approved => undo(books, &entry),
            State::Referred => {
                books.set_state(&entry, State::Barred)?;
                Ok(Reversal::Reversed)
            }
            State::Declined | State::Rejected | State::Reversed | State::Voided | State::Barred => {
                Ok(Reversal::Reversed)
            }
        }
    })
}

/// The number that came with a reversal: its read, and the hash of the card.
struct Number<'a> {
    read_id: &'a str,
    card: std::result::Result<String, Code>,
}

/// Why a reversal's number is not the one of its transaction. A transaction that never arrived, or
/// that no card was presented for, has none to compare with; where no money moves none is kept.
fn no_number(
    books: &Books,
    entry: Option<&Entry>,
    number: Option<&Number<'_>>,
    needs_number: bool,
) -> Result<Option<Code>> {
    let moves_money = |entry: &Entry| !matches!(entry.kind, Kind::Verify | Kind::Balance);
    let needs_number = needs_number && entry.is_some_and(moves_money);
    let read = match entry {
        Some(entry) => reads::of_transaction(books, &entry.transaction_id)?,
        None => None,
    };
    Ok(match (number, read) {
        (None, Some(_)) if needs_number => Some(rules::NUMBER_MISSING),
        (None, _) => None,
        (
            Some(Number {
                card: Err(code), ..
            }),
            _,
        ) => Some(*code),
        (Some(number), Some((read_id, _))) if number.read_id != read_id => Some(rules::NUMBER_READ),
        (
            Some(Number {
                card: Ok(sealed), ..
            }),
            Some((_, card)),
        ) if *sealed != card => Some(rules::NUMBER_OTHER),
        (Some(_), _) => None,
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
