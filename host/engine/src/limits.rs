// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every bound of the engine, with its reason.

/// Open transactions, reversing ones included: a shop has dozens of registers, not thousands, and
/// recovery after a crash must fit a few seconds.
pub(crate) const OPEN_MAX: usize = 1_024;

/// Ended transactions kept in memory, so that the usual retry needs no look at the disk.
pub(crate) const RECENT_MAX: usize = 4_096;

/// Requests waiting for the journal to say whether it knows their key or their original.
pub(crate) const QUEUED_MAX: usize = 1_024;

/// Transactions that still report to their gateway, in memory; more wait for the next start.
pub(crate) const REPORTS_MAX: usize = 4_096;

/// Sales that wait to be forwarded; as many days of an outage as a shop can bear, and less than the
/// vault holds.
pub(crate) const STORED_MAX: usize = 4_096;

/// Refunds by receipt that are kept in mind, so that a receipt is not given back twice.
pub(crate) const RECEIPTS_MAX: usize = 4_096;

/// Requests waiting for the same transaction: a register that lost its connection comes back a few
/// times, not hundreds.
pub(crate) const TICKETS_MAX: usize = 16;

/// Steps replayed to a request that attaches to a running transaction.
pub(crate) const STEPS_KEPT: usize = 16;

/// A connector's references, which are recorded with every intent.
pub(crate) const REFERENCE_BYTES_MAX: usize = 1_024;

/// Trace numbers have six digits (ISO 8583 DE 11) and begin again at 1.
pub(crate) const STAN_MAX: u32 = 999_999;
