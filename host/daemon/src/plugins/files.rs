// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small files, read within bounds and replaced as a whole.

use crate::whole_file;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// The bytes of a file that may have so many.
///
/// # Errors
/// In words that name it.
pub(super) fn read_bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let failed = |error| format!("failed to read {name}: {error}");
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("{name} is longer than {bytes_max} bytes"));
    }
    Ok(bytes)
}

/// The same, as text.
///
/// # Errors
/// In words that name it.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    String::from_utf8(read_bytes(path, bytes_max)?).map_err(|_| format!("{name} is not UTF-8"))
}

/// Puts these bytes there at once, or leaves what was there. They are on disk when this returns.
///
/// # Errors
/// In words that name the file.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |error| format!("failed to write {}: {error}", path.display());
    make_folder(path.parent().unwrap_or(path))?;
    whole_file::write(path, bytes).map_err(failed)
}

/// Makes a folder for its owner alone, with those above it.
///
/// # Errors
/// In words that name it.
pub(super) fn make_folder(path: &Path) -> Result<(), String> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.map_err(|error| format!("failed to make {}: {error}", path.display()))
}
