// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every bound of the journal, with its reason.

use std::time::Duration;

/// Records that may wait for the writer. The engine has at most 1,024 open transactions with a
/// handful of records each; more means that something is broken.
pub const APPENDS_WAITING_MAX: usize = 16_384;

/// Views and lists that may wait for the reader: enough for every register to ask at once.
/// Recalls are not counted: the engine bounds them by its own open transactions.
pub const VIEWS_WAITING_MAX: usize = 256;

/// Audit entries that may wait for the writer: what a flood of failed attempts may queue. More are
/// refused, one by one, and the journal goes on.
pub const AUDITS_WAITING_MAX: usize = 256;

/// Bytes of one audit entry: a sentence, and what a program needs of it.
pub const AUDIT_BODY_BYTES_MAX: usize = 8 * 1024;

/// Lines of one page of the audit: one answer stays below the largest frame of the register API.
pub const AUDIT_PAGE_ROWS_MAX: u32 = 100;

/// Audit entries dropped in one commit.
pub(crate) const AUDIT_PRUNED_AT_A_TIME: i64 = 500;

/// Records of one commit, so that the first of a burst does not wait for all of it.
pub(crate) const COMMIT_RECORDS_MAX: usize = 512;

/// Lines of open transactions that the writer remembers instead of reading them again: as many as
/// the engine can have open.
pub(crate) const LINES_KEPT_MAX: usize = 1_024;

/// How long a record that nothing waits for may wait for company.
pub(crate) const LAZY_WAIT: Duration = Duration::from_millis(20);

/// Lines of one page of a list: one answer stays below the largest frame of the register API.
pub const PAGE_ROWS_MAX: u32 = 200;

/// Lines of `unresolved`: as many as the engine can have open.
pub(crate) const UNRESOLVED_MAX: u32 = 1_024;

/// WAL pages after which they are copied back in the background: about a hundred commits.
pub(crate) const WAL_PAGES_SOFT: i64 = 600;

/// WAL pages after which the writer itself copies what a pass in the background left: just before
/// the file outgrows [`WAL_BYTES_KEPT`].
pub(crate) const WAL_PAGES_COMPLETE: i64 = 960;

/// WAL pages after which the writer copies whatever is left, be it much: bounds the file at about
/// 32 MiB when the disk is too slow for the background to keep up.
pub(crate) const WAL_PAGES_HARD: i64 = 8_000;

/// What the WAL file keeps after a checkpoint, and what it is filled with before its first use:
/// overwriting blocks that exist costs a third less than making the file grow.
pub(crate) const WAL_BYTES_KEPT: u64 = 4 * 1024 * 1024;

/// Page cache of each connection. The hot pages of a commit are about ten.
pub(crate) const CACHE_KIB: i64 = 256;

/// Prepared statements each connection keeps.
pub(crate) const STATEMENTS_MAX: usize = 24;

/// How long a step waits for SQLite's own locks. Only a program that does not belong here, or a
/// checkpoint at its very end, holds them.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// How long nothing may be written before the rest of a long WAL is copied back.
pub(crate) const CHECKPOINT_IDLE: Duration = Duration::from_secs(1);

/// Records whose chain is checked at every start; `payhal journal verify` checks all.
pub(crate) const CHAIN_TAIL_RECORDS: u64 = 1_000;

/// Bits of the filter for each key: about one new key in a hundred is looked up in vain.
pub(crate) const KEY_BITS: usize = 12;

/// Keys that the filter's first layer has room for: 96 KiB, a shop's month.
pub(crate) const KEYS_FIRST_LAYER: usize = 64 * 1024;

/// Keys that the filter has room for: 6 MiB. More make it say "may be there" more often.
pub(crate) const KEYS_MAX: usize = 4 * 1024 * 1024;

/// Keys added to the filter at a time while it is filled.
pub(crate) const KEYS_AT_A_TIME: usize = 1_024;

/// How far the counter of trace numbers jumps when a new epoch begins: more than a restored journal
/// can lack of one business day at one acceptor.
pub(crate) const STAN_JUMP: u32 = 10_000;

/// The largest trace number: DE 11 has six digits.
pub(crate) const STAN_MAX: u32 = 999_999;

/// Days that a transaction is kept for unless told otherwise: 18 months, the longest a card scheme
/// lets a dispute reach back.
pub const RETENTION_DAYS: u32 = 548;

/// Days that a key of a pruned transaction keeps its answer unless told otherwise: ten years.
pub const KEYS_RETENTION_DAYS: u32 = 3_653;

/// Fewest days of either: nothing of the open business days is dropped by a slip of the hand.
pub const RETENTION_DAYS_MIN: u32 = 30;

/// Families of transactions pruned in one commit: about 10 ms, which appends wait for.
pub(crate) const PRUNE_FAMILIES: usize = 64;

/// Transactions of one family that pruning looks at; a larger one stays.
pub(crate) const FAMILY_MAX: usize = 1_024;

/// How long nothing may be written before the automatic pruning begins.
pub(crate) const PRUNE_QUIET: Duration = Duration::from_secs(30);

/// How often automatic pruning looks.
pub(crate) const PRUNE_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Batch closes read at start to find each acceptor's last: a month of a shop with some terminals.
pub(crate) const BATCH_CLOSES_READ: u32 = 256;

/// How long opening waits for the lock: longer than a child takes to become another program, shorter
/// than anybody wonders about.
pub(crate) const LOCK_WAIT: Duration = Duration::from_millis(500);

/// How often it looks meanwhile.
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(5);
