// SPDX-License-Identifier: MIT OR Apache-2.0
//! The read of a pinpad that encrypts each part of a card by itself, under a TDES DUKPT key of its
//! own (ABECS): a record of ciphertexts with their key serial numbers.
//!
//! Owns the record, which device plugins write and gateways open. Nothing binds the parts to each
//! other, to an amount or to a transaction: a recipient spends every key serial number once, and
//! compares what a chip's cryptogram was made over. A plugin has ciphertext only and must never open
//! a record: it has no key.

use crate::dukpt::tdes::{Ksn, TransactionKey};
use crate::expiry::Expiry;
use crate::keys::{Padding, TdesKey};
use crate::pan::Pan;
use crate::pin::{Pin, PinBlockError};
use crate::pin_block::EncryptedPinBlock;
use crate::sealed_read::{CardNumber, ReplayToken};
use crate::secret::SecretBytes;
use crate::secrets::{CardSecrets, EntryMode};
use crate::track::{Track1, Track2};
use sha2::{Digest, Sha256};
use std::fmt;

/// Name of the scheme, as replies carry it beside the record.
pub const ABECS_DUKPT_TDES_SCHEME: &str = "abecs-dukpt-tdes";

/// Version of the record.
const VERSION: u8 = 1;

/// Tag, key serial number, length.
const HEAD_BYTES: usize = 13;

/// Track 1 of 76 characters, in whole blocks.
const CIPHERTEXT_BYTES_MAX: usize = 80;

/// The expiry stands in the record as it is; its place for a key serial number is empty.
const EXPIRY_TAG: u8 = 5;

/// What a ciphertext is of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PinpadPart {
    /// The card number: digits in half bytes, `F` behind.
    Pan,
    /// Track 1: ASCII, zeros behind.
    Track1,
    /// Track 2 or its equivalent: half bytes, `D` for the separator, `F` behind.
    Track2,
    /// The PIN block, format 0.
    PinBlock,
}

/// One part as the pinpad encrypted it.
#[derive(Clone, Eq, PartialEq)]
pub struct PinpadField {
    /// What it is of.
    pub part: PinpadPart,
    /// Names its key.
    pub ksn: Ksn,
    /// One to ten blocks.
    pub ciphertext: Vec<u8>,
}

/// What a pinpad handed out of one card.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PinpadRead {
    fields: Vec<PinpadField>,
    expiry: Option<Expiry>,
}

/// A record that was opened.
#[derive(Debug)]
#[must_use = "a read that is not spent can be sent again"]
pub struct OpenedPinpadRead {
    /// The card.
    pub secrets: CardSecrets,
    /// To be spent before the card is used, beside the key serial numbers.
    pub replay: ReplayToken,
    pin: Option<(EncryptedPinBlock, TdesKey)>,
}

/// The record is none of this version, or what was decrypted is no card: another key, or altered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("failed to find a card in what the pinpad encrypted")]
pub struct PinpadReadError;

impl PinpadPart {
    const ALL: [Self; 4] = [Self::Pan, Self::Track1, Self::Track2, Self::PinBlock];

    fn tag(self) -> u8 {
        match self {
            Self::Pan => 1,
            Self::Track1 => 2,
            Self::Track2 => 3,
            Self::PinBlock => 4,
        }
    }
}

impl PinpadField {
    fn is_possible(&self) -> bool {
        let length = self.ciphertext.len();
        let fits = match self.part {
            PinpadPart::PinBlock => length == TdesKey::BLOCK_BYTES,
            _ => (1..=CIPHERTEXT_BYTES_MAX).contains(&length),
        };
        fits && length.is_multiple_of(TdesKey::BLOCK_BYTES)
    }
}

impl fmt::Debug for PinpadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, bytes) = (self.part, self.ciphertext.len());
        write!(f, "PinpadField({part:?}, {}, {bytes} bytes)", self.ksn)
    }
}

impl PinpadRead {
    /// A read of these parts. The expiry is the one the pinpad told beside them; without it the one
    /// on a track counts. `None`: a part stands there twice or has a length that none has.
    pub fn new(fields: Vec<PinpadField>, expiry: Option<Expiry>) -> Option<Self> {
        let once = |part| fields.iter().filter(|field| field.part == part).count() < 2;
        let possible = fields.iter().all(PinpadField::is_possible);
        (possible && PinpadPart::ALL.into_iter().all(once)).then_some(Self { fields, expiry })
    }

    /// The parts.
    pub fn fields(&self) -> &[PinpadField] {
        &self.fields
    }

    /// The number of the key that names the whole read: track 2's, else that of the card number.
    pub fn ksn(&self) -> Option<Ksn> {
        let track2 = self.field(PinpadPart::Track2);
        Some(track2.or_else(|| self.field(PinpadPart::Pan))?.ksn)
    }

    /// The card number and the expiry alone: what may be kept for a reversal. `None` where the
    /// pinpad gave no number by itself, or no expiry.
    pub fn number(&self) -> Option<Self> {
        let pan = self.field(PinpadPart::Pan)?.clone();
        Some(Self {
            fields: vec![pan],
            expiry: Some(self.expiry?),
        })
    }

    /// The record: a version, then a tag, a key serial number, a length and a ciphertext for each.
    pub fn encode(&self) -> Vec<u8> {
        let mut record = vec![VERSION];
        let mut put = |tag: u8, ksn: &[u8; 10], value: &[u8]| {
            let length = u16::try_from(value.len()).expect("at most ten blocks");
            record.push(tag);
            record.extend_from_slice(ksn);
            record.extend_from_slice(&length.to_be_bytes());
            record.extend_from_slice(value);
        };
        for field in &self.fields {
            put(field.part.tag(), field.ksn.bytes(), &field.ciphertext);
        }
        if let Some(expiry) = self.expiry {
            put(EXPIRY_TAG, &[0; 10], &*expiry.yymm());
        }
        record
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`PinpadReadError`].
    pub fn decode(record: &[u8]) -> Result<Self, PinpadReadError> {
        decoded(record).ok_or(PinpadReadError)
    }

    /// The card in this read. `key_of` makes the key of a serial number; its error is handed on.
    ///
    /// # Errors
    /// [`PinpadReadError`] as `E`, and `key_of`'s.
    pub fn open<E: From<PinpadReadError>>(
        &self,
        entry: EntryMode,
        mut key_of: impl FnMut(&Ksn) -> Result<TransactionKey, E>,
    ) -> Result<OpenedPinpadRead, E> {
        let mut opened = Parts::default();
        let mut pin = None;
        for field in &self.fields {
            let key = key_of(&field.ksn)?;
            match field.part {
                PinpadPart::PinBlock => pin = Some((block_of(field)?, key.pin_key())),
                _ => opened.take(field, &key.data_request_key())?,
            }
        }
        Ok(OpenedPinpadRead {
            secrets: opened.secrets(entry, self.expiry)?,
            replay: self.replay_token()?,
            pin,
        })
    }

    /// The number in a read of [`Self::number`]; a read that holds more is none.
    ///
    /// # Errors
    /// [`PinpadReadError`] as `E`, and `key_of`'s.
    pub fn open_number<E: From<PinpadReadError>>(
        &self,
        key_of: impl FnOnce(&Ksn) -> Result<TransactionKey, E>,
    ) -> Result<CardNumber, E> {
        let [field] = self.fields.as_slice() else {
            return Err(PinpadReadError.into());
        };
        let expiry = self.expiry.ok_or(PinpadReadError)?;
        if field.part != PinpadPart::Pan {
            return Err(PinpadReadError.into());
        }
        let mut opened = Parts::default();
        opened.take(field, &key_of(&field.ksn)?.data_request_key())?;
        let pan = opened.pan.ok_or(PinpadReadError)?;
        Ok(CardNumber { pan, expiry })
    }

    fn field(&self, part: PinpadPart) -> Option<&PinpadField> {
        self.fields.iter().find(|field| field.part == part)
    }

    /// Of the key's number and not of the host's name for the read: a host may name one read twice.
    fn replay_token(&self) -> Result<ReplayToken, PinpadReadError> {
        let ksn = self.ksn().ok_or(PinpadReadError)?;
        let mut hash = Sha256::new();
        hash.update(b"pinpad read");
        hash.update(ksn.bytes());
        Ok(ReplayToken::of(hash.finalize().into()))
    }
}

impl OpenedPinpadRead {
    /// The PIN block, where the cardholder entered a PIN for the issuer.
    pub fn pin_block(&self) -> Option<&EncryptedPinBlock> {
        self.pin.as_ref().map(|(block, _)| block)
    }

    /// The PIN in that block. For who stands for the issuer.
    ///
    /// # Errors
    /// [`PinBlockError`].
    pub fn open_pin(&self) -> Option<Result<Pin, PinBlockError>> {
        let (block, key) = self.pin.as_ref()?;
        Some(block.open_tdes(&self.secrets.pan, key))
    }
}

/// What was decrypted.
#[derive(Default)]
struct Parts {
    pan: Option<Pan>,
    track1: Option<Track1>,
    track2: Option<Track2>,
}

impl Parts {
    fn take(&mut self, field: &PinpadField, key: &TdesKey) -> Result<(), PinpadReadError> {
        let clear = key.decrypt_cbc(&[0; 8], &field.ciphertext, Padding::Zeros);
        let clear = clear.map_err(|_| PinpadReadError)?;
        let wrong = PinpadReadError;
        match field.part {
            PinpadPart::Pan => {
                let digits = symbols(clear.bytes()).ok_or(wrong)?;
                self.pan = Some(Pan::new(digits.bytes()).map_err(|_| wrong)?);
            }
            PinpadPart::Track1 => {
                let end = clear.bytes().iter().rposition(|byte| *byte != 0);
                let text = &clear.bytes()[..end.map_or(0, |last| last + 1)];
                self.track1 = Some(Track1::new(text).map_err(|_| wrong)?);
            }
            PinpadPart::Track2 => {
                let text = symbols(clear.bytes()).ok_or(wrong)?;
                self.track2 = Some(Track2::new(text.bytes()).map_err(|_| wrong)?);
            }
            PinpadPart::PinBlock => {}
        }
        Ok(())
    }

    /// The parts must be of one card: nothing but this holds them together.
    fn secrets(
        self,
        entry: EntryMode,
        told: Option<Expiry>,
    ) -> Result<CardSecrets, PinpadReadError> {
        let of_track2 = self
            .track2
            .as_ref()
            .map(|track| (track.pan(), track.expiry()));
        let of_track1 = self
            .track1
            .as_ref()
            .map(|track| (track.pan(), track.expiry()));
        let alone = self.pan.map(|pan| (pan, told));
        let mut pans = Vec::new();
        let mut expiry = None;
        for (pan, date) in [of_track2, of_track1].into_iter().flatten() {
            pans.push(pan);
            expiry = expiry.or(Some(date));
        }
        if let Some((pan, date)) = alone {
            pans.push(pan);
            expiry = expiry.or(date);
        }
        let one = pans.windows(2).all(|pair| pair[0] == pair[1]);
        let pan = pans.pop().filter(|_| one).ok_or(PinpadReadError)?;
        Ok(CardSecrets {
            pan,
            expiry: expiry.ok_or(PinpadReadError)?,
            track1: self.track1,
            track2: self.track2,
            entry,
        })
    }
}

fn decoded(record: &[u8]) -> Option<PinpadRead> {
    let (&VERSION, mut rest) = record.split_first()? else {
        return None;
    };
    let (mut fields, mut expiry) = (Vec::new(), None);
    while !rest.is_empty() {
        let (head, tail) = rest.split_first_chunk::<HEAD_BYTES>()?;
        let [tag, ksn @ .., high, low] = head;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, after) = tail.split_at_checked(length)?;
        rest = after;
        if *tag == EXPIRY_TAG {
            // Once, and under no key.
            if expiry.is_some() || *ksn != [0; 10] {
                return None;
            }
            expiry = Some(Expiry::from_yymm(value)?);
            continue;
        }
        let part = PinpadPart::ALL
            .into_iter()
            .find(|part| part.tag() == *tag)?;
        fields.push(PinpadField {
            part,
            ksn: Ksn::new(*ksn),
            ciphertext: value.to_vec(),
        });
    }
    PinpadRead::new(fields, expiry)
}

fn block_of(field: &PinpadField) -> Result<EncryptedPinBlock, PinpadReadError> {
    EncryptedPinBlock::from_bytes(0, &field.ciphertext).ok_or(PinpadReadError)
}

/// Half bytes up to the first `F`, as ASCII: digits, and `D`. Behind it nothing else may stand.
fn symbols(packed: &[u8]) -> Option<SecretBytes> {
    let mut text = SecretBytes::zeroed(2 * packed.len());
    let mut length = 0;
    let mut ended = false;
    for half in packed.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]) {
        let symbol = match half {
            0..=9 => b'0' + half,
            0xD => b'D',
            0xF => {
                ended = true;
                continue;
            }
            _ => return None,
        };
        if ended {
            return None;
        }
        text.bytes_mut()[length] = symbol;
        length += 1;
    }
    Some(text.shortened(length))
}

#[cfg(test)]
mod tests;
