// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every bound of the client, with its reason.
//!
//! Owns the numbers. It must never repeat one of the protocol's.

use std::time::Duration;

/// Calls handed to the background task and not yet taken by it. A register has a handful; a load
/// test has hundreds.
pub const COMMANDS_MAX: usize = 1024;

/// Calls that wait for their answer. Beyond it a call is refused before it is sent.
pub const PENDING_MAX: usize = 4096;

/// Progress of one payment that nobody has read yet. More than a payment has stages, so that only
/// a caller who never reads loses any.
pub const UPDATES_MAX: usize = 64;

/// Notifications that a slow subscriber may lag behind.
pub const NOTIFICATIONS_MAX: usize = 256;

/// Read buffer of a WebSocket: the library's default of 128 KiB for each connection buys nothing
/// with messages of about one KiB.
pub const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Longest wait for one attempt to connect, the greeting included.
pub const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// Longest wait for a write to be taken: a host on the same machine that does not read for this
/// long is gone.
pub const WRITE_MAX: Duration = Duration::from_secs(10);

/// First pause before connecting again: a restarted host is back within milliseconds.
pub const PAUSE_FIRST: Duration = Duration::from_millis(50);

/// Longest pause before connecting again.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Longest wait for a pairing: the operator has two minutes to compare the number.
pub const PAIRING_MAX: Duration = Duration::from_secs(150);

/// How often a payment that still runs is looked at again after a restart.
pub const RECOVER_EVERY: Duration = Duration::from_millis(500);
