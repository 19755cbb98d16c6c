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

/// How much later than its deadline the reply of a call may come: a plugin that answers at exactly
/// its deadline is right, and its answer still has to come here, on a machine with much to do.
pub(super) const CALL_GRACE: Duration = Duration::from_millis(500);

/// First calls after the start: `identify`, `open`.
pub(super) const OPEN_MS_MAX: u64 = 10_000;

/// Longest `load_parameters`: a hundred and sixty applications and eighty keys over the slowest
/// line take a minute.
pub(super) const LOAD_MS_MAX: u64 = 120_000;

/// Longest file for a device: firmware with pictures and fonts.
pub(super) const UPDATE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Longest exchange of a piece of it: 32 KiB over the slowest line.
pub(super) const UPDATE_MS_MAX: u64 = 120_000;

/// Longest time that a device takes to check a file and put it in force, with its own restart.
pub(super) const UPDATE_FINISH_MS_MAX: u64 = 600_000;

/// Pause between two looks at whether a reader that is to have other parameters is idle.
pub(super) const LOAD_AGAIN: Duration = Duration::from_millis(500);

/// A simulated action may wait 5 s for a read to start; this is that and some.
pub(super) const SIMULATE_MS_MAX: u64 = 15_000;

/// Longest question and longest choice, in characters: a cashier reads it at a glance.
pub(super) const PROMPT_CHARS_MAX: usize = 200;

/// Longest settings of a device as JSON: some hundred lines.
pub(super) const SETTINGS_BYTES_MAX: usize = 32 * 1024;

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

/// Longest serial number of a key of a reader. Those of DUKPT have 10 or 12 bytes.
pub(super) const KEY_SERIAL_BYTES_MAX: usize = 32;

/// Longest name of a place for keys in a reader.
pub(super) const KEY_SLOT_BYTES_MAX: usize = 64;

/// Longest text of a device's display that is kept.
pub(super) const SCREEN_CHARS_MAX: usize = 512;

/// Orders waiting for an instance's keeper: changes come one at a time.
pub(super) const ORDERS: usize = 4;

/// How long a new version or a change waits for an instance to be idle. The longest payment is
/// longer; whoever changes plugins in the middle of one is told to come back.
pub(super) const IDLE_WAIT: Duration = Duration::from_secs(60);

/// Pause between two looks at whether it is idle: shorter than a cashier's hand from one payment
/// to the next.
pub(super) const IDLE_AGAIN: Duration = Duration::from_millis(50);

/// Devices and gateways that can be configured; far more than a shop has.
pub(crate) const INSTANCES_MAX: usize = 256;

/// What is given of a recording at once: with every character escaped it is still one message.
pub(super) const RECORDED_BYTES_MAX: usize = 64 * 1024;

/// Longest recording of a device: some thousand payments.
pub(super) const RECORDING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Log lines of one runner that are written within a second: twice what a runner passes on.
pub(super) const LINES_PER_SECOND: u32 = 400;

/// Events of one runner that are taken within a second: twice what a runner passes on.
pub(super) const EVENTS_PER_SECOND: u32 = 200;

/// Other frames of one runner within a second: a recording of the fastest serial line.
pub(super) const FRAMES_PER_SECOND: u32 = 20_000;

/// Frames left out after which a runner is ended. One that ends by itself hands over all that its
/// plugin has printed, a pipe full of short lines.
pub(super) const FRAMES_DROPPED_MAX: u32 = 50_000;

/// Emissions of one call: more than a runner passes on.
pub(super) const EMISSIONS_PER_CALL: u32 = 2_000;

/// Connections being made for one runner at once: as many as it asks for, a call and one more.
pub(super) const CONNECTS_AT_ONCE: usize = payhal_ipc::limits::LANES_MAX + 1;

/// How long a runner may leave what its host says unread. Its control thread does nothing else.
pub(super) const TELL_MS_MAX: u64 = 1_000;
