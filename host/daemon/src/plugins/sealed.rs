// SPDX-License-Identifier: MIT OR Apache-2.0
//! A library as it was verified: copied and hashed in one pass into memory that nobody can change.
//!
//! What a runner loads is never read from a path again: between a look at a file and its use lies
//! time enough to put another one there.

use super::limits::{CHUNK_BYTES, LIBRARY_BYTES_MAX};
use payhal_ipc::{fresh_memory, seal_memory};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// A sealed copy of this file. With `sha256` it must have that hash, in hex.
///
/// # Errors
/// In words that name the file.
pub(super) fn seal(path: &Path, sha256: Option<&str>) -> Result<OwnedFd, String> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .display()
        .to_string();
    let failed = |error: std::io::Error| format!("failed to copy {name}: {error}");
    let source = File::open(path).map_err(failed)?;
    let mut copy = fresh_memory(&name).map_err(failed)?;
    let found = copy_hashing(source, &mut copy).map_err(failed)?;
    if sha256.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
        return Err(changed(&name));
    }
    seal_memory(copy).map_err(failed)
}

/// The SHA-256 of a file, in hex.
///
/// # Errors
/// In words that name the file.
pub(crate) fn hash(path: &Path) -> Result<String, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let hashed = File::open(path).and_then(|file| copy_hashing(file, &mut std::io::sink()));
    hashed.map_err(|error| format!("failed to read {name}: {error}"))
}

/// The SHA-256 of these bytes, in hex.
pub(super) fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What is said of a file that is not what its manifest says.
pub(super) fn changed(name: &str) -> String {
    format!("{name} is not the file that its manifest lists: it was changed, or only half copied")
}

/// Copies to the end, and says what it was.
pub(super) fn copy_hashing(source: File, target: &mut impl Write) -> std::io::Result<String> {
    let mut source = source.take(LIBRARY_BYTES_MAX + 1);
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut copied = 0_u64;
    loop {
        let read = source.read(&mut chunk)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        copied += read as u64;
        if copied > LIBRARY_BYTES_MAX {
            let why = format!("it has more than {LIBRARY_BYTES_MAX} bytes");
            return Err(std::io::Error::other(why));
        }
        hash.update(&chunk[..read]);
        target.write_all(&chunk[..read])?;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_ipc::is_sealed;
    use std::io::{Seek as _, SeekFrom};

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_sealed_copy_has_the_bytes_and_takes_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        std::fs::write(&path, "abc").unwrap();
        let mut copy = File::from(seal(&path, Some(ABC)).unwrap());
        std::fs::write(&path, "other").unwrap();
        copy.seek(SeekFrom::Start(0)).unwrap();
        let mut bytes = String::new();
        copy.read_to_string(&mut bytes).unwrap();
        assert_eq!(bytes, "abc");
        copy.seek(SeekFrom::Start(0)).unwrap();
        assert!(copy.write_all(b"x").is_err());
        assert!(copy.set_len(1).is_err());
        assert!(is_sealed(&copy), "its seals are sealed");
    }

    #[test]
    fn another_hash_is_refused_with_the_name_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        std::fs::write(&path, "abd").unwrap();
        let why = seal(&path, Some(ABC)).unwrap_err();
        assert!(why.contains("lib.so") && why.contains("changed"), "{why}");
        assert!(seal(&path, None).is_ok());
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(hash(&path).unwrap(), ABC);
    }
}
