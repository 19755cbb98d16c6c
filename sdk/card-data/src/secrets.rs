// SPDX-License-Identifier: MIT OR Apache-2.0
//! All that one read took off a card, together. A PIN never comes here: it is encrypted by itself.
//!
//! Nothing here may be written to a disk, a log or a message before it is sealed.

use crate::expiry::Expiry;
use crate::pan::Pan;
use crate::track::{Track1, Track2};
use zeroize::Zeroize;

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
    /// Track 1, of a stripe that has one.
    pub track1: Option<Track1>,
    /// Track 2 or its equivalent; none for manual entry.
    pub track2: Option<Track2>,
    /// How the card was read.
    pub entry: EntryMode,
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

    #[test]
    fn debug_shows_nothing_of_a_card() {
        let pan = Pan::new(b"4111111111111111").unwrap();
        let expiry = Expiry::new(2049, 12).unwrap();
        let secrets = CardSecrets {
            track1: Some(Track1::new(b"B4111111111111111^DOE/JANE^4912201").unwrap()),
            track2: Some(Track2::made_of(&pan, expiry, b"201").unwrap()),
            entry: EntryMode::Chip,
            pan,
            expiry,
        };
        let shown = format!("{secrets:?} {secrets:#?}");
        for part in ["4111", "1111", "DOE", "4912", "2049", "201", "49, 12", "37"] {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
    }
}
