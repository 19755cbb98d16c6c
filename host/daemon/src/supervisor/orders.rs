// SPDX-License-Identifier: MIT OR Apache-2.0
//! What devices are to take, on disk: a copy of each file, and the order that speaks of it.
//!
//! The copy is named after what is in it, and the order is written last, so that an order never
//! speaks of a file that is not there or not whole. It must never hand out a copy that was changed.

use super::limits::UPDATE_BYTES_MAX;
use crate::whole_file::{sync_folder, write};
use payhal_failpoint::failpoint;
use payhal_messages::update::{PIECE_BYTES_MAX, UpdateBegin, UpdateKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Longest name of a file that is kept and told to the device.
const NAME_BYTES_MAX: usize = 128;

/// The order of a device, beside its file.
const ORDER: &str = "order.json";

/// A file on its way in.
const COMING: &str = "coming";

/// Why a file was not taken. No order was changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Unstored {
    /// It is not what it should be.
    File(String),
    /// This host cannot keep it.
    Host(String),
}

/// An order as it is kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Order {
    /// The plugin of the device that it is for: behind the same name there may be another one later.
    pub(super) plugin: String,
    /// What the device is to take.
    pub(super) file: UpdateBegin,
}

/// The orders of all devices, one folder each.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    folder: PathBuf,
    /// One writes at a time.
    writing: Arc<Mutex<()>>,
}

impl Orders {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            writing: Arc::default(),
        }
    }

    fn folder(&self, device: &str) -> PathBuf {
        self.folder.join(device)
    }

    /// Copies a file in, to where no order speaks of it. `sha256` is what it must be.
    ///
    /// # Errors
    /// [`Unstored`]; nothing is left of it.
    pub(super) fn stage(
        &self,
        device: &str,
        kind: UpdateKind,
        path: &Path,
        sha256: Option<&str>,
    ) -> Result<UpdateBegin, Unstored> {
        let name = name_of(path).ok_or_else(|| {
            Unstored::File(format!("its name has not 1 to {NAME_BYTES_MAX} bytes"))
        })?;
        let folder = self.folder(device);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| host("make a folder for it", &error))?;
        let coming = folder.join(COMING);
        let copied = copy(path, &coming).and_then(|(bytes, found)| {
            check_hash(sha256, &found)?;
            Ok(UpdateBegin {
                kind,
                name,
                bytes,
                sha256: found,
            })
        });
        if copied.is_err() {
            // Half a file is nothing; what cannot be removed is written over next time.
            fs::remove_file(&coming).ok();
        }
        copied
    }

    /// From here on the device is to take what was staged, and nothing that was ordered before.
    ///
    /// # Errors
    /// [`Unstored`]; the order before stands.
    pub(super) fn order(&self, device: &str, order: &Order) -> Result<(), Unstored> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder(device);
        let before = self.read(device).ok().flatten();
        failpoint!("update.order.before");
        let kept = fs::rename(folder.join(COMING), folder.join(&order.file.sha256))
            .and_then(|()| sync_folder(&folder))
            .and_then(|()| write(&folder.join(ORDER), &serde_json::to_vec(order)?));
        kept.map_err(|error| host("keep it", &error))?;
        failpoint!("update.order.after");
        if let Some(before) = before.filter(|before| before.file.sha256 != order.file.sha256) {
            // Nothing speaks of it any more.
            fs::remove_file(folder.join(before.file.sha256)).ok();
        }
        Ok(())
    }

    /// What was staged is not to be ordered after all.
    pub(super) fn unstage(&self, device: &str) {
        fs::remove_file(self.folder(device).join(COMING)).ok();
    }

    /// The order that stands.
    ///
    /// # Errors
    /// In words.
    pub(super) fn pending(&self, device: &str) -> Result<Option<Order>, String> {
        let read = self.read(device);
        read.map_err(|error| format!("failed to read what it is to take: {error}"))
    }

    fn read(&self, device: &str) -> io::Result<Option<Order>> {
        match fs::read(self.folder(device).join(ORDER)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// No order stands any more, or none but a later one than `only`.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn forget(&self, device: &str, only: Option<&Order>) -> io::Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if only.is_some() && self.read(device)?.as_ref() != only {
            return Ok(());
        }
        let folder = self.folder(device);
        failpoint!("update.forget.before");
        remove(&folder.join(ORDER))?;
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for file in files {
            let path = file?.path();
            // Another file may be on its way in.
            if path.file_name().is_none_or(|name| name != COMING) {
                remove(&path)?;
            }
        }
        failpoint!("update.forget.after");
        sync_folder(&folder)
    }

    /// The file that an order speaks of, as it was ordered.
    ///
    /// # Errors
    /// In words, where it is not that any more.
    pub(super) fn open(&self, device: &str, wanted: &UpdateBegin) -> Result<File, String> {
        let path = self.folder(device).join(&wanted.sha256);
        let read = || -> io::Result<(File, String)> {
            let mut file = File::open(path)?;
            let (_, found) = hash(&mut file, &mut io::sink())?;
            file.rewind()?;
            Ok((file, found))
        };
        let (file, found) = read().map_err(|error| format!("the host's copy: {error}"))?;
        match found == wanted.sha256 {
            true => Ok(file),
            false => Err("the host's copy of the file was damaged; give it the file again".into()),
        }
    }
}

fn name_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then_some(name)
}

fn host(doing: &str, error: &io::Error) -> Unstored {
    Unstored::Host(format!("failed to {doing}: {error}"))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn check_hash(wanted: Option<&str>, found: &str) -> Result<(), Unstored> {
    match wanted {
        Some(wanted) if !wanted.eq_ignore_ascii_case(found) => Err(Unstored::File(format!(
            "its SHA-256 is {found}, and it should be {}",
            wanted.to_ascii_lowercase()
        ))),
        _ => Ok(()),
    }
}

/// Copies a file to where it stays; its length and hash. It is on disk when this returns.
fn copy(from: &Path, to: &Path) -> Result<(u64, String), Unstored> {
    let unread = |error: io::Error| Unstored::File(format!("failed to read it: {error}"));
    // Looked at before it is opened: a pipe would keep whoever opens it waiting.
    if !fs::metadata(from).map_err(unread)?.is_file() {
        return Err(Unstored::File("it is no file".to_owned()));
    }
    let file = File::open(from).map_err(unread)?;
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut copy = options.open(to).map_err(|error| host("keep it", &error))?;
    let (bytes, sha256) = hash(&mut file.take(UPDATE_BYTES_MAX + 1), &mut copy)
        .and_then(|found| copy.sync_all().map(|()| found))
        .map_err(|error| host("copy it", &error))?;
    if bytes == 0 || bytes > UPDATE_BYTES_MAX {
        let text = format!("it has not 1 to {UPDATE_BYTES_MAX} bytes");
        return Err(Unstored::File(text));
    }
    Ok((bytes, sha256))
}

/// Passes everything on; its length and hash.
fn hash(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; PIECE_BYTES_MAX];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        bytes += u64::try_from(count).unwrap_or(u64::MAX);
    }
    let hash = hash.finalize();
    Ok((
        bytes,
        hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "reader-1";

    struct Desk {
        orders: Orders,
        folder: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let orders = Orders::new(folder.path().join("updates"));
            Self { orders, folder }
        }

        fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        }

        fn ordered(&self, bytes: &[u8]) -> Order {
            let file = self.file("new.bin", bytes);
            let kind = UpdateKind::Firmware;
            let order = Order {
                plugin: "beeper".to_owned(),
                file: self.orders.stage(DEVICE, kind, &file, None).unwrap(),
            };
            self.orders.order(DEVICE, &order).unwrap();
            order
        }

        fn kept(&self) -> Vec<String> {
            let files = fs::read_dir(self.folder.path().join("updates").join(DEVICE)).unwrap();
            let name = |file: io::Result<fs::DirEntry>| file.unwrap().file_name();
            let mut names: Vec<_> = files
                .map(|file| name(file).into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn an_order_stands_over_a_restart_until_it_is_forgotten() {
        let desk = Desk::new();
        let order = desk.ordered(b"new");
        let again = Orders::new(desk.folder.path().join("updates"));
        assert_eq!(again.pending(DEVICE).unwrap(), Some(order.clone()));
        let mut bytes = Vec::new();
        let mut file = again.open(DEVICE, &order.file).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"new");
        again.forget(DEVICE, Some(&order)).unwrap();
        assert_eq!(again.pending(DEVICE).unwrap(), None);
        assert_eq!(desk.kept(), [""; 0]);
    }

    #[test]
    fn a_later_order_takes_the_place_of_an_earlier_one_and_is_not_forgotten_with_it() {
        let desk = Desk::new();
        let before = desk.ordered(b"before");
        let now = desk.ordered(b"now");
        desk.orders.forget(DEVICE, Some(&before)).unwrap();
        assert_eq!(desk.orders.pending(DEVICE).unwrap(), Some(now.clone()));
        assert_eq!(desk.kept(), [now.file.sha256.as_str(), ORDER]);
        assert!(desk.orders.open(DEVICE, &before.file).is_err());
    }

    #[test]
    fn what_is_staged_and_never_ordered_is_no_order() {
        let desk = Desk::new();
        let file = desk.file("new.bin", b"new");
        let kind = UpdateKind::Configuration;
        desk.orders.stage(DEVICE, kind, &file, None).unwrap();
        assert_eq!(desk.orders.pending(DEVICE).unwrap(), None);
        desk.orders.unstage(DEVICE);
        assert_eq!(desk.kept(), [""; 0]);
    }

    #[test]
    fn a_copy_that_was_damaged_is_not_handed_out() {
        let desk = Desk::new();
        let order = desk.ordered(b"new");
        let copy = desk.orders.folder(DEVICE).join(&order.file.sha256);
        fs::write(copy, b"now").unwrap();
        let why = desk.orders.open(DEVICE, &order.file).unwrap_err();
        assert!(why.contains("damaged"), "{why}");
    }

    #[test]
    fn what_is_no_file_for_a_device_leaves_nothing() {
        let desk = Desk::new();
        let kind = UpdateKind::Firmware;
        let right = desk.file("right.bin", b"right");
        let long = desk.file(&"n".repeat(NAME_BYTES_MAX + 1), b"x");
        let empty = desk.file("empty.bin", b"");
        let huge = desk.file("huge.bin", b"");
        let made = File::options().write(true).open(&huge).unwrap();
        made.set_len(UPDATE_BYTES_MAX + 1).unwrap();
        let other = "00".repeat(32);
        for (path, sha256) in [
            (right.as_path(), Some(other.as_str())),
            (long.as_path(), None),
            (empty.as_path(), None),
            (huge.as_path(), None),
            (desk.folder.path(), None),
            (Path::new("/nowhere.bin"), None),
        ] {
            let why = desk.orders.stage(DEVICE, kind, path, sha256).unwrap_err();
            assert!(matches!(why, Unstored::File(_)), "{path:?}: {why:?}");
            assert_eq!(desk.orders.pending(DEVICE).unwrap(), None);
        }
        assert_eq!(desk.kept(), [""; 0]);
    }
}
