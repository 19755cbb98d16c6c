// SPDX-License-Identifier: MIT OR Apache-2.0
//! GCD: asks the card holder for digits, with one of the pinpad's own questions.

use super::{Command, Fields, WireError, Writer, seconds, wire};
use std::time::Duration;

/// Asks for digits. The questions are fixed in the pinpad, so that nobody can ask for a PIN here.
#[derive(Debug)]
pub(crate) struct AskDigits {
    /// Which question.
    pub(crate) question: u16,
    pub(crate) least: u8,
    pub(crate) most: u8,
    pub(crate) timeout: Option<Duration>,
}

impl Command for AskDigits {
    type Answer = String;
    const ID: [u8; 3] = *b"GCD";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        if self.most > 32 || self.least > self.most {
            return Err(WireError::TooLong(wire::MAXDIG.name));
        }
        let mut writer = Writer::default();
        writer
            .put(&wire::MSGIDX, &self.question.to_be_bytes())?
            .put(&wire::MINDIG, &[self.least])?
            .put(&wire::MAXDIG, &[self.most])?
            .put_some(&wire::TIMEOUT, self.timeout.map(seconds))?;
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<String, WireError> {
        let fields = Fields::read(answer)?;
        let value = fields.needed(&wire::VALUE)?;
        let fits = (usize::from(self.least)..=usize::from(self.most)).contains(&value.len());
        match fits {
            true => Ok(wire::from_latin(value)),
            false => Err(WireError::Malformed(wire::VALUE.name)),
        }
    }
}
