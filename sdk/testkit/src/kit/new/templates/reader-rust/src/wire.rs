// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire protocol: lines of printable text, each with the number of the command it belongs to.
//!
//! It owns framing, numbers and waiting. What the words mean is in the files of the commands.

use payhal_plugin::{Context, PluginError, Port};
use std::time::Instant;

/// Longest line, its end included.
const LINE_BYTES_MAX: usize = 2048;

/// Most lines that are heard for one command.
const LINES_MAX: u32 = 64;

/// Whether a cancel ends a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cancel {
    /// Nothing irrevocable has happened: it does.
    Heeded,
    /// It is too late.
    Ignored,
}

#[derive(Debug)]
pub(crate) struct Wire {
    port: Port,
    /// Of the last command.
    number: u32,
    /// Of the command whose answers are heard.
    awaited: u32,
    pending: Vec<u8>,
    /// The line that is coming is too long.
    dropping: bool,
    lines_left: u32,
}

/// An answer, without its number.
#[derive(Debug)]
pub(crate) struct Line {
    text: String,
}

impl Line {
    /// Whether this is its first word.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.text.split(' ').next() == Some(name)
    }

    /// A word behind the first one, from 0.
    pub(crate) fn word(&self, place: usize) -> Option<&str> {
        self.text
            .split(' ')
            .nth(place + 1)
            .filter(|word| !word.is_empty())
    }

    /// Everything behind so many words and the first one.
    pub(crate) fn rest(&self, words: usize) -> &str {
        self.text
            .splitn(words + 2, ' ')
            .nth(words + 1)
            .unwrap_or("")
    }
}

impl Wire {
    pub(crate) fn new(port: Port) -> Self {
        Self {
            port,
            number: 0,
            awaited: 0,
            pending: Vec::new(),
            dropping: false,
            lines_left: 0,
        }
    }

    /// Sends a command.
    pub(crate) fn ask(&mut self, command: &str) -> Result<(), PluginError> {
        self.lines_left = LINES_MAX;
        self.write(command)?;
        self.awaited = self.number;
        Ok(())
    }

    /// Tells the device to leave off. Nobody waits for its answer to that: it is skipped.
    pub(crate) fn stop(&mut self) {
        // A device that is gone needs no stop.
        let _ = self.write("STOP");
    }

    fn write(&mut self, command: &str) -> std::io::Result<()> {
        self.number = self.number.wrapping_add(1);
        let line = format!("{} {command}\n", self.number);
        self.port.write(line.as_bytes())
    }

    /// The next line that answers the last command.
    pub(crate) fn hear(
        &mut self,
        until: Instant,
        cancel: Cancel,
        context: &Context,
    ) -> Result<Line, PluginError> {
        let until = until.min(context.deadline());
        loop {
            while let Some(line) = self.take_line() {
                if self.lines_left == 0 {
                    return Err(PluginError::maybe_sent(
                        "understand the device: it says too much",
                    ));
                }
                self.lines_left -= 1;
                // Noise, and late answers to commands that were given up, are skipped.
                if let Some(answer) = self.answer_in(&line) {
                    return Ok(answer);
                }
            }
            let mut bytes = [0; 256];
            let read = match cancel {
                Cancel::Heeded => context.read(&self.port, &mut bytes, until),
                Cancel::Ignored => self.port.read(&mut bytes, until).map_err(PluginError::from),
            };
            match read {
                Ok(0) => {
                    self.stop();
                    return Err(PluginError::maybe_sent(
                        "get an answer from the device in time",
                    ));
                }
                Ok(count) => self.pending.extend_from_slice(&bytes[..count]),
                Err(PluginError::Cancelled) => {
                    self.stop();
                    return Err(PluginError::Cancelled);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') else {
            if self.pending.len() >= LINE_BYTES_MAX {
                self.pending.clear();
                self.dropping = true;
            }
            return None;
        };
        let mut line: Vec<u8> = self.pending.drain(..=end).collect();
        if std::mem::take(&mut self.dropping) || line.len() > LINE_BYTES_MAX {
            line.clear();
        }
        Some(line)
    }

    fn answer_in(&self, line: &[u8]) -> Option<Line> {
        let text = std::str::from_utf8(line)
            .ok()?
            .trim_end_matches(['\r', '\n']);
        let (number, text) = text.split_once(' ')?;
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (printable && number.parse() == Ok(self.awaited)).then(|| Line {
            text: text.to_owned(),
        })
    }
}
