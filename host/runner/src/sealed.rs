// SPDX-License-Identifier: MIT OR Apache-2.0
//! The library as memory that nobody can change any more.
//!
//! What is loaded is what was looked at: a file could be exchanged while it is loaded, sealed
//! memory cannot, and it needs no path that a confined process may read. The daemon sends it
//! sealed; tests and benchmarks may send a plain file, of which this makes such a copy.
//!
//! Must run before the process is confined.

use crate::limits::LIBRARY_BYTES_MAX;
use payhal_ipc::{fresh_memory, is_sealed, seal_memory};
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::fd::OwnedFd;

/// The library, sealed.
///
/// # Errors
///
/// Fails when it cannot be read or the system has no such memory.
pub(crate) fn sealed(library: File) -> Result<OwnedFd, String> {
    if is_sealed(&library) {
        return Ok(library.into());
    }
    copy(library).map_err(|error| format!("copy the library: {error}"))
}

fn copy(mut library: File) -> std::io::Result<OwnedFd> {
    let mut copy = fresh_memory("plugin")?;
    library.rewind()?;
    let copied = std::io::copy(&mut library.take(LIBRARY_BYTES_MAX + 1), &mut copy)?;
    if copied > LIBRARY_BYTES_MAX {
        return Err(std::io::Error::other(format!(
            "it is longer than {LIBRARY_BYTES_MAX} bytes"
        )));
    }
    seal_memory(copy)
}
