// SPDX-License-Identifier: MIT OR Apache-2.0
//! CHP: talks to a chip directly.

use super::{Command, Positions, WireError, blocks, wire};

/// Which coupler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coupler {
    Card,
    /// A security module, one to eight.
    Module(u8),
    Contactless,
}

/// What is done with the chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chip {
    PowerOff,
    /// Answers what the chip says when it is switched on.
    PowerOn,
    /// Answers what the chip answers.
    Exchange(Vec<u8>),
}

/// Talks to a chip.
#[derive(Debug)]
pub(crate) struct TalkToChip {
    pub(crate) coupler: Coupler,
    pub(crate) what: Chip,
}

impl Command for TalkToChip {
    type Answer = Vec<u8>;
    const ID: [u8; 3] = *b"CHP";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let coupler = match self.coupler {
            Coupler::Card => b'0',
            Coupler::Module(number @ 1..=8) => b'0' + number,
            Coupler::Module(_) => return Err(WireError::Malformed("slot")),
            Coupler::Contactless => b'9',
        };
        let (operation, bytes): (u8, &[u8]) = match &self.what {
            Chip::PowerOff => (b'0', &[]),
            Chip::PowerOn => (b'1', &[]),
            Chip::Exchange(bytes) => (b'2', bytes),
        };
        let mut content = vec![coupler, operation];
        content.extend(wire::digits(bytes.len() as u64, 3, "command of a chip")?);
        content.extend(wire::hex(bytes));
        blocks::block(&content)
    }

    fn read(&self, answer: &[u8]) -> Result<Vec<u8>, WireError> {
        if answer.is_empty() && self.what == Chip::PowerOff {
            return Ok(Vec::new());
        }
        let mut positions = Positions::of(blocks::only(answer)?, "answer of a chip");
        let length = usize::try_from(positions.number(3)?).unwrap_or(usize::MAX);
        let bytes = positions.unhex(length)?;
        positions.end()?;
        Ok(bytes)
    }
}
