// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small files of the state folder, replaced as a whole: who reads one sees the old or the new.
//!
//! For their owner alone. It must never write into a file that somebody else has put in its way.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Puts these bytes there at once, or leaves what was there. They are on disk when this returns.
///
/// # Errors
/// The system's; what was there is there still.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut fresh = OsString::from(path);
    fresh.push(".new");
    // What a loss of power left there, or a link that leads elsewhere.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&fresh, path)?;
    // From here on the new file is the file; only a loss of power could still take it back.
    let folder = path.parent().unwrap_or(path);
    if let Err(error) = sync_folder(folder) {
        tracing::warn!("failed to flush {}: {error}", folder.display());
    }
    Ok(())
}

/// What was made, renamed or removed in it is still so after a loss of power.
///
/// # Errors
/// The system's.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_file_is_replaced_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.json");
        write(&path, b"long before").unwrap();
        write(&path, b"now").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"now");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_else_put_in_the_way_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "his").unwrap();
        symlink(&victim, folder.path().join("it.json.new")).unwrap();
        write(&folder.path().join("it.json"), b"ours").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"his");
    }

    #[test]
    fn what_was_there_stays_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.json");
        write(&path, b"before").unwrap();
        std::fs::create_dir(folder.path().join("it.json.new")).unwrap();
        assert!(write(&path, b"now").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
    }
}
