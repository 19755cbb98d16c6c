// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `reverse`: undoes a transaction, or bars one that has not arrived. Idempotent.

use crate::action::{At, Fault};
use crate::card;
use crate::change::no_undoing;
use crate::entry::{Entry, State, no};
use crate::error::{busy, refusal};
use crate::ledger::Books;
use crate::rules::{self, Code};
use crate::screen::Screen;
use crate::state::Shared;
use crate::terminal::VirtualTerminal;
use crate::words::micros_of;
use payhal_messages::gateway::Reversal;
use payhal_messages::manifest::TerminalReversal;
use payhal_messages::terminal::ReverseTerminal;
use payhal_plugin::{Context, Outcome, PluginError};

pub(crate) fn reverse(
    terminal: &VirtualTerminal,
    request: &ReverseTerminal,
    context: &Context,
) -> Outcome<Reversal> {
    let shared = &*terminal.shared;
    if shared.reversal == TerminalReversal::None {
        return Err(PluginError::Unsupported);
    }
    let asked = Some(request.amounts.total_minor);
    let fault = shared
        .enter(At::Reverse, asked, context)?
        .map(|order| order.fault);
    match fault {
        Some(Fault::Busy) => return Ok(Err(busy())),
        Some(Fault::Refuse) => return Ok(Ok(refused(&rules::REFUSED))),
        _ => {}
    }
    let known = shared
        .ledger
        .read(|books| books.by_id(&request.transaction_id))?;
    let card = known
        .filter(|entry| entry.state == State::Approved)
        .and_then(|entry| entry.card);
    if let (TerminalReversal::NeedsCard, Some(wanted)) = (shared.reversal, card) {
        match presented_again(shared, &wanted, context)? {
            Ok(None) => {}
            Ok(Some(code)) => return Ok(Ok(refused(&code))),
            Err(why) => return Ok(Err(refusal(why))),
        }
    }
    // The last moment at which nothing has happened.
    context.check_cancelled()?;
    let reversal = shared.ledger.write(|books| undo(books, request, context))?;
    shared.show(Screen::of(&["", "Reversed"]));
    let later = shared
        .enter(At::ReverseAnswer, asked, context)?
        .map(|order| order.fault);
    Ok(Ok(match (later.or(fault), reversal) {
        (Some(Fault::Contradict), Reversal::Reversed) => refused(&rules::REFUSED),
        (Some(Fault::Contradict), Reversal::Refused { .. }) => Reversal::Reversed,
        (_, reversal) => reversal,
    }))
}

/// The customer shows the card again. The code of a refusal if it is another one.
fn presented_again(shared: &Shared, wanted: &str, context: &Context) -> card::Step<Option<Code>> {
    let read = card::read(shared, "Reversal: same card", context)?;
    Ok(read.map(|read| (read.card.name != wanted).then_some(rules::OTHER_CARD)))
}

fn undo(
    books: &mut Books,
    request: &ReverseTerminal,
    context: &Context,
) -> rusqlite::Result<Reversal> {
    let Some(mut entry) = books.by_id(&request.transaction_id)? else {
        let mut barred = Entry::barred(request, micros_of(context.calendar()));
        barred.seq = books.next_seq()?;
        books.put(&mut barred)?;
        return Ok(Reversal::Reversed);
    };
    if request.reference.is_some() && request.reference != entry.reference {
        return Ok(refused(&rules::NOT_FOUND));
    }
    entry.state = match entry.state {
        State::Approved => match no_undoing(books, &entry)? {
            Some(code) => return Ok(refused(&code)),
            None => State::Reversed,
        },
        State::Running => {
            entry.answer = no(&rules::REVERSED);
            State::Barred
        }
        // No money is out.
        _ => return Ok(Reversal::Reversed),
    };
    entry.collection = None;
    books.put(&mut entry)?;
    Ok(Reversal::Reversed)
}

fn refused(code: &Code) -> Reversal {
    Reversal::Refused {
        response_code: code.code.to_owned(),
        response_text: code.text.to_owned(),
    }
}
