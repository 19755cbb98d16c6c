// SPDX-License-Identifier: MIT OR Apache-2.0
//! Primary account numbers (ISO/IEC 7812): check and mask.

use crate::scheme::{self, Scheme};
use crate::secret::SecretBytes;
use std::fmt;

/// ISO/IEC 7812-1: at most 19 digits. Fewer than 12 are no longer issued, and 10 digits of a
/// shorter one would be shown by its mask.
const DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// A primary account number. Erased when dropped; shows only its length.
///
/// There is no way to text but the mask:
///
/// ```compile_fail
/// # use payhal_card_data::Pan;
/// let pan = Pan::new(b"4111111111111111").unwrap();
/// println!("{pan}");
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Pan(SecretBytes);

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
        Ok(Self(SecretBytes::copied(digits)))
    }

    /// The digits in clear, as ASCII. For what encodes or seals them, never for text.
    pub fn digits(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The scheme that issues this range.
    pub fn scheme(&self) -> Scheme {
        Scheme::of(self.digits())
    }

    /// Whether numbers of this length are issued in its range; of a range that nobody here knows,
    /// any may be. A number that fails this was misread or made up.
    pub fn has_an_issued_length(&self) -> bool {
        scheme::length_is_issued(self.digits())
    }

    /// First 6 and last 4 digits.
    pub fn masked(&self) -> MaskedPan {
        MaskedPan::showing(self.digits(), 6)
    }

    /// First 8 and last 4 digits where the scheme has BINs of 8 digits and the number at least 16;
    /// else first 6 and last 4. For routing, where 6 do not tell issuers apart.
    pub fn masked_to_bin(&self) -> MaskedPan {
        let eight = self.scheme().has_eight_digit_bins() && self.digits().len() >= 16;
        MaskedPan::showing(self.digits(), if eight { 8 } else { 6 })
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan[{} digits]", self.digits().len())
    }
}

/// What people may see of a card number (PCI DSS 3.4.1): its first and last digits, `*` between.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct MaskedPan(String);

impl MaskedPan {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn showing(digits: &[u8], first: usize) -> Self {
        let shown = |place: usize| place < first || place + 4 >= digits.len();
        let masked = |(place, digit): (usize, &u8)| match shown(place) {
            true => char::from(*digit),
            false => '*',
        };
        Self(digits.iter().enumerate().map(masked).collect())
    }
}

impl fmt::Display for MaskedPan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<MaskedPan> for String {
    fn from(masked: MaskedPan) -> Self {
        masked.0
    }
}

/// First 6 and last 4 digits, `*` between, as text: [`Pan::masked`].
pub fn masked(pan: &Pan) -> String {
    pan.masked().into()
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
    fn a_mask_shows_eight_only_where_eight_name_the_issuer() {
        let shown = |digits| pan(digits).masked_to_bin().to_string();
        assert_eq!(shown("4111111111111111"), "41111111****1111");
        assert_eq!(shown("378282246310005"), "378282*****0005");
        assert_eq!(shown("30569309025904"), "305693****5904");
        assert_eq!(shown("9999999999999995"), "999999******9995");
        // Visa of 13 digits: eight and four would leave one.
        assert_eq!(shown("4222222222222"), "422222***2222");
    }

    #[test]
    fn debug_shows_no_digit_of_the_number() {
        assert_eq!(format!("{:?}", pan("4111111111111111")), "Pan[16 digits]");
    }

    #[test]
    fn a_length_that_is_not_issued_is_noticed() {
        assert!(pan("4111111111111111").has_an_issued_length());
        // Mastercard issues sixteen digits only.
        assert!(!pan("555555555555558").has_an_issued_length());
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
