// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the sandbox decides: response codes (ISO 8583:1987 DE 39) by card and by amount.
//!
//! The README repeats these tables for people; a test compares the two. Nothing here reads the
//! ledger or a clock, so that the same card and amount always end the same way.

use payhal_card_data::{Behaviour, CardSecrets, TestCard, by_pan};
use payhal_messages::gateway::{Answer, Decision};
use payhal_messages::money::Purpose;
use std::collections::BTreeMap;

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
pub(crate) const INSUFFICIENT: Code = code("51", "Insufficient funds");
pub(crate) const EXPIRED: Code = code("54", "Expired card");
pub(crate) const PIN_WRONG: Code = code("55", "Wrong PIN");
pub(crate) const OVER_LIMIT: Code = code("61", "Exceeds the card's limit");
pub(crate) const PIN_WANTED: Code = code("65", "PIN required");
pub(crate) const ISSUER_DOWN: Code = code("91", "Issuer unavailable");
pub(crate) const MALFUNCTION: Code = code("96", "System malfunction");

pub(crate) const FORMAT: Code = code("30", "Format error");
pub(crate) const AMOUNT: Code = code("13", "Invalid amount");
pub(crate) const CURRENCY: Code = code("12", "This gateway does not take the currency");
pub(crate) const NOT_CHANGEABLE: Code = code("12", "The original cannot be changed in this way");
pub(crate) const TAKEN_BACK: Code = code("12", "The original was voided or reversed");
pub(crate) const VOID_WHOLE: Code = code("13", "A void takes back the whole amount");
pub(crate) const TOO_MUCH: Code = code("13", "More than what is left of the original");
pub(crate) const CHANGED_SINCE: Code = code("21", "Later changes to the original still stand");
pub(crate) const RECONCILED: Code = code("21", "The batch is closed");
pub(crate) const REVERSED: Code = code("21", "Reversed before");
pub(crate) const NOT_FOUND: Code = code("25", "The original is not known");
pub(crate) const REFUSED: Code = code("58", "Refused as scripted");
pub(crate) const SEAL: Code = code("63", "The card data cannot be opened");
pub(crate) const SEAL_AMOUNTS: Code = code("63", "The card was read for something else");
pub(crate) const TOKEN: Code = code("14", "The token is not known");
pub(crate) const READ_SPENT: Code = code("94", "This card read was used before");
pub(crate) const DUPLICATE: Code = code("94", "The transaction exists with other content");

/// What is decided about a request that passed all checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Money moves: the amount.
    Approve {
        minor: i64,
        code: Code,
        signature: bool,
    },
    /// The issuer says no.
    Decline(Code),
    /// The gateway says no.
    Reject(Code),
}

/// Decides a card exchange. The card comes first; the amount decides where it approves.
pub(crate) fn decide(purpose: Purpose, card: &CardSecrets, total_minor: i64) -> Verdict {
    let found = by_pan(&card.pan);
    let signature = found.is_some_and(|card| card.behaviour == Behaviour::SignatureRequired);
    let whole = Verdict::Approve {
        minor: total_minor,
        code: APPROVED,
        signature,
    };
    if let Some(no) = found.and_then(|found| declined_by_card(purpose, card, found)) {
        return Verdict::Decline(no);
    }
    match purpose {
        Purpose::Verify | Purpose::Balance => whole,
        Purpose::Capture | Purpose::Adjust => Verdict::Reject(NOT_CHANGEABLE),
        Purpose::Refund => by_amount_of_change(total_minor).unwrap_or(whole),
        Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance => {
            match found.map_or(Behaviour::Approve, |card| card.behaviour) {
                Behaviour::PartialApproval => half(total_minor, signature),
                _ => by_amount(total_minor, signature).unwrap_or(whole),
            }
        }
    }
}

fn declined_by_card(purpose: Purpose, card: &CardSecrets, found: &TestCard) -> Option<Code> {
    let pin = found.pin.map(str::as_bytes);
    let pin_is_right = match (&card.online_pin, pin) {
        (Some(block), Some(pin)) => Some(block.holds(pin, &card.pan)),
        _ => None,
    };
    match (found.behaviour, pin_is_right) {
        (Behaviour::Expired, _) => Some(EXPIRED),
        (Behaviour::Decline, _) if purpose != Purpose::Refund => Some(INSUFFICIENT),
        (Behaviour::PinAtIssuer | Behaviour::PinRequired, Some(false)) => Some(PIN_WRONG),
        (Behaviour::PinAtIssuer, None) if pays(purpose) => Some(PIN_WANTED),
        _ => None,
    }
}

fn pays(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance
    )
}

fn half(total_minor: i64, signature: bool) -> Verdict {
    match total_minor / 2 {
        0 => Verdict::Decline(INSUFFICIENT),
        minor => Verdict::Approve {
            minor,
            code: PARTIAL,
            signature,
        },
    }
}

/// What the last two digits of an amount decide, if anything.
fn by_amount(total_minor: i64, signature: bool) -> Option<Verdict> {
    match total_minor % 100 {
        2 => Some(half(total_minor, signature)),
        51 => Some(Verdict::Decline(INSUFFICIENT)),
        61 => Some(Verdict::Decline(OVER_LIMIT)),
        _ => by_amount_of_change(total_minor),
    }
}

/// The same for captures and refunds, where partial approval and funds mean nothing.
pub(crate) fn by_amount_of_change(total_minor: i64) -> Option<Verdict> {
    match total_minor % 100 {
        4 => Some(Verdict::Reject(FORMAT)),
        5 => Some(Verdict::Decline(DO_NOT_HONOR)),
        91 => Some(Verdict::Decline(ISSUER_DOWN)),
        96 => Some(Verdict::Decline(MALFUNCTION)),
        _ => None,
    }
}

/// A refusal that is not written into the ledger.
pub(crate) fn rejected(code: &Code) -> Answer {
    Answer {
        decision: Decision::Rejected,
        response_code: code.code.into(),
        response_text: Some(code.text.into()),
        approved_minor: None,
        approval_code: None,
        rrn: None,
        issuer: BTreeMap::new(),
        signature_required: false,
        token: None,
        balance_minor: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_card_data::{EntryMode, PinBlock, test_card, test_cards};

    fn card(name: &str, pin: Option<&str>) -> CardSecrets {
        let card = test_card(name).unwrap();
        CardSecrets {
            pan: card.pan(),
            expiry: card.expiry(),
            track2: None,
            online_pin: pin.map(|pin| PinBlock::format0(pin.as_bytes(), &card.pan()).unwrap()),
            entry: EntryMode::Chip,
        }
    }

    fn code_of(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Approve { code, .. } | Verdict::Decline(code) | Verdict::Reject(code) => {
                code.code
            }
        }
    }

    #[test]
    fn every_test_card_ends_as_its_table_says() {
        for known in test_cards() {
            let verdict = decide(Purpose::Sale, &card(known.name, known.pin), 1250);
            assert_eq!(
                code_of(verdict),
                known.behaviour.response_code(),
                "{}",
                known.name
            );
        }
    }

    #[test]
    fn amounts_decide_where_the_card_approves() {
        let visa = card("visa-approve", None);
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
                code_of(decide(Purpose::Sale, &visa, minor)),
                code,
                "{minor}"
            );
        }
        assert_eq!(code_of(decide(Purpose::Refund, &visa, 1051)), "00");
        assert_eq!(code_of(decide(Purpose::Refund, &visa, 1005)), "05");
        let declines = card("visa-decline", None);
        assert_eq!(code_of(decide(Purpose::Sale, &declines, 1091)), "51");
        assert_eq!(code_of(decide(Purpose::Refund, &declines, 1250)), "00");
    }

    #[test]
    fn the_pin_decides_where_the_issuer_checks_it() {
        let sale = |pin| {
            code_of(decide(
                Purpose::Sale,
                &card("mastercard-pin-at-issuer", pin),
                1250,
            ))
        };
        assert_eq!(sale(Some("4321")), "00");
        assert_eq!(sale(Some("1111")), "55");
        assert_eq!(sale(None), "65");
    }

    #[test]
    fn half_is_rounded_down_and_nothing_is_no_half() {
        let partial = card("visa-partial", None);
        let verdict = decide(Purpose::Sale, &partial, 1251);
        assert!(matches!(
            verdict,
            Verdict::Approve {
                minor: 625,
                code: PARTIAL,
                ..
            }
        ));
        assert_eq!(
            decide(Purpose::Sale, &partial, 1),
            Verdict::Decline(INSUFFICIENT)
        );
    }
}
