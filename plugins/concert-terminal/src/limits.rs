// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the plugin, each with its reason.

use std::time::Duration;

/// How long a terminal may take for a payment, unless configured: what tills of this protocol wait.
pub(crate) const ANSWER_TIMEOUT_S: u64 = 180;

/// Longest that can be configured: beyond what the host gives any payment.
pub(crate) const ANSWER_TIMEOUT_S_MAX: u64 = 300;

/// How long before its deadline a call answers by itself: what it knows is better than a process
/// that is ended.
pub(crate) const BEFORE_DEADLINE: Duration = Duration::from_millis(500);

/// How long a question that needs nobody may take.
pub(crate) const QUESTION: Duration = Duration::from_secs(15);

/// How long an upload may take: a terminal dials its acquirers for it.
pub(crate) const UPLOAD: Duration = Duration::from_secs(120);

/// Pause after which a V3 message that could be whole is: there is no frame that says so. Fields of
/// one message come in one packet, or in one burst.
pub(crate) const SETTLE: Duration = Duration::from_millis(120);

/// Longest V3 message: a ticket of 999 characters and every other field, several times over.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Largest amount that V3 can say.
pub(crate) const V3_AMOUNT_MAX: i64 = 999_999_999_999;

/// How long a serial terminal may take for ACK or NAK, and for the next character of a frame.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(3);

/// How often one side bids, sends a frame that was refused, or refuses one.
pub(crate) const TRIES: usize = 3;

/// Pause after a bid that was refused.
pub(crate) const BID_PAUSE: Duration = Duration::from_millis(500);

/// How long to wait for the terminal's EOT once everything has been said: a terminal that did not
/// hear the last ACK says it all again after [`HANDSHAKE`], and would not hear a bid meanwhile.
pub(crate) const FAREWELL: Duration = Duration::from_millis(3_500);

/// How long an answer to a forgotten request may take that the terminal wants to get rid of first:
/// a cancel waits for it, and has 5 seconds.
pub(crate) const STALE: Duration = Duration::from_secs(4);

/// Most characters heard in one call: more than a line at 9600 baud carries in that time.
pub(crate) const HEARD_MAX: usize = 512 * 1024;

/// Most characters that are read at once.
pub(crate) const READ_BYTES: usize = 256;

/// Most payments that wait for their upload and are told when it is done; the rest is uploaded all
/// the same. Each is told in about 70 of the 128 KiB that a reply may have.
pub(crate) const WAITING_MAX: usize = 1_000;
