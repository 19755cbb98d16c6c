// SPDX-License-Identifier: MIT OR Apache-2.0
//! Now, and how a time is shown. Nothing is decided by the clock.

use jiff::Timestamp;

/// Seconds since 1970 UTC.
pub(crate) fn now() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

/// As `2026-11-21T12:00:00Z`.
pub(crate) fn shown(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "at no time".to_owned(), |at| at.to_string())
}
