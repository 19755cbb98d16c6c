// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a chip says: data objects in BER-TLV (ISO/IEC 8825-1, EMV Book 3 annex B), lists of them
//! (EMV Book 3 section 5.4) and cryptograms (EMV Book 2).
//!
//! Reading borrows and takes no memory; it is bounded in depth, length and count, and never panics:
//! a card is whatever somebody put into the reader. What is built lies in locked memory, since it
//! may hold the card number. Values must never be shown: `Debug` tells tags and lengths.

mod build;
mod cryptogram;
mod currency;
mod dol;
mod tag;
mod tlv;

pub use build::{BuildError, TlvBuilder};
pub use cryptogram::{CRYPTOGRAM_DOL, CardKey, IssuerMasterKey, SessionKey};
pub use currency::currency_number;
pub use dol::{DolEntry, DolReader, fill_dol, read_dol};
pub use tag::{Format, Tag};
pub use tlv::{Tlv, TlvError, TlvReader, Walk, find, read, walk};

/// What is read or built at most: the longest answer of a chip is 256 bytes, the longest field of
/// a message (ISO 8583 DE 55) 999.
pub const BYTES_MAX: usize = 4096;

/// Constructed objects inside each other; EMV's own go three deep.
pub const DEPTH_MAX: usize = 6;

/// Objects of one walk; as many as the shortest ones that fit a long field.
pub const COUNT_MAX: usize = 512;
