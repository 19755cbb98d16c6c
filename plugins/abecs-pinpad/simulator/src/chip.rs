// SPDX-License-Identifier: MIT OR Apache-2.0
//! The chip of a test card and the kernel beside it: data objects, cryptograms over them, and the
//! issuer's answer (EMV Book 2 section 8, Book 3 sections 6.5.5 and 10).

use crate::digits::{half_bytes, packed};
use payhal_card_data::emv::{CRYPTOGRAM_DOL, SessionKey, Tag, fill_dol, read};
use payhal_card_data::{Behaviour, TestCard, Verification};
use std::collections::BTreeMap;

/// Issuer application data: derivation key 1, cryptogram version 10, no result that declines.
const ISSUER_APPLICATION: [u8; 7] = [0x06, 0x01, 0x0A, 0x03, 0xA0, 0x00, 0x00];

/// Bit of the terminal verification results, byte 2: the application has expired.
const EXPIRED: u8 = 0x40;
/// Byte 3: too many wrong PINs.
const PIN_TRIES_EXCEEDED: u8 = 0x20;
/// Byte 3: an online PIN was entered.
const ONLINE_PIN_ENTERED: u8 = 0x04;
/// Byte 5: issuer authentication failed.
const ISSUER_AUTHENTICATION_FAILED: u8 = 0x40;

/// Kinds of cryptograms.
const ASKS_ISSUER: u8 = 0x80;
const ACCEPTS: u8 = 0x40;
const DECLINES: u8 = 0x00;

/// How the holder of a card was verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verified {
    Not,
    Online,
    Offline,
    /// The chip refused the PIN too often.
    Failed,
    Signature,
}

/// What the issuer said, as far as it was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Issuer {
    Approved,
    Declined,
    Unreachable,
}

/// A chip in a transaction.
pub(crate) struct Chip {
    card: &'static TestCard,
    objects: BTreeMap<u32, Vec<u8>>,
    atc: u16,
    first: Option<[u8; 8]>,
}

impl std::fmt::Debug for Chip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chip({}, transaction {})", self.card.name, self.atc)
    }
}

impl Chip {
    /// With an application that was selected.
    pub(crate) fn new(
        card: &'static TestCard,
        (label, aid): (&str, &[u8]),
        atc: u16,
        unpredictable: [u8; 4],
    ) -> Self {
        let expiry = card.expiry().yymm();
        let mut expires = packed(&*expiry);
        expires.push(0x31);
        let number = half_bytes(card.pan().digits(), 1);
        let track = half_bytes(card.track2().characters(), 1);
        let objects = [
            (Tag::AID, aid.to_vec()),
            (Tag::APPLICATION_LABEL, label.as_bytes().to_vec()),
            (Tag::TRACK2_EQUIVALENT, track),
            (Tag::PAN, number),
            (Tag::AIP, vec![0x39, 0x00]),
            (Tag::DF_NAME, aid.to_vec()),
            (Tag::TVR, vec![0; 5]),
            (Tag::CARDHOLDER_NAME, card.track1().name().to_vec()),
            (Tag::EXPIRATION_DATE, expires),
            (Tag::ISSUER_COUNTRY, vec![0x09, 0x99]),
            (Tag::PAN_SEQUENCE_NUMBER, vec![TestCard::SEQUENCE_NUMBER]),
            (Tag::APPLICATION_USAGE_CONTROL, vec![0xFF, 0x00]),
            (Tag::ISSUER_APPLICATION, ISSUER_APPLICATION.to_vec()),
            (Tag::ATC, atc.to_be_bytes().to_vec()),
            (Tag::UNPREDICTABLE_NUMBER, unpredictable.to_vec()),
        ];
        let objects = objects.map(|(tag, value)| (tag.number(), value));
        Self {
            card,
            objects: objects.into(),
            atc,
            first: None,
        }
    }

    /// An object of the terminal's.
    pub(crate) fn set(&mut self, tag: Tag, value: impl Into<Vec<u8>>) {
        self.objects.insert(tag.number(), value.into());
    }

    /// Objects that the host gives; `None` where they cannot be read. None of them is the card's.
    pub(crate) fn set_all(&mut self, objects: &[u8]) -> Option<()> {
        for object in read(objects) {
            let object = object.ok()?;
            if !is_the_cards(object.tag) {
                self.set(object.tag, object.value);
            }
        }
        Some(())
    }

    pub(crate) fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.objects.get(&tag.number()).map(Vec::as_slice)
    }

    /// Objects that a host may see, in the order of a list of tags; `None` for what is no list.
    /// Number, tracks and PIN stay inside.
    pub(crate) fn shown(&self, list: &[u8]) -> Option<Vec<u8>> {
        let mut shown = Vec::new();
        for tag in tags(list)? {
            let hidden = Tag::new(tag).is_some_and(is_hidden);
            let Some(value) = self.objects.get(&tag).filter(|_| !hidden) else {
                continue;
            };
            let bytes = tag.to_be_bytes();
            let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            shown.extend(&bytes[start..]);
            match u8::try_from(value.len()) {
                Ok(length @ 0x80..) => shown.extend([0x81, length]),
                Ok(length) => shown.push(length),
                Err(_) => return None,
            }
            shown.extend(value);
        }
        Some(shown)
    }

    /// GENERATE AC 1: asks the issuer.
    pub(crate) fn ask_issuer(&mut self, verified: Verified) {
        let results: [u8; 3] = match verified {
            Verified::Online => [0x02, 0x03, 0x00],
            Verified::Offline => [0x01, 0x03, 0x02],
            Verified::Failed => [0x01, 0x03, 0x01],
            Verified::Signature => [0x1E, 0x03, 0x00],
            Verified::Not => [0x1F, 0x03, 0x02],
        };
        self.set(Tag::CVM_RESULTS, results);
        match verified {
            Verified::Online => self.flag(2, ONLINE_PIN_ENTERED),
            Verified::Failed => self.flag(2, PIN_TRIES_EXCEEDED),
            _ => {}
        }
        if self.has_expired() {
            self.flag(1, EXPIRED);
        }
        self.first = Some(self.cryptogram(ASKS_ISSUER));
    }

    /// GENERATE AC 1: declines by itself.
    pub(crate) fn decline(&mut self) {
        self.cryptogram(DECLINES);
    }

    /// Whether the issuer was asked.
    pub(crate) fn has_asked(&self) -> bool {
        self.first.is_some()
    }

    /// GENERATE AC 2: accepts what the issuer approved, if it was the issuer. `data` is what it
    /// sent to be recognized by.
    pub(crate) fn conclude(&mut self, issuer: Issuer, code: Option<[u8; 2]>, data: &[u8]) -> bool {
        let authentic = self.is_authentic(data);
        if authentic == Some(false) {
            self.flag(4, ISSUER_AUTHENTICATION_FAILED);
        }
        // The terminal approves by itself where the host told it to.
        let approves = match issuer {
            Issuer::Approved => true,
            Issuer::Declined => false,
            Issuer::Unreachable => code == Some(*b"Y3") && self.approves_alone(),
        };
        let accepts = approves
            && authentic != Some(false)
            && self.card.behaviour != Behaviour::RefusesAfterApproval;
        // Authentication of data, verification and risk management were performed.
        let status = 0xE8 | if authentic.is_some() { 0x10 } else { 0 };
        self.set(Tag::TSI, [status, 0]);
        if let Some(code) = code {
            self.set(Tag::AUTHORIZATION_RESPONSE_CODE, code);
        }
        self.cryptogram(if accepts { ACCEPTS } else { DECLINES });
        accepts
    }

    /// Whether the card allows this amount where nobody can be asked. One that owes a PIN to its
    /// issuer allows none.
    fn approves_alone(&self) -> bool {
        let amount = self.value(Tag::AMOUNT_AUTHORIZED).map(unpacked);
        let within = amount.is_some_and(|minor| minor <= self.card.offline_max_minor);
        within && self.card.verification != Verification::OnlinePin
    }

    /// By the issuer's key, over the first cryptogram and the code behind; `None` where it sent
    /// nothing.
    fn is_authentic(&self, data: &[u8]) -> Option<bool> {
        if data.is_empty() {
            return None;
        }
        let right = || {
            let (response, code) = data.split_first_chunk::<8>()?;
            let code = code.try_into().ok()?;
            let own = self.session().response_by_method_1(&self.first?, code);
            Some(own == *response)
        };
        Some(right().unwrap_or(false))
    }

    fn cryptogram(&mut self, kind: u8) -> [u8; 8] {
        let message = fill_dol(CRYPTOGRAM_DOL, |tag| self.value(tag)).expect("33 bytes");
        let cryptogram = self.session().cryptogram(message.bytes());
        self.set(Tag::CRYPTOGRAM, cryptogram);
        self.set(Tag::CRYPTOGRAM_INFORMATION, [kind]);
        cryptogram
    }

    fn session(&self) -> SessionKey {
        self.card.card_key().session_key(self.atc)
    }

    fn flag(&mut self, at: usize, bit: u8) {
        let results = self.objects.entry(Tag::TVR.number()).or_default();
        if let Some(byte) = results.get_mut(at) {
            *byte |= bit;
        }
    }

    fn has_expired(&self) -> bool {
        let date = self.value(Tag::TRANSACTION_DATE);
        let expiry = packed(&*self.card.expiry().yymm());
        date.is_some_and(|date| date.len() == 3 && expiry.as_slice() < &date[..2])
    }
}

/// Digits in half bytes, as a number.
fn unpacked(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, byte| {
        value * 100 + i64::from(byte >> 4) * 10 + i64::from(byte & 0x0F)
    })
}

/// What no host may write: it is the chip's, or a result.
fn is_the_cards(tag: Tag) -> bool {
    is_hidden(tag)
        || [
            Tag::AIP,
            Tag::ATC,
            Tag::AID,
            Tag::DF_NAME,
            Tag::TVR,
            Tag::TSI,
            Tag::CRYPTOGRAM,
            Tag::CRYPTOGRAM_INFORMATION,
            Tag::ISSUER_APPLICATION,
            Tag::UNPREDICTABLE_NUMBER,
            Tag::CVM_RESULTS,
        ]
        .contains(&tag)
}

/// What no host may read in clear.
fn is_hidden(tag: Tag) -> bool {
    tag.is_sensitive() && tag != Tag::EXPIRATION_DATE && tag != Tag::CARDHOLDER_NAME
}

/// The tags of a list, as numbers.
fn tags(list: &[u8]) -> Option<Vec<u32>> {
    let mut tags = Vec::new();
    let mut bytes = list.iter();
    while let Some(first) = bytes.next() {
        let mut tag = u32::from(*first);
        let mut goes_on = first & 0x1F == 0x1F;
        while goes_on {
            let next = bytes.next()?;
            tag = tag.checked_mul(0x100)? | u32::from(*next);
            goes_on = next & 0x80 != 0;
        }
        tags.push(tag);
    }
    Some(tags)
}
