// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only types for clear card data: PAN, tracks, PIN, chip data, the keys that encrypt them; and
//! sealing them to a gateway.
//!
//! Every secret lies in locked memory and is erased when dropped, and none can be printed or
//! serialized in clear: `Debug` shows a length. What leaves is a masked PAN or ciphertext.
//!
//! Device plugins and gateway connectors link this crate. The daemon, the engine, the journal and
//! everything else under `host/` must never.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod certificate;
#[cfg(feature = "issuing")]
mod certificate_issue;
pub mod dukpt;
pub mod emv;
mod expiry;
#[doc(hidden)]
pub mod fuzz;
pub mod key_file;
mod keys;
mod locked;
mod pan;
mod pin;
mod pin_block;
pub mod pinpad_read;
mod random;
mod record;
mod scheme;
mod seal;
mod seal_dukpt;
mod seal_keys;
mod sealed_read;
mod secret;
mod secrets;
#[cfg(feature = "test-cards")]
mod test_cards;
mod track;

pub use certificate::{CertificateError, Certified, key_id, verify as verify_certificate};
#[cfg(feature = "issuing")]
pub use certificate_issue::{Authority, IssueError, ValidTime};
pub use expiry::{Expiry, ServiceCode};
pub use keys::{AesKey, KeyError, Padding, TdesKey};
pub use locked::{MemoryProtection, memory_protection};
pub use pan::{MaskedPan, Pan, PanError, masked, passes_luhn};
pub use pin::{Pin, PinBlock, PinBlockError, PinError};
pub use pin_block::EncryptedPinBlock;
pub use scheme::Scheme;
pub use seal::{
    AUTH_SCHEME, OpenError, SealError, open_from, open_number_from, seal_from, seal_number_from,
};
pub use seal_dukpt::{DUKPT_AES_SCHEME, DUKPT_TDES_SCHEME, DukptKey};
pub use seal_keys::{PrivateKey, PublicKey};
pub use sealed_read::{
    Amounts, Associated, CardNumber, Difference, Inner, Opened, Purpose, ReplayToken, SEAL_VERSION,
};
pub use secret::SecretBytes;
pub use secrets::{CardSecrets, EntryMode};
#[cfg(feature = "test-cards")]
pub use test_cards::{
    Behaviour, TestCard, Verification, all as test_cards, by_name as test_card, by_pan, test_issuer,
};
pub use track::{Track1, Track2, Track2Equivalent, TrackError};
