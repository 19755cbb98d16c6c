// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time a plugin sees: the machine's, or a virtual one in tests.
//!
//! Owns waiting. Must never be bypassed: a plugin that sleeps or reads the time by itself cannot
//! be tested in virtual time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// A source of time that can wait. Plugins reach it through their `Context`.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Calendar time, for what the wire wants a date in.
    fn calendar(&self) -> SystemTime;
    /// Waits until the bell has rung since `heard`, or `until` has come.
    fn wait(&self, bell: &Bell, heard: u64, until: Instant);
}

/// Wakes whoever waits for anything of one instance.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    /// How often it has rung.
    pub fn rung(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn calendar(&self) -> SystemTime {
        SystemTime::now()
    }

    fn wait(&self, bell: &Bell, heard: u64, until: Instant) {
        let mut rung = bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while *rung == heard {
            let remaining = until.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return;
            }
            rung = bell
                .changed
                .wait_timeout(rung, remaining)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(rung, _)| rung);
        }
    }
}
