// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the check, each with its reason. Virtual time costs nothing; real time is what an
//! author waits for.

use std::time::Duration;

/// How much later than its deadline, or its cancellation, a reply may come, on the plugin's time.
/// A host gives up at the deadline; the check leaves room for machines that are busy.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Longest a call may take on the real clock: a plugin that waits with the host's `wait` needs
/// milliseconds.
pub(crate) const REAL_MAX: Duration = Duration::from_secs(20);

/// How long nothing may come until the real time counts: the plugin computes, or waits by itself.
pub(crate) const IDLE: Duration = Duration::from_millis(40);

/// How long a plugin that computes, or would, may say nothing until that is taken for its answer.
pub(crate) const STARVED: Duration = Duration::from_secs(2);

/// Deadline of calls that are to succeed, in milliseconds: as long as a cardholder may take.
pub(crate) const DEADLINE_MS: u32 = 60_000;

/// Deadline of calls to a device that does not answer, in milliseconds.
pub(crate) const SHORT_DEADLINE_MS: u32 = 3_000;

/// How long `create` may take on the plugin's time; the host's own bound is this.
pub(crate) const CREATE: Duration = Duration::from_secs(10);

/// How long `cancel` may hold up the thread that brings it, on the real clock.
pub(crate) const CANCEL_BLOCKS: Duration = Duration::from_secs(2);

/// How long a stop may take on the real clock.
pub(crate) const STOP: Duration = Duration::from_secs(5);

/// Moments of a flow at which it is disturbed, at most: more take longer than they tell.
pub(crate) const MOMENTS_MAX: usize = 24;

/// Waits of one call after which it turns in a circle.
pub(crate) const STEPS_MAX: usize = 100_000;

/// How long a device waits for a plugin that does not read, on the real clock.
pub(crate) const WRITE_PATIENCE: Duration = Duration::from_millis(500);

/// Most bytes read from a port at once.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Lines of the plugin's log that a failure shows.
pub(crate) const LOG_LINES_KEPT: usize = 20;

/// Calls of the row that looks for what is left over.
pub(crate) const REPEATS: usize = 20;

/// How much later a slow host comes back from every wait.
pub(crate) const LATE: Duration = Duration::from_millis(700);

/// How long the author's simulator may take for a line, on the real clock.
pub(crate) const SIMULATOR: Duration = Duration::from_secs(10);

/// How many times longer than usual nothing may come on a noisy line until real time counts.
pub(crate) const NOISE_PATIENCE: u32 = 25;

/// Exchanges of one runner and one simulator in the noise; then both begin anew with the next seed.
pub(crate) const NOISE_BLOCK: usize = 50;

/// How long a device may have to end by itself what it was asked for: longer than a cardholder may
/// take.
pub(crate) const NOISE_DRAIN: Duration = Duration::from_secs(180);

/// How soon after it is plugged in again a device must answer, on the plugin's time.
pub(crate) const REPLUGGED: Duration = Duration::from_secs(2);

/// What the line does before a violation, as far as it is shown.
pub(crate) const TRACE_MAX: usize = 200;

/// How long a line is quiet before anything new begins, and a cable pulled before it is plugged in
/// again: nobody is quicker.
pub(crate) const NOISE_QUIET: Duration = Duration::from_secs(3);

/// How many cables are pulled at once, each with a runner and a device of its own: the same number
/// on every machine, so that each run is the same.
pub(crate) const CUTS_AT_ONCE: usize = 2;
