// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pinpad encrypted, as the record that a gateway opens.
//!
//! The plugin has no key: it passes ciphertext on. Must never accept a part whose key is not named.

use crate::commands::gtk::{Piece, Tracks};
use payhal_card_data::Expiry;
use payhal_card_data::dukpt::tdes::Ksn;
use payhal_card_data::pinpad_read::{ABECS_DUKPT_TDES_SCHEME, PinpadField, PinpadPart, PinpadRead};
use payhal_messages::card::Sealed;
use payhal_messages::reader::Sealing;
use payhal_plugin::PluginError;

/// What `identify` tells of it.
pub(crate) fn told(test_keys: bool) -> Sealing {
    Sealing {
        scheme: ABECS_DUKPT_TDES_SCHEME.to_owned(),
        software: false,
        test_keys,
    }
}

/// A PIN block, and the number of its key.
pub(crate) type EncryptedPin = ([u8; 8], [u8; 10]);

/// The parts that were handed out.
pub(crate) fn read_of(
    tracks: Tracks,
    pin: Option<EncryptedPin>,
    expiry: Option<Expiry>,
) -> Result<PinpadRead, PluginError> {
    let pin = pin.map(|(block, ksn)| Piece {
        text: block.to_vec(),
        ksn: Some(ksn),
    });
    let parts = [
        (PinpadPart::PinBlock, pin),
        (PinpadPart::Pan, tracks.pan),
        (PinpadPart::Track1, tracks.track1),
        (PinpadPart::Track2, tracks.track2),
    ];
    let mut fields = Vec::new();
    for (part, piece) in parts {
        let Some(piece) = piece else {
            continue;
        };
        let ksn = piece.ksn.ok_or_else(|| {
            unusable("the pinpad encrypted a part of the card under a key that it does not name")
        })?;
        fields.push(PinpadField {
            part,
            ksn: Ksn::new(ksn),
            ciphertext: piece.text,
        });
    }
    PinpadRead::new(fields, expiry)
        .filter(|read| read.ksn().is_some())
        .ok_or_else(|| unusable("the pinpad handed out neither number nor track 2"))
}

/// The read as messages carry it.
pub(crate) fn sealed(read: &PinpadRead, key_slot: &str) -> Sealed {
    let ksn = read.ksn();
    Sealed {
        scheme: ABECS_DUKPT_TDES_SCHEME.to_owned(),
        key_id: key_slot.to_owned(),
        ksn: ksn.map(|ksn| ksn.bytes().to_vec()).unwrap_or_default(),
        sender_key: Vec::new(),
        encapsulated_key: Vec::new(),
        ciphertext: read.encode(),
    }
}

/// The number apart, for a reversal.
pub(crate) fn number(read: &PinpadRead, key_slot: &str) -> Result<Sealed, PluginError> {
    let number = read.number().ok_or_else(|| {
        unusable(
            "the pinpad gave no card number and expiry apart, which this gateway's reversals need",
        )
    })?;
    Ok(sealed(&number, key_slot))
}

fn unusable(why: &str) -> PluginError {
    PluginError::not_sent(format!("seal the card: {why}"))
}
