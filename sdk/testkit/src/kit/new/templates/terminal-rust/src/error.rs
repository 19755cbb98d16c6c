// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, each with what the register is told.

use crate::wire::Line;
use payhal_plugin::{Outcome, PluginError, refused};

/// What the terminal refuses with before it asked an issuer, with a sentence for the cashier.
const REFUSALS: [(&str, &str); 6] = [
    ("busy", "The terminal is busy."),
    ("card_removed", "The card was taken away too early."),
    ("card_unreadable", "The card cannot be read."),
    ("cancelled_on_device", "Cancelled on the terminal."),
    ("no_card", "No card was presented."),
    ("not_accepted", "This card is not accepted."),
];

/// For `NO code`, or nonsense.
pub(crate) fn refusal_in<T>(line: &Line) -> Outcome<T> {
    match REFUSALS
        .iter()
        .find(|(code, _)| Some(*code) == line.word(0))
    {
        Some((code, text)) if line.is("NO") => refused(code, text),
        _ => Err(not_understood()),
    }
}

/// The terminal said what it should not have. Its words stay out of it.
pub(crate) fn not_understood() -> PluginError {
    PluginError::maybe_sent("understand the terminal's answer")
}
