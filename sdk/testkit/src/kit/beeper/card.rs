// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card in the example reader: a test card of the table, its chip, and its seal.
//!
//! The only place of the kit where a card is in clear, and only until it is sealed.

use super::device::Action;
use super::keys::Keys;
use super::wire::Line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use payhal_card_data::emv::{CRYPTOGRAM_DOL, Tag, fill_dol};
use payhal_card_data::{
    Amounts, Associated, CardNumber, CardSecrets, EntryMode, Inner, Pin, Purpose, SEAL_VERSION,
    TestCard, Verification, test_card,
};
use std::collections::BTreeMap;

/// A card that somebody presented.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    pub(crate) card: &'static TestCard,
    pub(crate) entry: EntryMode,
    /// Place of the chosen application.
    pub(crate) application: usize,
    /// Whether its holder enters another PIN than the card's.
    pub(crate) wrong_pin: bool,
}

/// What the device does about an action.
pub(crate) enum Presented {
    Card(Held),
    /// The code of its refusal.
    No(&'static str),
}

/// What becomes of a wait for a card; `None` when nobody did anything.
pub(crate) fn presented(action: Action) -> Option<Presented> {
    let (name, entry) = match action {
        Action::Tap | Action::Approve => ("visa-approve", EntryMode::Contactless),
        Action::Insert | Action::Remove => ("visa-approve", EntryMode::Chip),
        Action::Swipe => ("visa-approve", EntryMode::Stripe),
        Action::Decline => ("visa-decline", EntryMode::Contactless),
        Action::Pin | Action::WrongPin => ("visa-pin", EntryMode::Chip),
        Action::Apps => ("discover-two-applications", EntryMode::Chip),
        Action::Unreadable => return Some(Presented::No("card_unreadable")),
        Action::Cancel => return Some(Presented::No("cancelled_on_device")),
        Action::Silent | Action::Idle => return None,
    };
    Some(Presented::Card(Held {
        card: test_card(name).expect("the table has these cards"),
        entry,
        application: 0,
        wrong_pin: action == Action::WrongPin,
    }))
}

impl Held {
    /// Whether its holder must enter a PIN for the issuer.
    pub(crate) fn wants_pin(&self) -> bool {
        self.card.verification == Verification::OnlinePin
    }

    /// `CARD entry masked scheme aid label`, as the device says it.
    pub(crate) fn shown(&self) -> String {
        let (label, aid) = self.application();
        let aid = if aid.is_empty() { "-" } else { aid };
        let masked = self.card.pan().masked();
        let scheme = self.card.scheme().name();
        let entry = entry_word(self.entry);
        format!("CARD {entry} {} {scheme} {aid} {label}", masked.as_str())
    }

    fn application(&self) -> (&'static str, &'static str) {
        let none = ("", "");
        match self.entry {
            EntryMode::Stripe | EntryMode::Manual => none,
            _ => *self
                .card
                .applications
                .get(self.application)
                .unwrap_or(&none),
        }
    }

    /// `READ read-id cvm owed ksn ciphertext number tags` for a command `READ`; `None` for one that
    /// cannot be.
    pub(crate) fn read(&self, line: &Line, keys: &mut Keys) -> Option<String> {
        let asked = Asked::of(line)?;
        let pin = asked.pin && self.wants_pin();
        let (ksn, key) = keys.next()?;
        let read_id = letters(&ksn);
        let associated = Associated {
            version: SEAL_VERSION,
            read_id: &read_id,
            transaction_id: line.word(6),
            device: line.word(7),
            gateway: line.word(8),
            key_id: keys.slot(),
        };
        let inner = Inner {
            purpose: asked.purpose,
            amounts: asked.amounts,
            secrets: self.secrets(),
        };
        let block = pin.then(|| key.encrypt_pin(&self.pin(), &inner.secrets.pan));
        let sealed = key.seal(&associated, &inner, block).ok()?;
        let number = CardNumber {
            pan: inner.secrets.pan.clone(),
            expiry: inner.secrets.expiry,
        };
        let number = asked.number.then(|| key.seal_number(&associated, &number));
        let number = match number {
            Some(number) => STANDARD.encode(number.ok()?),
            None => "-".to_owned(),
        };
        let cvm = if pin { "online_pin" } else { "none" };
        let owed = if self.entry == EntryMode::Chip {
            "yes"
        } else {
            "no"
        };
        Some(format!(
            "READ {read_id} {cvm} {owed} {} {} {number} {}",
            STANDARD.encode(&ksn),
            STANDARD.encode(&sealed),
            tags(&self.cryptogram(&asked.amounts, &ksn)),
        ))
    }

    fn secrets(&self) -> CardSecrets {
        CardSecrets {
            pan: self.card.pan(),
            expiry: self.card.expiry(),
            track1: (self.entry == EntryMode::Stripe).then(|| self.card.track1()),
            track2: Some(self.card.track2()),
            entry: self.entry,
        }
    }

    fn pin(&self) -> Pin {
        let own = self.card.pin().filter(|_| !self.wrong_pin);
        own.unwrap_or_else(|| Pin::new(b"9999").expect("four digits"))
    }

    /// The chip's objects in clear, with its cryptogram over them (EMV Book 2, section 8).
    fn cryptogram(&self, amounts: &Amounts, ksn: &[u8]) -> BTreeMap<u32, Vec<u8>> {
        if !matches!(self.entry, EntryMode::Chip | EntryMode::Contactless) {
            return BTreeMap::new();
        }
        // Both are fresh with each key.
        let counter = ksn.last_chunk::<2>().copied().unwrap_or_default();
        let unpredictable = ksn.last_chunk::<4>().copied().unwrap_or_default();
        let mut objects: BTreeMap<u32, Vec<u8>> = [
            (0x82, vec![0x39, 0x00]),
            (0x95, vec![0; 5]),
            // The beeper has no calendar.
            (0x9A, vec![0x26, 0x03, 0x01]),
            (0x9C, vec![0x00]),
            (0x5F2A, vec![0x09, 0x99]),
            (0x9F02, digits(amounts.total_minor)),
            (0x9F03, digits(amounts.cashback_minor.unwrap_or(0))),
            (0x9F1A, vec![0x09, 0x99]),
            (0x9F36, counter.to_vec()),
            (0x9F37, unpredictable.to_vec()),
        ]
        .into();
        let value_of = |tag: Tag| objects.get(&tag.number()).map(Vec::as_slice);
        let message = fill_dol(CRYPTOGRAM_DOL, value_of).expect("33 bytes");
        let session = self
            .card
            .card_key()
            .session_key(u16::from_be_bytes(counter));
        let arqc = session.cryptogram(message.bytes());
        objects.insert(0x9F26, arqc.to_vec());
        // An authorization request.
        objects.insert(0x9F27, vec![0x80]);
        objects
    }
}

/// What a command `READ` asks for: purpose, currency, total, tip, surcharge, cashback, transaction,
/// device, gateway, whether a PIN may be asked for, whether the number is sealed apart.
struct Asked {
    purpose: Purpose,
    amounts: Amounts,
    pin: bool,
    number: bool,
}

impl Asked {
    fn of(line: &Line) -> Option<Self> {
        Some(Self {
            purpose: purpose(line.word(0))?,
            amounts: Amounts {
                currency: line.word(1).as_bytes().try_into().ok()?,
                total_minor: line.amount(2)?,
                tip_minor: line.amount(3),
                surcharge_minor: line.amount(4),
                cashback_minor: line.amount(5),
            },
            pin: line.word(9) == "yes",
            number: line.word(10) == "yes",
        })
    }
}

pub(crate) fn purpose(word: &str) -> Option<Purpose> {
    Some(match word {
        "sale" => Purpose::Sale,
        "refund" => Purpose::Refund,
        "authorize" => Purpose::Authorize,
        "verify" => Purpose::Verify,
        "balance" => Purpose::Balance,
        "cash_advance" => Purpose::CashAdvance,
        _ => return None,
    })
}

pub(crate) fn entry_word(entry: EntryMode) -> &'static str {
    match entry {
        EntryMode::Chip => "chip",
        EntryMode::Contactless => "contactless",
        EntryMode::Stripe => "stripe",
        EntryMode::Manual => "manual",
    }
}

/// Twelve digits, packed.
fn digits(amount: i64) -> Vec<u8> {
    let text = format!("{:012}", amount.clamp(0, 999_999_999_999));
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(|[high, low]| (high - b'0') << 4 | (low - b'0'))
        .collect()
}

/// As `9F26:0102,9F27:80`; `-` where there are none.
fn tags(objects: &BTreeMap<u32, Vec<u8>>) -> String {
    let words = objects
        .iter()
        .map(|(tag, value)| format!("{tag:02X}:{}", hex(value)));
    match objects.is_empty() {
        true => "-".to_owned(),
        false => words.collect::<Vec<_>>().join(","),
    }
}

/// A name without digits: nobody takes it for a card number, whatever the bytes are.
fn letters(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(|half| char::from(b'a' + half)).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
