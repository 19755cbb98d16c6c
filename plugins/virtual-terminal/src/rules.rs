// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the terminal decides: response codes (ISO 8583:1987 DE 39) by card and by amount. The
//! table is that of the sandbox gateway, so that a tester learns one.
//!
//! Nothing here reads the ledger or a clock, so that the same card and amount always end the same
//! way.

use payhal_card_data::{Behaviour, TestCard};
use payhal_messages::money::Purpose;

/// A response code with its words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Code {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

const fn code(code: &'static str, text: &'static str) -> Code {
    Code { code, text }
}

pub(crate) const APPROVED: Code = code("00", "Approved");
pub(crate) const PARTIAL: Code = code("10", "Approved for a part of the amount");
pub(crate) const DO_NOT_HONOR: Code = code("05", "Do not honour");
pub(crate) const CURRENCY: Code = code("12", "The original has another currency");
pub(crate) const NOT_CHANGEABLE: Code = code("12", "The original cannot be changed in this way");
pub(crate) const TAKEN_BACK: Code = code("12", "The original was reversed");
pub(crate) const NOT_COLLECTED: Code = code("12", "The original was not collected yet");
pub(crate) const AMOUNT: Code = code("13", "Invalid amount");
pub(crate) const TOO_MUCH: Code = code("13", "More than what is left of the original");
pub(crate) const CHANGED_SINCE: Code = code("21", "Later changes to the original still stand");
pub(crate) const CLOSED: Code = code("21", "The batch is closed");
pub(crate) const REVERSED: Code = code("21", "Reversed before");
pub(crate) const NOT_FOUND: Code = code("25", "The original is not known");
pub(crate) const FORMAT: Code = code("30", "Format error");
pub(crate) const INSUFFICIENT: Code = code("51", "Insufficient funds");
pub(crate) const PIN_WRONG: Code = code("55", "Wrong PIN");
pub(crate) const REFUSED: Code = code("58", "Refused as scripted");
pub(crate) const OVER_LIMIT: Code = code("61", "Exceeds the card's limit");
pub(crate) const OTHER_CARD: Code = code("63", "Another card was presented");
pub(crate) const PIN_WANTED: Code = code("65", "PIN required");
pub(crate) const ISSUER_DOWN: Code = code("91", "Issuer unavailable");
pub(crate) const MALFUNCTION: Code = code("96", "System malfunction");
// EMV Book 4 Annex A6: decisions without the issuer.
pub(crate) const OFFLINE_APPROVED: Code = code("Y3", "Approved offline");
pub(crate) const CHIP_REFUSED: Code = code("Z1", "The chip refused");
pub(crate) const OFFLINE_DECLINED: Code = code("Z3", "Declined, unable to go online");
// The terminal's own.
pub(crate) const SIGNATURE_WRONG: Code = code("S1", "The signature was not accepted");
pub(crate) const STOPPED: Code = code("cancelled", "The register cancelled");
pub(crate) const NOTHING: Code = code("ended", "Ended before anything was decided");

/// What was decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Money moves: the amount.
    Approve { minor: i64, code: Code },
    /// It does not.
    Decline(Code),
}

impl Verdict {
    /// An approval of the whole amount.
    pub(crate) fn whole(minor: i64) -> Self {
        Self::Approve {
            minor,
            code: APPROVED,
        }
    }
}

/// What is asked of the issuer.
pub(crate) struct Question<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) card: &'a TestCard,
    /// Whether the PIN that was entered is the card's; `None` without one.
    pub(crate) pin_is_right: Option<bool>,
    /// What the register asked for: its ending decides.
    pub(crate) asked_minor: i64,
    /// The same with what the terminal added: what is charged.
    pub(crate) total_minor: i64,
}

/// The issuer decides. The card comes first; the amount decides where it approves.
pub(crate) fn decide(question: &Question<'_>) -> Verdict {
    if let Some(no) = declined_by_card(question) {
        return Verdict::Decline(no);
    }
    let whole = Verdict::whole(question.total_minor);
    match question.purpose {
        Purpose::Verify | Purpose::Balance => whole,
        Purpose::Refund => {
            by_amount_of_change(question.asked_minor).map_or(whole, Verdict::Decline)
        }
        _ if question.card.behaviour == Behaviour::PartialApproval => half(question.asked_minor),
        _ if question.card.behaviour == Behaviour::RefusesAfterApproval => {
            Verdict::Decline(CHIP_REFUSED)
        }
        _ => by_amount(question.asked_minor).unwrap_or(whole),
    }
}

fn declined_by_card(question: &Question<'_>) -> Option<Code> {
    let pays = !matches!(
        question.purpose,
        Purpose::Refund | Purpose::Verify | Purpose::Balance
    );
    match (question.card.behaviour, question.pin_is_right) {
        (Behaviour::Decline, _) if question.purpose != Purpose::Refund => Some(INSUFFICIENT),
        (Behaviour::PinAtIssuer | Behaviour::PinRequired, Some(false)) => Some(PIN_WRONG),
        (Behaviour::PinAtIssuer, None) if pays => Some(PIN_WANTED),
        _ => None,
    }
}

/// Half, rounded down. What the terminal added is left out of a part.
fn half(asked_minor: i64) -> Verdict {
    match asked_minor / 2 {
        0 => Verdict::Decline(INSUFFICIENT),
        minor => Verdict::Approve {
            minor,
            code: PARTIAL,
        },
    }
}

/// What the last two digits of an amount decide, if anything.
fn by_amount(asked_minor: i64) -> Option<Verdict> {
    match asked_minor % 100 {
        2 => Some(half(asked_minor)),
        51 => Some(Verdict::Decline(INSUFFICIENT)),
        61 => Some(Verdict::Decline(OVER_LIMIT)),
        _ => by_amount_of_change(asked_minor).map(Verdict::Decline),
    }
}

/// The same for captures, adjustments and refunds, where partial approval and funds mean nothing.
pub(crate) fn by_amount_of_change(asked_minor: i64) -> Option<Code> {
    match asked_minor % 100 {
        4 => Some(FORMAT),
        5 => Some(DO_NOT_HONOR),
        91 => Some(ISSUER_DOWN),
        96 => Some(MALFUNCTION),
        _ => None,
    }
}

/// The terminal decides alone: a chip's sale up to the floor limit.
pub(crate) fn decide_offline(question: &Question<'_>, chip: bool, floor_minor: i64) -> Verdict {
    let fits = chip
        && question.purpose == Purpose::Sale
        && question.total_minor <= floor_minor
        && question.card.behaviour != Behaviour::PinAtIssuer;
    match fits {
        true => Verdict::Approve {
            minor: question.total_minor,
            code: OFFLINE_APPROVED,
        },
        false => Verdict::Decline(OFFLINE_DECLINED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_card_data::{test_card, test_cards};

    fn code_of(
        purpose: Purpose,
        card: &str,
        pin_is_right: Option<bool>,
        minor: i64,
    ) -> &'static str {
        let question = Question {
            purpose,
            card: test_card(card).unwrap(),
            pin_is_right,
            asked_minor: minor,
            total_minor: minor,
        };
        match decide(&question) {
            Verdict::Approve { code, .. } | Verdict::Decline(code) => code.code,
        }
    }

    #[test]
    fn every_test_card_ends_as_its_table_says() {
        for known in test_cards() {
            let expected = match known.behaviour {
                // The terminal refuses it before the issuer is asked.
                Behaviour::Expired => continue,
                Behaviour::RefusesAfterApproval => CHIP_REFUSED.code,
                behaviour => behaviour.response_code(),
            };
            let pin = known.pin().map(|_| true);
            assert_eq!(
                code_of(Purpose::Sale, known.name, pin, 1250),
                expected,
                "{}",
                known.name
            );
        }
    }

    #[test]
    fn amounts_decide_where_the_card_approves() {
        for (minor, code) in [
            (1250, "00"),
            (1999, "00"),
            (1002, "10"),
            (1004, "30"),
            (1005, "05"),
            (1051, "51"),
            (1061, "61"),
            (1091, "91"),
            (1096, "96"),
        ] {
            assert_eq!(
                code_of(Purpose::Sale, "visa-approve", None, minor),
                code,
                "{minor}"
            );
        }
        assert_eq!(code_of(Purpose::Refund, "visa-approve", None, 1051), "00");
        assert_eq!(code_of(Purpose::Refund, "visa-approve", None, 1005), "05");
        assert_eq!(code_of(Purpose::Sale, "visa-decline", None, 1091), "51");
        assert_eq!(code_of(Purpose::Refund, "visa-decline", None, 1250), "00");
    }

    #[test]
    fn the_pin_decides_where_the_issuer_checks_it() {
        let sale = |right| code_of(Purpose::Sale, "mastercard-pin-at-issuer", right, 1250);
        assert_eq!(sale(Some(true)), "00");
        assert_eq!(sale(Some(false)), "55");
        assert_eq!(sale(None), "65");
    }
}
