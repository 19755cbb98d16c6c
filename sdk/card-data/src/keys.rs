// SPDX-License-Identifier: MIT OR Apache-2.0
//! Symmetric keys of card data: TDES and AES, with the modes that the field's standards use.
//!
//! The primitives are RustCrypto's; here they get keys that erase themselves, and names. A key must
//! never be used for two purposes: DUKPT gives one for each.

use crate::secret::SecretBytes;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt};
use aes::cipher::{BlockModeEncrypt, BlockSizeUser, KeyInit, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use cmac::{Cmac, Mac};
use des::{Des, TdesEde2, TdesEde3};
use retail_mac::RetailMac;
use std::fmt;
use subtle::ConstantTimeEq;

/// Why an operation with a key failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// The key has no length of its algorithm.
    #[error("a {algorithm} key cannot have {bytes} bytes")]
    Length {
        /// The algorithm.
        algorithm: &'static str,
        /// What was given.
        bytes: usize,
    },
    /// The text is not a whole number of blocks.
    #[error("{0} bytes are not a whole number of blocks")]
    Blocks(usize),
    /// No padding lies at the end of what was decrypted: wrong key, or altered.
    #[error("failed to find the end of the text")]
    Padding,
}

/// How a text is filled up to whole blocks (ISO/IEC 9797-1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Padding {
    /// Method 1: zeros, as few as possible. What was added cannot be told from what was there.
    Zeros,
    /// Method 2: a one bit, then zeros.
    Bit,
}

/// A TDES key of two or three parts.
#[derive(Clone, Eq, PartialEq)]
pub struct TdesKey(SecretBytes);

/// An AES key of 128, 192 or 256 bits.
#[derive(Clone, Eq, PartialEq)]
pub struct AesKey(SecretBytes);

impl TdesKey {
    /// Copies 16 or 24 bytes. The caller erases its own copy. Parity bits are ignored, as DUKPT
    /// does not set them.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::of(SecretBytes::copied(bytes))
    }

    pub(crate) fn of(secret: SecretBytes) -> Result<Self, KeyError> {
        match secret.bytes().len() {
            16 | 24 => Ok(Self(secret)),
            bytes => Err(KeyError::Length {
                algorithm: "TDES",
                bytes,
            }),
        }
    }

    /// Retail MAC (ISO/IEC 9797-1 algorithm 3 with padding method 1; ANSI X9.19): CBC with single
    /// DES under the first part, the last block under both. `None` for a key of three parts.
    pub fn retail_mac(&self, message: &[u8]) -> Option<[u8; 8]> {
        let mac = RetailMac::<Des>::new_from_slice(self.0.bytes()).ok()?;
        Some(mac.chain_update(message).finalize().into_bytes().into())
    }
}

impl AesKey {
    /// Copies 16, 24 or 32 bytes. The caller erases its own copy.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::of(SecretBytes::copied(bytes))
    }

    pub(crate) fn of(secret: SecretBytes) -> Result<Self, KeyError> {
        match secret.bytes().len() {
            16 | 24 | 32 => Ok(Self(secret)),
            bytes => Err(KeyError::Length {
                algorithm: "AES",
                bytes,
            }),
        }
    }
}

/// Gives both key types the same operations; each length of key has a cipher of its own.
macro_rules! operations {
    ($key:ident, $block:literal, $($bytes:literal => $cipher:ty),+) => {
        impl $key {
            /// Bytes of one block.
            pub const BLOCK_BYTES: usize = $block;

            /// The key itself. For what derives from it or stores it.
            pub fn bytes(&self) -> &[u8] {
                self.0.bytes()
            }

            /// One block, in place.
            pub fn encrypt_block(&self, block: &mut [u8; $block]) {
                match self.bytes().len() {
                    $($bytes => cipher::<$cipher>(self.bytes()).encrypt_block(block.into()),)+
                    _ => unreachable!("checked when the key was made"),
                }
            }

            /// One block, in place.
            pub fn decrypt_block(&self, block: &mut [u8; $block]) {
                match self.bytes().len() {
                    $($bytes => cipher::<$cipher>(self.bytes()).decrypt_block(block.into()),)+
                    _ => unreachable!("checked when the key was made"),
                }
            }

            /// Cipher block chaining. Without a nonce the key may encrypt one text only, which is
            /// what a key of one transaction does.
            pub fn encrypt_cbc(&self, iv: &[u8; $block], clear: &[u8], padding: Padding) -> Vec<u8> {
                let mut text = padded(clear, $block, padding);
                match self.bytes().len() {
                    $($bytes => encrypt_chained::<$cipher>(self.bytes(), iv, text.bytes_mut()),)+
                    _ => unreachable!("checked when the key was made"),
                }
                text.bytes().to_vec()
            }

            /// Undoes [`Self::encrypt_cbc`]; zeros of padding stay.
            ///
            /// # Errors
            /// [`KeyError::Blocks`], and [`KeyError::Padding`] where the method marks the end.
            pub fn decrypt_cbc(
                &self,
                iv: &[u8; $block],
                encrypted: &[u8],
                padding: Padding,
            ) -> Result<SecretBytes, KeyError> {
                if encrypted.is_empty() || encrypted.len() % $block != 0 {
                    return Err(KeyError::Blocks(encrypted.len()));
                }
                let mut text = SecretBytes::copied(encrypted);
                match self.bytes().len() {
                    $($bytes => decrypt_chained::<$cipher>(self.bytes(), iv, text.bytes_mut()),)+
                    _ => unreachable!("checked when the key was made"),
                }
                unpadded(text, $block, padding)
            }

            /// CMAC (NIST SP 800-38B, ISO/IEC 9797-1 algorithm 5).
            pub fn cmac(&self, message: &[u8]) -> [u8; $block] {
                match self.bytes().len() {
                    $($bytes => <Cmac<$cipher> as cmac::KeyInit>::new_from_slice(self.bytes())
                        .expect("checked when the key was made")
                        .chain_update(message)
                        .finalize()
                        .into_bytes()
                        .into(),)+
                    _ => unreachable!("checked when the key was made"),
                }
            }

            /// Whether `mac` is the CMAC, in constant time; a shortened one of at least four bytes
            /// counts.
            pub fn has_cmac(&self, message: &[u8], mac: &[u8]) -> bool {
                let whole = self.cmac(message);
                (4..=$block).contains(&mac.len()) && whole[..mac.len()].ct_eq(mac).into()
            }
        }

        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($key), "[{} bytes]"), self.bytes().len())
            }
        }
    };
}

operations!(TdesKey, 8, 16 => TdesEde2, 24 => TdesEde3);
operations!(AesKey, 16, 16 => Aes128, 24 => Aes192, 32 => Aes256);

fn cipher<C: KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("checked when the key was made")
}

fn encrypt_chained<C>(key: &[u8], iv: &[u8], text: &mut [u8])
where
    C: BlockCipherEncrypt + KeyInit,
{
    let mut chained = cbc::Encryptor::<C>::new_from_slices(key, iv).expect("checked lengths");
    let (blocks, _) = Array::<u8, <C as BlockSizeUser>::BlockSize>::slice_as_chunks_mut(text);
    chained.encrypt_blocks(blocks);
}

fn decrypt_chained<C>(key: &[u8], iv: &[u8], text: &mut [u8])
where
    C: BlockCipherDecrypt + KeyInit,
{
    let mut chained = cbc::Decryptor::<C>::new_from_slices(key, iv).expect("checked lengths");
    let (blocks, _) = Array::<u8, <C as BlockSizeUser>::BlockSize>::slice_as_chunks_mut(text);
    chained.decrypt_blocks(blocks);
}

fn padded(clear: &[u8], block_bytes: usize, padding: Padding) -> SecretBytes {
    let least = match padding {
        Padding::Zeros => clear.len().max(1),
        Padding::Bit => clear.len() + 1,
    };
    let mut text = SecretBytes::zeroed(least.next_multiple_of(block_bytes));
    text.bytes_mut()[..clear.len()].copy_from_slice(clear);
    if padding == Padding::Bit {
        text.bytes_mut()[clear.len()] = 0x80;
    }
    text
}

/// Not in constant time: the text has a MAC of its own wherever somebody else may alter it.
fn unpadded(
    text: SecretBytes,
    block_bytes: usize,
    padding: Padding,
) -> Result<SecretBytes, KeyError> {
    if padding == Padding::Zeros {
        return Ok(text);
    }
    let last = text.bytes().iter().rposition(|byte| *byte != 0);
    match last {
        Some(at) if text.bytes()[at] == 0x80 && text.bytes().len() - at <= block_bytes => {
            Ok(text.shortened(at))
        }
        _ => Err(KeyError::Padding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38B, appendix D, and SP 800-38A, appendix F.
    const NIST: [u8; 16] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
        0x3c,
    ];
    const BLOCK: [u8; 16] = [
        0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17,
        0x2a,
    ];

    #[test]
    fn aes_is_nists() {
        let key = AesKey::new(&NIST).unwrap();
        assert_eq!(
            key.cmac(&BLOCK),
            [
                0x07, 0x0a, 0x16, 0xb4, 0x6b, 0x4d, 0x41, 0x44, 0xf7, 0x9b, 0xdd, 0x9d, 0xd0, 0x4a,
                0x28, 0x7c
            ]
        );
        assert!(key.has_cmac(&BLOCK, &[0x07, 0x0a, 0x16, 0xb4]));
        assert!(!key.has_cmac(&BLOCK, &[0x07, 0x0a, 0x16, 0xb5]));
        assert!(!key.has_cmac(&BLOCK, &[0x07, 0x0a, 0x16]));
        let mut block = BLOCK;
        key.encrypt_block(&mut block);
        assert_eq!(block[..4], [0x3a, 0xd7, 0x7b, 0xb4]);
        key.decrypt_block(&mut block);
        assert_eq!(block, BLOCK);
        let iv = std::array::from_fn(|place| u8::try_from(place).unwrap());
        let chained = key.encrypt_cbc(&iv, &BLOCK, Padding::Zeros);
        assert_eq!(chained[..4], [0x76, 0x49, 0xab, 0xac]);
    }

    #[test]
    fn every_key_and_padding_opens_what_it_closed() {
        for length in [0, 1, 7, 8, 9, 15, 16, 17, 100] {
            let text: Vec<u8> = (0..length).collect();
            for bytes in [16, 24] {
                let key = TdesKey::new(&[0x5A; 32][..bytes]).unwrap();
                let closed = key.encrypt_cbc(&[7; 8], &text, Padding::Bit);
                let opened = key.decrypt_cbc(&[7; 8], &closed, Padding::Bit).unwrap();
                assert_eq!(opened.bytes(), text);
            }
            for bytes in [16, 24, 32] {
                let key = AesKey::new(&[0x5A; 32][..bytes]).unwrap();
                let closed = key.encrypt_cbc(&[7; 16], &text, Padding::Zeros);
                let opened = key.decrypt_cbc(&[7; 16], &closed, Padding::Zeros).unwrap();
                assert_eq!(opened.bytes()[..text.len()], text);
                assert!(opened.bytes()[text.len()..].iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(TdesKey::new(&[0; 8]).is_err());
        assert!(AesKey::new(&[0; 20]).is_err());
        let key = AesKey::new(&NIST).unwrap();
        for length in [0, 15, 17] {
            let found = key.decrypt_cbc(&[0; 16], &vec![0; length], Padding::Bit);
            assert_eq!(found, Err(KeyError::Blocks(length)));
        }
        let zeros = key.encrypt_cbc(&[0; 16], &[0; 16], Padding::Zeros);
        let found = key.decrypt_cbc(&[0; 16], &zeros, Padding::Bit);
        assert_eq!(found, Err(KeyError::Padding));
        assert_eq!(TdesKey::new(&[0; 24]).unwrap().retail_mac(b""), None);
    }

    #[test]
    fn debug_shows_a_length() {
        let key = TdesKey::new(&[0; 16]).unwrap();
        assert_eq!(format!("{key:?}"), "TdesKey[16 bytes]");
    }
}
