// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the sandbox decides: response codes (ISO 8583:1987 DE 39) by card and by amount.
//!
//! The README repeats these tables for people; a test compares the two. Nothing here reads the
//! ledger or a clock, so that the same card and amount always end the same way.

use crate::limits::{INSTALLMENTS_MAX, TOTAL_MAX};
use payhal_card_data::{Behaviour, TestCard};
use payhal_messages::gateway::{Answer, Authorize, Decision};
use payhal_messages::money::{Amounts, Purpose};
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
pub(crate) const PIN_BLOCKED: Code = code("75", "Too many wrong PINs");
pub(crate) const PIN_UNREADABLE: Code = code("81", "The PIN block cannot be opened");
pub(crate) const CRYPTOGRAM: Code = code("82", "The chip's cryptogram is wrong");
pub(crate) const OVER_LIMIT: Code = code("61", "Exceeds the card's limit");
pub(crate) const PIN_WANTED: Code = code("65", "PIN required");
pub(crate) const ISSUER_DOWN: Code = code("91", "Issuer unavailable");
pub(crate) const MALFUNCTION: Code = code("96", "System malfunction");

pub(crate) const CALL_ISSUER: Code = code("01", "Call the issuer");
pub(crate) const NOT_OFFLINE: Code = code("12", "Only a chip's sale can be forwarded");
pub(crate) const VOICE_CODE: Code = code("05", "The issuer did not give this code");

pub(crate) const FORMAT: Code = code("30", "Format error");
pub(crate) const AMOUNT: Code = code("13", "Invalid amount");
pub(crate) const CURRENCY: Code = code("12", "This gateway does not take the currency");
pub(crate) const NOT_CHANGEABLE: Code = code("12", "The original cannot be changed in this way");
pub(crate) const TAKEN_BACK: Code = code("12", "The original was voided or reversed");
pub(crate) const VOID_WHOLE: Code = code("13", "A void takes back the whole amount");
pub(crate) const TOO_MUCH: Code = code("13", "More than what is left of the original");
pub(crate) const CHANGED_SINCE: Code = code("21", "Later changes to the original still stand");
pub(crate) const RECONCILED: Code = code("BC", "The batch is closed");
pub(crate) const PARTS: Code = code("13", "The parts do not fit the amount");
pub(crate) const INSTALLMENTS: Code = code("12", "Not possible in so many instalments");
pub(crate) const NO_VOICE: Code = code("12", "No approval by telephone for this");
pub(crate) const NOT_REFERRED: Code = code("12", "The issuer did not want to be called");
pub(crate) const RECEIPT: Code = code("25", "No transaction here is like this receipt");
pub(crate) const REVERSED: Code = code("21", "Reversed before");
pub(crate) const NOT_FOUND: Code = code("25", "The original is not known");
pub(crate) const REFUSED: Code = code("58", "Refused as scripted");
pub(crate) const SCHEME: Code = code(
    "63",
    "The card data is sealed in another way than is opened here",
);
pub(crate) const SEALING_KEY: Code = code(
    "63",
    "The sealing key is unknown or was replaced too long ago",
);
pub(crate) const BASE_KEY: Code = code("63", "There is no base key for the reader's key");
pub(crate) const TEST_KEY: Code = code("63", "The reader has a test key: not at a live gateway");
pub(crate) const SENDER_UNKNOWN: Code = code("63", "The reader is not enrolled here");
pub(crate) const SENDER_OTHER: Code =
    code("63", "The reader's key is another than its enrolled one");
pub(crate) const SEAL: Code = code("63", "The card data cannot be opened");
pub(crate) const SEAL_AMOUNTS: Code = code("63", "The card was read for something else");
pub(crate) const TOKEN: Code = code("14", "The token is not known");
pub(crate) const READ_SPENT: Code = code("94", "This card read was used before");
pub(crate) const KEY_SPENT: Code = code("94", "The reader's DUKPT key was used before");
pub(crate) const KEY_OLDER: Code = code("94", "The reader's DUKPT key is older than its last one");
pub(crate) const NUMBER_MISSING: Code =
    code("30", "The reversal comes without the card's sealed number");
pub(crate) const NUMBER_OTHER: Code = code("63", "The reversal's sealed number is another card's");
pub(crate) const NUMBER_READ: Code = code("63", "The reversal's sealed number is of another read");
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
    /// The issuer wants to be called.
    Refer(Code),
    /// The gateway says no.
    Reject(Code),
}

impl Verdict {
    /// Of an amount in another currency there are no parts.
    pub(crate) fn whole_or_nothing(self) -> Self {
        match self {
            Self::Approve { code: PARTIAL, .. } => Self::Decline(INSUFFICIENT),
            other => other,
        }
    }

    /// What is left of it where the goods are gone: the whole amount or nothing, and nobody to sign
    /// or to wait for a call.
    pub(crate) fn without_customer(self) -> Self {
        match self.whole_or_nothing() {
            Self::Approve { minor, code, .. } => Self::Approve {
                minor,
                code,
                signature: false,
            },
            Self::Refer(code) => Self::Decline(code),
            other => other,
        }
    }
}

/// What came of a PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PinCheck {
    /// None came, or nobody here knows the card's.
    None,
    /// It is the card's.
    Right,
    /// It is not.
    Wrong,
    /// Too many were wrong: nobody looked.
    Blocked,
    /// The block is no PIN block under the key that it should be under.
    Unreadable,
}

impl PinCheck {
    /// Its name in the ledger.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Right => Some("right"),
            Self::Wrong => Some("wrong"),
            Self::Blocked => Some("blocked"),
            Self::Unreadable => Some("unreadable"),
        }
    }
}

/// What decisions need of a card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Card {
    /// The test card, if it is one.
    pub(crate) known: Option<&'static TestCard>,
    /// What came of the PIN that came along.
    pub(crate) pin: PinCheck,
    /// Whether its holder is there, who could be asked for a PIN or a signature.
    present: bool,
}

impl Card {
    /// One out of a seal.
    pub(crate) fn presented(known: Option<&'static TestCard>, pin: PinCheck) -> Self {
        Self {
            known,
            pin,
            present: true,
        }
    }

    /// One behind a token.
    pub(crate) fn on_file(known: Option<&'static TestCard>) -> Self {
        Self {
            known,
            pin: PinCheck::None,
            present: false,
        }
    }

    fn behaviour(&self) -> Behaviour {
        self.known.map_or(Behaviour::Approve, |card| card.behaviour)
    }
}

/// Why the gateway does not even ask the issuer, if it does not.
pub(crate) fn not_taken(request: &Authorize, currencies: &[String]) -> Option<Code> {
    let Amounts {
        currency,
        total_minor,
        ..
    } = &request.amounts;
    if !currencies.is_empty() && !currencies.contains(currency) {
        return Some(CURRENCY);
    }
    let sells = matches!(request.purpose, Purpose::Sale | Purpose::Authorize);
    let amount_is_possible = match request.purpose {
        Purpose::Verify | Purpose::Balance => *total_minor == 0,
        _ => (1..=TOTAL_MAX).contains(total_minor),
    };
    if matches!(request.purpose, Purpose::Capture | Purpose::Adjust) {
        Some(NOT_CHANGEABLE)
    } else if !amount_is_possible {
        Some(AMOUNT)
    } else if !parts_fit(request.purpose, &request.amounts) {
        Some(PARTS)
    } else if request
        .installments
        .is_some_and(|number| !sells || !(1..=INSTALLMENTS_MAX).contains(&number))
    {
        Some(INSTALLMENTS)
    } else if request.voice_code.is_some() && !sells {
        Some(NO_VOICE)
    } else {
        None
    }
}

/// Whether the parts of the total are possible: none negative, together within it, and cash only
/// with goods.
fn parts_fit(purpose: Purpose, amounts: &Amounts) -> bool {
    let cashback = amounts.cashback_minor.unwrap_or(0);
    let parts = [amounts.tip_minor, amounts.surcharge_minor, Some(cashback)];
    let mut rest = amounts.total_minor;
    for part in parts.into_iter().flatten() {
        if !(0..=rest).contains(&part) {
            return false;
        }
        rest -= part;
    }
    cashback == 0 || (purpose == Purpose::Sale && cashback < amounts.total_minor)
}

/// Decides a card exchange. The card comes first; the amount decides where it approves.
pub(crate) fn decide(purpose: Purpose, card: &Card, total_minor: i64) -> Verdict {
    let whole = Verdict::Approve {
        minor: total_minor,
        code: APPROVED,
        signature: card.present && card.behaviour() == Behaviour::SignatureRequired,
    };
    if let Some(no) = declined_by_card(purpose, card) {
        return Verdict::Decline(no);
    }
    match purpose {
        Purpose::Verify | Purpose::Balance => whole,
        Purpose::Refund => by_amount_of_change(total_minor).unwrap_or(whole),
        Purpose::CashAdvance => by_amount(total_minor).unwrap_or(whole),
        Purpose::Sale | Purpose::Authorize => {
            let is_partial = card.behaviour() == Behaviour::PartialApproval;
            if is_partial || total_minor % 100 == 2 {
                half(whole, total_minor)
            } else {
                by_amount(total_minor).unwrap_or(whole)
            }
        }
        Purpose::Capture | Purpose::Adjust => Verdict::Reject(NOT_CHANGEABLE),
    }
}

fn declined_by_card(purpose: Purpose, card: &Card) -> Option<Code> {
    let pays = matches!(
        purpose,
        Purpose::Sale | Purpose::Authorize | Purpose::CashAdvance
    );
    match (card.behaviour(), card.pin) {
        (Behaviour::Expired, _) => Some(EXPIRED),
        (_, PinCheck::Blocked) => Some(PIN_BLOCKED),
        (_, PinCheck::Unreadable) => Some(PIN_UNREADABLE),
        (_, PinCheck::Wrong) => Some(PIN_WRONG),
        (Behaviour::Decline, _) if pays || purpose == Purpose::Verify => Some(INSUFFICIENT),
        (Behaviour::PinAtIssuer, PinCheck::None) if pays && card.present => Some(PIN_WANTED),
        _ => None,
    }
}

fn half(whole: Verdict, total_minor: i64) -> Verdict {
    match whole {
        Verdict::Approve { signature, .. } if total_minor > 1 => Verdict::Approve {
            minor: total_minor / 2,
            code: PARTIAL,
            signature,
        },
        _ => Verdict::Decline(INSUFFICIENT),
    }
}

/// What the last two digits of an amount decide, if anything; partial approval apart.
fn by_amount(total_minor: i64) -> Option<Verdict> {
    match total_minor % 100 {
        1 => Some(Verdict::Refer(CALL_ISSUER)),
        _ => by_amount_of_hold(total_minor),
    }
}

/// The same for the new amount of a hold, about which nobody is called.
pub(crate) fn by_amount_of_hold(total_minor: i64) -> Option<Verdict> {
    match total_minor % 100 {
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

/// What an approval code of a telephone call decides: six characters, A to Z and digits.
pub(crate) fn by_voice(code: &str, total_minor: i64) -> Verdict {
    let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if code.len() == 6 && code.bytes().all(is_code) {
        Verdict::Approve {
            minor: total_minor,
            code: APPROVED,
            signature: false,
        }
    } else {
        Verdict::Decline(VOICE_CODE)
    }
}

/// What is left on a card, as if nothing had ever been paid with it.
pub(crate) fn balance(card: &Card) -> i64 {
    match card.behaviour() {
        Behaviour::Decline => 0,
        Behaviour::PartialApproval => 500,
        _ => 50_000,
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
        dcc: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_card_data::{test_card, test_cards};

    fn card(name: &str, pin: PinCheck) -> Card {
        Card::presented(test_card(name), pin)
    }

    fn code_of(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Approve { code, .. }
            | Verdict::Decline(code)
            | Verdict::Refer(code)
            | Verdict::Reject(code) => code.code,
        }
    }

    #[test]
    fn every_test_card_ends_as_its_table_says() {
        for known in test_cards() {
            let pin = known.pin().map_or(PinCheck::None, |_| PinCheck::Right);
            let verdict = decide(Purpose::Sale, &card(known.name, pin), 1250);
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
        let visa = card("visa-approve", PinCheck::None);
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
        let declines = card("visa-decline", PinCheck::None);
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
        assert_eq!(sale(PinCheck::Right), "00");
        assert_eq!(sale(PinCheck::Wrong), "55");
        assert_eq!(sale(PinCheck::None), "65");
        assert_eq!(sale(PinCheck::Blocked), "75");
        assert_eq!(sale(PinCheck::Unreadable), "81");
    }

    #[test]
    fn half_is_rounded_down_and_nothing_is_no_half() {
        let partial = card("visa-partial", PinCheck::None);
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
