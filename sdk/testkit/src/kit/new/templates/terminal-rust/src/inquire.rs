// SPDX-License-Identifier: MIT OR Apache-2.0
//! ASK and UNDO: what became of a payment, and undoing one whose outcome was lost.

use crate::error::not_understood;
use crate::pay::{not_approved, outcome_in};
use crate::terminal::BeeperTerminal;
use payhal_plugin::messages::gateway::Reversal;
use payhal_plugin::messages::terminal::{InquireTerminal, ReverseTerminal, TerminalFinding};
use payhal_plugin::{Context, Outcome};

/// `ASK TRANSACTION` -> as `PAY` ended, `UNDONE`, `RUNNING`, `UNKNOWN`
pub(crate) fn inquire(
    terminal: &mut BeeperTerminal,
    request: &InquireTerminal,
    context: &Context,
) -> Outcome<TerminalFinding> {
    let line = terminal.ask(&format!("ASK {}", request.transaction_id), context)?;
    if line.is("RUNNING") {
        return Ok(Ok(TerminalFinding::Running));
    }
    if line.is("UNKNOWN") {
        return Ok(Ok(TerminalFinding::NotFound));
    }
    let outcome = match outcome_in(&line) {
        Some(outcome) => outcome,
        None => not_approved(&line)?,
    };
    Ok(Ok(TerminalFinding::Ended { outcome }))
}

/// `UNDO TRANSACTION` -> `UNDONE` or `NO code`
pub(crate) fn reverse(
    terminal: &mut BeeperTerminal,
    request: &ReverseTerminal,
    context: &Context,
) -> Outcome<Reversal> {
    let line = terminal.ask(&format!("UNDO {}", request.transaction_id), context)?;
    if line.is("UNDONE") {
        return Ok(Ok(Reversal::Reversed));
    }
    let code = line
        .word(0)
        .filter(|_| line.is("NO"))
        .ok_or_else(not_understood)?;
    Ok(Ok(Reversal::Refused {
        response_code: code.to_owned(),
        response_text: "The terminal does not undo it.".to_owned(),
    }))
}
