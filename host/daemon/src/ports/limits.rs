// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of this module, each with its reason.

use std::time::Duration;

/// Longest wait for a device at the network to take a connection: it stands in the same shop.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// Pauses between attempts that nothing announces: the first, and the longest they grow to.
pub(super) const AGAIN_FIRST: Duration = Duration::from_secs(1);
/// See [`AGAIN_FIRST`].
pub(super) const AGAIN_LONGEST: Duration = Duration::from_secs(30);

/// A plugin may finish what it has already read when the other end has hung up.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// A port that is lost sooner than this after it was opened is a loose cable, or a device that
/// throws everybody out.
pub(super) const STEADY: Duration = Duration::from_secs(10);

/// So often in a row that is nothing to wonder about.
pub(super) const FLAPS: u32 = 3;

/// When a peer is asked whether it is still there, and how long it may stay silent then: a cable
/// that was pulled says nothing.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(10);
/// Questions without an answer before the connection is lost.
pub(super) const KEEPALIVE_TIMES: u32 = 3;

/// Bytes of one attribute of a device: USB bounds its texts by 126 characters.
pub(super) const ATTRIBUTE_BYTES: u64 = 1024;

/// Devices looked at; a hostile hub has at most 127 on each bus.
pub(super) const DEVICES_MAX: usize = 1024;
