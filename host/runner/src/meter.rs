// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts what a plugin says, so that a flood is dropped first and ends the process later.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// What to do with one more message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Pass it on. So many were dropped since the last one that passed.
    Pass { dropped: u32 },
    /// Drop it.
    Drop,
    /// Too many were dropped; the plugin is broken.
    Flood,
}

/// A bound per second, a bound in all, and a bound on what was dropped.
#[derive(Debug)]
pub(crate) struct Meter {
    per_second: u32,
    in_all: u32,
    dropped_max: u32,
    since: Option<Instant>,
    passed_in_window: u32,
    passed: u32,
    dropped: u32,
}

impl Meter {
    pub(crate) fn new(per_second: u32, in_all: u32, dropped_max: u32) -> Self {
        Self {
            per_second,
            in_all,
            dropped_max,
            since: None,
            passed_in_window: 0,
            passed: 0,
            dropped: 0,
        }
    }

    /// Counts one message at `now`.
    pub(crate) fn count(&mut self, now: Instant) -> Verdict {
        if self
            .since
            .is_none_or(|since| now.duration_since(since) >= WINDOW)
        {
            self.since = Some(now);
            self.passed_in_window = 0;
        }
        if self.passed_in_window < self.per_second && self.passed < self.in_all {
            self.passed_in_window += 1;
            self.passed = self.passed.saturating_add(1);
            return Verdict::Pass {
                dropped: std::mem::take(&mut self.dropped),
            };
        }
        self.dropped += 1;
        match self.dropped > self.dropped_max {
            true => Verdict::Flood,
            false => Verdict::Drop,
        }
    }

    /// How many were dropped since the last that passed.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_above_the_rate_and_says_how_many() {
        let mut meter = Meter::new(2, u32::MAX, 10);
        let start = Instant::now();
        let passes = |dropped| Verdict::Pass { dropped };
        assert_eq!(meter.count(start), passes(0));
        assert_eq!(meter.count(start), passes(0));
        assert_eq!(meter.count(start), Verdict::Drop);
        assert_eq!(meter.count(start + WINDOW), passes(1));
        assert_eq!(meter.count(start + WINDOW), passes(0));
    }

    #[test]
    fn a_total_holds_whatever_the_rate() {
        let mut meter = Meter::new(10, 3, 10);
        let start = Instant::now();
        let passed = (0..6)
            .filter(|n| meter.count(start + WINDOW * *n) == Verdict::Pass { dropped: 0 })
            .count();
        assert_eq!(passed, 3);
        assert_eq!(meter.dropped(), 3);
    }

    #[test]
    fn a_flood_is_called_one() {
        let mut meter = Meter::new(1, u32::MAX, 5);
        let start = Instant::now();
        let verdicts: Vec<_> = (0..7).map(|_| meter.count(start)).collect();
        assert_eq!(verdicts[5], Verdict::Drop);
        assert_eq!(verdicts[6], Verdict::Flood);
    }
}
