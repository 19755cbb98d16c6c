// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the sandbox, each with its reason.

/// SQLite's page cache. The ledger's hot pages are a handful; the runner should stay small.
pub(crate) const CACHE_KIB: i64 = 256;

/// Prepared statements kept: every statement of a command and some to spare.
pub(crate) const STATEMENTS: usize = 32;

/// How long to wait for somebody who reads the ledger from outside.
pub(crate) const BUSY_MS: u64 = 5_000;

/// Entries in one answer to `ledger`.
pub(crate) const ENTRIES_MAX: i64 = 160;

/// Bytes of entries, and of everything else, in that answer: together within a payload of 128 KiB.
pub(crate) const ENTRIES_BYTES_MAX: usize = 88 * 1024;
pub(crate) const REST_BYTES_MAX: usize = 32 * 1024;

/// Reports, violations and batches of one answer to `ledger`, each.
pub(crate) const NEWEST: u32 = 40;

/// Body of a report in that answer; a longer one is told by its length.
pub(crate) const BODY_BYTES_MAX: usize = 2048;

/// Largest total: DE 4 has twelve digits.
pub(crate) const TOTAL_MAX: i64 = 999_999_999_999;

/// Most instalments of one payment: three years of months.
pub(crate) const INSTALLMENTS_MAX: u32 = 36;

/// How far a receipt's time may be from the ledger's: receipts print local time, to the minute.
pub(crate) const RECEIPT_TIME_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// Requests that may travel behind a reversal at once.
pub(crate) const LATE_MAX: usize = 64;

/// Scripted faults that may wait at once: more is a runaway script.
pub(crate) const FAULTS_MAX: usize = 64;

/// Longest scripted delay: past every deadline of the host, so that time-outs can be tried.
pub(crate) const DELAY_MS_MAX: u64 = 600_000;

/// Longest life of a sealing key, and of its overlap: ten years.
pub(crate) const SEALING_DAYS_MAX: u32 = 3_650;

/// Sealing keys at once: each takes a locked page, and somebody may rotate in a loop.
pub(crate) const SEALING_KEYS_MAX: usize = 32;

/// Wrong PINs of a card, one after the other, until no PIN of it is looked at any more.
pub(crate) const PIN_TRIES_MAX: u32 = 3;
