// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concert V3: a message is a row of fields, each a tag of two characters, three digits of length and
//! a value. There is no frame around it: where it ends, only its fields and a pause tell.

/// A field's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tag(pub(crate) [u8; 2]);

/// Version of the protocol, 4 characters. A message begins with it.
pub(crate) const VERSION: Tag = Tag(*b"CZ");
/// Identifier of the till's protocol, 12 characters.
pub(crate) const PROTOCOL_ID: Tag = Tag(*b"CJ");
/// Number of the till, 2 characters.
pub(crate) const TILL: Tag = Tag(*b"CA");
/// Amount in minor units, 2 to 12 digits.
pub(crate) const AMOUNT: Tag = Tag(*b"CB");
/// What is to be done, one of [`action`].
pub(crate) const ACTION: Tag = Tag(*b"CD");
/// Currency, ISO 4217 numeric.
pub(crate) const CURRENCY: Tag = Tag(*b"CE");
/// When the answer comes, one of [`answer_mode`].
pub(crate) const ANSWER_MODE: Tag = Tag(*b"BA");
/// Whether less than the amount may be paid: `0` or `1`.
pub(crate) const PARTIAL: Tag = Tag(*b"BF");
/// Payment application, 1 or 3 characters.
pub(crate) const APPLICATION: Tag = Tag(*b"CC");
/// Private data, 1 to 99 characters, which come back in the answer.
pub(crate) const PRIVATE: Tag = Tag(*b"CF");
/// Merchant contract, up to 10 characters.
pub(crate) const CONTRACT: Tag = Tag(*b"CG");
/// How a card is or was read: `1` contact, `2` contactless, `3` stripe, `4` keyed; `0` any.
pub(crate) const READ_MODE: Tag = Tag(*b"CI");
/// Masked card number, up to 64 characters.
pub(crate) const MASKED_PAN: Tag = Tag(*b"AA");
/// Approval code, up to 10 characters.
pub(crate) const APPROVAL: Tag = Tag(*b"AC");
/// How it ended, one of [`status`]. Every answer has it.
pub(crate) const STATUS: Tag = Tag(*b"AE");
/// Why it ended so, 2 to 50 characters that begin with two digits.
pub(crate) const REASON: Tag = Tag(*b"AF");
/// Application identifier of the card, hex.
pub(crate) const AID: Tag = Tag(*b"AI");
/// The terminal's number of the transaction.
pub(crate) const SERIAL: Tag = Tag(*b"AQ");

/// Values of [`ACTION`].
pub(crate) mod action {
    pub(crate) const DEBIT: &str = "0";
    pub(crate) const CREDIT: &str = "1";
    pub(crate) const CANCEL: &str = "2";
    pub(crate) const STATUS: &str = "T";
    pub(crate) const UPLOAD: &str = "B";
    pub(crate) const IDENTIFICATION: &str = "I";
}

/// Values of [`ANSWER_MODE`].
pub(crate) mod answer_mode {
    pub(crate) const AT_THE_END: &str = "0";
}

/// Values of [`STATUS`].
pub(crate) mod status {
    pub(crate) const NOT_DONE: &str = "01";
    pub(crate) const DONE: &str = "10";
    /// Taken up; how it ends follows.
    pub(crate) const TAKEN: &str = "11";
}

/// Bytes before a value: tag and length.
const HEAD: usize = 5;

/// Most fields of a message: every tag that exists, and some of the future.
const FIELDS_MAX: usize = 96;

/// A message that is being written.
#[derive(Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Adds a field. No value of this crate is longer than three digits can say.
    pub(crate) fn with(mut self, tag: Tag, value: &str) -> Self {
        self.bytes.extend_from_slice(&tag.0);
        let length = value.len().min(999);
        self.bytes
            .extend_from_slice(format!("{length:03}").as_bytes());
        self.bytes.extend_from_slice(&value.as_bytes()[..length]);
        self
    }

    /// Adds a field where there is a value.
    pub(crate) fn with_some(self, tag: Tag, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(tag, value),
            None => self,
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Why bytes are no message, and will not become one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// A tag that is none.
    Tag,
    /// A length that is none.
    Length,
    /// A tag comes twice.
    Twice,
    /// More fields than there can be.
    TooMany,
}

/// What is to be made of the bytes so far.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    fields: Vec<(Tag, &'a [u8])>,
    /// Whether the bytes end where a field ends.
    pub(crate) aligned: bool,
    /// Where the next message begins, if one does.
    pub(crate) next: Option<usize>,
}

impl<'a> Reading<'a> {
    /// The value of a field.
    pub(crate) fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        let found = self.fields.iter().find(|(known, _)| *known == tag);
        found.map(|(_, value)| *value)
    }

    /// The value of a field that is text of printable ASCII, without the blanks around it; `None`
    /// where nothing is left of it.
    pub(crate) fn text(&self, tag: Tag) -> Option<&'a str> {
        let text = std::str::from_utf8(self.value(tag)?).ok()?;
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        Some(text.trim()).filter(|text| printable && !text.is_empty())
    }
}

/// Reads as many fields as there are. What is cut off is not an error: more may come.
pub(crate) fn read(bytes: &[u8]) -> Result<Reading<'_>, Flaw> {
    let mut reading = Reading {
        fields: Vec::new(),
        aligned: true,
        next: None,
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let Some(length) = head(rest)? else {
            reading.aligned = false;
            break;
        };
        let tag = Tag([rest[0], rest[1]]);
        if reading.value(tag).is_some() {
            if tag != VERSION {
                return Err(Flaw::Twice);
            }
            reading.next = Some(at);
            break;
        }
        let Some(value) = rest.get(HEAD..HEAD + length) else {
            reading.aligned = false;
            break;
        };
        if reading.fields.len() == FIELDS_MAX {
            return Err(Flaw::TooMany);
        }
        reading.fields.push((tag, value));
        at += HEAD + length;
    }
    Ok(reading)
}

/// The length that a field's head says; `None` while the head is cut off and could be one.
fn head(rest: &[u8]) -> Result<Option<usize>, Flaw> {
    let is_tag = |(place, byte): (usize, &u8)| match place {
        0 => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
    };
    if !rest.iter().take(2).enumerate().all(is_tag) {
        return Err(Flaw::Tag);
    }
    let digits = rest.get(2..rest.len().min(HEAD)).unwrap_or_default();
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Flaw::Length);
    }
    let length = digits
        .iter()
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    Ok((digits.len() == 3).then_some(length))
}
