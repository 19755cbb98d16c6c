// SPDX-License-Identifier: MIT OR Apache-2.0
//! When to start a runner again: back-off that doubles, and a breaker for one that keeps ending.

use super::limits::{
    BREAKER_ENDS, BREAKER_PAUSE, BREAKER_WINDOW, RESTART_PAUSE_FIRST, RESTART_PAUSE_MAX,
};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// What to do after a runner ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Start it again after this pause.
    Restart(Duration),
    /// Leave it stopped for this long.
    GiveUp(Duration),
}

/// The recent ends of one instance's runners.
#[derive(Debug, Default)]
pub(super) struct Ends {
    recent: VecDeque<Instant>,
}

impl Ends {
    /// Counts one more end.
    pub(super) fn another(&mut self, now: Instant) -> Verdict {
        self.recent
            .retain(|end| now.duration_since(*end) < BREAKER_WINDOW);
        self.recent.push_back(now);
        if self.recent.len() >= BREAKER_ENDS {
            self.recent.clear();
            return Verdict::GiveUp(BREAKER_PAUSE);
        }
        let doublings = u32::try_from(self.recent.len() - 1).unwrap_or(u32::MAX);
        let pause = RESTART_PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(doublings));
        Verdict::Restart(pause.min(RESTART_PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_the_breaker_opens() {
        let start = Instant::now();
        let mut ends = Ends::default();
        let mut last = Duration::ZERO;
        for _ in 1..BREAKER_ENDS {
            let Verdict::Restart(pause) = ends.another(start) else {
                panic!("too early")
            };
            assert!(pause > last);
            last = pause;
        }
        assert_eq!(ends.another(start), Verdict::GiveUp(BREAKER_PAUSE));
        assert_eq!(ends.another(start), Verdict::Restart(RESTART_PAUSE_FIRST));
    }

    #[test]
    fn old_ends_are_forgotten() {
        let start = Instant::now();
        let mut ends = Ends::default();
        ends.another(start);
        let later = start + BREAKER_WINDOW;
        assert_eq!(ends.another(later), Verdict::Restart(RESTART_PAUSE_FIRST));
    }
}
