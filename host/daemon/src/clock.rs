// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clocks of this machine, read here and nowhere else in the daemon.

use payhal_engine::time::Now;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Microseconds since 1970 UTC.
pub(crate) fn wall_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// One moment on both clocks: deadlines and rates count from boot, what people read is wall time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Moment {
    /// Milliseconds since boot, counting sleep.
    pub(crate) boot_ms: u64,
    /// Microseconds since 1970 UTC.
    pub(crate) wall_micros: i64,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        Self {
            boot_ms: boot_ms(),
            wall_micros: wall_micros(),
        }
    }

    /// So much later.
    pub(crate) fn after_ms(self, ms: u64) -> Self {
        let micros = i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000);
        Self {
            boot_ms: self.boot_ms.saturating_add(ms),
            wall_micros: self.wall_micros.saturating_add(micros),
        }
    }
}

/// Milliseconds since boot, counting sleep.
fn boot_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds * 1_000 + nanos / 1_000_000
}

/// Tells the engine's time, and translates its deadlines for timers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Wall time before this cannot be right: the last record, or the build.
    not_before_micros: i64,
}

impl Clock {
    /// A clock that distrusts wall time before `not_before_micros`.
    pub(crate) fn new(not_before_micros: i64) -> Self {
        Self { not_before_micros }
    }

    /// Now.
    pub(crate) fn now(&self) -> Now {
        let wall_micros = wall_micros();
        Now {
            boot_ms: boot_ms(),
            wall_micros,
            wall_trusted: wall_micros >= self.not_before_micros,
        }
    }

    /// The timer instant of a boot-time deadline.
    pub(crate) fn instant_of(&self, deadline_boot_ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(deadline_boot_ms.saturating_sub(boot_ms()))
    }
}
