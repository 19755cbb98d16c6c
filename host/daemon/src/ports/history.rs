// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often an instance has tried, and how often what it had went away at once: so that a loose
//! cable or a device that throws everybody out does not keep the machine busy.

use super::limits::{AGAIN_FIRST, AGAIN_LONGEST, FLAPS, STEADY};
use std::time::Duration;
use tokio::time::Instant;

/// What happened to one instance's ports.
#[derive(Debug, Default)]
pub(super) struct History {
    failed: u32,
    flaps: u32,
    opened: Option<Instant>,
    lost: Option<Instant>,
}

impl History {
    /// All ports are open.
    pub(super) fn opened(&mut self, now: Instant) {
        self.failed = 0;
        self.opened = Some(now);
    }

    /// One was lost. Counts once for each time they were opened.
    pub(super) fn lost(&mut self, now: Instant) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        let at_once = now.saturating_duration_since(opened) < STEADY;
        self.flaps = if at_once { self.flaps + 1 } else { 0 };
        self.lost = Some(now);
    }

    /// A try failed that nothing announces; how long to wait before the next one.
    pub(super) fn failed(&mut self) -> Duration {
        self.failed += 1;
        growing(self.failed - 1)
    }

    /// How long to leave it alone now.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let lost = self.lost.filter(|_| self.flaps >= FLAPS)?;
        let due = lost + growing(self.flaps - FLAPS);
        let left = due.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

fn growing(times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    AGAIN_FIRST.saturating_mul(factor).min(AGAIN_LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_anew() {
        let mut history = History::default();
        let pauses: Vec<u64> = (0..7).map(|_| history.failed().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        for _ in 0..100 {
            assert!(history.failed() <= AGAIN_LONGEST);
        }
        history.opened(Instant::now());
        assert_eq!(history.failed(), AGAIN_FIRST);
    }

    #[test]
    fn a_loose_cable_is_left_alone_for_longer_and_longer() {
        let mut history = History::default();
        let mut now = Instant::now();
        for _ in 1..FLAPS {
            history.opened(now);
            history.lost(now);
            // Two who notice the same count it once.
            history.lost(now);
            assert_eq!(history.pause(now), None);
        }
        history.opened(now);
        history.lost(now);
        assert_eq!(history.pause(now), Some(AGAIN_FIRST));
        now += AGAIN_FIRST;
        assert_eq!(history.pause(now), None);
        history.opened(now);
        history.lost(now);
        assert_eq!(history.pause(now), Some(AGAIN_FIRST * 2));
        now += AGAIN_FIRST * 2;
        history.opened(now);
        history.lost(now + STEADY);
        assert_eq!(history.pause(now + STEADY), None);
    }
}
