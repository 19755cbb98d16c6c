// SPDX-License-Identifier: MIT OR Apache-2.0
//! PINs, and the clear PIN blocks of ISO 9564-1 formats 0 and 3.
//!
//! A PIN and a clear block exist inside a secure keypad, a simulator of one, or an issuer. They must
//! never leave it: what leaves is an [`EncryptedPinBlock`](crate::EncryptedPinBlock).

use crate::pan::Pan;
use crate::random;
use crate::secret::SecretBytes;
use std::fmt;

/// A PIN: 4 to 12 digits (ISO 9564-1).
#[derive(Clone, Eq, PartialEq)]
pub struct Pin(SecretBytes);

/// Why digits are no PIN. Never says which digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a PIN has 4 to 12 digits, not {0} characters")]
pub struct PinError(pub usize);

/// A block does not hold a PIN of its format and PAN: wrong key, wrong PAN or altered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("failed to find a PIN in the PIN block")]
pub struct PinBlockError;

impl Pin {
    /// Copies and checks ASCII digits. The caller erases its own copy.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn new(digits: &[u8]) -> Result<Self, PinError> {
        if !(4..=12).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError(digits.len()));
        }
        Ok(Self(SecretBytes::copied(digits)))
    }

    /// The digits in clear, as ASCII. For what encodes or compares them, never for text.
    pub fn digits(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Control half byte, length, digits and `fill` behind them: the PIN field of each format, one
    /// half byte in each byte.
    pub(crate) fn field(&self, control: u8, fill: &[u8]) -> SecretBytes {
        let mut field = SecretBytes::copied(fill);
        let half_bytes = field.bytes_mut();
        half_bytes[0] = control;
        half_bytes[1] = u8::try_from(self.digits().len()).expect("a PIN has at most 12 digits");
        for (half_byte, digit) in half_bytes[2..].iter_mut().zip(self.digits()) {
            *half_byte = digit - b'0';
        }
        field
    }

    /// The PIN in the half bytes of a field, when they are one.
    pub(crate) fn of_field(
        half_bytes: &[u8],
        control: u8,
        is_fill: impl Fn(u8) -> bool,
    ) -> Result<Self, PinBlockError> {
        let [first, length, rest @ ..] = half_bytes else {
            return Err(PinBlockError);
        };
        let split = rest.split_at_checked(usize::from(*length));
        let (digits, fill) = split.ok_or(PinBlockError)?;
        let whole = digits.iter().all(|digit| *digit < 10) && fill.iter().all(|b| is_fill(*b));
        if *first != control || !whole {
            return Err(PinBlockError);
        }
        let mut ascii = SecretBytes::copied(digits);
        ascii
            .bytes_mut()
            .iter_mut()
            .for_each(|digit| *digit += b'0');
        Self::new(ascii.bytes()).map_err(|_| PinBlockError)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin[4 to 12 digits]")
    }
}

/// A clear PIN block of format 0 or 3, bound to its PAN. It may exist only on its way into
/// encryption, or into a seal.
#[derive(Clone, Eq, PartialEq)]
pub struct PinBlock(SecretBytes);

/// Half bytes of the block.
const HALF_BYTES: usize = 16;

impl PinBlock {
    /// Format 0: the fill is `F`. The caller erases its own copy of the PIN.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn format0(pin: &[u8], pan: &Pan) -> Result<Self, PinError> {
        Ok(Self::bound(
            &Pin::new(pin)?.field(0, &[0xF; HALF_BYTES]),
            pan,
        ))
    }

    /// Format 3: the fill is random, `A` to `F`, so that equal PINs give different blocks.
    pub fn format3(pin: &Pin, pan: &Pan) -> Self {
        Self::format3_filled(pin, pan, random::array())
    }

    /// `fill` gives the low bits of each half byte of fill.
    pub(crate) fn format3_filled(pin: &Pin, pan: &Pan, fill: [u8; HALF_BYTES]) -> Self {
        // `A` to `F` are six. That a division leaves some of them more often, by one in 64, tells
        // nothing of the PIN.
        let fill = fill.map(|byte| 0xA + byte % 6);
        Self::bound(&pin.field(3, &fill), pan)
    }

    /// The PIN of a format 0 block.
    ///
    /// # Errors
    /// [`PinBlockError`].
    pub fn open_format0(&self, pan: &Pan) -> Result<Pin, PinBlockError> {
        Pin::of_field(self.unbound(pan).bytes(), 0, |fill| fill == 0xF)
    }

    /// The PIN of a format 3 block.
    ///
    /// # Errors
    /// [`PinBlockError`].
    pub fn open_format3(&self, pan: &Pan) -> Result<Pin, PinBlockError> {
        Pin::of_field(self.unbound(pan).bytes(), 3, |fill| fill >= 0xA)
    }

    /// Whether this is the format 0 block of that PIN and PAN, in constant time.
    pub fn holds(&self, pin: &[u8], pan: &Pan) -> bool {
        Self::format0(pin, pan).is_ok_and(|block| block == *self)
    }

    /// The eight bytes in clear. For what encrypts or seals them.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The block of eight clear bytes. The caller erases its own copy.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == HALF_BYTES / 2).then(|| Self(SecretBytes::copied(bytes)))
    }

    fn bound(field: &SecretBytes, pan: &Pan) -> Self {
        let mut block = packed(field);
        exclusive_or_account(block.bytes_mut(), pan);
        Self(block)
    }

    fn unbound(&self, pan: &Pan) -> SecretBytes {
        let mut block = self.0.clone();
        exclusive_or_account(block.bytes_mut(), pan);
        unpacked(block.bytes())
    }
}

impl fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinBlock[8 bytes]")
    }
}

/// Account number field: four zeros, then the twelve rightmost digits of the PAN without its check
/// digit.
fn exclusive_or_account(block: &mut [u8], pan: &Pan) {
    let digits = pan.digits();
    let account = &digits[digits.len().saturating_sub(13)..digits.len() - 1];
    for (place, digit) in account.iter().rev().enumerate() {
        let at = block.len() - 1 - place / 2;
        let shift = if place % 2 == 0 { 0 } else { 4 };
        block[at] ^= (digit - b'0') << shift;
    }
}

/// Two half bytes in a byte.
pub(crate) fn packed(half_bytes: &SecretBytes) -> SecretBytes {
    let mut bytes = SecretBytes::zeroed(half_bytes.bytes().len() / 2);
    let pairs = half_bytes.bytes().chunks_exact(2);
    for (byte, pair) in bytes.bytes_mut().iter_mut().zip(pairs) {
        *byte = pair[0] << 4 | pair[1];
    }
    bytes
}

/// One half byte in each byte.
pub(crate) fn unpacked(bytes: &[u8]) -> SecretBytes {
    let mut half_bytes = SecretBytes::zeroed(bytes.len() * 2);
    for (pair, byte) in half_bytes.bytes_mut().chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[byte >> 4, byte & 0xF]);
    }
    half_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan() -> Pan {
        Pan::new(b"4111111111111111").unwrap()
    }

    fn pin(digits: &[u8]) -> Pin {
        Pin::new(digits).unwrap()
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
        let other = Pan::new(b"5555555555554444").unwrap();
        assert!(!block.holds(b"1234", &other));
        assert_eq!(block.open_format0(&pan()), Ok(pin(b"1234")));
        assert_eq!(block.open_format0(&other), Err(PinBlockError));
        assert_eq!(block.open_format3(&pan()), Err(PinBlockError));
        assert_eq!(PinBlock::format0(b"123", &pan()), Err(PinError(3)));
        assert_eq!(PinBlock::format0(b"12x4", &pan()), Err(PinError(4)));
    }

    #[test]
    fn a_format_3_block_differs_each_time_and_opens_the_same() {
        let blocks = [(); 2].map(|()| PinBlock::format3(&pin(b"123456789012"), &pan()));
        for block in &blocks {
            assert_eq!(block.open_format3(&pan()), Ok(pin(b"123456789012")));
            assert_eq!(block.open_format0(&pan()), Err(PinBlockError));
        }
        let short = [(); 8].map(|()| PinBlock::format3(&pin(b"1234"), &pan()));
        assert!(short.iter().any(|block| *block != short[0]));
    }

    #[test]
    fn format_3_fills_with_a_to_f() {
        // 3412 34AB CDEF ABCD xor 0000 1111 1111 1111.
        let fill = [0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let block = PinBlock::format3_filled(&pin(b"1234"), &pan(), fill);
        assert_eq!(
            block.bytes(),
            [0x34, 0x12, 0x25, 0xBA, 0xDC, 0xFE, 0xBA, 0xDC]
        );
    }

    #[test]
    fn the_shortest_number_still_binds() {
        let shortest = Pan::new(b"500000000009").unwrap();
        let block = PinBlock::format0(b"1234", &shortest).unwrap();
        assert_eq!(block.open_format0(&shortest), Ok(pin(b"1234")));
    }

    #[test]
    fn what_holds_no_pin_is_refused() {
        for bytes in [[0; 8], [0xFF; 8], [0x0D; 8]] {
            let block = PinBlock::from_bytes(&bytes).unwrap();
            assert_eq!(block.open_format0(&pan()), Err(PinBlockError));
            assert_eq!(block.open_format3(&pan()), Err(PinBlockError));
        }
        assert_eq!(PinBlock::from_bytes(&[0; 7]), None);
    }

    #[test]
    fn debug_shows_not_even_a_length() {
        assert_eq!(format!("{:?}", pin(b"123456")), "Pin[4 to 12 digits]");
    }
}
