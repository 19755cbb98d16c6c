// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replays what a real device said, as a port of a [`Bench`], on its virtual time.
//!
//! Owns the order: what the device sent comes when the plugin has written all that came before it
//! in the recording, as long after that as it took then. What the plugin writes must be what it
//! wrote then; scrubbed bytes may be anything. A mismatch must never show bytes, only its place.

use super::{Bench, VirtualClock, lock};
use crate::clock::Clock;
use crate::port::{Line, Port};
use payhal_messages::recording::{self, Head, Side};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, PipeReader, Result};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A recording made by `payhal device record`. Clones play the same one.
#[derive(Debug, Clone)]
pub struct Recording {
    head: Head,
    ports: Vec<(String, Arc<Mutex<Played>>)>,
}

/// One port's side of the story.
#[derive(Debug, Default)]
struct Played {
    /// What the plugin is to write, with `None` for scrubbed bytes.
    expected: Vec<Option<u8>>,
    /// Where each recorded write begins, and when it was.
    writes: Vec<(usize, Duration)>,
    written: usize,
    incoming: VecDeque<Incoming>,
    /// A moment of the recording, and the same one here.
    anchor: (Duration, Duration),
    mismatch: Option<String>,
}

#[derive(Debug)]
struct Incoming {
    at: Duration,
    /// How much the plugin had written by then.
    after: usize,
    bytes: VecDeque<u8>,
    scrubbed: Vec<(usize, usize)>,
}

impl Recording {
    /// Reads the recording in this file.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, or a line of it is none of a recording.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let text = std::fs::read_to_string(path)?;
        Self::from_text(&text)
    }

    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// Fails when a line of it is none of a recording.
    pub fn from_text(text: &str) -> Result<Self> {
        let unreadable = |why| Error::new(ErrorKind::InvalidData, why);
        let read: recording::Recording = text.parse().map_err(unreadable)?;
        let mut ports: Vec<(String, Played)> = Vec::new();
        for entry in read.entries {
            let place = ports.iter().position(|(name, _)| *name == entry.port);
            let place = place.unwrap_or_else(|| {
                ports.push((entry.port.clone(), Played::default()));
                ports.len() - 1
            });
            ports[place].1.add(entry);
        }
        let shared = |(name, played)| (name, Arc::new(Mutex::new(played)));
        Ok(Self {
            head: read.head,
            ports: ports.into_iter().map(shared).collect(),
        })
    }

    /// What was recorded.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Puts `values` where the device's bytes were scrubbed, one for each range, in order: a card
    /// for tests, so that the plugin has something to read. Other lengths than the range's are cut
    /// or leave zeros.
    #[must_use]
    pub fn fill(self, values: &[&[u8]]) -> Self {
        let mut values = values.iter();
        for (_, played) in &self.ports {
            for incoming in &mut lock(played).incoming {
                for ((offset, length), value) in incoming.scrubbed.iter().zip(&mut values) {
                    let room = incoming.bytes.iter_mut().skip(*offset).take(*length);
                    for (byte, value) in room.zip(*value) {
                        *byte = *value;
                    }
                }
            }
        }
        self
    }

    /// Whether all of it was played.
    ///
    /// # Errors
    ///
    /// Fails with the first mismatch, or with what was never written or read.
    pub fn finish(&self) -> std::result::Result<(), String> {
        for (name, played) in &self.ports {
            let played = lock(played);
            if let Some(mismatch) = &played.mismatch {
                return Err(format!("port \"{name}\": {mismatch}"));
            }
            let unwritten = played.expected.len() - played.written;
            let unread: usize = played.incoming.iter().map(|piece| piece.bytes.len()).sum();
            if unwritten + unread > 0 {
                let place = played.place(played.written);
                return Err(format!(
                    "port \"{name}\": {unwritten} bytes were never written, from {place} on, and \
                     {unread} never read"
                ));
            }
        }
        Ok(())
    }
}

impl Bench {
    /// Gives the instance the ports of a recording, which it plays.
    #[must_use]
    pub fn recorded(mut self, recording: &Recording) -> Self {
        for (name, played) in &recording.ports {
            let line = RecordedLine {
                played: Arc::clone(played),
                clock: Arc::clone(&self.clock),
            };
            self.ports.push((name.clone(), Port::new(line)));
        }
        self
    }
}

impl Played {
    fn add(&mut self, entry: recording::Entry) {
        let at = Duration::from_micros(entry.at_us);
        match entry.from {
            Side::Plugin => {
                self.writes.push((self.expected.len(), at));
                let bytes = entry.bytes.iter().enumerate();
                let seen = bytes.map(|(place, byte)| (!entry.is_scrubbed(place)).then_some(*byte));
                self.expected.extend(seen);
            }
            Side::Device => self.incoming.push_back(Incoming {
                at,
                after: self.expected.len(),
                bytes: entry.bytes.into(),
                scrubbed: entry.scrubbed,
            }),
        }
    }

    /// A byte of what is written, as a person finds it in the file.
    fn place(&self, offset: usize) -> String {
        let write = self.writes.iter().rfind(|(begin, _)| *begin <= offset);
        match write {
            Some((begin, at)) => format!(
                "offset {offset}, which is byte {} of the write at {} us",
                offset - begin,
                at.as_micros()
            ),
            None => format!("offset {offset}"),
        }
    }

    fn write(&mut self, bytes: &[u8], now: Duration) -> std::result::Result<(), String> {
        for byte in bytes {
            match self.expected.get(self.written) {
                None => return Err(format!("more was written than {} bytes", self.written)),
                Some(Some(expected)) if expected != byte => {
                    return Err(format!("another byte at {}", self.place(self.written)));
                }
                Some(_) => self.written += 1,
            }
        }
        let last = self.writes.iter().rfind(|(begin, _)| *begin < self.written);
        if let Some((_, at)) = last {
            self.anchor = (*at, now);
        }
        Ok(())
    }

    /// When the next piece of the device is there, if nothing has to be written before.
    fn due(&self) -> Option<Duration> {
        let next = self.incoming.front()?;
        let (recorded, here) = self.anchor;
        (next.after <= self.written).then(|| here + next.at.saturating_sub(recorded))
    }

    fn take(&mut self, bytes: &mut [u8]) -> usize {
        let Some(next) = self.incoming.front_mut() else {
            return 0;
        };
        let count = bytes.len().min(next.bytes.len());
        for (place, byte) in bytes.iter_mut().zip(next.bytes.drain(..count)) {
            *place = byte;
        }
        if next.bytes.is_empty() {
            self.incoming.pop_front();
        }
        count
    }
}

#[derive(Debug)]
struct RecordedLine {
    played: Arc<Mutex<Played>>,
    clock: Arc<VirtualClock>,
}

impl Line for RecordedLine {
    fn read(&self, bytes: &mut [u8], until: Instant, stop: Option<&PipeReader>) -> Result<usize> {
        let until = until.saturating_duration_since(self.clock.base);
        loop {
            let now = *lock(&self.clock.passed);
            let mut played = lock(&self.played);
            let due = played.due();
            if due.is_some_and(|due| due <= now) {
                return Ok(played.take(bytes));
            }
            drop(played);
            if now >= until {
                return Ok(0);
            }
            // Something may happen on the way, a cancellation among others.
            self.clock.pass(due.map_or(until, |due| due.min(until)));
            if stop.is_some_and(is_over) {
                return Ok(0);
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let now = self.clock.now().saturating_duration_since(self.clock.base);
        let mut played = lock(&self.played);
        played.write(bytes, now).map_err(|mismatch| {
            played.mismatch.get_or_insert_with(|| mismatch.clone());
            Error::new(ErrorKind::InvalidData, mismatch)
        })
    }
}

/// Whether the other end of the pipe is closed, as it is when the call is cancelled.
fn is_over(stop: &PipeReader) -> bool {
    let mut waits = [PollFd::new(stop, PollFlags::IN)];
    poll(&mut waits, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::PluginError;

    const TEXT: &str = r#"{"recording":1,"plugin":"beeper","version":"1.0.0","instance":"counter"}
{"at_us":5000,"port":"main","from":"plugin","hex":"524541440d"}
{"at_us":1005000,"port":"main","from":"device","hex":"543d0000000d","scrubbed":[[2,3]]}
{"at_us":1005100,"port":"main","from":"plugin","hex":"4f4b00000d","scrubbed":[[2,2]]}
{"at_us":1205100,"port":"main","from":"device","hex":"06"}
"#;

    #[test]
    fn what_a_device_said_comes_when_it_came() {
        let recording = Recording::from_text(TEXT)
            .expect("a recording")
            .fill(&[b"123"]);
        let bench = Bench::new().recorded(&recording);
        let context = bench.call();
        let port = context.port("main").expect("recorded");
        let mut bytes = [0; 4];
        let soon = context.now() + Duration::from_secs(3);
        assert_eq!(
            context.read(&port, &mut bytes, soon),
            Ok(0),
            "not asked yet"
        );
        port.write(b"RE").expect("as recorded");
        port.write(b"AD\r").expect("as recorded");
        assert_eq!(context.read(&port, &mut bytes, context.deadline()), Ok(4));
        assert_eq!(&bytes, b"T=12");
        assert_eq!(bench.passed(), Duration::from_secs(4));
        assert_eq!(context.read(&port, &mut bytes, context.deadline()), Ok(2));
        assert!(recording.finish().unwrap_err().contains("5 bytes"));
        port.write(b"OKxy\r").expect("scrubbed bytes may be others");
        assert_eq!(context.read(&port, &mut bytes, context.deadline()), Ok(1));
        assert_eq!(bench.passed(), Duration::from_millis(4200));
        assert_eq!(recording.finish(), Ok(()));
    }

    #[test]
    fn another_write_is_named_by_its_place() {
        let recording = Recording::from_text(TEXT).expect("a recording");
        let bench = Bench::new().recorded(&recording);
        let port = bench.call().port("main").expect("recorded");
        port.write(b"READ\r").expect("as recorded");
        let error = port.write(b"OKxyz").expect_err("another byte").to_string();
        let place = "another byte at offset 9, which is byte 4 of the write at 1005100 us";
        assert_eq!(error, place);
        assert_eq!(recording.finish(), Err(format!("port \"main\": {place}")));
    }

    #[test]
    fn a_cancelled_read_ends_before_the_device_speaks() {
        let recording = Recording::from_text(TEXT).expect("a recording");
        let bench = Bench::new().recorded(&recording);
        let context = bench.call();
        let port = context.port("main").expect("recorded");
        port.write(b"READ\r").expect("as recorded");
        bench.cancel_at(Duration::from_millis(700), &context);
        let read = context.read(&port, &mut [0; 8], context.deadline());
        assert_eq!(read, Err(PluginError::Cancelled));
        assert_eq!(bench.passed(), Duration::from_millis(700));
    }
}
