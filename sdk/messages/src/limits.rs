// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of what crosses the ABI, each with its reason.

/// Longest payload of one call, reply or emission. A sealed read with its EMV tags takes 4 KiB.
pub const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// Longest line a plugin may log; the rest is cut. Enough for an error chain.
pub const LOG_BYTES_MAX: usize = 1024;

/// Most simultaneous calls a manifest may ask for; each costs a thread and a socket pair.
pub const CALLS_MAX: u16 = 64;

/// Most ports of one instance.
pub const PORTS_MAX: usize = 16;
