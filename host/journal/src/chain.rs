// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hash that ties every record to all before it, so that a missing or altered one is found.

use sha2::{Digest as _, Sha256};

/// One link.
pub(crate) type Link = [u8; 32];

/// The link before the first record: another journal's records do not fit.
pub(crate) fn origin(epoch_id: &[u8]) -> Link {
    Sha256::new()
        .chain_update(b"payhal journal")
        .chain_update(epoch_id)
        .finalize()
        .into()
}

/// SHA-256(previous link, position in big endian, bytes of the record).
pub(crate) fn next(previous: &Link, position: u64, body: &[u8]) -> Link {
    Sha256::new()
        .chain_update(previous)
        .chain_update(position.to_be_bytes())
        .chain_update(body)
        .finalize()
        .into()
}
