// SPDX-License-Identifier: MIT OR Apache-2.0
//! GKY: waits for a key.

use super::{Command, Reply, Status, WireError, blocks};

/// Waits for a key.
#[derive(Debug)]
pub(crate) struct WaitForKey;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pressed {
    Enter,
    /// One to four.
    Function(u8),
    Clear,
    Cancel,
}

impl Command for WaitForKey {
    type Answer = Pressed;
    const ID: [u8; 3] = *b"GKY";
    const WAITS: bool = true;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        Ok(Vec::new())
    }

    fn read(&self, answer: &[u8]) -> Result<Pressed, WireError> {
        blocks::nothing(answer).map(|()| Pressed::Enter)
    }

    /// The status is the key.
    fn settle(&self, reply: &Reply<'_>) -> Result<Result<Pressed, Status>, WireError> {
        Ok(Ok(match reply.status {
            Status::OK => self.read(reply.blocks)?,
            Status::F1 => Pressed::Function(1),
            Status::F2 => Pressed::Function(2),
            Status::F3 => Pressed::Function(3),
            Status::F4 => Pressed::Function(4),
            Status::BACKSP => Pressed::Clear,
            Status::CANCEL => Pressed::Cancel,
            other => return Ok(Err(other)),
        }))
    }
}
