// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plain functions over bytes for whoever throws bytes at them. They must never panic.

use crate::project;
pub use crate::wal::{Log, Verdict};
use payhal_engine::ids::Position;
use payhal_engine::record::Record;

/// Reads a write-ahead log as opening does.
pub fn scan_log(bytes: &[u8]) -> Log {
    let mut rest = bytes;
    // A slice cannot fail to be read.
    crate::wal::scan(&mut rest).unwrap_or(Log {
        verdict: Verdict::Sound,
        frames: 0,
    })
}

/// Reads the body of one record, and makes its transaction's line of it. Whether it is one.
pub fn read_record(body: &[u8]) -> bool {
    let Ok(record) = serde_json::from_slice::<Record>(body) else {
        return false;
    };
    let line = project::apply(None, Position(1), &record);
    let again = project::apply(line, Position(2), &record);
    crate::kept::answer(&[record.clone(), record]);
    again.is_some()
}
