// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bounds of the link between daemon and runner, each with its reason.
//!
//! Must never be loosened for one plugin: a bound that depends on the plugin is no bound.

/// Longest frame without its length prefix: a payload and everything around it, with room to
/// spare, and small enough that 64 lanes stay below 16 MiB.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;

/// Longest payload of one frame: the bound that plugins are promised for theirs.
pub const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// Longest method, target or port name.
pub const NAME_BYTES_MAX: usize = 128;

/// Longest log line or reason; longer ones are cut.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Most call lanes of one runner, thus calls at once (`calls_max` of a manifest).
pub const LANES_MAX: usize = 64;

/// Most ports of one instance.
pub const PORTS_MAX: usize = 16;

/// Most descriptors with one frame: library, lanes and ports of a start. Below the kernel's 253.
pub const DESCRIPTORS_MAX: usize = 1 + LANES_MAX + PORTS_MAX;

/// Address space of a runner where its manifest asks for no other: 64 lanes with their stacks, the
/// allocator's arenas, the libraries of a large vendor. Memory counts when it is touched.
pub const ADDRESS_SPACE_BYTES: u64 = 1024 * 1024 * 1024;

/// A buffer that grew for one large frame shrinks back to this when it runs empty.
pub const BUFFER_BYTES_KEPT: usize = 16 * 1024;
