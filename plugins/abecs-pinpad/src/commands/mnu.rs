// SPDX-License-Identifier: MIT OR Apache-2.0
//! MNU: lets the card holder choose.

use super::{Command, Fields, WireError, Writer, seconds, wire};
use std::time::Duration;

/// Most options of one menu.
const OPTIONS_MAX: usize = 24;

/// Shows a menu.
#[derive(Debug)]
pub(crate) struct Menu {
    pub(crate) title: Option<String>,
    pub(crate) options: Vec<String>,
    pub(crate) timeout: Option<Duration>,
}

impl Command for Menu {
    /// Which option, from zero.
    type Answer = usize;
    const ID: [u8; 3] = *b"MNU";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        if self.options.is_empty() || self.options.len() > OPTIONS_MAX {
            return Err(WireError::TooLong(wire::MNUOPT.name));
        }
        let mut writer = Writer::default();
        writer.put_some(&wire::TIMEOUT, self.timeout.map(seconds))?;
        writer.put_some(&wire::DSPMSG, self.title.as_deref().map(wire::latin))?;
        for option in &self.options {
            writer.put(&wire::MNUOPT, &wire::latin(option))?;
        }
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<usize, WireError> {
        let malformed = WireError::Malformed(wire::VALUE.name);
        let fields = Fields::read(answer)?;
        let chosen = wire::number(fields.needed(&wire::VALUE)?, wire::VALUE.name)?;
        let chosen = usize::try_from(chosen).map_err(|_| malformed.clone())?;
        match (1..=self.options.len()).contains(&chosen) {
            true => Ok(chosen - 1),
            false => Err(malformed),
        }
    }
}
