// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pauses between attempts to connect: doubling, bounded, with jitter.
//!
//! Owns the arithmetic. It must never sleep itself.

use std::time::Duration;

use crate::limits::{PAUSE_FIRST, PAUSE_MAX};

/// The next pause, from half to all of a span that doubles.
#[derive(Debug)]
pub(crate) struct Backoff {
    span: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { span: PAUSE_FIRST }
    }

    /// The pause before the next attempt; `random` spreads registers that lost the same host.
    pub(crate) fn next(&mut self, random: u32) -> Duration {
        let half = self.span / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(u64::from(random) % micros.saturating_add(1));
        self.span = (self.span * 2).min(PAUSE_MAX);
        half + jitter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let mut backoff = Backoff::new();
        let mut span = PAUSE_FIRST;
        for random in [0, 1, u32::MAX, 12_345, 0, 0, 0, 0, 0, 0, 0] {
            let pause = backoff.next(random);
            assert!(pause >= span / 2 && pause <= span, "{pause:?} of {span:?}");
            span = (span * 2).min(PAUSE_MAX);
        }
        assert_eq!(backoff.next(0), PAUSE_MAX / 2);
    }
}
