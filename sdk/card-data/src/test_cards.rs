// SPDX-License-Identifier: MIT OR Apache-2.0
//! The test cards of the simulated reader and gateway: one table that both read.
//!
//! Every number is one that schemes or processors publish for tests, or lies in a range that is
//! kept for them. No issuer has given it to anybody, and no real card may ever be added.

mod hidden;
mod table;

use crate::emv::{CardKey, IssuerMasterKey};
use crate::expiry::Expiry;
use crate::pan::Pan;
use crate::pin::Pin;
use crate::scheme::Scheme;
use crate::secret::SecretBytes;
use crate::secrets::EntryMode;
use crate::track::{Track1, Track2};
use hidden::Hidden;
use table::CARDS;

/// For cryptograms of every test card. Tools for tests publish it; no issuer has it.
const ISSUER_MASTER_KEY: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10,
];

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
    /// Application labels and identifiers (hex); two for application selection.
    pub applications: &'static [(&'static str, &'static str)],
    /// Up to which amount its chip approves where nobody can ask the issuer, minor units of any
    /// currency; 0 = it never does.
    pub offline_max_minor: i64,
    /// The country of its issuer (ISO 3166-1 alpha-2), where its chip tells (tag 5F28).
    pub country: Option<&'static str>,
    number: Hidden<19>,
    expires: (u16, u8),
    pin: Hidden<12>,
    /// On both tracks, behind the service code.
    discretionary: Hidden<9>,
    /// On track 1.
    holder: Hidden<26>,
}

impl TestCard {
    /// Distinguishes cards of one number (tag 5F34).
    pub const SEQUENCE_NUMBER: u8 = 1;

    /// Its number.
    pub fn pan(&self) -> Pan {
        Pan::new(self.number.shown().bytes()).expect("the table is tested")
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.pan().scheme()
    }

    /// Its expiry.
    pub fn expiry(&self) -> Expiry {
        Expiry::new(self.expires.0, self.expires.1).expect("the table is tested")
    }

    /// Its PIN, where it has one.
    pub fn pin(&self) -> Option<Pin> {
        Pin::new(self.pin.shown().bytes()).ok()
    }

    /// Its track 1.
    pub fn track1(&self) -> Track1 {
        let (pan, expiry) = (self.pan(), self.expiry().yymm());
        let (holder, discretionary) = (self.holder.shown(), self.discretionary.shown());
        let track = joined(&[
            b"B",
            pan.digits(),
            b"^",
            holder.bytes(),
            b"^",
            &*expiry,
            self.service_code(),
            discretionary.bytes(),
        ]);
        Track1::new(track.bytes()).expect("the table is tested")
    }

    /// Its track 2.
    pub fn track2(&self) -> Track2 {
        let (pan, expiry) = (self.pan(), self.expiry().yymm());
        let discretionary = self.discretionary.shown();
        let track = joined(&[
            pan.digits(),
            b"D",
            &*expiry,
            self.service_code(),
            discretionary.bytes(),
        ]);
        Track2::new(track.bytes()).expect("the table is tested")
    }

    /// The key of its cryptograms.
    pub fn card_key(&self) -> CardKey {
        test_issuer().card_key(&self.pan(), Self::SEQUENCE_NUMBER)
    }

    /// It says "chip" (2xx) for a card that has one.
    fn service_code(&self) -> &'static [u8] {
        match self.entries.contains(&EntryMode::Chip) {
            true => b"201",
            false => b"101",
        }
    }
}

/// The issuer of every test card.
pub fn test_issuer() -> IssuerMasterKey {
    IssuerMasterKey::new(&ISSUER_MASTER_KEY).expect("16 bytes")
}

fn joined(parts: &[&[u8]]) -> SecretBytes {
    let mut whole = SecretBytes::zeroed(parts.iter().map(|part| part.len()).sum());
    let mut rest = whole.bytes_mut();
    for part in parts {
        let (place, behind) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = behind;
    }
    whole
}

impl std::fmt::Debug for TestCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestCard").field(&self.name).finish()
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
        .find(|card| card.number.shown().bytes() == pan.digits())
}

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
            assert_eq!(card.track1().pan(), card.track2().pan());
            assert_eq!(
                card.track1().service_code().digits().to_vec(),
                card.service_code()
            );
            assert!(numbers.insert(digits), "number of {} twice", card.name);
            assert_eq!(by_name(card.name).unwrap().name, card.name);
            assert_eq!(by_pan(&card.pan()).unwrap().name, card.name);
            assert_ne!(card.scheme(), Scheme::Other, "{}", card.name);
            assert!(!card.entries.is_empty());
            let has_pin = matches!(
                card.verification,
                Verification::OnlinePin | Verification::OfflinePin
            );
            assert_eq!(card.pin().is_some(), has_pin, "{}", card.name);
        }
        assert!(by_name("visa").is_none());
    }
}
