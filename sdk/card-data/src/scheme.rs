// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who issues which range of card numbers (ISO/IEC 7812), and how long their numbers are: one
//! table.
//!
//! It tells schemes apart for receipts and routing. It must never decide whether a card is
//! accepted: ranges change, and only the gateway knows them all.

use std::ops::RangeInclusive;

/// Who issues a card's range.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// Maestro.
    Maestro,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// JCB.
    Jcb,
    /// Diners Club.
    Diners,
    /// UnionPay.
    UnionPay,
    /// RuPay, India.
    Rupay,
    /// Mir, Russia.
    Mir,
    /// Troy, Türkiye.
    Troy,
    /// Verve, Nigeria.
    Verve,
    /// Elo, Brazil.
    Elo,
    /// Hipercard, Brazil.
    Hipercard,
    /// girocard, Germany.
    Girocard,
    /// Bancontact, Belgium.
    Bancontact,
    /// A range this table does not know.
    Other,
}

/// Digits that a row's bounds have.
const PREFIX_DIGITS: usize = 8;

/// A range of first eight digits, and the lengths issued in it.
struct Range {
    first: RangeInclusive<u32>,
    lengths: &'static [usize],
    scheme: Scheme,
}

/// From a prefix of up to eight digits to another of as many, both included.
const fn range(scheme: Scheme, low: u32, high: u32, lengths: &'static [usize]) -> Range {
    let (mut low, mut high) = (low, high);
    while low < 10_u32.pow(PREFIX_DIGITS as u32 - 1) {
        low *= 10;
        high = high * 10 + 9;
    }
    Range {
        first: low..=high,
        lengths,
        scheme,
    }
}

const ANY_LENGTH: &[usize] = &[12, 13, 14, 15, 16, 17, 18, 19];
const FROM_13: &[usize] = &[13, 14, 15, 16, 17, 18, 19];
const FROM_14: &[usize] = &[14, 15, 16, 17, 18, 19];
const FROM_16: &[usize] = &[16, 17, 18, 19];

/// The first row that holds a number decides: narrow ranges stand above the wide ones they are cut
/// from.
const RANGES: &[Range] = {
    use Scheme::{
        Amex, Bancontact, Diners, Discover, Elo, Girocard, Hipercard, Jcb, Maestro, Mastercard,
        Mir, Rupay, Troy, UnionPay, Verve, Visa,
    };
    &[
        // Cut out of Visa's range.
        range(Elo, 401_178, 401_179, &[16]),
        range(Elo, 431_274, 431_274, &[16]),
        range(Elo, 438_935, 438_935, &[16]),
        range(Elo, 451_416, 451_416, &[16]),
        range(Elo, 457_393, 457_393, &[16]),
        range(Elo, 457_631, 457_632, &[16]),
        range(Visa, 4, 4, &[13, 16, 19]),
        // Out of the ranges of Maestro and of Mastercard's network.
        range(Elo, 504_175, 504_175, &[16]),
        range(Elo, 506_699, 506_778, &[16]),
        range(Verve, 506_099, 506_198, FROM_16),
        range(Verve, 507_865, 507_964, FROM_16),
        range(Elo, 509_000, 509_999, &[16]),
        range(Rupay, 508_500, 508_999, &[16]),
        range(Mastercard, 2221, 2720, &[16]),
        range(Mir, 2200, 2204, FROM_16),
        range(Mastercard, 51, 55, &[16]),
        range(Amex, 34, 34, &[15]),
        range(Amex, 37, 37, &[15]),
        range(Jcb, 3528, 3589, FROM_16),
        range(Diners, 300, 305, FROM_14),
        range(Diners, 3095, 3095, FROM_14),
        range(Diners, 36, 36, FROM_14),
        range(Diners, 38, 39, FROM_16),
        // Discover's block of 6, and what others have in it.
        range(Hipercard, 606_282, 606_282, FROM_13),
        range(Hipercard, 637_095, 637_095, &[16]),
        range(Hipercard, 637_568, 637_568, &[16]),
        range(Hipercard, 637_599, 637_599, &[16]),
        range(Hipercard, 637_609, 637_609, &[16]),
        range(Hipercard, 637_612, 637_612, &[16]),
        range(Elo, 627_780, 627_780, &[16]),
        range(Elo, 636_297, 636_297, &[16]),
        range(Elo, 636_368, 636_368, &[16]),
        range(Elo, 650_031, 650_033, &[16]),
        range(Elo, 650_035, 650_051, &[16]),
        range(Elo, 650_405, 650_439, &[16]),
        range(Elo, 650_485, 650_538, &[16]),
        range(Elo, 650_541, 650_598, &[16]),
        range(Elo, 650_700, 650_718, &[16]),
        range(Elo, 650_720, 650_727, &[16]),
        range(Elo, 650_901, 650_978, &[16]),
        range(Elo, 651_652, 651_679, &[16]),
        range(Elo, 655_000, 655_019, &[16]),
        range(Elo, 655_021, 655_058, &[16]),
        range(Verve, 650_002, 650_027, FROM_16),
        range(Rupay, 6521, 6522, &[16]),
        range(Discover, 6011, 6011, FROM_16),
        range(Discover, 644, 649, FROM_16),
        range(Rupay, 607, 608, &[16]),
        range(Discover, 65, 65, FROM_16),
        range(UnionPay, 62, 62, FROM_14),
        range(UnionPay, 8100, 8171, FROM_16),
        range(Rupay, 817_200, 829_999, &[16]),
        // German banks' own numbers, and Belgium's.
        range(Girocard, 672, 672, FROM_16),
        range(Bancontact, 670_300, 670_399, FROM_16),
        range(Maestro, 50, 50, ANY_LENGTH),
        range(Maestro, 56, 58, ANY_LENGTH),
        range(Maestro, 6304, 6304, ANY_LENGTH),
        range(Maestro, 639, 639, ANY_LENGTH),
        range(Maestro, 67, 67, ANY_LENGTH),
        range(Troy, 9792, 9792, &[16]),
    ]
};

impl Scheme {
    /// Each of them, `Other` last.
    pub const ALL: [Self; 17] = [
        Self::Visa,
        Self::Mastercard,
        Self::Maestro,
        Self::Amex,
        Self::Discover,
        Self::Jcb,
        Self::Diners,
        Self::UnionPay,
        Self::Rupay,
        Self::Mir,
        Self::Troy,
        Self::Verve,
        Self::Elo,
        Self::Hipercard,
        Self::Girocard,
        Self::Bancontact,
        Self::Other,
    ];

    /// The name in lower case, as replies carry it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Maestro => "maestro",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Jcb => "jcb",
            Self::Diners => "diners",
            Self::UnionPay => "unionpay",
            Self::Rupay => "rupay",
            Self::Mir => "mir",
            Self::Troy => "troy",
            Self::Verve => "verve",
            Self::Elo => "elo",
            Self::Hipercard => "hipercard",
            Self::Girocard => "girocard",
            Self::Bancontact => "bancontact",
            Self::Other => "other",
        }
    }

    /// Whether eight digits name the issuer (ISO/IEC 7812-1:2017), so that eight may be shown of a
    /// number of sixteen digits or more (PCI SSC FAQ 1091).
    pub fn has_eight_digit_bins(self) -> bool {
        matches!(
            self,
            Self::Visa | Self::Mastercard | Self::Discover | Self::Jcb | Self::UnionPay
        )
    }

    /// The scheme of a masked number, by the digits that it shows in front; no range of the table is
    /// told by more than six.
    pub fn of_masked(masked: &str) -> Self {
        let mut first = [b'0'; PREFIX_DIGITS];
        for (place, byte) in first.iter_mut().zip(masked.bytes()) {
            *place = if byte.is_ascii_digit() { byte } else { b'0' };
        }
        Self::of(&first)
    }

    /// The scheme of the first digits, in ASCII.
    pub(crate) fn of(digits: &[u8]) -> Self {
        issued(digits).map_or(Self::Other, |range| range.scheme)
    }
}

/// Whether numbers of this length are issued in the range they lie in. A range that the table does
/// not know may issue any.
pub(crate) fn length_is_issued(digits: &[u8]) -> bool {
    issued(digits).is_none_or(|range| range.lengths.contains(&digits.len()))
}

fn issued(digits: &[u8]) -> Option<&'static Range> {
    let first = digits.get(..PREFIX_DIGITS)?;
    let first = first.iter().fold(0, |sum, digit| {
        sum * 10 + u32::from(digit.wrapping_sub(b'0'))
    });
    RANGES.iter().find(|range| range.first.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn schemes_are_told_by_their_first_digits() {
        for (digits, scheme) in [
            ("4111111111111111", Scheme::Visa),
            ("5555555555554444", Scheme::Mastercard),
            ("2221000000000009", Scheme::Mastercard),
            ("2720999999999996", Scheme::Mastercard),
            ("2721000000000000", Scheme::Other),
            ("2200000000000004", Scheme::Mir),
            ("378282246310005", Scheme::Amex),
            ("6011111111111117", Scheme::Discover),
            ("6510000000000000", Scheme::Discover),
            ("6500310000000000", Scheme::Elo),
            ("6362970000457013", Scheme::Elo),
            ("4011780000000000", Scheme::Elo),
            ("6062825624254001", Scheme::Hipercard),
            ("6082000000000000", Scheme::Rupay),
            ("3530111333300000", Scheme::Jcb),
            ("30569309025904", Scheme::Diners),
            ("6759649826438453", Scheme::Maestro),
            ("6200000000000005", Scheme::UnionPay),
            ("8171999900000021", Scheme::UnionPay),
            ("8172000000000000", Scheme::Rupay),
            ("9792000000000001", Scheme::Troy),
            ("5060990580000217499", Scheme::Verve),
            ("6725000000000000", Scheme::Girocard),
            ("6703444444444449", Scheme::Bancontact),
            ("9999999999999995", Scheme::Other),
            ("411", Scheme::Other),
        ] {
            assert_eq!(Scheme::of(digits.as_bytes()), scheme, "{digits}");
            // Of fewer digits nothing is told; what a mask hides may be any.
            if let Some(shown) = digits.get(..6) {
                assert_eq!(Scheme::of_masked(&format!("{shown}******0000")), scheme);
            }
        }
    }

    #[test]
    fn lengths_belong_to_ranges() {
        for (digits, issued) in [
            ("378282246310005", true),
            ("3782822463100050", false),
            ("5555555555554444", true),
            ("555555555555444", false),
            ("4111111111111", true),
            ("30569309025904", true),
            ("999999999999", true),
        ] {
            assert_eq!(length_is_issued(digits.as_bytes()), issued, "{digits}");
        }
    }

    #[test]
    fn every_row_is_of_eight_digits_and_within_reach() {
        for (place, range) in RANGES.iter().enumerate() {
            assert!(range.first.start() <= range.first.end());
            assert!(*range.first.end() < 10_u32.pow(8), "row {place}");
            assert!(
                range
                    .lengths
                    .iter()
                    .all(|length| (12..=19).contains(length))
            );
            let hidden = RANGES[..place].iter().any(|above| {
                above.first.contains(range.first.start()) && above.first.contains(range.first.end())
            });
            assert!(!hidden, "row {place} lies inside one above it");
        }
    }

    #[test]
    fn every_scheme_has_its_name_and_but_one_its_range() {
        let names: HashSet<&str> = Scheme::ALL.into_iter().map(Scheme::name).collect();
        assert_eq!(names.len(), Scheme::ALL.len());
        for scheme in Scheme::ALL {
            let listed = RANGES.iter().any(|range| range.scheme == scheme);
            assert_eq!(listed, scheme != Scheme::Other, "{scheme:?}");
        }
    }
}
