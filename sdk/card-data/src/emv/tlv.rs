// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading data objects out of borrowed bytes.

use super::{BYTES_MAX, COUNT_MAX, DEPTH_MAX, Tag};
use std::fmt;

/// One data object. `Debug` shows its tag and length.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Tlv<'a> {
    /// What it is.
    pub tag: Tag,
    /// Its value, in clear.
    pub value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// The objects inside; none in a primitive one.
    pub fn children(&self) -> TlvReader<'a> {
        match self.tag.is_constructed() {
            true => read(self.value),
            false => read(&[]),
        }
    }
}

impl fmt::Debug for Tlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{} bytes]", self.tag, self.value.len())
    }
}

/// Why bytes are no data objects. Tells places and limits, never bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TlvError {
    /// The tag is cut off, or longer than any.
    #[error("failed to read the tag at byte {0}")]
    Tag(usize),
    /// The length is cut off, indefinite or longer than any.
    #[error("failed to read the length at byte {0}")]
    Length(usize),
    /// The value is longer than what is there.
    #[error("the value at byte {0} is cut off")]
    Truncated(usize),
    /// More than [`BYTES_MAX`].
    #[error("{0} bytes of data objects are more than {BYTES_MAX}")]
    TooLong(usize),
    /// Deeper than [`DEPTH_MAX`].
    #[error("data objects lie deeper than {DEPTH_MAX} inside each other")]
    TooDeep,
    /// More than [`COUNT_MAX`].
    #[error("more than {COUNT_MAX} data objects")]
    TooMany,
}

/// The objects that stand beside each other in `bytes`.
pub fn read(bytes: &[u8]) -> TlvReader<'_> {
    TlvReader { bytes, at: 0 }
}

/// Every object, each before those inside it.
pub fn walk(bytes: &[u8]) -> Walk<'_> {
    let mut open = [const { None }; DEPTH_MAX];
    open[0] = Some(read(bytes));
    Walk { open, count: 0 }
}

/// The value of the first object with this tag, however deep.
///
/// # Errors
/// [`TlvError`], when what comes before it cannot be read.
pub fn find(bytes: &[u8], tag: Tag) -> Result<Option<&[u8]>, TlvError> {
    for object in walk(bytes) {
        let object = object?;
        if object.tag == tag {
            return Ok(Some(object.value));
        }
    }
    Ok(None)
}

/// Objects beside each other. Ends after the first error.
#[derive(Clone, Debug)]
pub struct TlvReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> TlvReader<'a> {
    fn object(&mut self) -> Result<Option<Tlv<'a>>, TlvError> {
        if self.bytes.len() > BYTES_MAX {
            return Err(TlvError::TooLong(self.bytes.len()));
        }
        // Zeros may stand before, between and behind objects (EMV Book 3, annex B1).
        let rest = &self.bytes[self.at..];
        let Some(filling) = rest.iter().position(|byte| *byte != 0) else {
            return Ok(None);
        };
        let start = self.at + filling;
        let (tag, rest) = Tag::read(&self.bytes[start..]).ok_or(TlvError::Tag(start))?;
        let length_at = self.bytes.len() - rest.len();
        let (length, rest) = length(rest).ok_or(TlvError::Length(length_at))?;
        let value_at = self.bytes.len() - rest.len();
        let value = rest.get(..length).ok_or(TlvError::Truncated(value_at))?;
        self.at = value_at + length;
        Ok(Some(Tlv { tag, value }))
    }
}

impl<'a> Iterator for TlvReader<'a> {
    type Item = Result<Tlv<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let object = self.object().transpose();
        if !matches!(object, Some(Ok(_))) {
            self.bytes = &[];
            self.at = 0;
        }
        object
    }
}

/// Objects at every depth. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    /// Readers of the objects that are open, outermost first.
    open: [Option<TlvReader<'a>>; DEPTH_MAX],
    count: usize,
}

impl<'a> Walk<'a> {
    fn object(&mut self) -> Result<Option<Tlv<'a>>, TlvError> {
        while let Some(depth) = self.open.iter().rposition(Option::is_some) {
            let reader = self.open[depth].as_mut();
            let Some(object) = reader.and_then(Iterator::next).transpose()? else {
                self.open[depth] = None;
                continue;
            };
            self.count += 1;
            if self.count > COUNT_MAX {
                return Err(TlvError::TooMany);
            }
            if object.tag.is_constructed() {
                let inside = self.open.get_mut(depth + 1).ok_or(TlvError::TooDeep)?;
                *inside = Some(object.children());
            }
            return Ok(Some(object));
        }
        Ok(None)
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Tlv<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let object = self.object().transpose();
        if !matches!(object, Some(Ok(_))) {
            self.open = [const { None }; DEPTH_MAX];
        }
        object
    }
}

/// One byte, or as many as the low bits of the first say. Indefinite ones are not EMV's.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let count = usize::from(first & 0x7F);
    if !(1..=3).contains(&count) {
        return None;
    }
    let (length, rest) = rest.split_at_checked(count)?;
    let length = length
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(bytes: &[u8]) -> Result<Vec<u32>, TlvError> {
        let objects = walk(bytes);
        objects.map(|object| Ok(object?.tag.number())).collect()
    }

    #[test]
    fn a_selection_is_walked_from_the_outside_in() {
        // 6F { 84 A000000003, A5 { 50 "VISA", 9F38 { 9F66 04 }, BF0C {} } }
        let bytes = [
            0x6F, 0x18, 0x84, 0x05, 0xA0, 0, 0, 0, 3, 0xA5, 0x0F, 0x50, 4, b'V', b'I', b'S', b'A',
            0x9F, 0x38, 3, 0x9F, 0x66, 4, 0xBF, 0x0C, 0,
        ];
        assert_eq!(
            tags(&bytes),
            Ok(vec![0x6F, 0x84, 0xA5, 0x50, 0x9F38, 0xBF0C])
        );
        assert_eq!(find(&bytes, Tag::APPLICATION_LABEL), Ok(Some(&b"VISA"[..])));
        assert_eq!(find(&bytes, Tag::PAN), Ok(None));
        let outer = read(&bytes).next().unwrap().unwrap();
        assert_eq!(format!("{outer:?}"), "6F[24 bytes]");
        assert_eq!(outer.children().count(), 2);
        assert_eq!(read(&bytes).count(), 1);
    }

    #[test]
    fn filling_between_objects_is_passed_over() {
        assert_eq!(
            tags(&[0, 0x82, 1, 7, 0, 0, 0x95, 0, 0]),
            Ok(vec![0x82, 0x95])
        );
        assert_eq!(tags(&[0; 40]), Ok(Vec::new()));
    }

    #[test]
    fn long_lengths_are_read() {
        for (length, head) in [
            (127, &[0x7F][..]),
            (200, &[0x81, 200]),
            (300, &[0x82, 1, 44]),
        ] {
            let bytes = [&[0x90][..], head, &vec![7; length]].concat();
            let found = find(&bytes, Tag::ISSUER_PUBLIC_KEY_CERTIFICATE).unwrap();
            assert_eq!(found.map(<[u8]>::len), Some(length));
        }
    }

    #[test]
    fn every_cut_is_noticed_where_it_is() {
        let whole = [0x9F, 0x26, 2, 0xAA, 0xBB];
        for (length, error) in [
            (1, TlvError::Tag(0)),
            (2, TlvError::Length(2)),
            (3, TlvError::Truncated(3)),
            (4, TlvError::Truncated(3)),
        ] {
            assert_eq!(tags(&whole[..length]), Err(error));
        }
        assert_eq!(tags(&[0x90, 0x80]), Err(TlvError::Length(1)));
        assert_eq!(tags(&[0x90, 0x84, 0, 0, 0, 0]), Err(TlvError::Length(1)));
        assert_eq!(
            tags(&[0x90, 0x83, 0xFF, 0xFF, 0xFF]),
            Err(TlvError::Truncated(5))
        );
        assert_eq!(tags(&[0x9F, 0x80, 0x80, 0x80, 1, 0]), Err(TlvError::Tag(0)));
    }

    #[test]
    fn after_an_error_comes_nothing() {
        let mut objects = walk(&[0x82, 1, 7, 0x95]);
        assert!(objects.next().unwrap().is_ok());
        assert!(objects.next().unwrap().is_err());
        assert!(objects.next().is_none());
    }

    #[test]
    fn depth_count_and_length_are_bounded() {
        let mut nested = vec![0x82, 0];
        for _ in 1..DEPTH_MAX {
            let length = u8::try_from(nested.len()).unwrap();
            nested = [&[0x70, length], &nested[..]].concat();
        }
        assert_eq!(tags(&nested).map(|tags| tags.len()), Ok(DEPTH_MAX));
        let length = u8::try_from(nested.len()).unwrap();
        let deeper = [&[0x70, length], &nested[..]].concat();
        assert_eq!(tags(&deeper), Err(TlvError::TooDeep));
        let many = [0x82, 0].repeat(COUNT_MAX);
        assert_eq!(tags(&many).map(|tags| tags.len()), Ok(COUNT_MAX));
        let more = [0x82, 0].repeat(COUNT_MAX + 1);
        assert_eq!(tags(&more), Err(TlvError::TooMany));
        let long = vec![0; BYTES_MAX + 1];
        assert_eq!(tags(&long), Err(TlvError::TooLong(BYTES_MAX + 1)));
    }
}
