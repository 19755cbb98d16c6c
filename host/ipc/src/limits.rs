// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bounds of the link between daemon and runner, each with its reason.
//!
//! Must never be loosened for one plugin: a bound that depends on the plugin is no bound.

/// Longest frame without its length prefix. A sealed read with its EMV tags takes a few KiB, a
/// report of a full batch some tens; 256 KiB leaves room and keeps 64 lanes below 16 MiB.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;

/// Longest payload of one frame; what remains of a frame is for names and tokens.
pub const PAYLOAD_BYTES_MAX: usize = FRAME_BYTES_MAX - 1024;

/// Longest method, kind, prompt id, target or port name.
pub const NAME_BYTES_MAX: usize = 128;

/// Longest log line or reason; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Most call lanes of one runner, thus calls at once (`calls_max` of a manifest).
pub const LANES_MAX: usize = 64;

/// Most ports of one instance.
pub const PORTS_MAX: usize = 16;

/// Most descriptors with one frame: library, lanes and ports of a start. Below the kernel's 253.
pub const DESCRIPTORS_MAX: usize = 1 + LANES_MAX + PORTS_MAX;

/// A buffer that grew for one large frame shrinks back to this when it runs empty.
pub const BUFFER_BYTES_KEPT: usize = 16 * 1024;
