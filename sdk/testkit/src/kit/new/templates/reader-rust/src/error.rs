// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, each with what the register is told.

use crate::wire::Line;
use payhal_plugin::messages::call::{CardRefusal, Refusal};
use payhal_plugin::{Outcome, PluginError, card_refused};

/// Each refusal that the device knows, with a sentence for the cashier.
const REFUSALS: [(CardRefusal, &str); 7] = [
    (CardRefusal::CardExpired, "The card has expired."),
    (CardRefusal::CardUnreadable, "The card cannot be read."),
    (
        CardRefusal::CardRemoved,
        "The card was taken away too early.",
    ),
    (CardRefusal::CancelledOnDevice, "Cancelled on the reader."),
    (CardRefusal::NoCard, "No card was presented."),
    (CardRefusal::NotAccepted, "This card is not accepted."),
    (CardRefusal::PinFailed, "The PIN was not entered."),
];

/// The refusal with its sentence.
pub(crate) fn refuse<T>(why: CardRefusal) -> Outcome<T> {
    let text = REFUSALS.iter().find(|(known, _)| *known == why);
    card_refused(why, text.map_or("", |(_, text)| text))
}

/// For an answer that is not the one that was asked for: `NO code`, or nonsense.
pub(crate) fn refusal_in<T>(line: &Line) -> Outcome<T> {
    let named = |(why, _): &&(CardRefusal, &str)| Some(why.code()) == line.word(0);
    match REFUSALS.iter().find(named) {
        Some((why, text)) if line.is("NO") => Ok(Err(Refusal {
            code: why.code().to_owned(),
            text: (*text).to_owned(),
        })),
        _ => Err(not_understood()),
    }
}

/// The device said what it should not have. Its words stay out of it.
pub(crate) fn not_understood() -> PluginError {
    PluginError::maybe_sent("understand the device's answer")
}
