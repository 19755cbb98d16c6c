// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that holds a library and that nobody can change any more (memfd_create(2), fcntl(2)).
//!
//! What is loaded is what was looked at: a file could be exchanged between the two, and it needs a
//! path that a confined process may read. It must never hand out memory that is still open.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::Errno;
use std::fs::File;
use std::io::Result;
use std::os::fd::{AsFd, OwnedFd};

/// Without these its bytes could still change.
const SEALS: SealFlags = SealFlags::SEAL
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// The kernel still holds a page of a copy now and then, and says that it is busy; each attempt
/// waits for it by itself.
const TRIES: usize = 20;

/// Fresh memory, to be filled and then [`seal_memory`]ed. Its name shows in the maps of a process.
///
/// # Errors
///
/// Fails as the system says.
pub fn fresh_memory(name: &str) -> Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux 6.3 and newer want to be told that it will be mapped as a program; older ones do not
    // know the flag.
    let memory = match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        made => made,
    };
    Ok(memory?.into())
}

/// Lets nobody change it from now on.
///
/// # Errors
///
/// Fails as the system says.
pub fn seal_memory(memory: File) -> Result<OwnedFd> {
    let mut sealed = fcntl_add_seals(&memory, SEALS);
    for _ in 1..TRIES {
        if sealed != Err(Errno::BUSY) {
            break;
        }
        sealed = fcntl_add_seals(&memory, SEALS);
    }
    sealed?;
    Ok(memory.into())
}

/// Whether this is memory that nobody can change. Files have no seals.
pub fn is_sealed(file: impl AsFd) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SEALS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};

    #[test]
    fn sealed_memory_stays_what_it_is() {
        let mut memory = fresh_memory("test").unwrap();
        memory.write_all(b"as it was").unwrap();
        assert!(!is_sealed(&memory));
        let mut sealed = File::from(seal_memory(memory).unwrap());
        assert!(is_sealed(&sealed));
        sealed.rewind().unwrap();
        assert!(sealed.write_all(b"otherwise").is_err());
        assert!(sealed.set_len(0).is_err());
    }

    #[test]
    fn a_file_is_not_sealed() {
        let folder = std::env::temp_dir();
        assert!(!is_sealed(File::open(folder).unwrap()));
    }
}
