// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of what is read from plugin folders, each with its reason.

/// Largest `plugin.toml` that is read: the longest of ours has two thousand bytes.
pub(super) const MANIFEST_BYTES_MAX: u64 = 64 * 1024;

/// Largest signature or public key that is read; both are a few lines.
pub(super) const SIGNATURE_BYTES_MAX: u64 = 4 * 1024;

/// Largest schema of a configuration.
pub(super) const SCHEMA_BYTES_MAX: u64 = 256 * 1024;

/// Largest library: a debug build with all its symbols has a hundred MiB.
pub(super) const LIBRARY_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Largest `plugins.json`: a hundred bytes for each plugin.
pub(super) const RECORD_BYTES_MAX: u64 = 1024 * 1024;

/// Characters of a comment of a key or a signature that are shown.
pub(super) const COMMENT_CHARS_MAX: usize = 120;

/// Files whose hashes are remembered: more plugins than any shop has.
pub(super) const HASHES_KEPT: usize = 1024;

/// How much of a file is hashed and copied at a time.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
