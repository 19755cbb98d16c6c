// SPDX-License-Identifier: MIT OR Apache-2.0
//! Application cryptograms under TDES, and the issuer's answer to them (EMV Book 2 section 8 and
//! annex A1).
//!
//! For simulated cards and the sandbox's issuer. An issuer's key belongs in a hardware security
//! module and must never be given to this.

use crate::keys::{KeyError, TdesKey};
use crate::pan::Pan;
use crate::secret::{SecretBytes, shown_as};
use std::fmt;
use subtle::ConstantTimeEq;

/// What the shortest recommended cryptogram is made of, as a data object list (table 26): amounts,
/// terminal's country, TVR, currency, date, type, unpredictable number, AIP, ATC.
pub const CRYPTOGRAM_DOL: &[u8] = &[
    0x9F, 0x02, 6, 0x9F, 0x03, 6, 0x9F, 0x1A, 2, 0x95, 5, 0x5F, 0x2A, 2, 0x9A, 3, 0x9C, 1, 0x9F,
    0x37, 4, 0x82, 2, 0x9F, 0x36, 2,
];

/// Master key of an issuer, for cryptograms.
pub struct IssuerMasterKey(TdesKey);

/// The key of one card.
pub struct CardKey(TdesKey);

/// The key of one transaction of a card.
pub struct SessionKey(TdesKey);

impl IssuerMasterKey {
    /// Copies 16 bytes. The caller erases its own copy.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes.len() {
            16 => Ok(Self(TdesKey::new(bytes)?)),
            bytes => Err(KeyError::Length {
                algorithm: "2-key TDES",
                bytes,
            }),
        }
    }

    /// The key of a card (option A): of its number and sequence number, the last sixteen digits.
    pub fn card_key(&self, pan: &Pan, sequence_number: u8) -> CardKey {
        let sequence = [sequence_number / 10 % 10, sequence_number % 10];
        let digits = pan.digits().iter().map(|digit| digit - b'0');
        let last = digits.chain(sequence).rev().take(16);
        let mut key = SecretBytes::zeroed(16);
        for (place, digit) in last.enumerate() {
            key.bytes_mut()[7 - place / 2] |= digit << (4 * (place % 2));
        }
        let (half, other) = key.bytes_mut().split_at_mut(8);
        other.copy_from_slice(half);
        other.iter_mut().for_each(|byte| *byte ^= 0xFF);
        CardKey(encrypted(&self.0, key))
    }
}

impl CardKey {
    /// The key of a transaction, by its counter (common session key derivation).
    pub fn session_key(&self, atc: u16) -> SessionKey {
        let [high, low] = atc.to_be_bytes();
        let halves = [
            high, low, 0xF0, 0, 0, 0, 0, 0, high, low, 0x0F, 0, 0, 0, 0, 0,
        ];
        SessionKey(encrypted(&self.0, SecretBytes::copied(&halves)))
    }
}

impl SessionKey {
    /// The cryptogram of a message: retail MAC with padding method 2.
    pub fn cryptogram(&self, message: &[u8]) -> [u8; 8] {
        let padded = [message, &[0x80]].concat();
        self.0.retail_mac(&padded).expect("a key of two parts")
    }

    /// Whether `cryptogram` is the message's, in constant time.
    pub fn has_cryptogram(&self, message: &[u8], cryptogram: &[u8]) -> bool {
        self.cryptogram(message).ct_eq(cryptogram).into()
    }

    /// The issuer's answer by method 1, with the authorization response code.
    pub fn response_by_method_1(&self, arqc: &[u8; 8], response_code: [u8; 2]) -> [u8; 8] {
        let mut block = *arqc;
        block[0] ^= response_code[0];
        block[1] ^= response_code[1];
        self.0.encrypt_block(&mut block);
        block
    }

    /// The issuer's answer by method 2, with the card status update.
    pub fn response_by_method_2(
        &self,
        arqc: &[u8; 8],
        card_status_update: [u8; 4],
        proprietary: &[u8],
    ) -> [u8; 4] {
        let message = [arqc, &card_status_update[..], proprietary].concat();
        let [a, b, c, d, ..] = self.cryptogram(&message);
        [a, b, c, d]
    }
}

/// Two blocks under a key are the next key. Parity bits stay as they come: DES ignores them.
fn encrypted(key: &TdesKey, mut blocks: SecretBytes) -> TdesKey {
    let (halves, _) = blocks.bytes_mut().as_chunks_mut::<8>();
    halves.iter_mut().for_each(|half| key.encrypt_block(half));
    TdesKey::of(blocks).expect("16 bytes")
}

shown_as!(
    IssuerMasterKey: "IssuerMasterKey[16 bytes]",
    CardKey: "CardKey[16 bytes]",
    SessionKey: "SessionKey[16 bytes]"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn session_key() -> SessionKey {
        let issuer = IssuerMasterKey::new(&[0x5A; 16]).unwrap();
        let pan = Pan::new(b"4111111111111111").unwrap();
        issuer.card_key(&pan, 1).session_key(7)
    }

    #[test]
    fn a_cryptogram_is_its_messages_and_its_transactions() {
        let key = session_key();
        let cryptogram = key.cryptogram(b"message");
        assert!(key.has_cryptogram(b"message", &cryptogram));
        assert!(!key.has_cryptogram(b"messagf", &cryptogram));
        assert!(!key.has_cryptogram(b"message", &cryptogram[..7]));
        let issuer = IssuerMasterKey::new(&[0x5A; 16]).unwrap();
        let pan = Pan::new(b"4111111111111111").unwrap();
        for (sequence_number, atc) in [(1, 8), (2, 7)] {
            let other = issuer.card_key(&pan, sequence_number).session_key(atc);
            assert!(!other.has_cryptogram(b"message", &cryptogram));
        }
    }

    #[test]
    fn answers_depend_on_all_they_answer() {
        let key = session_key();
        let first = key.response_by_method_1(&[1; 8], *b"00");
        assert_ne!(first, key.response_by_method_1(&[1; 8], *b"05"));
        assert_ne!(first, key.response_by_method_1(&[2; 8], *b"00"));
        let second = key.response_by_method_2(&[1; 8], [0; 4], b"");
        assert_ne!(second, key.response_by_method_2(&[1; 8], [0, 0, 0, 1], b""));
        assert_ne!(second, key.response_by_method_2(&[1; 8], [0; 4], b"x"));
    }

    #[test]
    fn what_a_cryptogram_is_made_of_fits() {
        let filled = crate::emv::fill_dol(CRYPTOGRAM_DOL, |_| None).unwrap();
        assert_eq!(filled.bytes().len(), 33);
        assert!(IssuerMasterKey::new(&[0; 24]).is_err());
    }
}
