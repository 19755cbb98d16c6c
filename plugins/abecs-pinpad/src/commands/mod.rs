// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands: each a request that becomes bytes, and an answer that is read from bytes.
//!
//! Owns what all of them share. Must never reach the line: the session sends and receives.

use super::blocks::{self, Fields, Positions, Reply, Writer};
use super::limits::BLOCK_MAX;
use super::shown;
use super::status::Status;
use super::wire::{self, WireError};

pub(crate) mod cex;
pub(crate) mod chp;
pub(crate) mod clx;
pub(crate) mod dex;
pub(crate) mod dsp;
pub(crate) mod ebx;
pub(crate) mod fcx;
pub(crate) mod gcd;
pub(crate) mod gcx;
pub(crate) mod ged;
pub(crate) mod gix;
pub(crate) mod gky;
pub(crate) mod gox;
pub(crate) mod gpn;
pub(crate) mod gtk;
pub(crate) mod gts;
pub(crate) mod mnu;
pub(crate) mod opn;
pub(crate) mod rmc;
pub(crate) mod tables;

/// One command of the protocol.
pub(crate) trait Command {
    /// What comes back when it was done.
    type Answer;

    /// Its three letters.
    const ID: [u8; 3];
    /// Whether it waits for a person or a card, without a limit that the wire knows.
    const WAITS: bool = false;
    /// Whether it means the same in a session that has just been opened, so that it may be sent
    /// again.
    const STANDS_ALONE: bool = true;

    /// What follows the letters.
    fn blocks(&self) -> Result<Vec<u8>, WireError>;

    /// Reads the blocks of an answer that is "done".
    fn read(&self, blocks: &[u8]) -> Result<Self::Answer, WireError>;

    /// Reads an answer: done, or the status that says why not.
    fn settle(&self, reply: &Reply<'_>) -> Result<Result<Self::Answer, Status>, WireError> {
        match reply.status.is_ok() {
            true => self.read(reply.blocks).map(Ok),
            false => Ok(Err(reply.status)),
        }
    }
}

/// The slot of a key, 00 to 99.
pub(crate) type Slot = u8;

/// How many digits of a card number stay readable, from the left and from the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) left: u8,
    pub(crate) right: u8,
}

impl Mask {
    /// What payhal shows everywhere.
    pub(crate) const USUAL: Self = Self { left: 6, right: 4 };

    fn digits(self) -> Result<Vec<u8>, WireError> {
        let mut digits = wire::digits(self.left.into(), 2, wire::PANMASK.name)?;
        digits.extend(wire::digits(self.right.into(), 2, wire::PANMASK.name)?);
        Ok(digits)
    }
}

/// Under which key the pinpad encrypts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// A working key, encrypted under the master key in a slot.
    Working { slot: Slot, encrypted: [u8; 16] },
    /// One key for each transaction, derived from the one in a slot.
    Dukpt { slot: Slot },
}

impl Key {
    fn slot(&self) -> Slot {
        match self {
            Self::Working { slot, .. } | Self::Dukpt { slot } => *slot,
        }
    }

    fn write_slot(&self, writer: &mut Writer) -> Result<(), WireError> {
        let slot = wire::digits(self.slot().into(), 2, wire::KEYIDX.name)?;
        writer.put(&wire::KEYIDX, &slot)?;
        if let Self::Working { encrypted, .. } = self {
            writer.put(&wire::WKENC, encrypted)?;
        }
        Ok(())
    }

    /// Method and slot for a PIN.
    fn write_for_pin(&self, writer: &mut Writer) -> Result<(), WireError> {
        writer.put(&wire::MTHDPIN, &[self.pin_method()])?;
        self.write_slot(writer)
    }

    fn pin_method(&self) -> u8 {
        match self {
            Self::Working { .. } => b'1',
            Self::Dukpt { .. } => b'3',
        }
    }

    /// Method and slot for anything else.
    fn write_for_text(&self, chaining: Chaining, writer: &mut Writer) -> Result<(), WireError> {
        let method: &[u8; 2] = match (self, chaining) {
            (Self::Working { .. }, Chaining::Ecb) => b"10",
            (Self::Working { .. }, Chaining::Cbc { .. }) => b"11",
            (Self::Dukpt { .. }, Chaining::Ecb) => b"50",
            (Self::Dukpt { .. }, Chaining::Cbc { .. }) => b"51",
        };
        writer.put(&wire::MTHDDAT, method)?;
        self.write_slot(writer)?;
        if let Chaining::Cbc { iv: Some(iv) } = chaining {
            writer.put(&wire::IVCBC, &iv)?;
        }
        Ok(())
    }
}

/// How blocks of one text hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chaining {
    /// Each by itself.
    Ecb,
    /// Each over the one before; without `iv`, from zeros.
    Cbc { iv: Option<[u8; 8]> },
}

/// A calendar day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// The last two digits.
    pub(crate) year: u8,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Day {
    fn digits(self) -> Result<Vec<u8>, WireError> {
        three_pairs([self.year, self.month, self.day], wire::TRNDATE.name)
    }

    fn read(value: &[u8], name: &'static str) -> Result<Self, WireError> {
        let mut positions = Positions::of(value, name);
        let mut pair = || {
            positions
                .number(2)
                .map(|pair| u8::try_from(pair).unwrap_or(0))
        };
        Ok(Self {
            year: pair()?,
            month: pair()?,
            day: pair()?,
        })
    }
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

impl Time {
    fn digits(self) -> Result<Vec<u8>, WireError> {
        three_pairs([self.hour, self.minute, self.second], wire::TRNTIME.name)
    }
}

fn three_pairs(pairs: [u8; 3], name: &'static str) -> Result<Vec<u8>, WireError> {
    let each = pairs.map(|pair| wire::digits(pair.into(), 2, name));
    each.into_iter()
        .collect::<Result<Vec<_>, _>>()
        .map(|pairs| pairs.concat())
}

/// Seconds of doing nothing; longer than a byte means as long as there is.
fn seconds(timeout: std::time::Duration) -> [u8; 1] {
    let whole = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
    [u8::try_from(whole).unwrap_or(u8::MAX)]
}

fn amount(minor: u64, field: &wire::Field) -> Result<Vec<u8>, WireError> {
    wire::digits(minor, 12, field.name)
}
