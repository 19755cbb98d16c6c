// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated device without I/O and without a clock, and the ways to run one.
//!
//! It is run in real time on a line or a port of its own ([`Place::Pty`], [`Place::Listen`]), or on
//! the time that the check names ([`Place::Lines`]). A device must never read a clock itself.

mod lines;
mod place;
mod play;
mod ways;

pub use place::{Place, PlaceArgs};

use std::process::ExitCode;

/// Which connection. A line has only 0.
pub type Way = usize;

/// Bytes that a device says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// On which connection.
    pub way: Way,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Microseconds from now until they are on the line.
    pub after_us: u64,
}

/// What a device does at once.
#[derive(Clone, Debug, Default)]
pub struct Out {
    /// What it says, in order.
    pub said: Vec<Said>,
    /// Connections that it ends, after what it says.
    pub hung_up: Vec<Way>,
    /// What whoever plays the device sees of it: a line each. Never card data.
    pub shown: Vec<String>,
}

impl Out {
    /// Says this at once.
    pub fn say(&mut self, way: Way, bytes: impl Into<Vec<u8>>) {
        self.say_after(way, bytes, 0);
    }

    /// Says this in so many microseconds.
    pub fn say_after(&mut self, way: Way, bytes: impl Into<Vec<u8>>, after_us: u64) {
        let bytes = bytes.into();
        self.said.push(Said {
            way,
            bytes,
            after_us,
        });
    }

    /// Ends this connection, once everything was said.
    pub fn hang_up(&mut self, way: Way) {
        self.hung_up.push(way);
    }

    /// Shows this to whoever plays the device.
    pub fn show(&mut self, line: impl Into<String>) {
        self.shown.push(line.into());
    }
}

/// What a device did, in order, for proofs.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Booked {
    /// A payment that ended at the terminal.
    Payment(Money),
    /// Money back that ended at the terminal.
    Credit(Money),
    /// A reversal that ended at the terminal.
    Reversal(Money),
    /// A read that a reader handed out: hex of each ciphertext.
    Read {
        /// Hex of each ciphertext.
        parts: Vec<String>,
    },
    /// The card's last word.
    Completed {
        /// Whether it accepted the approval.
        accepted: bool,
    },
}

/// One transaction of a terminal.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Money {
    /// Minor units that moved, or were asked for where none moved.
    pub minor: i64,
    /// Whether money moved.
    pub approved: bool,
    /// What the till sent as its reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// A simulated device. Microseconds start anywhere and never go back.
pub trait Simulator {
    /// Somebody connected. Not on a line, which is there from the beginning.
    fn opened(&mut self, way: Way, now_us: u64, out: &mut Out) {
        let _ = (way, now_us, out);
    }

    /// Bytes came: any piece of a frame, or several.
    fn hear(&mut self, way: Way, bytes: &[u8], now_us: u64, out: &mut Out);

    /// A connection has ended.
    fn closed(&mut self, way: Way, now_us: u64, out: &mut Out) {
        let _ = (way, now_us, out);
    }

    /// Somebody acts, in words.
    ///
    /// # Errors
    ///
    /// A sentence for who typed it.
    fn act(&mut self, words: &str, now_us: u64, out: &mut Out) -> Result<(), String>;

    /// The time it named has come.
    fn due(&mut self, now_us: u64, out: &mut Out);

    /// When it wants to act by itself.
    fn next_us(&self) -> Option<u64>;

    /// What it did so far.
    fn books(&self) -> Vec<Booked>;

    /// The words of [`Simulator::act`], each with a sentence.
    fn words(&self) -> Vec<(&'static str, &'static str)>;
}

/// Why a device cannot be played. The sentence has no full stop.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}{}", source.as_ref().map(|source| format!(": {source}")).unwrap_or_default())]
pub struct Unplayable {
    doing: String,
    source: Option<std::io::Error>,
}

impl Unplayable {
    fn new(doing: impl Into<String>) -> Self {
        Self {
            doing: doing.into(),
            source: None,
        }
    }

    fn of(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self {
            doing: doing.into(),
            source: Some(source),
        }
    }
}

/// Runs a device until somebody types `quit`, or nobody speaks JSON lines any more.
///
/// # Errors
///
/// [`Unplayable`].
pub fn run(
    name: &str,
    simulator: Box<dyn Simulator>,
    place: &Place,
) -> Result<ExitCode, Unplayable> {
    match place {
        Place::Lines => lines::run(simulator),
        Place::Pty(path) => play::run(name, simulator, |events| ways::terminal(path, events)),
        Place::Listen(address) => {
            play::run(name, simulator, |events| ways::listener(*address, events))
        }
    }
}

/// The whole of a simulator's program: does what `--act` says, runs, and tells why it could not.
#[must_use]
pub fn main(
    program: &str,
    name: &str,
    mut simulator: Box<dyn Simulator>,
    args: &PlaceArgs,
) -> ExitCode {
    let mut out = Out::default();
    for words in &args.acts {
        if let Err(why) = simulator.act(words, 0, &mut out) {
            tell(program, &format!("failed to do `{words}`: {why}"));
            return ExitCode::from(2);
        }
    }
    run(name, simulator, &args.place()).unwrap_or_else(|why| {
        tell(program, &why.to_string());
        ExitCode::FAILURE
    })
}

fn tell(program: &str, why: &str) {
    use std::io::Write as _;
    // Nobody is left to hear that nobody listens.
    let _gone = writeln!(std::io::stderr().lock(), "{program}: {why}");
}

#[cfg(test)]
mod tests;
