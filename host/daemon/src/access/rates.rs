// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often somebody may try: a bucket for each key, in a table of bounded size.
//!
//! Reads no clock. A full table refuses newcomers, so that whoever invents keys gains neither
//! memory nor tries.

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time as its owner was told it last.
#[derive(Clone, Debug, Default)]
struct Told(Arc<AtomicU64>);

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Duration::from_millis(self.0.load(Ordering::Relaxed)).into()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Nanos>>;

/// Buckets of one size, by key.
#[derive(Debug)]
pub(super) struct Rates {
    clock: Told,
    quota: Quota,
    keys_max: usize,
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    limiter: Limiter,
    taken_ms: u64,
    /// Until when nothing is to be taken at all, where refusals count.
    closed_until_ms: u64,
}

impl Rates {
    /// So many at once, then one in each `every`; for so many keys.
    pub(super) fn new(burst: NonZeroU32, every: Duration, keys_max: usize) -> Self {
        let quota = Quota::with_period(every).expect("a period is longer than nothing");
        Self {
            clock: Told::default(),
            quota: quota.allow_burst(burst),
            keys_max,
            buckets: BTreeMap::new(),
        }
    }

    /// Takes one, or says after how many milliseconds there is one.
    pub(super) fn take(&mut self, key: &str, now_ms: u64) -> Result<(), u64> {
        self.clock.0.store(now_ms, Ordering::Relaxed);
        let full_again = self.full_again_ms();
        let bucket = match self.bucket(key, now_ms) {
            Some(bucket) => bucket,
            None => return Err(full_again),
        };
        bucket.taken_ms = now_ms;
        bucket.limiter.check().map_err(|refused| {
            let now = Nanos::from(Duration::from_millis(now_ms));
            let wait = refused.wait_time_from(now).as_millis();
            u64::try_from(wait).unwrap_or(u64::MAX).saturating_add(1)
        })
    }

    /// Counts a failure: the one that finds the bucket empty closes it until there is one again.
    pub(super) fn failed(&mut self, key: &str, now_ms: u64) {
        if let Err(wait_ms) = self.take(key, now_ms)
            && let Some(bucket) = self.buckets.get_mut(key)
        {
            bucket.closed_until_ms = now_ms.saturating_add(wait_ms);
        }
    }

    /// How many milliseconds a closed bucket stays so.
    pub(super) fn closed_for(&self, key: &str, now_ms: u64) -> Option<u64> {
        let until = self.buckets.get(key)?.closed_until_ms;
        (until > now_ms).then(|| until - now_ms)
    }

    fn full_again_ms(&self) -> u64 {
        let each = self.quota.replenish_interval();
        let all = each.saturating_mul(self.quota.burst_size().get());
        u64::try_from(all.as_millis()).unwrap_or(u64::MAX)
    }

    fn bucket(&mut self, key: &str, now_ms: u64) -> Option<&mut Bucket> {
        if !self.buckets.contains_key(key) {
            if self.buckets.len() >= self.keys_max {
                // A bucket that is full again is as good as none.
                let idle_ms = self.full_again_ms();
                self.buckets
                    .retain(|_, bucket| now_ms < bucket.taken_ms.saturating_add(idle_ms));
            }
            if self.buckets.len() >= self.keys_max {
                return None;
            }
            let bucket = Bucket {
                limiter: RateLimiter::direct_with_clock(self.quota, self.clock.clone()),
                taken_ms: now_ms,
                closed_until_ms: 0,
            };
            self.buckets.insert(key.to_owned(), bucket);
        }
        self.buckets.get_mut(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn three_then_one_a_minute() -> Rates {
        Rates::new(
            NonZeroU32::new(3).unwrap(),
            Duration::from_millis(MINUTE),
            4,
        )
    }

    #[test]
    fn a_burst_then_one_in_each_period_for_each_key() {
        let mut rates = three_then_one_a_minute();
        for _ in 0..3 {
            assert_eq!(rates.take("a", 1_000), Ok(()));
        }
        let wait = rates.take("a", 1_000).unwrap_err();
        assert!((MINUTE - 1..=MINUTE + 1).contains(&wait), "{wait}");
        assert_eq!(rates.take("b", 1_000), Ok(()));
        assert!(rates.take("a", 1_000 + MINUTE / 2).is_err());
        assert_eq!(rates.take("a", 1_001 + MINUTE), Ok(()));
        assert!(rates.take("a", 1_001 + MINUTE).is_err());
    }

    #[test]
    fn invented_keys_neither_grow_the_table_nor_empty_it() {
        let mut rates = three_then_one_a_minute();
        for _ in 0..4 {
            // The fourth finds it empty; all of them keep the bucket.
            rates.take("till", 0).ok();
        }
        for number in 0..1_000 {
            rates.take(&format!("invented {number}"), 1).ok();
        }
        assert_eq!(rates.buckets.len(), 4);
        assert!(rates.take("till", 2).is_err());
        assert!(rates.take("newcomer", 2).is_err());
        // Once they are full again they make room.
        assert_eq!(rates.take("newcomer", 10 * MINUTE), Ok(()));
        assert_eq!(rates.buckets.len(), 1);
    }

    #[test]
    fn the_failure_that_empties_the_bucket_closes_it_for_a_while() {
        let mut failures = three_then_one_a_minute();
        for _ in 0..3 {
            assert_eq!(failures.closed_for("till", 0), None);
            failures.failed("till", 0);
        }
        failures.failed("till", 0);
        assert!(failures.closed_for("till", 0).unwrap() >= MINUTE);
        assert!(failures.closed_for("till", MINUTE / 2).is_some());
        assert_eq!(failures.closed_for("other", 0), None);
        assert_eq!(failures.closed_for("till", MINUTE + 10), None);
    }
}
