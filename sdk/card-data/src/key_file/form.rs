// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one form of key files: what it is, fields, and a sum over both.
//!
//! `payhal` 0x00, kind, then for each field a tag, two bytes of length and the value, and a CRC-32.
//! The sum finds damage, not forgery: who may write the file may write keys. Tags that are not known
//! are skipped. Nothing here may copy a field out of locked memory.

use crate::secret::SecretBytes;

const MAGIC: &[u8; 7] = b"payhal\0";

/// Room for the largest: 33 AES-256 keys of a running device, and its facts.
const ROOM_BYTES: usize = 2048;

const SUM_BYTES: usize = 4;

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FileKind {
    /// Private key for sealing.
    Sealing = 1,
    /// Public key for sealing, and whose.
    Sender = 2,
    /// An injected DUKPT key as it runs.
    Injected = 3,
    /// A base derivation key.
    Base = 4,
}

/// What a field is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Field {
    /// A key, or a device's running keys.
    Key = 1,
    /// Name of a key slot.
    Slot = 2,
    /// Which algorithm and length.
    Scheme = 3,
    /// What a KSN begins with.
    Serial = 4,
    /// Present: for tests only.
    Test = 5,
    /// Seconds since 1970 UTC.
    At = 6,
    /// How often: transactions begun, or devices injected.
    Count = 7,
    /// Name of a device.
    Device = 8,
    /// How a sender became known.
    How = 9,
}

/// A form that is being filled in.
pub(super) struct Blank {
    bytes: SecretBytes,
    end: usize,
}

impl Blank {
    pub(super) fn new(kind: FileKind) -> Self {
        let mut blank = Self {
            bytes: SecretBytes::zeroed(ROOM_BYTES),
            end: 0,
        };
        blank.append(MAGIC);
        blank.append(&[kind as u8]);
        blank
    }

    pub(super) fn put(mut self, field: Field, value: &[u8]) -> Self {
        let length = u16::try_from(value.len()).expect("fields are bounded by their types");
        self.append(&[field as u8]);
        self.append(&length.to_be_bytes());
        self.append(value);
        self
    }

    pub(super) fn put_if(self, field: Field, present: bool) -> Self {
        if present { self.put(field, &[]) } else { self }
    }

    pub(super) fn finished(mut self) -> SecretBytes {
        let sum = crc32(&self.bytes.bytes()[..self.end]);
        self.append(&sum.to_be_bytes());
        self.bytes.shortened(self.end)
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes.bytes_mut()[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }
}

/// A form that was read.
pub(super) struct Form(SecretBytes);

impl Form {
    /// Checks all of it; the error says where it went wrong.
    pub(super) fn read(bytes: SecretBytes, kind: FileKind) -> Result<Self, &'static str> {
        let all = bytes.bytes();
        let body = all.len().checked_sub(SUM_BYTES).ok_or("too short")?;
        let (body, sum) = all.split_at(body);
        let fields = body.strip_prefix(MAGIC).ok_or("another beginning")?;
        if sum != crc32(body).to_be_bytes() {
            return Err("another sum");
        }
        let fields = fields.strip_prefix(&[kind as u8]).ok_or("another kind")?;
        if Fields(fields).any(|field| field.is_none()) {
            return Err("a field is cut off");
        }
        Ok(Self(bytes))
    }

    /// A field that must be there.
    pub(super) fn field(&self, field: Field) -> Result<&[u8], &'static str> {
        self.find(field).ok_or("a field is missing")
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.find(field).is_some()
    }

    pub(super) fn text(&self, field: Field) -> Result<String, &'static str> {
        let text = std::str::from_utf8(self.field(field)?).map_err(|_| "a name is no text")?;
        Ok(text.to_owned())
    }

    pub(super) fn seconds(&self) -> Result<u64, &'static str> {
        let bytes = self.field(Field::At)?.try_into();
        bytes.map(u64::from_be_bytes).map_err(|_| "a time is none")
    }

    pub(super) fn count(&self) -> Result<u32, &'static str> {
        let bytes = self.field(Field::Count)?.try_into();
        bytes.map(u32::from_be_bytes).map_err(|_| "a count is none")
    }

    fn find(&self, field: Field) -> Option<&[u8]> {
        let all = self.0.bytes();
        let fields = &all[MAGIC.len() + 1..all.len() - SUM_BYTES];
        let found = Fields(fields)
            .flatten()
            .find(|(tag, _)| *tag == field as u8);
        found.map(|(_, value)| value)
    }
}

/// Tags and values; `None` for one that is cut off, after which there are no more.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u8, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let [tag, high, low, rest @ ..] = self.0 else {
            let left = std::mem::take(&mut self.0);
            return (!left.is_empty()).then_some(None);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let split = rest.split_at_checked(length);
        self.0 = split.map_or(&[], |(_, after)| after);
        Some(split.map(|(value, _)| (*tag, value)))
    }
}

/// CRC-32 as Ethernet has it. Bit by bit: no table or state keeps a part of a key.
fn crc32(bytes: &[u8]) -> u32 {
    let all = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    });
    !all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> SecretBytes {
        Blank::new(FileKind::Base)
            .put(Field::Slot, b"main")
            .put(Field::Count, &7_u32.to_be_bytes())
            .put_if(Field::Test, true)
            .finished()
    }

    #[test]
    fn the_sum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn fields_come_back() {
        let form = Form::read(example(), FileKind::Base).unwrap();
        assert_eq!(form.text(Field::Slot).unwrap(), "main");
        assert_eq!(form.count().unwrap(), 7);
        assert!(form.has(Field::Test));
        assert!(form.field(Field::Key).is_err());
        assert!(Form::read(example(), FileKind::Sender).is_err());
    }

    #[test]
    fn every_damage_is_found() {
        let whole = example();
        for end in 0..whole.bytes().len() {
            let cut = SecretBytes::copied(&whole.bytes()[..end]);
            assert!(Form::read(cut, FileKind::Base).is_err(), "cut at {end}");
        }
        for bit in 0..8 * whole.bytes().len() {
            let mut other = whole.clone();
            other.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
            assert!(Form::read(other, FileKind::Base).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_field_past_the_end_is_damage_even_under_a_right_sum() {
        let mut blank = Blank::new(FileKind::Base);
        blank.append(&[Field::Slot as u8, 0, 9, b'm']);
        assert!(Form::read(blank.finished(), FileKind::Base).is_err());
        let mut blank = Blank::new(FileKind::Base);
        blank.append(&[Field::Slot as u8, 0]);
        assert!(Form::read(blank.finished(), FileKind::Base).is_err());
    }
}
