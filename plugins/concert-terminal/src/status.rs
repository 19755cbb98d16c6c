// SPDX-License-Identifier: MIT OR Apache-2.0
//! Status of the last transaction (V3: `CD` T, from version 0320 on, where the terminal has it).
//!
//! The mark of the payment that is asked about is not in the question: an answer that has it all the
//! same can only have it from that payment. A terminal that merely repeats what it was sent thus
//! proves nothing.

use crate::answer::End;
use crate::error::{contradictory, not_understood};
use crate::limits::QUESTION;
use crate::order::Mark;
use crate::terminal::{ConcertTerminal, until};
use crate::upload::NO_CURRENCY;
use crate::v3::{Call, Cancel, Wanted, end, ended, message, minor_of};
use crate::wire::v3::{self, Reading, action, status};
use payhal_messages::terminal::{InquireTerminal, TerminalFinding};
use payhal_plugin::{Context, Outcome, PluginError};

pub(crate) fn inquire(
    terminal: &mut ConcertTerminal,
    request: &InquireTerminal,
    context: &Context,
) -> Outcome<TerminalFinding> {
    let config = &terminal.config;
    if !config.status_request {
        return Err(PluginError::Unsupported);
    }
    let mark = Mark::of_payment(request.stan, &request.transaction_id);
    let until = until(QUESTION, context);
    let question = message(config, action::STATUS, 0, NO_CURRENCY).into_bytes();
    let wanted = Wanted {
        echoed: &[v3::TILL, v3::ACTION],
        cancel: Cancel::Heeded,
        taken_is_all: true,
    };
    let heard = Call::begin(config, &question, context)?.hear(wanted, until, context)?;
    let reading = v3::read(&heard).map_err(|_| not_understood())?;
    let echoes = reading.text(v3::TILL) == Some(&config.till)
        && reading.text(v3::ACTION) == Some(action::STATUS);
    if !echoes {
        return Err(not_understood());
    }
    let finding = finding(&reading, &mark)?;
    if let TerminalFinding::Ended { outcome } = &finding
        && outcome.offline
    {
        terminal.waiting.add(&request.transaction_id, context);
    }
    Ok(Ok(finding))
}

fn finding(reading: &Reading<'_>, mark: &Mark) -> Result<TerminalFinding, PluginError> {
    if reading.text(v3::STATUS) == Some(status::TAKEN) {
        return Ok(TerminalFinding::Running);
    }
    let Some(theirs) = reading.text(v3::PRIVATE) else {
        // It does not know the question, or nothing that has a mark.
        return Err(PluginError::Unsupported);
    };
    if theirs != mark.as_str() {
        // Its last one may become another, once what runs has ended. That ours never was, it cannot
        // say.
        let what = "find the payment: the terminal's last one is another";
        return Err(PluginError::maybe_sent(what));
    }
    let minor = minor_of(reading).filter(|minor| *minor > 0);
    let minor = minor.ok_or_else(contradictory)?;
    let ended = ended(reading, end(reading, minor)?, mark);
    let collects = matches!(ended.end, End::Done { .. });
    Ok(TerminalFinding::Ended {
        outcome: ended.decided(collects),
    })
}
