// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the plugin SDK, each with its reason.

use std::time::Duration;

/// How far away the deadline of a call without one lies: far enough, and safe to add to.
pub(crate) const NO_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Most answers kept for prompts of one call that nobody waits for any more.
pub(crate) const ANSWERS_MAX: usize = 8;

/// How much longer than the host a prompt waits: the last answer is on its way by then.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);
