// SPDX-License-Identifier: MIT OR Apache-2.0
//! CEX: waits for a key, a stripe, a chip or something contactless.

use super::{Command, Fields, Mask, WireError, Writer, seconds, shown, wire};
use std::time::Duration;

/// What of a chip is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chip {
    Ignored,
    Inserted,
    Removed,
}

/// Waits until one of these happens.
#[derive(Debug, Clone)]
pub(crate) struct CheckEvent {
    pub(crate) keys: bool,
    pub(crate) stripe: bool,
    pub(crate) chip: Chip,
    pub(crate) contactless: bool,
    /// Without it, as long as it takes.
    pub(crate) timeout: Option<Duration>,
    pub(crate) mask: Option<Mask>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Enter,
    Up,
    Down,
    /// One to four.
    Function(u8),
    Clear,
    Cancel,
    /// Tracks as they may be shown: cut after the service code, and masked if that was asked for.
    Swiped {
        track1: Option<String>,
        track2: Option<String>,
        track3: Option<String>,
    },
    ChipRemoved,
    ChipInserted,
    /// Nothing contactless came within the pinpad's own time.
    NothingTapped,
    Tapped,
}

impl Command for CheckEvent {
    type Answer = Event;
    const ID: [u8; 3] = *b"CEX";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let flag = |on| if on { b'1' } else { b'0' };
        let chip = match self.chip {
            Chip::Ignored => b'0',
            Chip::Inserted => b'1',
            Chip::Removed => b'2',
        };
        let options = [
            flag(self.keys),
            flag(self.stripe),
            chip,
            flag(self.contactless),
            b'0',
            b'0',
        ];
        let mut writer = Writer::default();
        writer.put(&wire::CEXOPT, &options)?;
        writer.put_some(&wire::TIMEOUT, self.timeout.map(seconds))?;
        writer.put_some(&wire::PANMASK, self.mask.map(Mask::digits).transpose()?)?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<Event, WireError> {
        let fields = Fields::read(answer)?;
        Ok(match fields.needed(&wire::EVENT)? {
            b"00" => Event::Enter,
            b"02" => Event::Up,
            b"03" => Event::Down,
            b"04" => Event::Function(1),
            b"05" => Event::Function(2),
            b"06" => Event::Function(3),
            b"07" => Event::Function(4),
            b"08" => Event::Clear,
            b"13" => Event::Cancel,
            b"90" => Event::Swiped {
                track1: fields
                    .text(&wire::TRK1INC)?
                    .map(|track| shown::track1(&track, self.mask)),
                track2: fields
                    .text(&wire::TRK2INC)?
                    .map(|track| shown::track2(&track, self.mask)),
                track3: fields
                    .text(&wire::TRK3INC)?
                    .map(|track| shown::track3(&track, self.mask)),
            },
            b"91" => Event::ChipRemoved,
            b"92" => Event::ChipInserted,
            b"93" => Event::NothingTapped,
            b"94" => Event::Tapped,
            _ => return Err(WireError::Malformed(wire::EVENT.name)),
        })
    }
}
