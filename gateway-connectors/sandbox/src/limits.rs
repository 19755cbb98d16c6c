// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the sandbox, each with its reason.

/// SQLite's page cache. The ledger's hot pages are a handful; the runner should stay small.
pub(crate) const CACHE_KIB: i64 = 256;

/// Prepared statements kept: every statement of the authorize path and some to spare.
pub(crate) const STATEMENTS: usize = 16;

/// How long to wait for somebody who reads the ledger from outside.
pub(crate) const BUSY_MS: u64 = 5_000;

/// Entries in one answer to `ledger`: 160 of about 600 bytes stay within a payload of 128 KiB.
pub(crate) const ENTRIES_MAX: i64 = 160;

/// Scripted faults that may wait at once: more is a runaway script.
pub(crate) const FAULTS_MAX: usize = 64;

/// Longest scripted delay: past every deadline of the host, so that time-outs can be tried.
pub(crate) const DELAY_MS_MAX: u64 = 600_000;
