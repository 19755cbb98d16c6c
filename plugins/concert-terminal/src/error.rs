// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, each with what the register is told. None carries received bytes.

use payhal_messages::call::Refusal;
use payhal_plugin::PluginError;

/// What a terminal's reason for not doing something means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// Decided: by the issuer, or by the terminal in its place.
    Declined,
    /// Ended before anybody decided, with the code that the register gets.
    Refused(&'static str),
    /// Cannot be a reason for not doing something.
    Contradictory,
}

/// The reasons of V3 (AF), in the order of their codes, each with a sentence for the cashier.
pub(crate) const REASONS: [(&str, Ending, &str); 14] = [
    (
        "00",
        Ending::Declined,
        "The terminal did not do it, and gives no reason.",
    ),
    (
        "01",
        Ending::Contradictory,
        "The issuer authorised the payment.",
    ),
    (
        "02",
        Ending::Declined,
        "The issuer wants to be called by telephone.",
    ),
    (
        "03",
        Ending::Contradictory,
        "The payment was forced at the terminal.",
    ),
    ("04", Ending::Declined, "The payment was refused."),
    (
        "05",
        Ending::Refused("not_accepted"),
        "The terminal forbids it: this card is not accepted for this.",
    ),
    (
        "06",
        Ending::Refused("cancelled_on_device"),
        "It was cancelled on the terminal.",
    ),
    (
        "07",
        Ending::Declined,
        "The terminal did not complete the payment.",
    ),
    (
        "08",
        Ending::Refused("no_card"),
        "Nobody presented a card or entered the PIN in time.",
    ),
    (
        "09",
        Ending::Refused("format_error"),
        "The terminal does not understand the request.",
    ),
    (
        "10",
        Ending::Refused("selection_error"),
        "The terminal has no application for this payment.",
    ),
    (
        "11",
        Ending::Refused("cancelled_on_device"),
        "The cashier cancelled on the terminal.",
    ),
    (
        "12",
        Ending::Refused("unknown_action"),
        "The terminal cannot do this.",
    ),
    (
        "13",
        Ending::Refused("currency_unsupported"),
        "The terminal does not take this currency.",
    ),
];

/// What a reason means. An unknown one is a no all the same: that it was not done is said elsewhere.
pub(crate) fn ending(code: &str) -> (Ending, &'static str) {
    let known = REASONS.iter().find(|(known, _, _)| *known == code);
    known.map_or(
        (Ending::Declined, "The terminal did not do it."),
        |(_, ending, text)| (*ending, *text),
    )
}

/// The terminal says "not done", and no reason: it is busy, has no line, or is not at its start.
pub(crate) const NOT_DONE: (Ending, &str) = (
    Ending::Refused("busy"),
    "The terminal did not take it up: it is busy or not ready.",
);

/// E and E+ know no reasons.
pub(crate) const NOT_DONE_SERIAL: (Ending, &str) =
    (Ending::Declined, "The terminal did not do the payment.");

/// What the plugin refuses before anything is sent.
pub(crate) fn refusal(code: &str, text: &str) -> Refusal {
    Refusal {
        code: code.to_owned(),
        text: text.to_owned(),
    }
}

/// The request was given up before the terminal had it.
pub(crate) fn amount_unsayable() -> Refusal {
    refusal(
        "amount_not_possible",
        "The terminal cannot be told this amount.",
    )
}

/// No numeric code is known for the currency.
pub(crate) fn currency_unknown() -> Refusal {
    let (_, text) = ending("13");
    refusal("currency_unsupported", text)
}

/// The terminal said what no terminal says.
pub(crate) fn not_understood() -> PluginError {
    PluginError::maybe_sent("understand the terminal's answer")
}

/// The answer is to another request, or was changed on its way.
pub(crate) fn not_ours() -> PluginError {
    PluginError::maybe_sent("match the terminal's answer with the request")
}

/// The terminal contradicts itself.
pub(crate) fn contradictory() -> PluginError {
    PluginError::maybe_sent("believe the terminal's answer: its parts contradict each other")
}

/// The terminal itself does not know how it ended.
pub(crate) fn unverified() -> PluginError {
    PluginError::maybe_sent("learn how it ended: the terminal itself does not know")
}

/// The terminal has the request, and nothing came back in time.
pub(crate) fn no_answer() -> PluginError {
    PluginError::maybe_sent("get the terminal's answer in time")
}

/// The line broke after the terminal may have had the request.
pub(crate) fn line_lost() -> PluginError {
    PluginError::maybe_sent("get the terminal's answer: the line broke")
}

/// A failure that came before the terminal can have had the request.
pub(crate) fn before_sending(error: PluginError) -> PluginError {
    match error {
        PluginError::Failed(failure) => PluginError::not_sent(failure.reason),
        other => other,
    }
}
