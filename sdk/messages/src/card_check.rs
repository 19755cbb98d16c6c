// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds card numbers in text that must not hold any.
//!
//! A run of 14 to 19 digits (single spaces and dashes between digits ignored) is taken for a card
//! number when it passes the Luhn check (ISO/IEC 7812-1 annex B) *and* lies in a scheme's range
//! with a length that scheme issues. It must never repeat what it found.

use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

const DIGITS_MIN: usize = 14;
const DIGITS_MAX: usize = 19;

/// First six digits and lengths that schemes issue.
const RANGES: &[(RangeInclusive<u32>, RangeInclusive<usize>)] = &[
    (222_100..=272_099, 16..=16), // Mastercard 2 series
    (220_000..=220_499, 16..=19), // Mir
    (300_000..=305_999, 14..=19), // Diners Club
    (309_500..=309_599, 14..=19), // Diners Club
    (340_000..=349_999, 15..=15), // American Express
    (352_800..=358_999, 16..=19), // JCB
    (360_000..=369_999, 14..=19), // Diners Club
    (370_000..=379_999, 15..=15), // American Express
    (380_000..=399_999, 16..=19), // Diners Club, Discover network
    (400_000..=499_999, 16..=16), // Visa
    (400_000..=499_999, 19..=19), // Visa, long
    (500_000..=509_999, 14..=19), // Maestro, Elo, RuPay
    (510_000..=559_999, 16..=16), // Mastercard
    (560_000..=589_999, 14..=19), // Maestro
    (600_000..=699_999, 14..=19), // Discover, UnionPay, RuPay, Maestro, Elo, Hipercard
    (810_000..=829_999, 16..=19), // UnionPay, RuPay
    (979_200..=979_299, 16..=16), // Troy
];

/// Whether a field holds a card number: the rule for what registers send. The whole run of
/// digits counts, so that longer identifiers are not cut into candidates.
pub fn holds_card_number(text: &str) -> bool {
    runs(text)
        .iter()
        .any(|run| is_card_number(&digits_of(text, run)))
}

/// The text with every card number replaced by its length: the rule for logs, which fails closed.
/// Each window inside a longer run of digits counts too, and a track goes with its number.
pub fn redact(text: &str) -> Cow<'_, str> {
    let found = hidden_ranges(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for range in found {
        // What goes with one number may look like another.
        if range.start >= end {
            out.push_str(&text[end..range.start]);
            out.push_str(&format!("[{} digits]", digits_of(text, &range).len()));
        }
        end = end.max(range.end);
    }
    out.push_str(&text[end..]);
    Cow::Owned(out)
}

/// What [`redact`] hides, as ranges of bytes.
pub fn hidden_ranges(text: &str) -> Vec<Range<usize>> {
    runs(text)
        .into_iter()
        .filter_map(|run| hidden(text, run))
        .collect()
}

/// Each window of digits that is a card number by itself, without separators, with the track that
/// follows it: for digits that lie dense, as in packed BCD, where the rest of a run is no card data.
pub(crate) fn number_ranges(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut next = 0;
    for run in bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()) {
        let start = next;
        next += run.len();
        if !run[0].is_ascii_digit() {
            continue;
        }
        let digits: Vec<u8> = run.iter().map(|digit| digit - b'0').collect();
        for length in DIGITS_MIN..=DIGITS_MAX.min(digits.len()) {
            for (at, window) in digits.windows(length).enumerate() {
                if is_card_number(window) {
                    let number = start + at..start + at + length;
                    found.push(number.start..end_of_track(text, number.end));
                }
            }
        }
    }
    found
}

/// Whether any window of the text would be redacted.
pub fn would_redact(text: &str) -> bool {
    runs(text)
        .into_iter()
        .any(|run| hidden(text, run).is_some())
}

/// The run, if any window of it is a card number. The whole run is hidden: digits beside a card
/// number (expiry, service code) belong to it more often than not.
fn hidden(text: &str, run: Range<usize>) -> Option<Range<usize>> {
    let digits = digits_of(text, &run);
    let hit = (DIGITS_MIN..=DIGITS_MAX.min(digits.len()))
        .any(|length| digits.windows(length).any(is_card_number));
    hit.then(|| run.start..end_of_track(text, run.end))
}

/// Where the track ends whose number ends there (ISO/IEC 7813): behind `D` or `=` come expiry,
/// service code and what the issuer likes, all in digits. On track 1 a name comes first, and what
/// the issuer likes may be letters, so only its end sentinel or the text's end ends it.
fn end_of_track(text: &str, number: usize) -> usize {
    let rest = &text.as_bytes()[number..];
    match rest.first() {
        Some(b'D' | b'd' | b'=') => {
            let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit());
            match digits.count() {
                0 => number,
                count => number + 1 + count,
            }
        }
        Some(b'^') => number + rest.iter().position(|b| *b == b'?').unwrap_or(rest.len()),
        _ => number,
    }
}

/// Maximal runs of digits with single spaces or dashes between them, at least 14 digits long.
fn runs(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut end = at + 1;
        while let Some(next) = next_digit(bytes, end) {
            end = next + 1;
        }
        if bytes[start..end]
            .iter()
            .filter(|b| b.is_ascii_digit())
            .count()
            >= DIGITS_MIN
        {
            found.push(start..end);
        }
        at = end;
    }
    found
}

fn next_digit(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'0'..=b'9' => Some(at),
        b' ' | b'-' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => Some(at + 1),
        _ => None,
    }
}

fn digits_of(text: &str, range: &Range<usize>) -> Vec<u8> {
    text[range.clone()]
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|b| b - b'0')
        .collect()
}

fn is_card_number(digits: &[u8]) -> bool {
    let length = digits.len();
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&length) {
        return false;
    }
    let first = digits[..6]
        .iter()
        .fold(0, |sum, digit| sum * 10 + u32::from(*digit));
    let issued = |(range, lengths): &(RangeInclusive<u32>, RangeInclusive<usize>)| {
        range.contains(&first) && lengths.contains(&length)
    };
    RANGES.iter().any(issued) && passes_luhn(digits)
}

fn passes_luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            u32::from(if place % 2 == 1 {
                doubled(*digit)
            } else {
                *digit
            })
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_card_numbers_however_they_are_spaced() {
        for text in [
            "4111111111111111",
            "pan 4111 1111 1111 1111!",
            "5555-5555-5555-4444",
            "amex 378282246310005",
            "2223000048400011",
            "6011111111111117",
            "30569309025904",
        ] {
            assert!(holds_card_number(text), "{text}");
            assert!(!redact(text).contains("1111"), "{text}");
            assert!(would_redact(text), "{text}");
        }
    }

    #[test]
    fn leaves_other_numbers_alone() {
        for text in [
            "4111111111111112",      // fails Luhn
            "4006381333931",         // EAN-13
            "1234567890123452",      // Luhn, but nobody's range
            "41111111111111114",     // Visa issues no 17 digits
            "order 2026-11-21 1250", // a date
            "",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn a_log_hides_a_card_number_inside_a_longer_run() {
        let track = "dump 41111111111111112512101000000 end";
        assert!(!holds_card_number(track));
        assert_eq!(redact(track), "dump [29 digits] end");
    }

    #[test]
    fn a_log_hides_a_track_with_its_number() {
        for (text, hidden) in [
            (
                "a ;4111111111111111=4912201615491243? b",
                "a ;[32 digits]? b",
            ),
            (
                "a 4111111111111111D4912201, 4111111111111111d491220112345678 b",
                "a [23 digits], [31 digits] b",
            ),
            (
                "%B4111111111111111^MÜLLER/ANNA^4912201615? b",
                "%B[26 digits]? b",
            ),
            // The end looks like a number by itself.
            ("4111111111111111D4111111111111111 b", "[32 digits] b"),
            ("4111111111111111Dear", "[16 digits]Dear"),
            // No end sentinel: the rest may be a name, or what an issuer checks.
            ("4111111111111111^MÜLLER/AN", "[16 digits]"),
            ("4111111111111111^2 b", "[17 digits]"),
            ("%B4111111111111111^A/B^4912201A 5 C? b", "%B[24 digits]? b"),
        ] {
            assert_eq!(redact(text), hidden);
        }
    }

    #[test]
    fn text_around_a_hit_survives() {
        assert_eq!(redact("x 4111111111111111, y 7"), "x [16 digits], y 7");
        assert!(matches!(redact("grüße 12"), Cow::Borrowed("grüße 12")));
    }
}
