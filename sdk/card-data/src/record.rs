// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two encodings of a seal: associated data, and the record inside.
//!
//! Associated data is canonical: a fixed prefix, then every field in order, each behind its length,
//! so that no two sets of fields encode alike. The record inside is tag, length, value, with zeros
//! behind; tags that are not known are skipped, so that fields can be added. Neither may ever be
//! logged.

use crate::expiry::Expiry;
use crate::pan::Pan;
use crate::pin_block::EncryptedPinBlock;
use crate::sealed_read::{Amounts, Associated, CardNumber, Inner, Purpose};
use crate::secret::SecretBytes;
use crate::secrets::{CardSecrets, EntryMode};
use crate::track::{Track1, Track2};

/// What a seal holds. Tells its associated data apart from that of every other use of the same
/// key, so that one seal never opens as the other.
#[derive(Clone, Copy)]
pub(crate) enum AssociatedTo {
    Read,
    Number,
}

/// Every record is as long, so that its length tells nothing, and no cipher keeps the end of a track
/// on its stack as a block that is not full. Fixed fields take 8 heads and 41 bytes; PAN, tracks and
/// PIN block, with theirs, 157. Zeros are behind.
const RECORD_BYTES: usize = 256;

/// A number and an expiry take 27.
const NUMBER_BYTES: usize = 64;

pub(crate) fn associated_bytes(to: AssociatedTo, associated: &Associated<'_>) -> Option<Vec<u8>> {
    let fields: [&[u8]; 7] = [
        match to {
            AssociatedTo::Read => b"payhal sealed card",
            AssociatedTo::Number => b"payhal sealed number",
        },
        &[associated.version],
        associated.read_id.as_bytes(),
        associated.transaction_id.as_bytes(),
        associated.device.as_bytes(),
        associated.gateway.as_bytes(),
        associated.key_id.as_bytes(),
    ];
    let mut out = Vec::with_capacity(fields.iter().map(|field| field.len() + 2).sum());
    for field in fields {
        let length = u16::try_from(field.len()).ok()?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(field);
    }
    Some(out)
}

mod tag {
    pub(super) const PURPOSE: u8 = 1;
    pub(super) const CURRENCY: u8 = 2;
    pub(super) const TOTAL: u8 = 3;
    pub(super) const TIP: u8 = 4;
    pub(super) const SURCHARGE: u8 = 5;
    pub(super) const CASHBACK: u8 = 6;
    pub(super) const ENTRY: u8 = 7;
    pub(super) const PAN: u8 = 8;
    pub(super) const EXPIRY: u8 = 9;
    pub(super) const TRACK2: u8 = 10;
    pub(super) const PIN_BLOCK: u8 = 11;
    pub(super) const TRACK1: u8 = 12;
}

/// A record that is being written.
struct Record {
    bytes: SecretBytes,
    end: usize,
}

impl Record {
    fn of(length: usize) -> Self {
        Self {
            bytes: SecretBytes::zeroed(length),
            end: 0,
        }
    }

    /// Every value is bounded by its type, so that all of them fit.
    fn put(&mut self, tag: u8, value: &[u8]) {
        let length = u8::try_from(value.len()).expect("the longest is a track of 76 characters");
        let field = &mut self.bytes.bytes_mut()[self.end..self.end + 2 + value.len()];
        field[..2].copy_from_slice(&[tag, length]);
        field[2..].copy_from_slice(value);
        self.end += field.len();
    }
}

pub(crate) fn encode(inner: &Inner, pin: Option<&EncryptedPinBlock>) -> SecretBytes {
    let mut record = Record::of(RECORD_BYTES);
    let amounts = &inner.amounts;
    record.put(tag::PURPOSE, &[purpose_code(inner.purpose)]);
    record.put(tag::CURRENCY, &amounts.currency);
    record.put(tag::TOTAL, &amounts.total_minor.to_be_bytes());
    for (tag, amount) in [
        (tag::TIP, amounts.tip_minor),
        (tag::SURCHARGE, amounts.surcharge_minor),
        (tag::CASHBACK, amounts.cashback_minor),
    ] {
        if let Some(amount) = amount {
            record.put(tag, &amount.to_be_bytes());
        }
    }
    let secrets = &inner.secrets;
    record.put(tag::ENTRY, &[entry_code(secrets.entry)]);
    record.put(tag::PAN, secrets.pan.digits());
    record.put(tag::EXPIRY, &*secrets.expiry.yymm());
    if let Some(track) = &secrets.track1 {
        record.put(tag::TRACK1, track.characters());
    }
    if let Some(track) = &secrets.track2 {
        record.put(tag::TRACK2, track.characters());
    }
    if let Some(block) = pin {
        let field = [&[block.format()], block.bytes()].concat();
        record.put(tag::PIN_BLOCK, &field);
    }
    record.bytes
}

pub(crate) fn encode_number(number: &CardNumber) -> SecretBytes {
    let mut record = Record::of(NUMBER_BYTES);
    record.put(tag::PAN, number.pan.digits());
    record.put(tag::EXPIRY, &*number.expiry.yymm());
    record.bytes
}

pub(crate) fn decode(record: &[u8]) -> Option<(Inner, Option<EncryptedPinBlock>)> {
    let fields = Fields::of(record)?;
    let pin = fields.pin;
    Some((fields.inner()?, pin))
}

pub(crate) fn decode_number(record: &[u8]) -> Option<CardNumber> {
    let fields = Fields::of(record)?;
    Some(CardNumber {
        pan: fields.pan?,
        expiry: fields.expiry?,
    })
}

#[derive(Default)]
struct Fields {
    purpose: Option<Purpose>,
    currency: Option<[u8; 3]>,
    total: Option<i64>,
    tip: Option<i64>,
    surcharge: Option<i64>,
    cashback: Option<i64>,
    entry: Option<EntryMode>,
    pan: Option<Pan>,
    expiry: Option<Expiry>,
    track1: Option<Track1>,
    track2: Option<Track2>,
    pin: Option<EncryptedPinBlock>,
}

impl Fields {
    fn of(record: &[u8]) -> Option<Self> {
        let mut fields = Self::default();
        let mut rest = record;
        while let [tag @ 1..=u8::MAX, length, tail @ ..] = rest {
            let (value, after) = tail.split_at_checked(usize::from(*length))?;
            fields.take(*tag, value)?;
            rest = after;
        }
        rest.iter().all(|byte| *byte == 0).then_some(fields)
    }

    /// `None` when the value is not one of its tag.
    fn take(&mut self, tag: u8, value: &[u8]) -> Option<()> {
        match tag {
            tag::PURPOSE => self.purpose = Some(purpose_of(value)?),
            tag::CURRENCY => self.currency = Some(value.try_into().ok()?),
            tag::TOTAL => self.total = Some(amount_of(value)?),
            tag::TIP => self.tip = Some(amount_of(value)?),
            tag::SURCHARGE => self.surcharge = Some(amount_of(value)?),
            tag::CASHBACK => self.cashback = Some(amount_of(value)?),
            tag::ENTRY => self.entry = Some(entry_of(value)?),
            tag::PAN => self.pan = Some(Pan::new(value).ok()?),
            tag::EXPIRY => self.expiry = Some(Expiry::from_yymm(value)?),
            tag::TRACK2 => self.track2 = Some(Track2::new(value).ok()?),
            tag::TRACK1 => self.track1 = Some(Track1::new(value).ok()?),
            tag::PIN_BLOCK => self.pin = Some(pin_block_of(value)?),
            _ => {}
        }
        Some(())
    }

    fn inner(self) -> Option<Inner> {
        Some(Inner {
            purpose: self.purpose?,
            amounts: Amounts {
                currency: self.currency?,
                total_minor: self.total?,
                tip_minor: self.tip,
                surcharge_minor: self.surcharge,
                cashback_minor: self.cashback,
            },
            secrets: CardSecrets {
                pan: self.pan?,
                expiry: self.expiry?,
                track1: self.track1,
                track2: self.track2,
                entry: self.entry?,
            },
        })
    }
}

fn amount_of(value: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(value.try_into().ok()?))
}

fn pin_block_of(value: &[u8]) -> Option<EncryptedPinBlock> {
    let (format, block) = value.split_first()?;
    EncryptedPinBlock::from_bytes(*format, block)
}

fn purpose_code(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Sale => 1,
        Purpose::Refund => 2,
        Purpose::Authorize => 3,
        Purpose::Verify => 4,
        Purpose::Balance => 5,
        Purpose::CashAdvance => 6,
    }
}

fn purpose_of(value: &[u8]) -> Option<Purpose> {
    match value {
        [1] => Some(Purpose::Sale),
        [2] => Some(Purpose::Refund),
        [3] => Some(Purpose::Authorize),
        [4] => Some(Purpose::Verify),
        [5] => Some(Purpose::Balance),
        [6] => Some(Purpose::CashAdvance),
        _ => None,
    }
}

fn entry_code(entry: EntryMode) -> u8 {
    match entry {
        EntryMode::Chip => 1,
        EntryMode::Contactless => 2,
        EntryMode::Stripe => 3,
        EntryMode::Manual => 4,
    }
}

fn entry_of(value: &[u8]) -> Option<EntryMode> {
    match value {
        [1] => Some(EntryMode::Chip),
        [2] => Some(EntryMode::Contactless),
        [3] => Some(EntryMode::Stripe),
        [4] => Some(EntryMode::Manual),
        _ => None,
    }
}
