// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets reach of the inside. Nobody else may.

/// The record inside a seal, as it is read after decryption.
pub fn read_record(bytes: &[u8]) -> bool {
    crate::record::decode(bytes).is_some()
}
