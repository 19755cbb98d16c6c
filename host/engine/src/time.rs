// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time as it is handed in. The engine reads no clock.

/// The instant of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// Milliseconds since boot, counting sleep. Deadlines run on this.
    pub boot_ms: u64,
    /// Microseconds since 1970 UTC. For people and for ages.
    pub wall_micros: i64,
    /// Whether the wall clock is plausible: not before the last record or the build.
    pub wall_trusted: bool,
}
