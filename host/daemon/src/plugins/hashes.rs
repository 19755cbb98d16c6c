// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hashes of files that need not be read again because they have not changed.
//!
//! What is listed may come from here; what runs never does: its bytes are hashed as they are
//! copied. It must never keep the hash of a file that could still change unnoticed.

use super::limits::HASHES_KEPT;
use super::sealed;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A change is not noticed where it comes within one tick of the file system's clock; the coarsest
/// one ticks every two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// By what a file is known to be the same: device, number, length, and when anything about it was
/// changed last, which nobody can set.
type Mark = (u64, u64, u64, i64, i64);

/// Hashes by path.
#[derive(Debug, Default)]
pub(super) struct Hashes(Mutex<BTreeMap<PathBuf, (Mark, String)>>);

impl Hashes {
    /// The SHA-256 of a file, in hex.
    ///
    /// # Errors
    /// In words that name the file.
    pub(super) fn of(&self, path: &Path) -> Result<String, String> {
        self.at(path, SystemTime::now(), sealed::hash)
    }

    fn at(
        &self,
        path: &Path,
        now: SystemTime,
        read: impl FnOnce(&Path) -> Result<String, String>,
    ) -> Result<String, String> {
        let before = mark(path);
        let known = self.held().get(path).cloned();
        if let Some((mark, hash)) = known
            && Some(mark) == before
        {
            return Ok(hash);
        }
        let hash = read(path)?;
        let settled = |(.., seconds, _): &Mark| {
            let age = u64::try_from(*seconds).map(Duration::from_secs);
            let changed = age.ok().and_then(|age| UNIX_EPOCH.checked_add(age));
            changed
                .is_some_and(|changed| now.duration_since(changed).is_ok_and(|age| age > SETTLED))
        };
        let mut held = self.held();
        held.remove(path);
        if let Some(mark) = before.filter(settled)
            && held.len() < HASHES_KEPT
        {
            held.insert(path.to_owned(), (mark, hash.clone()));
        }
        Ok(hash)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (Mark, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let found = std::fs::metadata(path).ok()?;
    let changed = (found.ctime(), found.ctime_nsec());
    Some((found.dev(), found.ino(), found.len(), changed.0, changed.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_has_changed_or_could_have() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libpin.so");
        std::fs::write(&file, "one").unwrap();
        let (hashes, reads) = (Hashes::default(), std::cell::Cell::new(0));
        let ask = |now| {
            let read = |path: &Path| {
                reads.set(reads.get() + 1);
                std::fs::read_to_string(path).map_err(|error| error.to_string())
            };
            hashes.at(&file, now, read).unwrap()
        };
        let now = SystemTime::now();
        // Just written: the next change may bear the same time.
        assert_eq!((ask(now), reads.get()), ("one".to_owned(), 1));
        assert_eq!((ask(now), reads.get()), ("one".to_owned(), 2));
        let later = now + Duration::from_secs(60);
        assert_eq!((ask(later), reads.get()), ("one".to_owned(), 3));
        assert_eq!((ask(later), reads.get()), ("one".to_owned(), 3));
        // As long as before, and with a time of its own.
        let fresh = folder.path().join("fresh");
        std::fs::write(&fresh, "two").unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        assert_eq!((ask(later), reads.get()), ("two".to_owned(), 4));
        assert_eq!((ask(later), reads.get()), ("two".to_owned(), 4));
        std::fs::remove_file(&file).unwrap();
        assert!(hashes.of(&file).is_err());
    }

    #[test]
    fn a_hash_is_the_file_s() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        std::fs::write(&file, "abc").unwrap();
        let hash = Hashes::default().of(&file).unwrap();
        assert!(hash.starts_with("ba7816bf"), "{hash}");
    }
}
