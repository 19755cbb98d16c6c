// SPDX-License-Identifier: MIT OR Apache-2.0
//! Primary account numbers (ISO/IEC 7812): check, scheme, mask.

use crate::secret::Secret;
use std::fmt;

/// ISO/IEC 7812-1: at most 19 digits. Fewer than 12 are no longer issued, and 10 digits of a
/// shorter one would be shown by its mask.
const DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// A primary account number. Erased when dropped; shows only its length.
#[derive(Clone, Eq, PartialEq)]
pub struct Pan(Secret);

/// Why digits are no PAN. Never says which digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PanError {
    /// Other characters than digits.
    #[error("a card number has digits only")]
    NotDigits,
    /// Too short or too long.
    #[error("a card number has 12 to 19 digits, not {0}")]
    Length(usize),
    /// Wrong check digit.
    #[error("the check digit of a card number is wrong")]
    CheckDigit,
}

impl Pan {
    /// Copies and checks the digits. The caller erases its own copy.
    ///
    /// # Errors
    /// [`PanError`].
    pub fn new(digits: &[u8]) -> Result<Self, PanError> {
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(PanError::NotDigits);
        }
        if !DIGITS.contains(&digits.len()) {
            return Err(PanError::Length(digits.len()));
        }
        if !passes_luhn(digits) {
            return Err(PanError::CheckDigit);
        }
        Ok(Self(Secret::copied(digits)))
    }

    /// The digits in clear, as ASCII. For what encodes or seals them, never for text.
    pub fn digits(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The scheme that issues this range.
    pub fn scheme(&self) -> Scheme {
        Scheme::of(self.digits())
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan[{} digits]", self.digits().len())
    }
}

/// First 6 and last 4 digits, `*` between (PCI DSS 3.4.1).
pub fn masked(pan: &Pan) -> String {
    let digits = pan.digits();
    let shown = |place: usize| place < 6 || place + 4 >= digits.len();
    digits
        .iter()
        .enumerate()
        .map(|(place, digit)| {
            if shown(place) {
                char::from(*digit)
            } else {
                '*'
            }
        })
        .collect()
}

/// Whether ASCII digits end in their check digit (ISO/IEC 7812-1 annex B).
pub fn passes_luhn(digits: &[u8]) -> bool {
    let value = |(place, digit): (usize, &u8)| {
        let digit = u32::from(digit.wrapping_sub(b'0'));
        match (place % 2 == 1, digit) {
            (true, 5..) => digit * 2 - 9,
            (true, _) => digit * 2,
            (false, _) => digit,
        }
    };
    let sum: u32 = digits.iter().rev().enumerate().map(value).sum();
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && sum.is_multiple_of(10)
}

/// Who issues a card's range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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
    /// A range this table does not know.
    Other,
}

impl Scheme {
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
            Self::Other => "other",
        }
    }

    fn of(digits: &[u8]) -> Self {
        let first: u32 = digits
            .iter()
            .take(6)
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        match first {
            400_000..=499_999 => Self::Visa,
            222_100..=272_099 | 510_000..=559_999 => Self::Mastercard,
            340_000..=349_999 | 370_000..=379_999 => Self::Amex,
            352_800..=358_999 => Self::Jcb,
            300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
                Self::Diners
            }
            601_100..=601_199 | 644_000..=659_999 => Self::Discover,
            620_000..=629_999 | 810_000..=817_199 => Self::UnionPay,
            500_000..=509_999 | 560_000..=589_999 | 670_000..=679_999 => Self::Maestro,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan(digits: &str) -> Pan {
        Pan::new(digits.as_bytes()).unwrap()
    }

    #[test]
    fn a_mask_shows_first_six_and_last_four() {
        assert_eq!(masked(&pan("4111111111111111")), "411111******1111");
        assert_eq!(masked(&pan("378282246310005")), "378282*****0005");
        assert_eq!(masked(&pan("30569309025904")), "305693****5904");
    }

    #[test]
    fn debug_shows_no_digit_of_the_number() {
        assert_eq!(format!("{:?}", pan("4111111111111111")), "Pan[16 digits]");
    }

    #[test]
    fn schemes_are_told_by_their_ranges() {
        for (digits, name) in [
            ("4111111111111111", "visa"),
            ("5555555555554444", "mastercard"),
            ("2223003122003222", "mastercard"),
            ("378282246310005", "amex"),
            ("6011111111111117", "discover"),
            ("3530111333300000", "jcb"),
            ("30569309025904", "diners"),
            ("6759649826438453", "maestro"),
            ("6200000000000005", "unionpay"),
            ("9999999999999995", "other"),
        ] {
            assert_eq!(pan(digits).scheme().name(), name, "{digits}");
        }
    }

    #[test]
    fn what_is_no_card_number_is_refused() {
        assert_eq!(Pan::new(b"4111111111111112"), Err(PanError::CheckDigit));
        assert_eq!(Pan::new(b"4111"), Err(PanError::Length(4)));
        assert_eq!(Pan::new(b"41111111111111110000"), Err(PanError::Length(20)));
        assert_eq!(Pan::new(b"4111 1111 1111 11"), Err(PanError::NotDigits));
        assert_eq!(Pan::new(b""), Err(PanError::Length(0)));
    }
}
