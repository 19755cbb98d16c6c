// SPDX-License-Identifier: MIT OR Apache-2.0
//! Alarms in the order in which they are due. Never reads a clock.

use payhal_engine::ids::TimerId;
use std::collections::{BTreeMap, BTreeSet};

/// The alarms that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(u64, TimerId)>,
    at: BTreeMap<TimerId, u64>,
}

impl Timers {
    /// Sets an alarm, or moves it.
    pub(crate) fn set(&mut self, timer: TimerId, at_boot_ms: u64) {
        self.clear(timer);
        self.at.insert(timer, at_boot_ms);
        self.due.insert((at_boot_ms, timer));
    }

    /// Forgets an alarm.
    pub(crate) fn clear(&mut self, timer: TimerId) {
        if let Some(at) = self.at.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    /// When the next alarm is due.
    pub(crate) fn next_boot_ms(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the earliest alarm that is due.
    pub(crate) fn take_due(&mut self, boot_ms: u64) -> Option<TimerId> {
        let (at, timer) = *self.due.first()?;
        if at > boot_ms {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_go_off_in_order_once_and_can_be_moved() {
        let mut timers = Timers::default();
        timers.set(TimerId(1), 30);
        timers.set(TimerId(2), 10);
        timers.set(TimerId(3), 20);
        timers.set(TimerId(2), 25);
        timers.clear(TimerId(3));
        assert_eq!(timers.next_boot_ms(), Some(25));
        assert_eq!(timers.take_due(24), None);
        assert_eq!(timers.take_due(30), Some(TimerId(2)));
        assert_eq!(timers.take_due(30), Some(TimerId(1)));
        assert_eq!(timers.take_due(30), None);
        assert_eq!(timers.next_boot_ms(), None);
    }
}
