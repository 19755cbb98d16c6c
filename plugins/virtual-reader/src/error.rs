// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words for what cards and cardholders refuse.

use payhal_messages::call::{CardRefusal, Refusal};
use payhal_plugin::PluginError;

/// The refusal with the sentence that its reason usually has.
pub(crate) fn refusal(why: CardRefusal) -> Refusal {
    let text = match why {
        CardRefusal::CardExpired => "The card has expired.",
        CardRefusal::CardUnreadable => "The card cannot be read.",
        CardRefusal::CardRemoved => "The card was removed too early.",
        CardRefusal::CancelledOnDevice => "The cardholder cancelled on the reader.",
        CardRefusal::NoCard => "No card was presented in time.",
        CardRefusal::NotAccepted => "The card is not accepted here.",
        CardRefusal::PinFailed => "The PIN was wrong or was not entered.",
    };
    Refusal {
        code: why.code().to_owned(),
        text: text.to_owned(),
    }
}

/// What the display says about a refusal.
pub(crate) fn screen_words(code: &str) -> &'static str {
    match code {
        "card_expired" => "Card expired",
        "card_unreadable" => "Cannot read card",
        "card_removed" => "Card removed",
        "cancelled_on_device" => "Cancelled",
        "no_card" => "No card",
        "pin_failed" => "PIN failed",
        _ => "Not accepted",
    }
}

/// The cable is out.
pub(crate) fn unplugged() -> PluginError {
    PluginError::maybe_sent("reach the reader: it was unplugged")
}
