// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of access, each with its reason. Those that registers must know stand in
//! `payhal_protocol::limits`.

use std::num::NonZeroU32;
use std::time::Duration;

/// Pairings at once. An operator compares one number at a time.
pub(super) const OPEN_MAX: usize = 4;

/// How often one origin may ask: a person who mistypes, not a page that floods.
pub(super) const ORIGIN_BURST: NonZeroU32 = NonZeroU32::new(3).expect("more than none");

/// Then one in this time.
pub(super) const ORIGIN_EVERY: Duration = Duration::from_secs(60);

/// How often all of them may.
pub(super) const ALL_BURST: NonZeroU32 = NonZeroU32::new(10).expect("more than none");

/// Then one in this time.
pub(super) const ALL_EVERY: Duration = Duration::from_secs(10);

/// Origins that are remembered. The rate of all of them admits fewer in their time.
pub(super) const ORIGINS_MAX: usize = 64;

/// Wrong proofs of one register, or of one origin, before it has to wait: the fifth in a minute.
pub(super) const WRONG_PROOFS: NonZeroU32 = NonZeroU32::new(4).expect("more than none");

/// Then one in this time.
pub(super) const WRONG_PROOFS_EVERY: Duration = Duration::from_secs(15);

/// Registers and origins whose wrong proofs are counted: as many as can be paired.
pub(super) const WRONG_PROOFS_KEYS: usize = 1024;

/// Wrong codes of the console before everybody has to wait.
pub(super) const WRONG_CODES: NonZeroU32 = NonZeroU32::new(10).expect("more than none");

/// Then one in this time.
pub(super) const WRONG_CODES_EVERY: Duration = Duration::from_secs(6);

/// Codes that may wait to be used. Each is some seconds old at most.
pub(super) const CODES_MAX: usize = 8;

/// Sessions at once: an operator's browsers. The oldest makes room.
pub(super) const SESSIONS_MAX: usize = 8;

/// A working day. Whoever goes home leaves no open console behind.
pub(super) const SESSION_MS_MAX: u64 = 12 * 60 * 60 * 1_000;

/// Bytes of a code: nobody guesses 128 bits in half a minute.
pub(super) const CODE_BYTES: usize = 16;

/// Ended pairings that are remembered, so that their registers learn why.
pub(super) const GONE_MAX: usize = 64;

/// Secrets that a register was given and has not proven: as many tabs of one page may rotate at
/// once.
pub(super) const NEXT_MAX: usize = 4;

/// Registers of one host: far more than a shop has.
pub(super) const REGISTERS_MAX: usize = 512;

/// The largest file; each register has about one KiB.
pub(super) const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
