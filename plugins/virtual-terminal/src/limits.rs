// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the virtual terminal, each with its reason.

use std::time::Duration;

/// How long a tap waits for a payment to start, unless told otherwise: a person is that patient.
pub(crate) const READ_WAIT_MS: u64 = 5_000;

/// Longest such wait that can be asked for. The host takes an action for hung after 15 s.
pub(crate) const READ_WAIT_MS_MAX: u64 = 10_000;

/// How long the terminal waits for a card, as real ones do.
pub(crate) const CARD_TIME: Duration = Duration::from_secs(60);

/// Time for the choice of a currency, after which it is the shop's.
pub(crate) const CURRENCY_TIME: Duration = Duration::from_secs(30);

/// Time for a tip, after which none is given.
pub(crate) const TIP_TIME: Duration = Duration::from_secs(30);

/// Digits of a tip: more than anybody gives, and far from overflowing an amount.
pub(crate) const TIP_DIGITS_MAX: usize = 9;

/// Time for a PIN, as cardholders are given on real pads.
pub(crate) const PIN_TIME: Duration = Duration::from_secs(60);

/// Time for the cashier to look at a signature.
pub(crate) const SIGNATURE_TIME: Duration = Duration::from_secs(60);

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

/// Highest surcharge, in basis points: a tenth of the amount is more than any law allows.
pub(crate) const SURCHARGE_BASIS_POINTS_MAX: i64 = 1_000;

/// Inquiries a late payment can take: enough for hours of asking.
pub(crate) const INQUIRIES_MAX: i64 = 10_000;

/// SQLite's page cache. The ledger's hot pages are a handful; the runner should stay small.
pub(crate) const CACHE_KIB: i64 = 256;

/// Prepared statements kept: every statement of a payment and some to spare.
pub(crate) const STATEMENTS: usize = 32;

/// How long to wait for somebody who reads the ledger from outside.
pub(crate) const BUSY_MS: u64 = 5_000;

/// Entries in one answer to `ledger`: 160 of about 500 bytes stay within a payload of 128 KiB.
pub(crate) const ENTRIES_MAX: i64 = 160;

/// Lines of the display.
pub(crate) const SCREEN_LINES: usize = 4;

/// Characters of a line.
pub(crate) const SCREEN_COLUMNS: usize = 20;
