// SPDX-License-Identifier: MIT OR Apache-2.0
//! GTK: hands out the tracks and the number of the card that was read, encrypted.
//!
//! The protocol has a form in the clear; there is none here.

use super::{Chaining, Command, Fields, Key, WireError, Writer, wire};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) pan: bool,
    pub(crate) track1: bool,
    pub(crate) track2: bool,
    pub(crate) track3: bool,
}

/// Asks for tracks, once for each card.
pub(crate) struct TakeTracks {
    pub(crate) wanted: Wanted,
    pub(crate) key: Key,
    pub(crate) chaining: Chaining,
    /// How many symbols at the beginning stay in the clear: an even number up to 8.
    pub(crate) open_digits: u8,
}

/// One thing encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: Vec<u8>,
    /// Which key it was, with DUKPT: each piece has its own.
    pub(crate) ksn: Option<[u8; 10]>,
}

/// What the card had of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracks {
    pub(crate) pan: Option<Piece>,
    pub(crate) track1: Option<Piece>,
    pub(crate) track2: Option<Piece>,
    pub(crate) track3: Option<Piece>,
}

impl TakeTracks {
    fn piece(
        &self,
        fields: &Fields<'_>,
        text: &wire::Field,
        ksn: &wire::Field,
    ) -> Result<Option<Piece>, WireError> {
        let Some(bytes) = fields.bytes(text)? else {
            return Ok(None);
        };
        let is_dukpt = matches!(self.key, Key::Dukpt { .. });
        let ksn_found = fields.array(ksn)?;
        if is_dukpt && ksn_found.is_none() {
            return Err(WireError::Missing(ksn.name));
        }
        // What is not whole cipher blocks was not encrypted.
        if self.open_digits == 0 && !bytes.len().is_multiple_of(8) {
            return Err(WireError::Malformed(text.name));
        }
        Ok(Some(Piece {
            text: bytes,
            ksn: ksn_found,
        }))
    }
}

impl Command for TakeTracks {
    type Answer = Tracks;
    const ID: [u8; 3] = *b"GTK";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        if self.open_digits > 8 || !self.open_digits.is_multiple_of(2) {
            return Err(WireError::Malformed(wire::OPNDIG.name));
        }
        let flag = |on| if on { b'1' } else { b'0' };
        let Wanted {
            pan,
            track1,
            track2,
            track3,
        } = self.wanted;
        let mut writer = Writer::default();
        writer.put(&wire::TRACKS, &[pan, track1, track2, track3].map(flag))?;
        self.key.write_for_text(self.chaining, &mut writer)?;
        if self.open_digits > 0 {
            writer.put(&wire::OPNDIG, &[b'0' + self.open_digits])?;
        }
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<Tracks, WireError> {
        let fields = Fields::read(answer)?;
        Ok(Tracks {
            pan: self.piece(&fields, &wire::ENCPAN, &wire::ENCPANKSN)?,
            track1: self.piece(&fields, &wire::TRACK1, &wire::TRK1KSN)?,
            track2: self.piece(&fields, &wire::TRACK2, &wire::TRK2KSN)?,
            track3: self.piece(&fields, &wire::TRACK3, &wire::TRK3KSN)?,
        })
    }
}
