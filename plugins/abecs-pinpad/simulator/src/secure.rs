// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encrypted packets: what both sides wrap their words in between a secure `OPN` and `CLO`.

use crate::frame::check;
use payhal_card_data::{AesKey, Padding};

/// Begins a packet that is encrypted.
const DC2: u8 = 0x12;

/// Longest that may be said in one of them.
const CLEAR_BYTES_MAX: usize = 2044;

const IV: [u8; 16] = [0; 16];

/// The session's key.
#[derive(Debug)]
pub(crate) struct SessionKey(AesKey);

/// A packet that nobody with the key has made.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Inconsistent;

/// Whether a packet says that it is encrypted.
pub(crate) fn is_encrypted(packet: &[u8]) -> bool {
    packet.first() == Some(&DC2)
}

impl SessionKey {
    pub(crate) fn new(key: &[u8; 16]) -> Self {
        Self(AesKey::new(key).expect("as long as an AES key"))
    }

    /// The packet that says this in secret.
    pub(crate) fn wrap(&self, clear: &[u8]) -> Vec<u8> {
        let length = u16::try_from(clear.len().min(CLEAR_BYTES_MAX)).unwrap_or(u16::MAX);
        let clear = &clear[..usize::from(length)];
        let block = [&length.to_be_bytes(), &check(clear).to_be_bytes(), clear].concat();
        let mut packet = vec![DC2];
        packet.extend(self.0.encrypt_cbc(&IV, &block, Padding::Zeros));
        packet
    }

    /// What an encrypted packet says.
    pub(crate) fn unwrap(&self, packet: &[u8]) -> Result<Vec<u8>, Inconsistent> {
        let body = packet.strip_prefix(&[DC2]).ok_or(Inconsistent)?;
        let block = self.0.decrypt_cbc(&IV, body, Padding::Zeros);
        let block = block.map_err(|_| Inconsistent)?;
        let (head, rest) = block.bytes().split_first_chunk().ok_or(Inconsistent)?;
        let [long, short, first, last] = *head;
        let length = usize::from(u16::from_be_bytes([long, short]));
        let clear = rest.get(..length).ok_or(Inconsistent)?;
        match check(clear) == u16::from_be_bytes([first, last]) {
            true if length <= CLEAR_BYTES_MAX => Ok(clear.to_vec()),
            _ => Err(Inconsistent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_altered_is_inconsistent() {
        let key = SessionKey::new(&[7; 16]);
        let packet = key.wrap(b"GIX000");
        assert_eq!(key.unwrap(&packet), Ok(b"GIX000".to_vec()));
        for at in 0..packet.len() {
            let mut altered = packet.clone();
            altered[at] ^= 0x80;
            assert_eq!(key.unwrap(&altered), Err(Inconsistent), "byte {at}");
        }
        assert_eq!(key.unwrap(&packet[..16]), Err(Inconsistent));
        assert_eq!(key.unwrap(&packet[..1]), Err(Inconsistent));
        assert_eq!(SessionKey::new(&[8; 16]).unwrap(&packet), Err(Inconsistent));
    }

    #[test]
    fn the_longest_fits_into_a_packet() {
        let key = SessionKey::new(&[7; 16]);
        let longest = vec![b'A'; CLEAR_BYTES_MAX];
        let packet = key.wrap(&longest);
        assert_eq!(packet.len(), crate::frame::PACKET_BYTES_MAX);
        assert_eq!(key.unwrap(&packet), Ok(longest));
    }
}
