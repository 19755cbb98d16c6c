// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-recording 1`: what went over the ports of an instance, without the card data in it.
//!
//! A recording is lines of JSON: a [`Head`], then an [`Entry`] for each piece that was read. Owns
//! that format and the [`Scrubber`], through which each byte goes before it is written down. The
//! scrubber must never let out a byte that card data may still continue into: it holds back the
//! newest bytes of each direction, and what it cannot judge any more becomes zeros.

use crate::card_bytes::{self, TextWatch};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use zeroize::{Zeroize, Zeroizing};

/// The version of the format.
pub const VERSION: u32 = 1;

/// Bytes of one direction that must follow before an earlier one is judged, and that are looked at
/// before it. A track 1 has 79 characters (ISO/IEC 7813), and 158 in UTF-16.
pub const WINDOW_BYTES: usize = 256;

/// Bytes of one port that wait for judgement at most. One direction may be silent while the other
/// talks; what waits longest is then hidden whole.
pub const HELD_BYTES_MAX: usize = 64 * 1024;

/// How many bytes come before it is looked again what can be judged.
const SETTLE_BYTES: usize = 256;

/// Stands for a hidden byte: in no notation a digit, nor a character.
const HIDDEN: u8 = 0xFF;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`VERSION`].
    pub recording: u32,
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The instance that was recorded.
    pub instance: String,
}

/// Who sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The plugin wrote it.
    Plugin,
    /// The device sent it.
    Device,
}

/// One piece, as it was read at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the recording began.
    pub at_us: u64,
    /// The port's name in the manifest.
    pub port: String,
    /// Who sent it.
    pub from: Side,
    /// What was sent, with zeros for what was scrubbed.
    #[serde(rename = "hex", with = "hex")]
    pub bytes: Vec<u8>,
    /// What was scrubbed: offset and length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrubbed: Vec<(usize, usize)>,
}

impl Entry {
    /// The entry as a line of a recording, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an entry has no value that JSON lacks")
    }

    /// Whether the byte at this place was scrubbed.
    pub fn is_scrubbed(&self, at: usize) -> bool {
        self.scrubbed
            .iter()
            .any(|(offset, length)| (*offset..offset.saturating_add(*length)).contains(&at))
    }
}

/// A whole recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What was recorded.
    pub head: Head,
    /// What was sent, in order of time.
    pub entries: Vec<Entry>,
}

/// Why a text is no recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read line {line} of a recording: {why}")]
pub struct Unreadable {
    line: usize,
    why: &'static str,
}

impl FromStr for Recording {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let unreadable = |line, why| Unreadable { line, why };
        let mut lines = text.lines().enumerate();
        let head = lines
            .next()
            .and_then(|(_, line)| serde_json::from_str(line).ok());
        let head: Head = head.ok_or(unreadable(1, "it names no version, plugin and instance"))?;
        if head.recording != VERSION {
            return Err(unreadable(1, "it is of another version than 1"));
        }
        let mut entries = Vec::new();
        for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let entry = serde_json::from_str(line);
            entries.push(entry.map_err(|_| unreadable(at + 1, "it is no entry"))?);
        }
        // Each port holds back its own.
        entries.sort_by_key(|entry: &Entry| entry.at_us);
        Ok(Self { head, entries })
    }
}

impl Recording {
    /// Places that hold card data still: entry, counted from 0, and offset.
    pub fn card_data(&self) -> Vec<(usize, usize)> {
        let mut ports: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.port.as_str())
            .collect();
        ports.sort_unstable();
        ports.dedup();
        let mut places = Vec::new();
        for port in ports {
            let of_port = || {
                let entries = self.entries.iter().enumerate();
                entries.filter(|(_, entry)| entry.port == port)
            };
            let mut scrubber = Scrubber::new(port);
            let mut again = Vec::new();
            for (_, entry) in of_port() {
                again.extend(scrubber.take(entry.clone()));
            }
            again.extend(scrubber.finish());
            for ((at, entry), again) in of_port().zip(again) {
                let fresh = |place: &usize| again.is_scrubbed(*place) && !entry.is_scrubbed(*place);
                places.extend((0..entry.bytes.len()).find(fresh).map(|place| (at, place)));
            }
        }
        places.sort_unstable();
        places
    }
}

/// Takes what goes over one port, and gives it back without card data, some bytes later.
#[derive(Debug)]
pub struct Scrubber {
    port: String,
    held: Vec<Held>,
    watches: [TextWatch; 2],
    binary: bool,
    /// Bytes that came since it was last looked what can be judged.
    fresh: usize,
}

/// A piece that waits, or that was given back and is context for those that wait.
#[derive(Debug)]
struct Held {
    at_us: u64,
    from: Side,
    bytes: Zeroizing<Vec<u8>>,
    hidden: Vec<bool>,
    settled: bool,
}

impl Scrubber {
    /// A scrubber for the port of this name.
    pub fn new(port: &str) -> Self {
        Self {
            port: port.to_owned(),
            held: Vec::new(),
            watches: Default::default(),
            binary: false,
            fresh: 0,
        }
    }

    /// Takes a piece; gives back those that can be judged now, in order.
    #[must_use]
    pub fn take(&mut self, mut piece: Entry) -> Vec<Entry> {
        let bytes = Zeroizing::new(std::mem::take(&mut piece.bytes));
        let hidden: Vec<bool> = (0..bytes.len()).map(|at| piece.is_scrubbed(at)).collect();
        let watch = &mut self.watches[piece.from as usize];
        for (byte, hidden) in bytes.iter().zip(&hidden) {
            self.binary |= !*hidden && !watch.take(*byte);
        }
        self.fresh += bytes.len();
        self.held.push(Held {
            at_us: piece.at_us,
            from: piece.from,
            bytes,
            hidden,
            settled: false,
        });
        if self.fresh < SETTLE_BYTES {
            return Vec::new();
        }
        self.settle(false)
    }

    /// Gives back the rest. Nothing follows it.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Entry> {
        let rest = self.settle(true);
        self.held.clear();
        rest
    }

    fn settle(&mut self, all: bool) -> Vec<Entry> {
        self.fresh = 0;
        self.hide_in(|_| true);
        self.hide_in(|from| from == Side::Plugin);
        self.hide_in(|from| from == Side::Device);
        let mut given = Vec::new();
        let mut waiting: usize = self.waiting().map(|held| held.bytes.len()).sum();
        for at in 0..self.held.len() {
            if self.held[at].settled {
                continue;
            }
            if !all && self.following(at) < WINDOW_BYTES {
                if waiting <= HELD_BYTES_MAX {
                    break;
                }
                self.held[at].hidden.fill(true);
            }
            waiting -= self.held[at].bytes.len();
            self.held[at].settled = true;
            given.push(self.held[at].entry(&self.port));
        }
        self.forget();
        given
    }

    fn waiting(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| !held.settled)
    }

    /// Bytes of the same direction that came after a piece.
    fn following(&self, at: usize) -> usize {
        let from = self.held[at].from;
        let later = self.held[at + 1..].iter().filter(|held| held.from == from);
        later.map(|held| held.bytes.len()).sum()
    }

    /// Looks at the pieces of the sides that count, as if they were one.
    fn hide_in(&mut self, counts: impl Fn(Side) -> bool) {
        let mut all = Zeroizing::new(Vec::new());
        let mut places = Vec::new();
        for (piece, held) in self.held.iter().enumerate() {
            if counts(held.from) {
                for (at, (byte, hidden)) in held.bytes.iter().zip(&held.hidden).enumerate() {
                    all.push(if *hidden { HIDDEN } else { *byte });
                    places.push((piece, at));
                }
            }
        }
        for range in card_bytes::find(&all, !self.binary) {
            for (piece, at) in &places[range] {
                self.held[*piece].hidden[*at] = true;
            }
        }
    }

    /// Drops pieces that are given back and no context any more.
    fn forget(&mut self) {
        let mut after = [0; 2];
        let mut keep = vec![true; self.held.len()];
        for (at, held) in self.held.iter().enumerate().rev() {
            let after = &mut after[held.from as usize];
            if held.settled {
                keep[at] = *after < WINDOW_BYTES;
                *after += held.bytes.len();
            }
        }
        let mut keep = keep.into_iter();
        self.held.retain(|_| keep.next().unwrap_or(true));
    }
}

impl Held {
    fn entry(&self, port: &str) -> Entry {
        let mut bytes = self.bytes.to_vec();
        let mut scrubbed = Vec::new();
        let mut at = 0;
        for run in self.hidden.chunk_by(|a, b| a == b) {
            if run[0] {
                bytes[at..at + run.len()].zeroize();
                scrubbed.push((at, run.len()));
            }
            at += run.len();
        }
        Entry {
            at_us: self.at_us,
            port: port.to_owned(),
            from: self.from,
            bytes,
            scrubbed,
        }
    }
}

/// Bytes as hexadecimal digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
        let text = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]);
        serializer.serialize_str(&text.collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match *pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            })
            .collect();
        bytes.ok_or_else(|| D::Error::custom("not pairs of hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests;
