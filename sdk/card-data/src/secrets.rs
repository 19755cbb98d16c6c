// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a reader took off a card: expiry, track, PIN block, and all of it together.
//!
//! Nothing here may be written to a disk, a log or a message before it is sealed.

use crate::pan::{Pan, PanError};
use crate::secret::Secret;
use std::fmt;
use subtle::ConstantTimeEq;
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

/// Track 2 or its chip equivalent (tag 57): PAN, `D`, expiry, service code, discretionary digits.
#[derive(Clone, Eq, PartialEq)]
pub struct Track2(Secret);

/// Why bytes are no track 2. Never says which bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Track2Error {
    /// Separator missing, wrong characters or wrong length.
    #[error("{0} characters are not a track 2")]
    Format(usize),
    /// The number on it is none.
    #[error(transparent)]
    Pan(#[from] PanError),
}

/// ISO/IEC 7813: 37 digits between the sentinels.
const TRACK2_CHARACTERS_MAX: usize = 37;

impl Track2 {
    /// Copies and checks `PAN D YYMM SSS …` in ASCII (`D` or `=`, no sentinels). The caller
    /// erases its own copy.
    ///
    /// # Errors
    /// [`Track2Error`].
    pub fn new(text: &[u8]) -> Result<Self, Track2Error> {
        let wrong = Track2Error::Format(text.len());
        let at = text
            .iter()
            .position(|b| matches!(b, b'D' | b'='))
            .ok_or(wrong)?;
        let (pan, rest) = (&text[..at], &text[at + 1..]);
        if text.len() > TRACK2_CHARACTERS_MAX || !rest.iter().all(u8::is_ascii_digit) {
            return Err(wrong);
        }
        Pan::new(pan)?;
        Expiry::from_yymm(rest.get(..4).ok_or(wrong)?).ok_or(wrong)?;
        Ok(Self(Secret::copied(text)))
    }

    /// The track a card with these would carry, without discretionary digits.
    ///
    /// # Errors
    /// [`Track2Error`] when the service code is not three digits.
    pub fn made_of(pan: &Pan, expiry: Expiry, service_code: &[u8; 3]) -> Result<Self, Track2Error> {
        let mut text = Zeroizing::new(Vec::with_capacity(TRACK2_CHARACTERS_MAX));
        text.extend_from_slice(pan.digits());
        text.push(b'D');
        text.extend_from_slice(&*expiry.yymm());
        text.extend_from_slice(service_code);
        Self::new(&text)
    }

    /// The track in clear, as ASCII. For what encodes or seals it, never for text.
    pub fn characters(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track2[{} characters]", self.0.bytes().len())
    }
}

/// A PIN in ISO 9564-1 format 0, bound to its PAN. Not encrypted by itself: it may exist only
/// inside a seal or on its way into one.
#[derive(Clone, Eq, PartialEq)]
pub struct PinBlock(Secret);

/// Why digits are no PIN. Never says which digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a PIN has 4 to 12 digits, not {0} characters")]
pub struct PinError(pub usize);

impl PinBlock {
    /// Builds the block of a PIN (ASCII digits) for a PAN. The caller erases its own copy.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn format0(pin: &[u8], pan: &Pan) -> Result<Self, PinError> {
        if !(4..=12).contains(&pin.len()) || !pin.iter().all(u8::is_ascii_digit) {
            return Err(PinError(pin.len()));
        }
        let length = u8::try_from(pin.len()).map_err(|_| PinError(pin.len()))?;
        let mut nibbles = Zeroizing::new([0xF_u8; 16]);
        nibbles[0] = 0;
        nibbles[1] = length;
        for (nibble, digit) in nibbles[2..].iter_mut().zip(pin) {
            *nibble = digit - b'0';
        }
        // The twelve rightmost digits of the PAN without its check digit.
        let digits = pan.digits();
        let account = &digits[digits.len().saturating_sub(13)..digits.len() - 1];
        let offset = 16 - account.len();
        for (nibble, digit) in nibbles[offset..].iter_mut().zip(account) {
            *nibble ^= digit - b'0';
        }
        let mut block = Zeroizing::new([0_u8; 8]);
        for (byte, pair) in block.iter_mut().zip(nibbles.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(Secret::copied(&*block)))
    }

    /// Whether this is the block of that PIN and PAN, in constant time.
    pub fn holds(&self, pin: &[u8], pan: &Pan) -> bool {
        Self::format0(pin, pan).is_ok_and(|block| block.0.bytes().ct_eq(self.0.bytes()).into())
    }

    /// The eight bytes in clear. For what encrypts or seals them.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == 8).then(|| Self(Secret::copied(bytes)))
    }
}

impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinBlock[8 bytes]")
    }
}

/// How the card was read (ISO 8583 DE 22), sealed with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryMode {
    /// Contact chip.
    Chip,
    /// Contactless chip.
    Contactless,
    /// Magnetic stripe.
    Stripe,
    /// Typed on an encrypting keypad.
    Manual,
}

/// Everything clear that one read took off a card.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CardSecrets {
    /// The card number.
    pub pan: Pan,
    /// The expiry month.
    pub expiry: Expiry,
    /// Track 2 or its equivalent; none for manual entry.
    pub track2: Option<Track2>,
    /// The PIN, for the issuer to check.
    pub online_pin: Option<PinBlock>,
    /// How the card was read.
    pub entry: EntryMode,
}

impl Zeroize for Expiry {
    fn zeroize(&mut self) {
        self.year.zeroize();
        self.month.zeroize();
    }
}

impl Drop for CardSecrets {
    fn drop(&mut self) {
        // The other fields erase themselves.
        self.expiry.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan() -> Pan {
        Pan::new(b"4111111111111111").unwrap()
    }

    fn expiry() -> Expiry {
        Expiry::new(2049, 12).unwrap()
    }

    #[test]
    fn a_track_holds_number_expiry_and_service_code() {
        let track = Track2::made_of(&pan(), expiry(), b"201").unwrap();
        assert_eq!(track.characters(), b"4111111111111111D4912201");
        for wrong in [
            &b"4111111111111111"[..],
            b"4111111111111111D4913201",
            b"4111111111111111D491",
            b"4111111111111111D4912X01",
            b"D4912201",
        ] {
            assert!(Track2::new(wrong).is_err());
        }
    }

    #[test]
    fn a_pin_block_follows_iso_9564_format_0() {
        // 0412 34FF FFFF FFFF xor 0000 1111 1111 1111.
        let block = PinBlock::format0(b"1234", &pan()).unwrap();
        assert_eq!(
            block.bytes(),
            [0x04, 0x12, 0x25, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE]
        );
        assert!(block.holds(b"1234", &pan()));
        assert!(!block.holds(b"1235", &pan()));
        assert!(!block.holds(b"1234", &Pan::new(b"5555555555554444").unwrap()));
        assert_eq!(PinBlock::format0(b"123", &pan()), Err(PinError(3)));
        assert_eq!(PinBlock::format0(b"12x4", &pan()), Err(PinError(4)));
    }

    #[test]
    fn debug_shows_nothing_of_a_card() {
        let secrets = CardSecrets {
            pan: pan(),
            expiry: expiry(),
            track2: Some(Track2::made_of(&pan(), expiry(), b"201").unwrap()),
            online_pin: Some(PinBlock::format0(b"1234", &pan()).unwrap()),
            entry: EntryMode::Chip,
        };
        let shown = format!("{secrets:?} {secrets:#?}");
        for part in [
            "4111", "1111", "4912", "2049", "1234", "201", "49, 12", "37",
        ] {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn a_card_is_good_through_its_last_month() {
        assert!(!expiry().is_before(2049, 12));
        assert!(expiry().is_before(2050, 1));
        assert_eq!(Expiry::new(2049, 13), None);
        assert_eq!(Expiry::from_yymm(b"4912"), Some(expiry()));
        assert_eq!(Expiry::from_yymm(b"4900"), None);
    }
}
