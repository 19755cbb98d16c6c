// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the register API, each with its reason. Those that registers must know stand in
//! `payhal_protocol::limits`.

use std::time::Duration;

/// Connections at once. A shop has dozens of registers; each idle connection costs some 7 KiB.
pub(super) const CONNECTIONS_MAX: usize = 1024;

/// WebSocket read buffer. The library's default of 128 KiB is touched at once, 21 times the cost
/// of everything else a connection holds.
pub(super) const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes a WebSocket collects before it writes without being told: some progress messages.
pub(super) const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes a WebSocket may hold unsent before it counts as broken: some answers and one long list.
pub(super) const WRITE_BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// Messages waiting for one connection before its reader counts as slow (close 4408).
pub(super) const OUTGOING_MAX: usize = 1024;

/// Calls of one connection that may run at once; further ones are refused.
pub(super) const CALLS_MAX: usize = 128;

/// Messages in one batch.
pub(super) const BATCH_MAX: usize = 32;

/// From accept to the end of the request head: a slow loris must not hold a connection.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to accept what it is sent; then it is closed. Whoever comes
/// back gets every answer by its key.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request head.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Questions put to one client as requests that it has not answered: one for each payment it can
/// have under way at a handful of devices.
pub(super) const QUESTIONS_MAX: usize = 32;

/// Events kept for registers that come back: an hour of a busy shop.
pub(super) const EVENTS_KEPT: usize = 1024;

/// Request ids remembered for `$/cancelRequest`; the same bound as the calls they name.
pub(super) const CANCELLABLE_MAX: usize = CALLS_MAX;
