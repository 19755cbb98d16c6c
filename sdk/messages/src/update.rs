// SPDX-License-Identifier: MIT OR Apache-2.0
//! New firmware or configuration for a device, piece by piece.
//!
//! A device may lose power at any byte: whoever begins again is told where to go on. A refusal at
//! any step says that the device works as it did before.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes of one piece.
pub const PIECE_BYTES_MAX: usize = 32 * 1024;

/// What a file is for.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// Its program.
    Firmware,
    /// Its settings.
    Configuration,
}

/// Command `update_begin`: this file is to come. Again after each start of the plugin, until the
/// device says that it has it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct UpdateBegin {
    /// What the file is for.
    pub kind: UpdateKind,
    /// Its name, as its maker gave it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it, hex.
    pub sha256: String,
}

/// Reply to `update_begin`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UpdateBegun {
    /// The device works with this file: there is nothing to do.
    Has,
    /// It takes the file from this byte on: 0, or where it was interrupted.
    Takes {
        /// The first byte that it wants.
        offset: u64,
    },
}

/// Command `update_piece`: the next bytes; reply is empty (`{}`).
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct UpdatePiece {
    /// Where they stand in the file.
    pub offset: u64,
    /// The bytes, base64, at most 32 KiB.
    #[serde(with = "crate::base64_bytes")]
    #[schemars(with = "String")]
    pub data: Vec<u8>,
}
