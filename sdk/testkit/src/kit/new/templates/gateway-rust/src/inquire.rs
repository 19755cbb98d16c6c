// SPDX-License-Identifier: MIT OR Apache-2.0
//! ASK and UNDO: what became of a transaction, and undoing one whose outcome was lost.

use crate::config::Config;
use crate::wire::{ask, not_understood};
use payhal_plugin::messages::gateway::{Finding, Inquire, Reversal, Reverse};
use payhal_plugin::{Context, Outcome};

/// `ASK TRANSACTION` -> as it was answered, `UNDONE` or `UNKNOWN`
pub(crate) fn inquire(config: &Config, request: &Inquire, context: &Context) -> Outcome<Finding> {
    let line = ask(config, &["ASK", &request.wire.transaction_id], context)?;
    if line.is("UNDONE") {
        return Ok(Ok(Finding::Reversed));
    }
    if line.is("UNKNOWN") {
        return Ok(Ok(Finding::NotFound));
    }
    let answer = line.answer().ok_or_else(not_understood)?;
    Ok(Ok(Finding::Answered { answer }))
}

/// `UNDO TRANSACTION` -> `UNDONE`, also for one that has not arrived and never will
pub(crate) fn reverse(config: &Config, request: &Reverse, context: &Context) -> Outcome<Reversal> {
    let line = ask(config, &["UNDO", &request.wire.transaction_id], context)?;
    if line.is("UNDONE") {
        return Ok(Ok(Reversal::Reversed));
    }
    let refused = line.answer().ok_or_else(not_understood)?;
    Ok(Ok(Reversal::Refused {
        response_code: refused.response_code,
        response_text: refused.response_text.unwrap_or_default(),
    }))
}
