// SPDX-License-Identifier: MIT OR Apache-2.0
//! Upload of the batch (V3: `CD` B): the terminal hands its acquirers what it has approved, alone or
//! not.
//!
//! The protocol tells no totals and names no payments. What waits for the upload is therefore kept
//! here; totals are never made up.

use crate::answer::End;
use crate::error::{Ending, not_understood, refusal};
use crate::limits::UPLOAD;
use crate::terminal::{ConcertTerminal, Link, until};
use crate::v3::{Call, Cancel, Wanted, end, message};
use crate::wire::v3::{self, action};
use payhal_messages::card_check::would_redact;
use payhal_messages::gateway::{Reconcile, Totals};
use payhal_plugin::{Context, Outcome, PluginError};

/// Every request names a currency; where it means nothing, this one.
pub(crate) const NO_CURRENCY: &str = "978";

pub(crate) fn reconcile(
    terminal: &mut ConcertTerminal,
    request: &Reconcile,
    context: &Context,
) -> Outcome<Totals> {
    let by = &request.wire.transaction_id;
    if !request.close || matches!(terminal.link, Link::Serial(_)) {
        return Err(PluginError::Unsupported);
    }
    if let Some(totals) = terminal.waiting.told(by) {
        return Ok(Ok(totals));
    }
    let config = &terminal.config;
    let until = until(UPLOAD, context);
    let question = message(config, action::UPLOAD, 0, NO_CURRENCY).into_bytes();
    let call = Call::begin(config, &question, context)?;
    let wanted = Wanted {
        echoed: &[v3::TILL, v3::ACTION],
        cancel: Cancel::Ignored,
        taken_is_all: false,
    };
    let heard = call.hear(wanted, until, context)?;
    let reading = v3::read(&heard).map_err(|_| not_understood())?;
    let echoes = reading.text(v3::TILL) == Some(&config.till)
        && reading.text(v3::ACTION) == Some(action::UPLOAD);
    if !echoes {
        return Err(not_understood());
    }
    let (code, end) = end(&reading, 0)?;
    match end {
        End::Done { .. } => {}
        End::NotDone(Ending::Refused(code), text) => return Ok(Err(refusal(code, text))),
        End::NotDone(_, _) => {
            let text = "The terminal did not upload its payments.";
            return Ok(Err(refusal(&code, text)));
        }
    }
    // Its name for the batch, as long as nobody could take it for a card number.
    let batch = reading.text(v3::SERIAL).filter(|name| !would_redact(name));
    let batch = batch.unwrap_or_default();
    Ok(Ok(terminal.waiting.uploaded(by, batch, context)))
}
