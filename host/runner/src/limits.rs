// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of a runner, each with its reason.

use std::time::Duration;

/// Stack of a thread that calls into the plugin. Only touched pages count, so this is for C
/// vendors who keep buffers on the stack; below 2 MiB, so that no huge page backs it.
pub(crate) const STACK_BYTES: usize = 1024 * 1024;

/// Stack of the control thread, which runs nothing of the plugin but `cancel` and `deliver`.
pub(crate) const CONTROL_STACK_BYTES: usize = 256 * 1024;

/// Open descriptors of the process: lanes, ports and the connections of a busy gateway.
pub(crate) const DESCRIPTORS_MAX: u64 = 512;

/// Address space without which not even a small plugin starts.
pub(crate) const ADDRESS_SPACE_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// How much sooner than others the kernel takes this process when memory is out, of 1000: a plugin
/// is started anew, the daemon has the money in its hands.
#[cfg(target_os = "linux")]
pub(crate) const OUT_OF_MEMORY_SCORE: &str = "500";

/// Longest library that is loaded; large ones of vendors have some ten megabytes.
pub(crate) const LIBRARY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Memory that a plugin may lock: what systems let a process lock today.
pub(crate) const LOCKED_BYTES_WANTED: u64 = 8 * 1024 * 1024;

/// Locked memory with which all secrets of one sale stay off the swap device: 64 pages.
pub(crate) const LOCKED_BYTES_MIN: u64 = 256 * 1024;

/// Emissions of one call that are passed on. A card flow has about ten.
pub(crate) const EMITS_PER_CALL_MAX: u32 = 1000;

/// Emissions of one call, or events of the instance, within a second. A person reads five.
pub(crate) const EMITS_PER_SECOND_MAX: u32 = 100;

/// Dropped emissions after which the plugin counts as broken.
pub(crate) const EMITS_DROPPED_MAX: u32 = 10_000;

/// Log lines within a second; a disk must not fill up overnight.
pub(crate) const LINES_PER_SECOND_MAX: u32 = 200;

/// Dropped log lines after which the plugin counts as broken.
pub(crate) const LINES_DROPPED_MAX: u32 = 100_000;

/// Longest line read from the plugin's stdout or stderr; a longer one becomes its length.
pub(crate) const OUTPUT_LINE_BYTES_MAX: usize = 4096;

/// Longest text `log` looks at; a longer one becomes its length.
pub(crate) const LOG_TEXT_BYTES_MAX: usize = 64 * 1024;

/// How long `connect` waits for the daemon, which has its own, shorter limit.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(90);

/// Connections a plugin may be waiting for at once: one for each lane and one for `create`.
pub(crate) const CONNECTS_MAX: usize = payhal_ipc::limits::LANES_MAX + 1;

/// How often a cancellation is repeated until its call ends: `cancel` may have come a moment
/// before the plugin knew the token.
pub(crate) const CANCEL_REPEAT: Duration = Duration::from_millis(100);

/// How long a cancellation waits for a call that has not come yet.
pub(crate) const CANCEL_WAIT: Duration = Duration::from_secs(5);

/// Cancellations remembered at once: more than there are lanes.
pub(crate) const CANCELS_MAX: usize = 2 * payhal_ipc::limits::LANES_MAX;

/// How long a stop waits for calls that have replied and not yet returned. They need microseconds.
pub(crate) const RETURN_WAIT: Duration = Duration::from_secs(1);

/// Arenas of the C library's allocator in one runner: calls at once are few on most of them, and
/// each further arena keeps half a MiB.
#[cfg(target_env = "gnu")]
pub(crate) const ARENAS_MAX: libc::c_int = 2;

/// Threads of a runner: one for each lane and a few of its own, and for the plugin more than any
/// library is known to start, so that one cannot take those of every process of this user.
#[cfg(target_os = "linux")]
pub(crate) const THREADS_MAX: u64 = 512;

/// How often a runner counts its threads: one system call of a microsecond. What a plugin starts in
/// between is gone with it.
pub(crate) const THREADS_LOOK: Duration = Duration::from_secs(1);

/// Stack of the recorder's thread, which runs nothing of the plugin.
pub(crate) const RECORD_STACK_BYTES: usize = 256 * 1024;

/// Bytes that the recorder reads at once: each is a line of the recording, which stays readable.
pub(crate) const RECORD_READ_BYTES: usize = 1024;

/// How long an end waits for the rest of a recording. It needs milliseconds.
pub(crate) const RECORD_FINISH_WAIT: Duration = Duration::from_secs(1);

/// Reads and writes that a recorder still does once it is told to end: 64 KiB and their way on.
pub(crate) const RECORD_LAST_PASSES: u32 = 128;
