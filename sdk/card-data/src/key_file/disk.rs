// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small files that their owner alone may read.
//!
//! A file is whole, or the former one, after a power cut at any moment. What is replaced or
//! destroyed is overwritten first. Contents must never pass through a `String` or a message.

use super::KeyFileError;
use crate::secret::SecretBytes;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// No key file is larger.
const FILE_BYTES_MAX: usize = 4096;

/// Puts a secret into a file in place of what is there. The folder is made if it is not there.
///
/// # Errors
/// [`KeyFileError::File`].
pub fn store(path: &Path, secret: &SecretBytes) -> Result<(), KeyFileError> {
    let folder = parent(path);
    make_folder(folder)?;
    let aside = aside(path);
    let mut file = owner_only(&aside).map_err(failed("create", &aside))?;
    file.write_all(secret.bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed("write", &aside))?;
    let former = OpenOptions::new().write(true).open(path);
    fs::rename(&aside, path).map_err(failed("rename", &aside))?;
    sync_folder(folder)?;
    match former {
        Ok(former) => overwrite(former).map_err(failed("overwrite", path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed("overwrite", path)(source)),
    }
}

/// What a file holds; `None` where there is none.
///
/// # Errors
/// [`KeyFileError`].
pub fn load(path: &Path) -> Result<Option<SecretBytes>, KeyFileError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("open", path)(source)),
    };
    check_rights(&file, path)?;
    // Read into its locked page, past the end of the longest file.
    let mut secret = SecretBytes::zeroed(FILE_BYTES_MAX);
    let mut end = 0;
    loop {
        match file.read(&mut secret.bytes_mut()[end..]) {
            Ok(0) => break,
            Ok(read) => end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(failed("read", path)(source)),
        }
    }
    if end == FILE_BYTES_MAX {
        return Err(damaged(path, "too long"));
    }
    Ok(Some(secret.shortened(end)))
}

/// Overwrites a file and takes it away; whether there was one.
///
/// # Errors
/// [`KeyFileError::File`].
pub fn destroy(path: &Path) -> Result<bool, KeyFileError> {
    // What a power cut left aside goes too.
    let aside = aside(path);
    let mut found = false;
    for (path, counts) in [(aside.as_path(), false), (path, true)] {
        match OpenOptions::new().write(true).open(path) {
            Ok(file) => overwrite(file).map_err(failed("overwrite", path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(failed("open", path)(source)),
        }
        fs::remove_file(path).map_err(failed("remove", path))?;
        found |= counts;
    }
    let folder = parent(path);
    if folder.is_dir() {
        sync_folder(folder)?;
    }
    Ok(found)
}

/// Names of the files of a folder with this ending, without it, in order. No folder: none.
pub(super) fn names(folder: &Path, ending: &str) -> Result<Vec<String>, KeyFileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("list", folder)(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", folder))?;
        let name = entry.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(ending)) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

pub(super) fn damaged(path: &Path, what: &'static str) -> KeyFileError {
    KeyFileError::Damaged {
        path: path.to_owned(),
        what,
    }
}

/// Of no other ending than files have, so that it is never listed.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn failed(verb: &'static str, path: &Path) -> impl Fn(io::Error) -> KeyFileError {
    move |source| KeyFileError::File {
        verb,
        path: path.to_owned(),
        source,
    }
}

fn make_folder(folder: &Path) -> Result<(), KeyFileError> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed("create", folder))?;
    // Its name is on disk too, or a power cut takes the key with the folder.
    sync_folder(parent(folder))
}

fn owner_only(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn overwrite(mut file: File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(FILE_BYTES_MAX);
    file.write_all(&vec![0; length.min(FILE_BYTES_MAX)])?;
    file.sync_all()
}

#[cfg(unix)]
fn check_rights(file: &File, path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = file.metadata().map_err(failed("open", path))?;
    let mode = found.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(KeyFileError::Shared {
            path: path.to_owned(),
            mode,
        }),
    }
}

#[cfg(not(unix))]
fn check_rights(_: &File, _: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), KeyFileError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(failed("sync", folder))
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_was_stored_last_and_gone_when_destroyed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/slot.key");
        assert!(load(&path).unwrap().is_none());
        for text in [&b"first secret"[..], b"second"] {
            store(&path, &SecretBytes::copied(text)).unwrap();
            assert_eq!(load(&path).unwrap().unwrap().bytes(), text);
        }
        assert_eq!(names(path.parent().unwrap(), ".key").unwrap(), ["slot"]);
        assert!(destroy(&path).unwrap());
        assert!(!destroy(&path).unwrap());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_replaced_or_destroyed_is_overwritten() {
        use std::io::{Seek as _, SeekFrom};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot.key");
        store(&path, &SecretBytes::copied(b"first secret")).unwrap();
        // Held open, the former file can be looked into after it lost its name.
        let held = |path: &Path| File::open(path).unwrap();
        let mut text = Vec::new();
        let mut first = held(&path);
        store(&path, &SecretBytes::copied(b"second")).unwrap();
        first.read_to_end(&mut text).unwrap();
        assert_eq!(text, [0; 12]);
        let mut second = held(&path);
        destroy(&path).unwrap();
        second.seek(SeekFrom::Start(0)).unwrap();
        text.clear();
        second.read_to_end(&mut text).unwrap();
        assert_eq!(text, [0; 6]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_have_rights() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/slot.key");
        store(&path, &SecretBytes::copied(b"secret")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        for shared in [0o640, 0o604, 0o620, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(shared)).unwrap();
            let refused = load(&path).unwrap_err();
            assert!(
                matches!(refused, KeyFileError::Shared { mode, .. } if mode == shared),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_file_of_any_length_takes_no_more_than_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot.key");
        store(&path, &SecretBytes::copied(&[1; FILE_BYTES_MAX])).unwrap();
        assert!(load(&path).is_err());
    }
}
