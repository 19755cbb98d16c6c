// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encrypted PIN blocks (ISO 9564-1 formats 0, 3 and 4): the only form in which a PIN leaves a
//! reader.

use crate::keys::{AesKey, TdesKey};
use crate::pan::Pan;
use crate::pin::{Pin, PinBlock, PinBlockError, packed, unpacked};
use crate::random;
use crate::secret::SecretBytes;
use std::fmt;

/// An encrypted PIN block. Whoever has the key and the PAN opens it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum EncryptedPinBlock {
    /// Format 0 under TDES.
    Format0([u8; 8]),
    /// Format 3 under TDES.
    Format3([u8; 8]),
    /// Format 4 under AES.
    Format4([u8; 16]),
}

/// Half bytes of format 4's fields.
const HALF_BYTES_4: usize = 32;

impl EncryptedPinBlock {
    /// Format 0.
    pub fn format0(pin: &Pin, pan: &Pan, key: &TdesKey) -> Self {
        let block = PinBlock::format0(pin.digits(), pan).expect("a PIN fits");
        Self::Format0(encrypted(&block, key))
    }

    /// Format 3, with a fresh fill.
    pub fn format3(pin: &Pin, pan: &Pan, key: &TdesKey) -> Self {
        Self::Format3(encrypted(&PinBlock::format3(pin, pan), key))
    }

    /// Format 4, with a fresh fill: the PIN field is encrypted, combined with the PAN field and
    /// encrypted again, so that a block opens for its own PAN only.
    pub fn format4(pin: &Pin, pan: &Pan, key: &AesKey) -> Self {
        Self::format4_filled(pin, pan, key, random::array())
    }

    /// `fill` is the second half of the PIN field.
    pub(crate) fn format4_filled(pin: &Pin, pan: &Pan, key: &AesKey, fill: [u8; 8]) -> Self {
        let mut field = packed(&pin.field(4, &[0xA; HALF_BYTES_4]));
        field.bytes_mut()[8..].copy_from_slice(&fill);
        let mut block: [u8; 16] = field.bytes().try_into().expect("16 bytes");
        key.encrypt_block(&mut block);
        exclusive_or_pan(&mut block, pan);
        key.encrypt_block(&mut block);
        Self::Format4(block)
    }

    /// The PIN of a block under TDES.
    ///
    /// # Errors
    /// [`PinBlockError`] for a wrong key, PAN or format, or an altered block.
    pub fn open_tdes(&self, pan: &Pan, key: &TdesKey) -> Result<Pin, PinBlockError> {
        match self {
            Self::Format0(block) => decrypted(*block, key).open_format0(pan),
            Self::Format3(block) => decrypted(*block, key).open_format3(pan),
            Self::Format4(_) => Err(PinBlockError),
        }
    }

    /// The PIN of a block under AES.
    ///
    /// # Errors
    /// [`PinBlockError`] for a wrong key, PAN or format, or an altered block.
    pub fn open_aes(&self, pan: &Pan, key: &AesKey) -> Result<Pin, PinBlockError> {
        let Self::Format4(mut block) = *self else {
            return Err(PinBlockError);
        };
        key.decrypt_block(&mut block);
        exclusive_or_pan(&mut block, pan);
        key.decrypt_block(&mut block);
        let field = unpacked(&block[..8]);
        zeroize::Zeroize::zeroize(&mut block);
        Pin::of_field(field.bytes(), 4, |fill| fill == 0xA)
    }

    /// The block as messages carry it (ISO 8583 DE 52).
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Format0(block) | Self::Format3(block) => block,
            Self::Format4(block) => block,
        }
    }

    /// Format number of ISO 9564-1.
    pub fn format(&self) -> u8 {
        match self {
            Self::Format0(_) => 0,
            Self::Format3(_) => 3,
            Self::Format4(_) => 4,
        }
    }

    /// The block of that format.
    pub fn from_bytes(format: u8, bytes: &[u8]) -> Option<Self> {
        Some(match format {
            0 => Self::Format0(bytes.try_into().ok()?),
            3 => Self::Format3(bytes.try_into().ok()?),
            4 => Self::Format4(bytes.try_into().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Debug for EncryptedPinBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedPinBlock[format {}]", self.format())
    }
}

fn encrypted(block: &PinBlock, key: &TdesKey) -> [u8; 8] {
    let mut bytes: [u8; 8] = block.bytes().try_into().expect("8 bytes");
    key.encrypt_block(&mut bytes);
    bytes
}

fn decrypted(mut block: [u8; 8], key: &TdesKey) -> PinBlock {
    key.decrypt_block(&mut block);
    let clear = PinBlock::from_bytes(&block).expect("8 bytes");
    zeroize::Zeroize::zeroize(&mut block);
    clear
}

/// PAN field: how many digits it has beyond twelve, the digits, zeros behind.
fn exclusive_or_pan(block: &mut [u8; 16], pan: &Pan) {
    let digits = pan.digits();
    let mut half_bytes = SecretBytes::zeroed(HALF_BYTES_4);
    let beyond = digits.len().saturating_sub(12);
    half_bytes.bytes_mut()[0] = u8::try_from(beyond).expect("a PAN has at most 19 digits");
    for (half_byte, digit) in half_bytes.bytes_mut()[1..].iter_mut().zip(digits) {
        *half_byte = digit - b'0';
    }
    for (byte, field) in block.iter_mut().zip(packed(&half_bytes).bytes()) {
        *byte ^= field;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pan() -> Pan {
        Pan::new(b"4111111111111111").unwrap()
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn format_4_is_the_published_one() {
        // X9.24-3:2017 supplement: the first two PIN keys of the AES-128 key, and their blocks.
        let fill = bytes("2F69ADDE2E9E7ACE");
        let pin = Pin::new(b"1234").unwrap();
        for (key, block) in [
            (
                "AF8CB133A78F8DC2D1359F18527593FB",
                "A912150391AB65A67E52883D81CE2D15",
            ),
            (
                "D30BDC73EC9714B000BEC66BDB7B6D09",
                "52A00503BD34BA1383F6A7EE9FE2547F",
            ),
        ] {
            let key = AesKey::new(&bytes::<16>(key)).unwrap();
            let made = EncryptedPinBlock::format4_filled(&pin, &pan(), &key, fill);
            assert_eq!(made, EncryptedPinBlock::Format4(bytes(block)));
            assert_eq!(made.open_aes(&pan(), &key), Ok(pin.clone()));
        }
    }

    #[test]
    fn every_format_opens_for_its_own_key_and_pan_only() {
        let (pin, other) = (
            Pin::new(b"73915").unwrap(),
            Pan::new(b"5555555555554444").unwrap(),
        );
        let tdes = TdesKey::new(&bytes::<16>("0123456789ABCDEFFEDCBA9876543210")).unwrap();
        let aes = AesKey::new(&bytes::<16>("0123456789ABCDEFFEDCBA9876543210")).unwrap();
        for block in [
            EncryptedPinBlock::format0(&pin, &pan(), &tdes),
            EncryptedPinBlock::format3(&pin, &pan(), &tdes),
        ] {
            assert_eq!(block.open_tdes(&pan(), &tdes), Ok(pin.clone()));
            assert_ne!(block.open_tdes(&other, &tdes), Ok(pin.clone()));
            assert_eq!(block.open_aes(&pan(), &aes), Err(PinBlockError));
        }
        let block = EncryptedPinBlock::format4(&pin, &pan(), &aes);
        assert_eq!(block.open_aes(&pan(), &aes), Ok(pin));
        assert_eq!(block.open_aes(&other, &aes), Err(PinBlockError));
        assert_eq!(block.open_tdes(&pan(), &tdes), Err(PinBlockError));
        let mut altered: [u8; 16] = block.bytes().try_into().unwrap();
        altered[3] ^= 1;
        let altered = EncryptedPinBlock::Format4(altered);
        assert_eq!(altered.open_aes(&pan(), &aes), Err(PinBlockError));
    }

    #[test]
    fn blocks_come_back_from_messages() {
        for (format, length) in [(0, 8), (3, 8), (4, 16)] {
            let bytes = vec![7; length];
            let block = EncryptedPinBlock::from_bytes(format, &bytes).unwrap();
            assert_eq!((block.format(), block.bytes()), (format, &bytes[..]));
            assert_eq!(EncryptedPinBlock::from_bytes(format, &bytes[1..]), None);
        }
        assert_eq!(EncryptedPinBlock::from_bytes(1, &[0; 8]), None);
    }
}
