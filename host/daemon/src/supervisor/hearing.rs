// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of what a runner says is listened to.
//!
//! Owns the host's own bounds. A runner keeps lower ones; but plugin and runner share one process,
//! and a malicious plugin writes to the host in the runner's name, as fast as it can.
//!
//! Must never let a plugin decide how much of the host's time, log or memory it takes.

use super::limits::{
    CONNECTS_AT_ONCE, EVENTS_PER_SECOND, FRAMES_DROPPED_MAX, FRAMES_PER_SECOND, LINES_PER_SECOND,
};
use payhal_ipc::FromRunner;
use payhal_ipc::limits::TEXT_BYTES_MAX;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);

/// What to do with one more frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// Listen to it.
    Listen,
    /// Leave it out.
    Drop,
    /// So many were left out that this is no runner of ours any more.
    Flood,
}

/// Counts within a second.
#[derive(Debug)]
struct Meter {
    per_second: u32,
    since: Instant,
    within: u32,
}

impl Meter {
    fn new(per_second: u32, now: Instant) -> Self {
        Self {
            per_second,
            since: now,
            within: 0,
        }
    }

    fn passes(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= WINDOW {
            self.since = now;
            self.within = 0;
        }
        self.within = self.within.saturating_add(1);
        self.within <= self.per_second
    }
}

/// The bounds of one runner.
#[derive(Debug)]
pub(super) struct Hearing {
    lines: Meter,
    events: Meter,
    frames: Meter,
    dropped: u32,
    connects: Arc<Semaphore>,
}

impl Hearing {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            lines: Meter::new(LINES_PER_SECOND, now),
            events: Meter::new(EVENTS_PER_SECOND, now),
            frames: Meter::new(FRAMES_PER_SECOND, now),
            dropped: 0,
            connects: Arc::new(Semaphore::new(CONNECTS_AT_ONCE)),
        }
    }

    /// Counts one more frame.
    pub(super) fn another(&mut self, frame: &FromRunner, now: Instant) -> Heard {
        let passes = match frame {
            FromRunner::Log { .. } => self.lines.passes(now),
            FromRunner::Event { .. } => self.events.passes(now),
            // Said once: it is why the runner ends.
            FromRunner::Failed { .. } => true,
            _ => self.frames.passes(now),
        };
        if passes {
            return Heard::Listen;
        }
        self.dropped += 1;
        if self.dropped > FRAMES_DROPPED_MAX {
            return Heard::Flood;
        }
        Heard::Drop
    }

    /// The right to have one more connection made, until it is dropped.
    pub(super) fn connect(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connects).try_acquire_owned().ok()
    }
}

/// A line as it may stand in the log, whoever wrote it: one line, and not too long.
pub(super) fn line(text: &str) -> String {
    let short = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    short.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_ipc::{LogLevel, LogSource};

    fn log_line() -> FromRunner {
        FromRunner::Log {
            source: LogSource::Plugin,
            level: LogLevel::Info,
            text: "again".to_owned(),
        }
    }

    #[test]
    fn what_a_runner_of_ours_says_is_heard_and_a_flood_is_called_one() {
        let now = Instant::now();
        let mut hearing = Hearing::new(now);
        for _ in 0..LINES_PER_SECOND {
            assert_eq!(hearing.another(&log_line(), now), Heard::Listen);
        }
        for _ in 0..FRAMES_DROPPED_MAX {
            assert_eq!(hearing.another(&log_line(), now), Heard::Drop);
        }
        assert_eq!(hearing.another(&log_line(), now), Heard::Flood);
        let pong = FromRunner::Pong { nonce: 0 };
        assert_eq!(hearing.another(&pong, now), Heard::Listen);
        let later = now + WINDOW;
        assert_eq!(hearing.another(&log_line(), later), Heard::Listen);
    }

    #[test]
    fn connections_are_few_at_once() {
        let hearing = Hearing::new(Instant::now());
        let held: Vec<_> = (0..CONNECTS_AT_ONCE).map(|_| hearing.connect()).collect();
        assert!(held.iter().all(Option::is_some) && hearing.connect().is_none());
        drop(held);
        assert!(hearing.connect().is_some());
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\nb\u{1b}[0m"), "a b [0m");
        assert_eq!(line(&"\u{fc}".repeat(5000)).len(), TEXT_BYTES_MAX);
    }
}
