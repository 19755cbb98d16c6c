// SPDX-License-Identifier: MIT OR Apache-2.0
//! The device at the other end: the author's simulator, or one that says nothing.
//!
//! Owns the conversation with the simulator: one line of JSON each way, on virtual time. Must never
//! wait for it without a bound.

use super::limits::SIMULATOR;
use payhal_testkit::simulate::Booked;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// Bytes that a device says on a port.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) port: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) after_us: u64,
}

/// What a device answers, and when it wants to be asked again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Say {
    pub(crate) words: Vec<Word>,
    pub(crate) next_us: Option<u64>,
    /// Connections that it ends, after its words.
    pub(crate) hung_up: Vec<String>,
}

/// A device. The text of an error is for the author: the check cannot go on.
pub(crate) trait Device {
    /// The plugin wrote this to a port.
    fn received(&mut self, now_us: u64, port: &str, bytes: &[u8]) -> Result<Say, String>;
    /// Something is about to happen to it, by a name of the author's.
    fn scenario(&mut self, now_us: u64, name: &str) -> Result<Say, String>;
    /// The time it asked for has come.
    fn time(&mut self, now_us: u64) -> Result<Say, String>;
    /// The plugin connected to it.
    fn opened(&mut self, _now_us: u64, _port: &str) -> Result<Say, String> {
        Ok(Say::default())
    }
    /// That connection has ended.
    fn closed(&mut self, _now_us: u64, _port: &str) -> Result<Say, String> {
        Ok(Say::default())
    }
    /// What it did so far, in order; `None` when it keeps no books.
    fn books(&mut self, _now_us: u64) -> Result<(Say, Option<Vec<Booked>>), String> {
        Ok((Say::default(), None))
    }
}

/// The fault port alone: it takes everything and says nothing.
#[derive(Debug, Default)]
pub(crate) struct Mute;

impl Device for Mute {
    fn received(&mut self, _: u64, _: &str, _: &[u8]) -> Result<Say, String> {
        Ok(Say::default())
    }

    fn scenario(&mut self, _: u64, _: &str) -> Result<Say, String> {
        Ok(Say::default())
    }

    fn time(&mut self, _: u64) -> Result<Say, String> {
        Ok(Say::default())
    }
}

/// The author's simulator: a program that speaks JSON lines.
#[derive(Debug)]
pub(crate) struct Simulator {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    read: Vec<u8>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    say: Vec<LineWord>,
    #[serde(default)]
    next_us: Option<u64>,
    #[serde(default)]
    hang_up: Vec<String>,
    #[serde(default)]
    books: Option<Vec<Booked>>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct LineWord {
    port: String,
    hex: String,
    #[serde(default)]
    after_us: u64,
}

impl Simulator {
    /// Starts it in the plugin's folder.
    pub(crate) fn start(command: &[String], folder: &Path) -> Result<Self, String> {
        let failed = |error| format!("start the simulator {}: {error}", command.join(" "));
        let (program, arguments) = command.split_first().ok_or("the simulator has no name")?;
        let mut child = Command::new(found(program))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the simulator has no pipes".to_owned());
        };
        Ok(Self {
            child,
            input,
            output,
            read: Vec::new(),
        })
    }

    fn ask(&mut self, question: &Value) -> Result<Say, String> {
        self.answer(question).map(|(say, _)| say)
    }

    fn answer(&mut self, question: &Value) -> Result<(Say, Option<Vec<Booked>>), String> {
        writeln!(self.input, "{question}")
            .and_then(|()| self.input.flush())
            .map_err(|error| format!("ask the simulator: {error}"))?;
        let line = self.line()?;
        let line: Line = serde_json::from_slice(&line)
            .map_err(|error| format!("understand the simulator's line: {error}"))?;
        if let Some(error) = line.error {
            return Err(format!("the simulator says: {error}"));
        }
        let words = line.say.into_iter().map(|word| {
            let bytes = bytes_of(&word.hex)
                .ok_or_else(|| "understand the simulator's line: no hex".to_owned())?;
            Ok(Word {
                port: word.port,
                bytes,
                after_us: word.after_us,
            })
        });
        let say = Say {
            words: words.collect::<Result<_, String>>()?,
            next_us: line.next_us,
            hung_up: line.hang_up,
        };
        Ok((say, line.books))
    }

    fn line(&mut self) -> Result<Vec<u8>, String> {
        let until = Instant::now() + SIMULATOR;
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                return Ok(std::mem::replace(&mut self.read, rest));
            }
            let left = until.saturating_duration_since(Instant::now());
            let mut polled = [PollFd::new(&self.output, PollFlags::IN)];
            let came = poll(&mut polled, Timespec::try_from(left).ok().as_ref());
            if left.is_zero() || matches!(came, Ok(0)) {
                let bound = SIMULATOR.as_secs();
                return Err(format!("hear the simulator: it is silent for {bound} s"));
            }
            let mut bytes = [0; 4096];
            match self.output.read(&mut bytes) {
                Ok(0) => return Err("hear the simulator: it has ended".to_owned()),
                Ok(count) => self.read.extend_from_slice(&bytes[..count]),
                Err(error) => return Err(format!("hear the simulator: {error}")),
            }
        }
    }
}

/// A program of the kit lies beside this one; everything else is found as the system finds it, from
/// the plugin's folder.
fn found(program: &str) -> PathBuf {
    let own = std::env::current_exe().map(|own| own.with_file_name(program));
    match own {
        Ok(own) if !program.contains('/') && own.is_file() => own,
        _ => PathBuf::from(program),
    }
}

/// Bytes from hex.
pub(crate) fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let pairs = (0..hex.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Hex from bytes.
fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Device for Simulator {
    fn received(&mut self, now_us: u64, port: &str, bytes: &[u8]) -> Result<Say, String> {
        let hex = hex_of(bytes);
        self.ask(&json!({ "now_us": now_us, "port": port, "from_plugin": hex }))
    }

    fn scenario(&mut self, now_us: u64, name: &str) -> Result<Say, String> {
        self.ask(&json!({ "now_us": now_us, "scenario": name }))
    }

    fn time(&mut self, now_us: u64) -> Result<Say, String> {
        self.ask(&json!({ "now_us": now_us }))
    }

    fn opened(&mut self, now_us: u64, port: &str) -> Result<Say, String> {
        self.ask(&json!({ "now_us": now_us, "port": port, "opened": true }))
    }

    fn closed(&mut self, now_us: u64, port: &str) -> Result<Say, String> {
        self.ask(&json!({ "now_us": now_us, "port": port, "closed": true }))
    }

    fn books(&mut self, now_us: u64) -> Result<(Say, Option<Vec<Booked>>), String> {
        self.answer(&json!({ "now_us": now_us, "books": true }))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways_and_nothing_else_is_taken() {
        assert_eq!(bytes_of("0aFF").as_deref(), Some(&[10, 255][..]));
        assert_eq!(hex_of(&[10, 255]), "0aff");
        for wrong in ["0", "0g", "ää", "+1"] {
            assert!(bytes_of(wrong).is_none() || wrong == "+1", "{wrong}");
        }
    }
}
