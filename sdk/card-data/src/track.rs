// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracks of a magnetic stripe (ISO/IEC 7813) and the chip's equivalent of track 2 (EMV tag 57).
//!
//! A track is sensitive authentication data: after authorization it may be kept nowhere, however
//! encrypted.

use crate::expiry::{Expiry, ServiceCode};
use crate::pan::{Pan, PanError};
use crate::secret::SecretBytes;
use std::fmt;
use zeroize::Zeroizing;

/// ISO/IEC 7813: 40 characters of track 2 less both sentinels and the check character.
const TRACK2_CHARACTERS_MAX: usize = 37;

/// 79 characters of track 1 less the same.
const TRACK1_CHARACTERS_MAX: usize = 76;

/// Longest name on track 1.
const NAME_CHARACTERS_MAX: usize = 26;

/// Why bytes are no track. Never says which bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrackError {
    /// Separator missing, wrong characters or wrong length.
    #[error("{0} characters are not a track")]
    Format(usize),
    /// The number on it is none.
    #[error(transparent)]
    Pan(#[from] PanError),
}

/// Track 1, format B: `B`, PAN, `^`, name, `^`, expiry, service code, discretionary characters.
#[derive(Clone, Eq, PartialEq)]
pub struct Track1(SecretBytes);

impl Track1 {
    /// Copies and checks a track in ASCII, with or without its sentinels `%` and `?`. The caller
    /// erases its own copy.
    ///
    /// # Errors
    /// [`TrackError`].
    pub fn new(text: &[u8]) -> Result<Self, TrackError> {
        let text = text.strip_prefix(b"%").unwrap_or(text);
        let text = text.strip_suffix(b"?").unwrap_or(text);
        let wrong = TrackError::Format(text.len());
        // The 64 characters of track 1; `%` and `?` stand at its ends only.
        let allowed = |b: &u8| matches!(b, b' '..=b'_') && !matches!(b, b'%' | b'?');
        if text.len() > TRACK1_CHARACTERS_MAX || !text.iter().all(allowed) {
            return Err(wrong);
        }
        let fields = Fields1::of(text).ok_or(wrong)?;
        Pan::new(fields.pan)?;
        let (expiry, rest) = fields.rest.split_at_checked(4).ok_or(wrong)?;
        Expiry::from_yymm(expiry).ok_or(wrong)?;
        rest.get(..3).and_then(ServiceCode::new).ok_or(wrong)?;
        match fields.name.len() {
            2..=NAME_CHARACTERS_MAX => Ok(Self(SecretBytes::copied(text))),
            _ => Err(wrong),
        }
    }

    /// The track in clear, as ASCII, without sentinels. For what encodes or seals it.
    pub fn characters(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The card number.
    pub fn pan(&self) -> Pan {
        Pan::new(self.fields().pan).expect("checked when it was made")
    }

    /// The cardholder's name as it stands there: surname, `/`, first name.
    pub fn name(&self) -> &[u8] {
        self.fields().name
    }

    /// The expiry month.
    pub fn expiry(&self) -> Expiry {
        Expiry::from_yymm(&self.fields().rest[..4]).expect("checked when it was made")
    }

    /// How the card may be used.
    pub fn service_code(&self) -> ServiceCode {
        ServiceCode::new(&self.fields().rest[4..7]).expect("checked when it was made")
    }

    fn fields(&self) -> Fields1<'_> {
        Fields1::of(self.characters()).expect("checked when it was made")
    }
}

impl fmt::Debug for Track1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track1[{} characters]", self.characters().len())
    }
}

struct Fields1<'a> {
    pan: &'a [u8],
    name: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Fields1<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let mut fields = text.strip_prefix(b"B")?.splitn(3, |byte| *byte == b'^');
        Some(Self {
            pan: fields.next()?,
            name: fields.next()?,
            rest: fields.next()?,
        })
    }
}

/// Track 2: PAN, separator, expiry, service code, discretionary digits.
#[derive(Clone, Eq, PartialEq)]
pub struct Track2(SecretBytes);

impl Track2 {
    /// Copies and checks `PAN D YYMM SSS …` in ASCII (`D` or `=`), with or without its sentinels
    /// `;` and `?`. The caller erases its own copy.
    ///
    /// # Errors
    /// [`TrackError`].
    pub fn new(text: &[u8]) -> Result<Self, TrackError> {
        let text = text.strip_prefix(b";").unwrap_or(text);
        let text = text.strip_suffix(b"?").unwrap_or(text);
        let wrong = TrackError::Format(text.len());
        let (pan, rest) = parts(text).ok_or(wrong)?;
        if text.len() > TRACK2_CHARACTERS_MAX || !rest.iter().all(u8::is_ascii_digit) {
            return Err(wrong);
        }
        Pan::new(pan)?;
        Expiry::from_yymm(rest.get(..4).ok_or(wrong)?).ok_or(wrong)?;
        Ok(Self(SecretBytes::copied(text)))
    }

    /// The track a card with these would carry, without discretionary digits.
    ///
    /// # Errors
    /// [`TrackError`] when the service code is not three digits.
    pub fn made_of(pan: &Pan, expiry: Expiry, service_code: &[u8; 3]) -> Result<Self, TrackError> {
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

    /// The card number.
    pub fn pan(&self) -> Pan {
        Pan::new(self.parts().0).expect("checked when it was made")
    }

    /// The expiry month.
    pub fn expiry(&self) -> Expiry {
        Expiry::from_yymm(&self.parts().1[..4]).expect("checked when it was made")
    }

    /// How the card may be used, where the track says so.
    pub fn service_code(&self) -> Option<ServiceCode> {
        ServiceCode::new(self.parts().1.get(4..7)?)
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        parts(self.characters()).expect("checked when it was made")
    }
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track2[{} characters]", self.characters().len())
    }
}

fn parts(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| matches!(b, b'D' | b'='))?;
    Some((&text[..at], &text[at + 1..]))
}

/// Track 2 equivalent of a chip (tag 57): the same in half bytes, `F` behind an odd number of them.
///
/// It is not the stripe's track: its card verification value differs, so that a stripe made of it
/// is refused.
#[derive(Clone, Eq, PartialEq)]
pub struct Track2Equivalent(SecretBytes);

impl Track2Equivalent {
    /// Copies and checks the value of tag 57. The caller erases its own copy.
    ///
    /// # Errors
    /// [`TrackError`].
    pub fn new(value: &[u8]) -> Result<Self, TrackError> {
        let half_bytes = 2 * value.len();
        if half_bytes > TRACK2_CHARACTERS_MAX + 1 {
            return Err(TrackError::Format(half_bytes));
        }
        let made = Self(SecretBytes::copied(value));
        Track2::new(made.characters().bytes())?;
        Ok(made)
    }

    /// The value of tag 57 in clear. For what encodes or seals it.
    pub fn value(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The card number.
    pub fn pan(&self) -> Pan {
        self.track2().pan()
    }

    /// The expiry month.
    pub fn expiry(&self) -> Expiry {
        self.track2().expiry()
    }

    /// How the card may be used, where the track says so.
    pub fn service_code(&self) -> Option<ServiceCode> {
        self.track2().service_code()
    }

    /// In characters, as messages that have one field for both carry it (ISO 8583 DE 35).
    pub fn track2(&self) -> Track2 {
        Track2(self.characters())
    }

    fn characters(&self) -> SecretBytes {
        let half_bytes = self.value().iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        let mut text = SecretBytes::zeroed(2 * self.value().len());
        for (character, half_byte) in text.bytes_mut().iter_mut().zip(half_bytes) {
            *character = match half_byte {
                0..=9 => b'0' + half_byte,
                0xD => b'D',
                0xF => b'F',
                _ => b'?',
            };
        }
        let odd = text.bytes().last() == Some(&b'F');
        let length = text.bytes().len() - usize::from(odd);
        text.shortened(length)
    }
}

impl From<&Track2> for Track2Equivalent {
    /// As a chip without discretionary digits of its own would give it.
    fn from(track: &Track2) -> Self {
        let characters = track.characters();
        let mut value = SecretBytes::zeroed(characters.len().div_ceil(2));
        for (byte, pair) in value.bytes_mut().iter_mut().zip(characters.chunks(2)) {
            let half_byte = |at: usize| match pair.get(at) {
                Some(digit @ b'0'..=b'9') => digit - b'0',
                Some(_) => 0xD,
                None => 0xF,
            };
            *byte = half_byte(0) << 4 | half_byte(1);
        }
        Self(value)
    }
}

impl fmt::Debug for Track2Equivalent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Track2Equivalent[{} bytes]", self.value().len())
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
    fn track_2_holds_number_expiry_and_service_code() {
        let track = Track2::made_of(&pan(), expiry(), b"201").unwrap();
        assert_eq!(track.characters(), b"4111111111111111D4912201");
        assert_eq!(track.pan(), pan());
        assert_eq!(track.expiry(), expiry());
        assert!(track.service_code().unwrap().has_chip());
        let swiped = Track2::new(b";4111111111111111=4912201123456789?").unwrap();
        assert_eq!(swiped.characters(), b"4111111111111111=4912201123456789");
        for wrong in [
            &b"4111111111111111"[..],
            b"4111111111111111D4913201",
            b"4111111111111111D491",
            b"4111111111111111D4912X01",
            b"4111111111111111D49122010000000000000000",
            b"D4912201",
            b"",
        ] {
            assert!(Track2::new(wrong).is_err());
        }
    }

    #[test]
    fn track_1_holds_a_name_too() {
        let track = Track1::new(b"%B4111111111111111^DOE/JANE ^4912201000000000?").unwrap();
        assert_eq!(track.pan(), pan());
        assert_eq!(track.name(), b"DOE/JANE ");
        assert_eq!(track.expiry(), expiry());
        assert_eq!(track.service_code().digits(), b"201");
        let bare = Track1::new(b"B4111111111111111^DOE/JANE ^4912201000000000").unwrap();
        assert_eq!(bare, track);
        for wrong in [
            &b"%B4111111111111111^DOE/JANE^491220?"[..],
            b"%A4111111111111111^DOE/JANE^4912201?",
            b"%B4111111111111111^DOE/JANE4912201?",
            b"%B4111111111111111^D^4912201?",
            b"%B4111111111111111^THIS NAME IS FAR TOO LONG/FOR IT^4912201?",
            b"%B4111111111111112^DOE/JANE^4912201?",
            b"%B4111111111111111^doe/jane^4912201?",
            b"%B4111111111111111^DOE%JANE^4912201?",
        ] {
            assert!(Track1::new(wrong).is_err());
        }
    }

    #[test]
    fn the_chips_equivalent_is_the_same_in_half_bytes() {
        let value = [
            0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0xD4, 0x91, 0x22, 0x01, 0x12, 0x3F,
        ];
        let chip = Track2Equivalent::new(&value).unwrap();
        assert_eq!(chip.track2().characters(), b"4111111111111111D4912201123");
        assert_eq!(chip.pan(), pan());
        assert_eq!(chip.expiry(), expiry());
        assert_eq!(Track2Equivalent::from(&chip.track2()), chip);
        let even = Track2::made_of(&pan(), expiry(), b"201").unwrap();
        assert_eq!(Track2Equivalent::from(&even).value(), &value[..12]);
        for wrong in [&[0xD4, 0x91][..], &[0x41; 20], &[0xFF; 4], &[]] {
            assert!(Track2Equivalent::new(wrong).is_err());
        }
    }

    #[test]
    fn debug_shows_lengths() {
        let track = Track2::made_of(&pan(), expiry(), b"201").unwrap();
        let chip = Track2Equivalent::from(&track);
        assert_eq!(
            format!("{track:?} {chip:?}"),
            "Track2[24 characters] Track2Equivalent[12 bytes]"
        );
    }
}
