// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands behind a card number on a track: expiry and service code (ISO/IEC 7813).
//!
//! Neither may be shown beside a card number that is whole.

use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Expiry month of a card; the card is good through its last day.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub struct Expiry {
    year: u16,
    month: u8,
}

impl Expiry {
    /// A month from 2000-01 to 2099-12, the range that tags and tracks can express.
    pub fn new(year: u16, month: u8) -> Option<Self> {
        ((2000..=2099).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// Full year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// `YYMM`, as DE 14 and track 2 carry it.
    pub fn yymm(self) -> Zeroizing<[u8; 4]> {
        let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
        let (year, month) = (self.year % 100, u16::from(self.month));
        Zeroizing::new([
            digit(year / 10),
            digit(year),
            digit(month / 10),
            digit(month),
        ])
    }

    /// Whether the card is past its last day in the given month.
    pub fn is_before(self, year: u16, month: u8) -> bool {
        (self.year, self.month) < (year, month)
    }

    pub(crate) fn from_yymm(digits: &[u8]) -> Option<Self> {
        let [a, b, c, d] = digits else { return None };
        if ![a, b, c, d].into_iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |tens: &u8, ones: &u8| (tens - b'0') * 10 + (ones - b'0');
        Self::new(2000 + u16::from(number(a, b)), number(c, d))
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expiry[4 digits]")
    }
}

impl Zeroize for Expiry {
    fn zeroize(&mut self) {
        self.year.zeroize();
        self.month.zeroize();
    }
}

/// Service code: where a card may be used, and how.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct ServiceCode([u8; 3]);

impl ServiceCode {
    /// Three ASCII digits.
    pub fn new(digits: &[u8]) -> Option<Self> {
        let digits: [u8; 3] = digits.try_into().ok()?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then_some(Self(digits))
    }

    /// In ASCII.
    pub fn digits(&self) -> &[u8; 3] {
        &self.0
    }

    /// First digit 2 or 6: the card has a chip, which is to be read instead of the stripe.
    pub fn has_chip(self) -> bool {
        matches!(self.0[0], b'2' | b'6')
    }

    /// First digit 5 or 6: valid in its own country only, unless by agreement.
    pub fn is_national(self) -> bool {
        matches!(self.0[0], b'5' | b'6')
    }

    /// Second digit 2 or 4: the issuer is to be asked.
    pub fn asks_issuer(self) -> bool {
        matches!(self.0[1], b'2' | b'4')
    }

    /// Third digit 0, 3 or 5: a PIN is required.
    pub fn requires_pin(self) -> bool {
        matches!(self.0[2], b'0' | b'3' | b'5')
    }

    /// Third digit 6 or 7: a PIN is asked for where there is a keypad.
    pub fn prefers_pin(self) -> bool {
        matches!(self.0[2], b'6' | b'7')
    }
}

impl fmt::Debug for ServiceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceCode[3 digits]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_good_through_its_last_month() {
        let expiry = Expiry::new(2049, 12).unwrap();
        assert!(!expiry.is_before(2049, 12));
        assert!(expiry.is_before(2050, 1));
        assert_eq!(Expiry::new(2049, 13), None);
        assert_eq!(Expiry::from_yymm(b"4912"), Some(expiry));
        assert_eq!(Expiry::from_yymm(b"4900"), None);
    }

    #[test]
    fn a_service_code_says_how_a_card_is_used() {
        let code = |digits: &[u8]| ServiceCode::new(digits).unwrap();
        assert!(code(b"201").has_chip() && code(b"601").has_chip() && !code(b"101").has_chip());
        assert!(code(b"601").is_national() && !code(b"201").is_national());
        assert!(code(b"221").asks_issuer() && !code(b"201").asks_issuer());
        assert!(code(b"220").requires_pin() && !code(b"221").requires_pin());
        assert!(code(b"226").prefers_pin() && !code(b"221").prefers_pin());
        assert_eq!(ServiceCode::new(b"20"), None);
        assert_eq!(ServiceCode::new(b"2O1"), None);
        assert_eq!(format!("{:?}", code(b"201")), "ServiceCode[3 digits]");
    }
}
