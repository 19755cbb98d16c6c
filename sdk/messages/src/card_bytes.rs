// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds card data in bytes as devices send them: numbers and tracks in text, in packed and in
//! unpacked BCD.
//!
//! Text and BCD cannot be told apart by their bytes alone ("EVICE RE" is a card number in BCD), so
//! whether a line is text is asked first. It must never repeat what it found, nor leave a copy.

use crate::card_check;
use std::ops::Range;
use zeroize::Zeroizing;

/// Characters that frame messages of text: SOH, STX, ETX, EOT, ENQ, ACK, TAB, LF, CR, DLE, NAK,
/// SYN, ETB, FS, GS, RS, US (ECMA-48).
const FRAMING: [u8; 17] = [
    0x01, 0x02, ETX, 0x04, 0x05, 0x06, 0x09, 0x0A, 0x0D, 0x10, 0x15, 0x16, ETB, 0x1C, 0x1D, 0x1E,
    0x1F,
];
const ETX: u8 = 0x03;
const ETB: u8 = 0x17;

/// Tags whose value is a card number or a track in packed BCD (EMV Book 3 annex A: 5A, 57).
const BCD_TAGS: [u8; 2] = [0x5A, 0x57];

/// Lengths of such a value: 14 digits to a full track 2.
const BCD_VALUE_BYTES: std::ops::RangeInclusive<u8> = 7..=19;

/// Watches one direction of a line for the first byte that a protocol of text would not send:
/// anything but printable ASCII, framing, a check of one byte behind ETX or of two behind ETB.
#[derive(Debug, Default)]
pub(crate) struct TextWatch {
    check: usize,
}

impl TextWatch {
    /// Whether it may still be text after this byte.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let text = self.check > 0 || (0x20..0x7F).contains(&byte) || FRAMING.contains(&byte);
        self.check = match byte {
            ETX if self.check == 0 => 1,
            ETB if self.check == 0 => 2,
            _ => self.check.saturating_sub(1),
        };
        text
    }
}

/// Ranges of bytes that hold card data. They may overlap. `text` says that the line is one of
/// text, where BCD is only looked for behind the tags that announce it.
pub(crate) fn find(bytes: &[u8], text: bool) -> Vec<Range<usize>> {
    let mut found = in_characters(bytes, |byte| byte.is_ascii().then(|| char::from(byte)));
    if bytes.contains(&0) {
        // UTF-16, as some readers of keyboards send it, is ASCII with a zero beside each.
        found.extend(in_characters_but_zeros(bytes));
    }
    if bytes.iter().any(|byte| *byte <= 9) {
        found.extend(in_characters(bytes, |byte| {
            (byte <= 9).then(|| char::from(b'0' + byte))
        }));
    }
    if text {
        found.extend(behind_tags(bytes));
    } else {
        found.extend(in_bcd(bytes));
    }
    found
}

/// What stands for a byte that is no character: it ends every run.
const BREAK: char = '\u{1}';

fn in_characters(bytes: &[u8], character: impl Fn(u8) -> Option<char>) -> Vec<Range<usize>> {
    let text: Zeroizing<String> = Zeroizing::new(
        bytes
            .iter()
            .map(|byte| character(*byte).unwrap_or(BREAK))
            .collect(),
    );
    // Each character is ASCII, so that places in the text are places in the bytes.
    card_check::hidden_ranges(&text)
}

fn in_characters_but_zeros(bytes: &[u8]) -> Vec<Range<usize>> {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let dense = Zeroizing::new(places.iter().map(|at| bytes[*at]).collect::<Vec<u8>>());
    let found = in_characters(&dense, |byte| byte.is_ascii().then(|| char::from(byte)));
    found
        .into_iter()
        .map(|range| places[range.start]..places[range.end - 1] + 1)
        .collect()
}

fn in_bcd(bytes: &[u8]) -> Vec<Range<usize>> {
    let text: Zeroizing<String> = Zeroizing::new(
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0xF])
            .map(|nibble| {
                char::from_digit(nibble.into(), 16).map_or(BREAK, |c| c.to_ascii_uppercase())
            })
            .collect(),
    );
    card_check::number_ranges(&text)
        .into_iter()
        .map(|range| range.start / 2..range.end.div_ceil(2))
        // Digits in ASCII look like digits in BCD; what they say was looked at as text.
        .filter(|range| !bytes[range.clone()].iter().all(u8::is_ascii_digit))
        .collect()
}

fn behind_tags(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, pair) in bytes.windows(2).enumerate() {
        if BCD_TAGS.contains(&pair[0]) && BCD_VALUE_BYTES.contains(&pair[1]) {
            let start = at + 2;
            let end = bytes.len().min(start + usize::from(pair[1]));
            let inside = in_bcd(&bytes[start..end]);
            found.extend(inside.into_iter().map(|r| start + r.start..start + r.end));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits of a test number of the field, packed.
    const BCD: [u8; 8] = [0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11];

    fn is_text(bytes: &[u8]) -> bool {
        let mut watch = TextWatch::default();
        bytes.iter().all(|byte| watch.take(*byte))
    }

    #[test]
    fn each_form_is_found_where_it_lies() {
        let utf16: Vec<u8> = b"4111111111111111".iter().flat_map(|b| [*b, 0]).collect();
        let unpacked: Vec<u8> = b"4111111111111111".iter().map(|b| b - b'0').collect();
        for (form, found) in [
            (&b"R 4111111111111111\r\n"[..], 2..18),
            (b";4111111111111111=49122011234?", 1..29),
            (b"\xFF4111-1111-1111-1111", 1..20),
            (&utf16, 0..31),
            (&unpacked, 0..16),
        ] {
            assert_eq!(find(form, true), [found]);
        }
        let packed = [&[0x9F, 0x02][..], &BCD, &[0xD4, 0x91, 0x22, 0x01, 0x0F]].concat();
        assert!(find(&packed, false).contains(&(2..15)));
        let tagged = [&[0x02, 0x5A, 0x08][..], &BCD, &[0x03]].concat();
        assert_eq!(find(&tagged, true), [Range { start: 3, end: 11 }]);
        let shifted: Vec<u8> = std::iter::once(0xA4)
            .chain([0x11; 7])
            .chain(std::iter::once(0x1F))
            .collect();
        assert!(find(&shifted, false).contains(&(0..9)));
    }

    #[test]
    fn what_is_no_card_data_stays() {
        let text = b"READY 20261122093000 EUR 000000001250 KSN FFFF9876543210E00001\r\n";
        assert!(is_text(text));
        assert_eq!(find(text, true), []);
        assert_eq!(find(b"12345678901234567890", false), []);
        assert_eq!(find(&[0; 64], false), []);
    }

    #[test]
    fn a_line_is_text_until_something_else_comes() {
        for text in [
            &b"\x02READY\x03\x7F\x02AGAIN\x03\x00"[..],
            b"\x16OPN000\x17\xA7\x9F\x06",
            b"",
        ] {
            assert!(is_text(text));
        }
        for binary in [&b"ab\x80"[..], b"\x02\x00\x05", b"\x03\x80\x80", b"a\x7F"] {
            assert!(!is_text(binary));
        }
    }
}
