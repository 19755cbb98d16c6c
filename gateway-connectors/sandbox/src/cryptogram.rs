// SPDX-License-Identifier: MIT OR Apache-2.0
//! The issuer's part of a chip transaction: checks the cryptogram of a test card (EMV Book 2,
//! section 8), and answers it.
//!
//! Cards that are no test cards have an issuer elsewhere: nothing is checked for them.

use payhal_card_data::emv::{CRYPTOGRAM_DOL, SessionKey, Tag, fill_dol};
use payhal_card_data::{EntryMode, TestCard};
use std::collections::BTreeMap;

/// What a cryptogram is for (tag 9F27).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expected {
    /// Asks the issuer: an authorization request cryptogram.
    Question,
    /// Says that the chip has approved: a transaction certificate.
    Certificate,
}

impl Expected {
    fn information(self) -> &'static [u8] {
        match self {
            Self::Question => &[0x80],
            Self::Certificate => &[0x40],
        }
    }
}

const AMOUNT: u32 = 0x9F02;
const COUNTER: u32 = 0x9F36;
const CRYPTOGRAM: u32 = 0x9F26;
const CRYPTOGRAM_KIND: u32 = 0x9F27;

/// What became of a cryptogram.
#[derive(Debug)]
pub(crate) enum Checked {
    /// There is none to check: no chip, or no test card.
    Nothing,
    /// Missing, not of this card and these data, or over another amount.
    Wrong,
    /// The card made it.
    Right(Answerable),
}

/// What the issuer's answer is made of.
#[derive(Debug)]
pub(crate) struct Answerable {
    key: SessionKey,
    arqc: [u8; 8],
}

impl Checked {
    /// Its name in the ledger.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Wrong => Some("wrong"),
            Self::Right(_) => Some("right"),
        }
    }
}

impl Answerable {
    /// Tag 91 in hex: the issuer's cryptogram (method 1) and its response code.
    pub(crate) fn issuer_authentication(&self, response_code: &str) -> Option<String> {
        let code: [u8; 2] = response_code.as_bytes().try_into().ok()?;
        let arpc = self.key.response_by_method_1(&self.arqc, code);
        let bytes = arpc.iter().chain(&code);
        Some(bytes.map(|byte| format!("{byte:02X}")).collect())
    }
}

/// Checks the cryptogram of a read.
pub(crate) fn check(
    card: Option<&TestCard>,
    entry: EntryMode,
    tags: &BTreeMap<String, String>,
    total_minor: i64,
    expected: Expected,
) -> Checked {
    let (Some(card), EntryMode::Chip | EntryMode::Contactless) = (card, entry) else {
        return Checked::Nothing;
    };
    match answerable(card, tags, total_minor, expected) {
        Some(answerable) => Checked::Right(answerable),
        None => Checked::Wrong,
    }
}

fn answerable(
    card: &TestCard,
    tags: &BTreeMap<String, String>,
    total_minor: i64,
    expected: Expected,
) -> Option<Answerable> {
    let values = values(tags)?;
    let amount = format!("{total_minor:012}");
    let is_over_it = values.get(&AMOUNT).map(|value| hex(value)) == Some(amount);
    if !is_over_it || values.get(&CRYPTOGRAM_KIND)? != expected.information() {
        return None;
    }
    let counter = values.get(&COUNTER)?.as_slice().try_into().ok()?;
    let arqc: [u8; 8] = values.get(&CRYPTOGRAM)?.as_slice().try_into().ok()?;
    let message = fill_dol(CRYPTOGRAM_DOL, |tag| {
        values.get(&tag.number()).map(Vec::as_slice)
    });
    let key = card.card_key().session_key(u16::from_be_bytes(counter));
    key.has_cryptogram(message.ok()?.bytes(), &arqc)
        .then_some(Answerable { key, arqc })
}

/// The tags by number; nothing where one is none.
fn values(tags: &BTreeMap<String, String>) -> Option<BTreeMap<u32, Vec<u8>>> {
    let numbered = |(tag, value): (&String, &String)| {
        let number = u32::from_str_radix(tag, 16).ok()?;
        Some((Tag::new(number)?.number(), bytes(value)?))
    };
    tags.iter().map(numbered).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
