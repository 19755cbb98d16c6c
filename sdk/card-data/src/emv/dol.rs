// SPDX-License-Identifier: MIT OR Apache-2.0
//! Data object lists: what a card asks for, and how it is answered (EMV Book 3 section 5.4).

use super::{Format, Tag, TlvError};
use crate::secret::SecretBytes;

/// What one command can carry.
const FILLED_BYTES_MAX: usize = 255;

/// One thing that a card asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DolEntry {
    /// What.
    pub tag: Tag,
    /// In how many bytes.
    pub length: usize,
}

/// The entries of a list. Ends after the first error.
#[derive(Clone, Debug)]
pub struct DolReader<'a> {
    list: &'a [u8],
    at: usize,
}

/// Reads a list, such as the value of `PDOL` or `CDOL1`.
pub fn read_dol(list: &[u8]) -> DolReader<'_> {
    DolReader { list, at: 0 }
}

/// Answers a list: each value cut or filled to the length that is asked for; zeros for what is not
/// there.
///
/// # Errors
/// [`TlvError`] for a list that cannot be read; [`TlvError::TooLong`] for an answer that no command
/// can carry.
pub fn fill_dol<'a>(
    list: &[u8],
    value_of: impl Fn(Tag) -> Option<&'a [u8]>,
) -> Result<SecretBytes, TlvError> {
    let mut filled = SecretBytes::zeroed(FILLED_BYTES_MAX);
    let mut end = 0;
    for entry in read_dol(list) {
        let entry = entry?;
        let space = filled.bytes_mut().get_mut(end..end + entry.length);
        let space = space.ok_or(TlvError::TooLong(end + entry.length))?;
        // An object that holds others is not answered (rule 2).
        if !entry.tag.is_constructed()
            && let Some(value) = value_of(entry.tag)
        {
            fit(value, entry.tag.format(), space);
        }
        end += entry.length;
    }
    Ok(filled.shortened(end))
}

/// Digits keep their end, everything else its start; what is missing is zero, and `F` behind
/// compressed digits.
fn fit(value: &[u8], format: Format, space: &mut [u8]) {
    let kept = value.len().min(space.len());
    match format {
        Format::Numeric => {
            let at = space.len() - kept;
            space[at..].copy_from_slice(&value[value.len() - kept..]);
        }
        Format::CompressedNumeric | Format::Text | Format::Binary => {
            space[..kept].copy_from_slice(&value[..kept]);
            if format == Format::CompressedNumeric {
                space[kept..].fill(0xFF);
            }
        }
    }
}

impl DolReader<'_> {
    fn entry(&mut self) -> Result<Option<DolEntry>, TlvError> {
        let rest = &self.list[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        // A command of a card is never longer than this.
        if self.list.len() > FILLED_BYTES_MAX {
            return Err(TlvError::TooLong(self.list.len()));
        }
        let (tag, rest) = Tag::read(rest).ok_or(TlvError::Tag(self.at))?;
        let length_at = self.list.len() - rest.len();
        let length = rest.first().ok_or(TlvError::Length(length_at))?;
        self.at = length_at + 1;
        Ok(Some(DolEntry {
            tag,
            length: usize::from(*length),
        }))
    }
}

impl Iterator for DolReader<'_> {
    type Item = Result<DolEntry, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entry().transpose();
        if !matches!(entry, Some(Ok(_))) {
            self.list = &[];
            self.at = 0;
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_entry_by_entry() {
        let entries: Result<Vec<_>, _> = read_dol(&[0x9F, 0x02, 6, 0x95, 5, 0x9A, 3]).collect();
        let entry = |tag, length| DolEntry { tag, length };
        assert_eq!(
            entries.unwrap(),
            [
                entry(Tag::AMOUNT_AUTHORIZED, 6),
                entry(Tag::TVR, 5),
                entry(Tag::TRANSACTION_DATE, 3)
            ]
        );
        let mut cut = read_dol(&[0x95, 5, 0x9F]);
        assert!(cut.next().unwrap().is_ok());
        assert_eq!(cut.next(), Some(Err(TlvError::Tag(2))));
        assert_eq!(cut.next(), None);
        assert_eq!(read_dol(&[0x95]).next(), Some(Err(TlvError::Length(1))));
    }

    #[test]
    fn values_are_cut_and_filled_by_their_format() {
        let value_of = |tag| match tag {
            Tag::AMOUNT_AUTHORIZED => Some(&[0, 0, 0, 0, 0x12, 0x50][..]),
            Tag::PAN => Some(&[0x41, 0x11][..]),
            Tag::AIP => Some(&[0x39, 0x01][..]),
            Tag::APPLICATION_TEMPLATE => Some(&[1][..]),
            _ => None,
        };
        for (list, answer) in [
            (&[0x9F, 0x02, 6][..], &[0, 0, 0, 0, 0x12, 0x50][..]),
            (&[0x9F, 0x02, 2], &[0x12, 0x50]),
            (&[0x9F, 0x02, 8], &[0, 0, 0, 0, 0, 0, 0x12, 0x50]),
            (&[0x5A, 4], &[0x41, 0x11, 0xFF, 0xFF]),
            (&[0x5A, 1], &[0x41]),
            (&[0x82, 1], &[0x39]),
            (&[0x82, 3], &[0x39, 0x01, 0]),
            (&[0x61, 2], &[0, 0]),
            (&[0x95, 2, 0x82, 2], &[0, 0, 0x39, 0x01]),
            (&[], &[]),
        ] {
            assert_eq!(fill_dol(list, value_of).unwrap().bytes(), answer);
        }
    }

    #[test]
    fn an_answer_longer_than_a_command_is_refused() {
        let list = [0x95, 200, 0x82, 56];
        assert_eq!(fill_dol(&list, |_| None), Err(TlvError::TooLong(256)));
        let list = [0x95, 200, 0x82, 55];
        assert_eq!(fill_dol(&list, |_| None).unwrap().bytes().len(), 255);
        let long = [0x95, 0].repeat(128);
        assert_eq!(fill_dol(&long, |_| None), Err(TlvError::TooLong(256)));
    }
}
