// SPDX-License-Identifier: MIT OR Apache-2.0
//! CLX: ends the session and leaves something on the display; and CLO, its older form.

use super::{Command, WireError, Writer, blocks, wire};

/// What stays on the display.
#[derive(Debug)]
pub(crate) enum Farewell {
    /// The pinpad's own choice.
    Plain,
    /// Text; a line end starts a new line.
    Text(String),
    /// A file that was loaded before.
    File(String),
}

/// Ends the session.
#[derive(Debug)]
pub(crate) struct Close {
    pub(crate) farewell: Farewell,
}

impl Command for Close {
    type Answer = ();
    const ID: [u8; 3] = *b"CLX";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        let mut writer = Writer::default();
        match &self.farewell {
            Farewell::Plain => {}
            Farewell::Text(text) => {
                writer.put(&wire::DSPMSG, &wire::latin(text))?;
            }
            Farewell::File(name) => {
                writer.put(&wire::MFNAME_IN, name.as_bytes())?;
            }
        }
        writer.finish()
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}

/// Ends the session with up to two lines of sixteen.
#[derive(Debug)]
pub(crate) struct CloseOld {
    pub(crate) text: String,
}

impl Command for CloseOld {
    type Answer = ();
    const ID: [u8; 3] = *b"CLO";
    const STANDS_ALONE: bool = false;

    fn blocks(&self) -> Result<Vec<u8>, WireError> {
        blocks::block(&wire::padded(&self.text, 32, "text")?)
    }

    fn read(&self, answer: &[u8]) -> Result<(), WireError> {
        blocks::nothing(answer)
    }
}
