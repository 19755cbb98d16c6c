// SPDX-License-Identifier: MIT OR Apache-2.0
//! The test cards of the simulated reader and gateway: one table that both read.
//!
//! Every number is one that schemes or processors publish for tests. No issuer has given it to
//! anybody, and no real card may ever be added.

use crate::expiry::Expiry;
use crate::pan::Pan;
use crate::scheme::Scheme;
use crate::secrets::EntryMode;
use crate::track::Track2;
use EntryMode::{Chip, Contactless, Manual, Stripe};
use zeroize::Zeroizing;

/// What happens with a test card, at the reader or at the gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// The gateway approves.
    Approve,
    /// The gateway declines: insufficient funds.
    Decline,
    /// The gateway approves half, rounded down.
    PartialApproval,
    /// The gateway approves with the card's PIN, declines a wrong one (55), and asks for one (65)
    /// where none was sent. The reader leaves the PIN to the gateway.
    PinAtIssuer,
    /// The reader compares the PIN, three times at most; the gateway approves with the PIN.
    PinRequired,
    /// The gateway approves and wants a signature.
    SignatureRequired,
    /// The reader refuses it as expired; the gateway would decline it (54).
    Expired,
    /// The reader cannot read its chip.
    ChipFault,
    /// The gateway approves; the chip then refuses.
    RefusesAfterApproval,
}

impl Behaviour {
    /// Name, as consoles and simulators show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Decline => "decline",
            Self::PartialApproval => "partial_approval",
            Self::PinAtIssuer => "pin_at_issuer",
            Self::PinRequired => "pin_required",
            Self::SignatureRequired => "signature_required",
            Self::Expired => "expired",
            Self::ChipFault => "chip_fault",
            Self::RefusesAfterApproval => "refuses_after_approval",
        }
    }

    /// DE 39 a gateway gives when nothing else is wrong (right PIN, enough of everything).
    pub fn response_code(self) -> &'static str {
        match self {
            Self::Decline => "51",
            Self::PartialApproval => "10",
            Self::Expired => "54",
            _ => "00",
        }
    }
}

/// How the cardholder is verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verification {
    /// Not at all.
    None,
    /// By a PIN that goes to the issuer.
    OnlinePin,
    /// By a PIN that the chip checks.
    OfflinePin,
    /// By signature.
    Signature,
}

/// One test card.
#[derive(Clone, Copy)]
pub struct TestCard {
    /// Name in kebab case; how simulators are told to use it.
    pub name: &'static str,
    /// Words for a button.
    pub label: &'static str,
    /// What happens with it.
    pub behaviour: Behaviour,
    /// How it can be read.
    pub entries: &'static [EntryMode],
    /// How its holder is verified.
    pub verification: Verification,
    /// Its PIN, where it has one.
    pub pin: Option<&'static str>,
    /// Application labels and identifiers (hex); two for application selection.
    pub applications: &'static [(&'static str, &'static str)],
    number: Hidden,
    expires: (u16, u8),
}

impl TestCard {
    /// Its number.
    pub fn pan(&self) -> Pan {
        Pan::new(&self.number.shown()).expect("the table is tested")
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.pan().scheme()
    }

    /// Its expiry.
    pub fn expiry(&self) -> Expiry {
        Expiry::new(self.expires.0, self.expires.1).expect("the table is tested")
    }

    /// Its track 2. The service code says "chip" (2xx) for a card that has one.
    pub fn track2(&self) -> Track2 {
        let service_code = if self.entries.contains(&Chip) {
            b"201"
        } else {
            b"101"
        };
        Track2::made_of(&self.pan(), self.expiry(), service_code).expect("the table is tested")
    }
}

impl std::fmt::Debug for TestCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestCard").field(&self.name).finish()
    }
}

/// A number of the table. It is kept altered, so that a search of a process's memory for test
/// cards finds what a flow left behind and not the table.
#[derive(Clone, Copy)]
struct Hidden {
    bytes: [u8; 19],
    length: usize,
}

const MASK: u8 = 0xA5;

impl Hidden {
    const fn new(digits: &[u8]) -> Self {
        let mut bytes = [0; 19];
        let mut place = 0;
        while place < digits.len() {
            bytes[place] = digits[place] ^ MASK;
            place += 1;
        }
        Self {
            bytes,
            length: digits.len(),
        }
    }

    fn shown(&self) -> Zeroizing<Vec<u8>> {
        let hidden = &self.bytes[..self.length];
        Zeroizing::new(hidden.iter().map(|byte| byte ^ MASK).collect())
    }
}

/// Every test card.
pub fn all() -> &'static [TestCard] {
    CARDS
}

/// The card of that name.
pub fn by_name(name: &str) -> Option<&'static TestCard> {
    CARDS.iter().find(|card| card.name == name)
}

/// The card with that number.
pub fn by_pan(pan: &Pan) -> Option<&'static TestCard> {
    CARDS
        .iter()
        .find(|card| *card.number.shown() == pan.digits())
}

const ANY: &[EntryMode] = &[Chip, Contactless, Stripe, Manual];
const VISA: &[(&str, &str)] = &[("VISA CREDIT", "A0000000031010")];
const MASTERCARD: &[(&str, &str)] = &[("MASTERCARD", "A0000000041010")];

const BASE: TestCard = TestCard {
    name: "",
    label: "",
    behaviour: Behaviour::Approve,
    entries: ANY,
    verification: Verification::None,
    pin: None,
    applications: VISA,
    number: Hidden::new(b""),
    expires: (2049, 12),
};

const CARDS: &[TestCard] = &[
    TestCard {
        name: "visa-approve",
        label: "Visa, approves",
        number: Hidden::new(b"4111111111111111"),
        ..BASE
    },
    TestCard {
        name: "visa-decline",
        label: "Visa, insufficient funds",
        behaviour: Behaviour::Decline,
        number: Hidden::new(b"4000000000009995"),
        ..BASE
    },
    TestCard {
        name: "visa-partial",
        label: "Visa, approves half",
        behaviour: Behaviour::PartialApproval,
        number: Hidden::new(b"4012888888881881"),
        ..BASE
    },
    TestCard {
        name: "visa-pin",
        label: "Visa, PIN 1234",
        behaviour: Behaviour::PinRequired,
        verification: Verification::OnlinePin,
        pin: Some("1234"),
        entries: &[Chip, Contactless, Stripe],
        applications: &[("VISA DEBIT", "A0000000031010")],
        number: Hidden::new(b"4000056655665556"),
        ..BASE
    },
    TestCard {
        name: "visa-expired",
        label: "Visa, expired",
        behaviour: Behaviour::Expired,
        number: Hidden::new(b"4000000000000069"),
        expires: (2020, 1),
        ..BASE
    },
    TestCard {
        name: "mastercard-approve",
        label: "Mastercard, approves",
        applications: MASTERCARD,
        number: Hidden::new(b"5555555555554444"),
        ..BASE
    },
    TestCard {
        name: "mastercard-signature",
        label: "Mastercard, signature",
        behaviour: Behaviour::SignatureRequired,
        verification: Verification::Signature,
        applications: MASTERCARD,
        number: Hidden::new(b"5105105105105100"),
        ..BASE
    },
    TestCard {
        name: "mastercard-pin-at-issuer",
        label: "Mastercard, PIN 4321 checked by the issuer",
        behaviour: Behaviour::PinAtIssuer,
        verification: Verification::OnlinePin,
        pin: Some("4321"),
        entries: &[Chip, Contactless, Stripe],
        applications: MASTERCARD,
        number: Hidden::new(b"2223000048400011"),
        ..BASE
    },
    TestCard {
        name: "mastercard-chip-fault",
        label: "Mastercard, broken chip",
        behaviour: Behaviour::ChipFault,
        entries: &[Chip, Stripe],
        applications: MASTERCARD,
        number: Hidden::new(b"2223003122003222"),
        ..BASE
    },
    TestCard {
        name: "mastercard-declines-after-approval",
        label: "Mastercard, chip refuses after approval",
        behaviour: Behaviour::RefusesAfterApproval,
        entries: &[Chip],
        applications: MASTERCARD,
        number: Hidden::new(b"5200828282828210"),
        ..BASE
    },
    TestCard {
        name: "maestro-pin",
        label: "Maestro, PIN 1234 checked by the chip",
        behaviour: Behaviour::Approve,
        verification: Verification::OfflinePin,
        pin: Some("1234"),
        entries: &[Chip],
        applications: &[("MAESTRO", "A0000000043060")],
        number: Hidden::new(b"6759649826438453"),
        ..BASE
    },
    TestCard {
        name: "amex-approve",
        label: "American Express, approves",
        applications: &[("AMERICAN EXPRESS", "A00000002501")],
        number: Hidden::new(b"378282246310005"),
        ..BASE
    },
    TestCard {
        name: "discover-two-applications",
        label: "Discover, two applications",
        entries: &[Chip, Contactless],
        applications: &[
            ("DISCOVER", "A0000001523010"),
            ("US DEBIT", "A0000001524010"),
        ],
        number: Hidden::new(b"6011111111111117"),
        ..BASE
    },
    TestCard {
        name: "jcb-approve",
        label: "JCB, approves",
        applications: &[("JCB CREDIT", "A0000000651010")],
        number: Hidden::new(b"3530111333300000"),
        ..BASE
    },
    TestCard {
        name: "diners-decline",
        label: "Diners Club, declines",
        behaviour: Behaviour::Decline,
        applications: &[("DINERS CLUB", "A0000001523010")],
        number: Hidden::new(b"30569309025904"),
        ..BASE
    },
    TestCard {
        name: "unionpay-approve",
        label: "UnionPay, approves",
        applications: &[("UNIONPAY CREDIT", "A000000333010102")],
        number: Hidden::new(b"6200000000000005"),
        ..BASE
    },
    TestCard {
        name: "contactless-only",
        label: "Visa on a phone, contactless only",
        entries: &[Contactless],
        number: Hidden::new(b"4242424242424242"),
        ..BASE
    },
    TestCard {
        name: "stripe-only",
        label: "Mastercard, stripe only",
        entries: &[Stripe, Manual],
        applications: &[],
        number: Hidden::new(b"5454545454545454"),
        ..BASE
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_card_of_the_table_is_usable_and_told_apart() {
        let mut names = HashSet::new();
        let mut numbers = HashSet::new();
        for card in all() {
            assert!(names.insert(card.name), "{} twice", card.name);
            let digits = card.pan().digits().to_vec();
            assert!(
                !format!("{card:?}")
                    .as_bytes()
                    .windows(6)
                    .any(|w| w == &digits[..6])
            );
            assert_eq!(card.track2().characters()[..digits.len()], digits);
            assert!(numbers.insert(digits), "number of {} twice", card.name);
            assert_eq!(by_name(card.name).unwrap().name, card.name);
            assert_eq!(by_pan(&card.pan()).unwrap().name, card.name);
            assert_ne!(card.scheme(), Scheme::Other, "{}", card.name);
            assert!(!card.entries.is_empty());
            let has_pin = matches!(
                card.verification,
                Verification::OnlinePin | Verification::OfflinePin
            );
            assert_eq!(card.pin.is_some(), has_pin, "{}", card.name);
        }
        assert!(by_name("visa").is_none());
    }
}
