// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong, each with what the register is told: a refusal where somebody at the counter
//! can do something about it, a failure where the pinpad or its set-up is in trouble.
//!
//! Texts name things and codes, never bytes of a card.

use crate::status::{Class, Status};
use payhal_messages::call::CardRefusal;
use payhal_plugin::{Outcome, PluginError, card_refused};

/// What the plugin was at, for a sentence that begins with "failed to".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Doing {
    /// Waiting for a card.
    Present,
    /// Cardholder and cryptogram.
    Verify,
    /// Handing out ciphertext.
    Encrypt,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::Present => "read a card",
            Self::Verify => "verify the cardholder",
            Self::Encrypt => "encrypt the card",
        }
    }
}

/// What a status other than "done" ends a command with. Nothing was paid by then.
pub(crate) fn ended<T>(status: Status, doing: Doing) -> Outcome<T> {
    let refused = |why| card_refused(why, status.sentence());
    match status.class() {
        Class::Cancelled => refused(CardRefusal::CancelledOnDevice),
        Class::TimedOut if doing == Doing::Verify => {
            card_refused(CardRefusal::PinFailed, "No PIN was entered in time.")
        }
        Class::TimedOut => card_refused(CardRefusal::NoCard, "No card was presented in time."),
        Class::NoCard => refused(CardRefusal::CardRemoved),
        Class::ReadAgain if doing == Doing::Verify => refused(CardRefusal::CardRemoved),
        Class::ReadAgain | Class::Fallback => refused(CardRefusal::CardUnreadable),
        Class::CardUnusable | Class::CardBlocked | Class::SeeDevice | Class::OtherInterface => {
            refused(CardRefusal::NotAccepted)
        }
        Class::PinBusy => refused(CardRefusal::PinFailed),
        Class::KeyMissing => Err(PluginError::not_sent(format!(
            "{}: the pinpad has no key in the slot that is configured, or none left of it; have one \
             injected",
            doing.words()
        ))),
        Class::Tables => Err(PluginError::not_sent(format!(
            "{}: the pinpad's card tables are missing or are others ({status})",
            doing.words()
        ))),
        Class::Done | Class::Key | Class::Session | Class::Request | Class::Device => Err(
            PluginError::not_sent(format!("{}: the pinpad says {status}", doing.words())),
        ),
    }
}

/// Nobody holds the card any more that a command is about.
pub(crate) fn gone<T>() -> Outcome<T> {
    card_refused(
        CardRefusal::CardRemoved,
        "The card is no longer at the pinpad. Please present it again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_messages::call::Sent;

    fn code(status: u16, doing: Doing) -> String {
        match ended::<()>(Status::new(status), doing) {
            Ok(Ok(())) => panic!("it was not done"),
            Ok(Err(refusal)) => {
                assert!(refusal.text.ends_with('.'), "{}", refusal.text);
                refusal.code
            }
            Err(PluginError::Failed(failure)) => {
                assert_eq!(failure.sent, Sent::No);
                "failed".to_owned()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_status_has_its_end() {
        for (status, end) in [
            (3, "failed"),
            (9, "failed"),
            (10, "failed"),
            (11, "failed"),
            (12, "no_card"),
            (13, "cancelled_on_device"),
            (19, "failed"),
            (20, "failed"),
            (21, "failed"),
            (40, "failed"),
            (41, "card_unreadable"),
            (42, "failed"),
            (43, "card_removed"),
            (44, "pin_failed"),
            (45, "failed"),
            (46, "failed"),
            (60, "card_unreadable"),
            (61, "card_unreadable"),
            (67, "not_accepted"),
            (68, "not_accepted"),
            (69, "not_accepted"),
            (70, "not_accepted"),
            (71, "not_accepted"),
            (76, "card_unreadable"),
            (77, "failed"),
            (78, "not_accepted"),
            (79, "not_accepted"),
            (80, "card_unreadable"),
            (81, "card_unreadable"),
            (82, "not_accepted"),
            (83, "not_accepted"),
            (84, "not_accepted"),
            (85, "not_accepted"),
            (86, "not_accepted"),
            (87, "not_accepted"),
            (99, "failed"),
        ] {
            assert_eq!(code(status, Doing::Present), end, "status {status}");
        }
        assert_eq!(code(12, Doing::Verify), "pin_failed");
        assert_eq!(code(61, Doing::Verify), "card_removed");
    }
}
