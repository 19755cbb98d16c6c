// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the supervisor, each with its reason.

use std::time::Duration;

/// Lanes beside those for calls, for a simulated plugin: a tap may wait while keys are pressed
/// and a console reads the screen.
pub(super) const SIMULATION_LANES: u16 = 3;

/// From spawn to ready. Loading takes a millisecond; a plugin may open a slow port in `create`.
pub(super) const START_MS_MAX: u64 = 10_000;

/// What a register is told to wait while a runner starts: most are ready long before.
pub(super) const STARTING_HINT: Duration = Duration::from_millis(500);

/// First calls after the start: `identify`, `open`.
pub(super) const OPEN_MS_MAX: u64 = 10_000;

/// A simulated action may wait 5 s for a read to start; this is that and some.
pub(super) const SIMULATE_MS_MAX: u64 = 15_000;

/// Longest question and longest choice, in characters: a cashier reads it at a glance.
pub(super) const PROMPT_CHARS_MAX: usize = 200;

/// Choices of a question: no card has as many applications.
pub(super) const PROMPT_CHOICES_MAX: usize = 32;

/// How long a runner may take to answer a ping before it counts as dead. Its control thread does
/// nothing else.
pub(super) const PING_MS_MAX: u64 = 1_000;

/// How long a runner may take to end after `Stop` before it is killed.
pub(super) const STOP_MS_MAX: u64 = 2_000;

/// Pause before the first restart; doubles with each further one.
pub(super) const RESTART_PAUSE_FIRST: Duration = Duration::from_millis(100);

/// Longest pause between restarts.
pub(super) const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Ends of a runner within [`BREAKER_WINDOW`] that open the breaker.
pub(super) const BREAKER_ENDS: usize = 8;

/// Window of the breaker.
pub(super) const BREAKER_WINDOW: Duration = Duration::from_secs(120);

/// How long an open breaker keeps a plugin stopped.
pub(super) const BREAKER_PAUSE: Duration = Duration::from_secs(120);

/// Commands waiting for a runner's control lane: cancels and prompt answers, a handful.
pub(super) const CONTROL_QUEUE: usize = 64;

/// Largest `plugin.toml` that is read.
pub(super) const MANIFEST_BYTES_MAX: u64 = 64 * 1024;

/// Longest serial number of a key of a reader. Those of DUKPT have 10 or 12 bytes.
pub(super) const KEY_SERIAL_BYTES_MAX: usize = 32;

/// Longest name of a place for keys in a reader.
pub(super) const KEY_SLOT_BYTES_MAX: usize = 64;

/// Longest text of a device's display that is kept.
pub(super) const SCREEN_CHARS_MAX: usize = 512;
