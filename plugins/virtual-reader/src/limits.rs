// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the virtual reader, each with its reason.

use std::time::Duration;

/// How long a tap waits for a read to start, unless told otherwise: a person is that patient.
pub(crate) const READ_WAIT_MS: u64 = 5_000;

/// Longest such wait that can be asked for. The host takes an action for hung after 15 s.
pub(crate) const READ_WAIT_MS_MAX: u64 = 10_000;

/// Time for a PIN, as cardholders are given on real pads.
pub(crate) const PIN_TIME: Duration = Duration::from_secs(60);

/// ISO 9564-1.
pub(crate) const PIN_DIGITS_MIN: usize = 4;

/// ISO 9564-1.
pub(crate) const PIN_DIGITS_MAX: usize = 12;

/// Wrong PINs before a card blocks.
pub(crate) const PIN_TRIES: u32 = 3;

/// Keys pressed and not yet read: a long PIN, several times over.
pub(crate) const KEYS_MAX: usize = 64;

/// Faults planned at once.
pub(crate) const FAULTS_MAX: usize = 32;

/// Longest a slow step can be made: beyond every deadline of the host.
pub(crate) const DELAY_MS_MAX: u64 = 600_000;

/// Steps of a script.
pub(crate) const SCRIPT_STEPS_MAX: usize = 10_000;

/// Lines of the display.
pub(crate) const SCREEN_LINES: usize = 4;

/// Characters of a line.
pub(crate) const SCREEN_COLUMNS: usize = 20;
