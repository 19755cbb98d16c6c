// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command `inquire`: what became of a transaction, as far as this terminal can be asked.

use crate::action::{At, Fault};
use crate::entry::{Entry, State};
use crate::error::busy;
use crate::fault::spoilt;
use crate::ledger::Books;
use crate::pay::settle_running;
use crate::rules;
use crate::terminal::VirtualTerminal;
use payhal_messages::call::Refusal;
use payhal_messages::manifest::Inquiry;
use payhal_messages::terminal::{InquireTerminal, TerminalFinding};
use payhal_plugin::{Context, Outcome, PluginError};

pub(crate) fn inquire(
    terminal: &VirtualTerminal,
    request: &InquireTerminal,
    context: &Context,
) -> Outcome<TerminalFinding> {
    let shared = &*terminal.shared;
    if shared.inquiry == Inquiry::None {
        return Err(PluginError::Unsupported);
    }
    let fault = shared
        .enter(At::Inquire, None, context)?
        .map(|order| order.fault);
    match fault {
        Some(Fault::Busy) => return Ok(Err(busy())),
        Some(Fault::Refuse) => return Ok(Err(refused())),
        Some(Fault::Running) => return Ok(Ok(TerminalFinding::Running)),
        _ => {}
    }
    let last_only = shared.inquiry == Inquiry::LastOnly;
    let found = shared
        .ledger
        .write(|books| looked_up(books, &request.transaction_id, last_only))?;
    Ok(Ok(match found {
        None => TerminalFinding::NotFound,
        Some(entry) if entry.state == State::Running => TerminalFinding::Running,
        Some(entry) => TerminalFinding::Ended {
            outcome: spoilt(
                entry.outcome(),
                fault,
                entry.requested_minor,
                terminal.former.as_ref(),
            ),
        },
    }))
}

fn refused() -> Refusal {
    Refusal {
        code: rules::REFUSED.code.to_owned(),
        text: rules::REFUSED.text.to_owned(),
    }
}

/// The entry, if this terminal still knows it. Being asked about a late payment is what makes its
/// customer pay.
fn looked_up(
    books: &mut Books,
    transaction_id: &str,
    last_only: bool,
) -> rusqlite::Result<Option<Entry>> {
    let found = match last_only {
        true => books
            .last()?
            .filter(|last| last.transaction_id == transaction_id),
        false => books.by_id(transaction_id)?,
    };
    let Some(mut entry) = found else {
        return Ok(None);
    };
    if entry.state != State::Running {
        return Ok(Some(entry));
    }
    if entry.inquiries_left == 0 {
        return settle_running(books);
    }
    entry.inquiries_left -= 1;
    books.put(&mut entry)?;
    Ok(Some(entry))
}
