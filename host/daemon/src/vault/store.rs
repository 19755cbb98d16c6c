// SPDX-License-Identifier: MIT OR Apache-2.0
//! The vault's files: one a record, and one a key in a folder of their own.
//!
//! A record is there once both files and both folders are flushed. It ends with its key: that is
//! overwritten, flushed and unlinked first, so that a loss of power in between leaves nothing that
//! can be read.

use super::Whose;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use payhal_engine::ids::{Kept, TransactionId};
use payhal_failpoint::failpoint;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Begins each record: what it is, and how it is encrypted.
const MARK: &[u8; 8] = b"payhal-1";

const NONCE_BYTES: usize = 12;

const KEY_BYTES: usize = 32;

/// Reversals and sales to be forwarded that may wait at once. Far more than a shop makes while its gateway is away.
const RECORDS_MAX: usize = 10_000;

/// The largest record; a sealed number has some hundred bytes, a sealed read some thousand.
const RECORD_BYTES_MAX: u64 = 64 * 1024;

const KEYS: &str = "keys";
const KEY: &str = "key";
const RECORD: &str = "sealed";

/// Ends the name of a sealed read, before the ending of its file.
const READ: &str = "-read";

/// Why a record could not be read.
#[derive(Debug)]
pub(super) enum Load {
    /// It is gone, or not as it was written.
    Lost(&'static str),
    /// The disk said no.
    Failed(io::Error),
}

/// The two folders, and what is in them.
#[derive(Debug)]
pub(super) struct Store {
    records: PathBuf,
    keys: PathBuf,
    held: BTreeSet<Whose>,
}

impl Store {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let keys = folder.join(KEYS);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&keys)?;
        if let Some(parent) = folder.parent() {
            sync(parent)?;
        }
        sync(folder)?;
        let mut held = named(folder, RECORD)?;
        held.extend(named(&keys, KEY)?);
        Ok(Self {
            records: folder.to_owned(),
            keys,
            held,
        })
    }

    /// Those that belong to nobody in this list.
    pub(super) fn others(&self, open: &BTreeSet<Whose>) -> Vec<Whose> {
        self.held.difference(open).copied().collect()
    }

    /// Puts a record on disk under a fresh key. After an error it is not there.
    pub(super) fn keep(&mut self, id: Whose, clear: &[u8]) -> io::Result<()> {
        if self.held.len() >= RECORDS_MAX {
            let full = format!(
                "the vault holds {RECORDS_MAX} already: bring the gateway back, so that their \
                 transactions come to an end"
            );
            return Err(io::Error::other(full));
        }
        self.held.insert(id);
        self.write(id, clear).inspect_err(|_| {
            // The next start tries again.
            self.destroy(id).ok();
        })
    }

    fn write(&self, id: Whose, clear: &[u8]) -> io::Result<()> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        fill(&mut *key)?;
        let mut nonce = [0; NONCE_BYTES];
        fill(&mut nonce)?;
        let sealed = cipher(&key)
            .encrypt(&Nonce::from(nonce), sealing(id, clear).payload())
            .map_err(|_| io::Error::other("it is too long"))?;
        create(&self.key(id), &*key)?;
        sync(&self.keys)?;
        failpoint!("vault.keep.key");
        create(&self.record(id), &[&MARK[..], &nonce, &sealed].concat())?;
        sync(&self.records)
    }

    /// Reads a record.
    pub(super) fn load(&self, id: Whose) -> Result<Vec<u8>, Load> {
        let key = Zeroizing::new(read(&self.key(id), "its key is gone")?);
        let key: &[u8; KEY_BYTES] = key
            .as_slice()
            .try_into()
            .map_err(|_| Load::Lost("its key is damaged"))?;
        let record = read(&self.record(id), "its record is gone")?;
        let damaged = || Load::Lost("its record is damaged");
        let rest = record.strip_prefix(MARK).ok_or_else(damaged)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or_else(damaged)?;
        let nonce: [u8; NONCE_BYTES] = *nonce;
        cipher(key)
            .decrypt(&Nonce::from(nonce), sealing(id, sealed).payload())
            .map_err(|_| damaged())
    }

    /// Ends a record: its key first.
    pub(super) fn destroy(&mut self, id: Whose) -> io::Result<()> {
        let key = self.key(id);
        if let Some(mut file) = found(OpenOptions::new().write(true).open(&key))? {
            let mut noise = [0; KEY_BYTES];
            fill(&mut noise)?;
            file.write_all(&noise)?;
            file.sync_all()?;
        }
        failpoint!("vault.destroy.key");
        found(std::fs::remove_file(&key))?;
        sync(&self.keys)?;
        found(std::fs::remove_file(self.record(id)))?;
        sync(&self.records)?;
        self.held.remove(&id);
        Ok(())
    }

    fn key(&self, id: Whose) -> PathBuf {
        self.keys.join(format!("{}.{KEY}", name(id)))
    }

    fn record(&self, id: Whose) -> PathBuf {
        self.records.join(format!("{}.{RECORD}", name(id)))
    }
}

/// How many records of this kind wait in the vault of this folder.
pub(crate) fn count(folder: &Path, part: Kept) -> io::Result<usize> {
    let ids = found(named(folder, RECORD))?.unwrap_or_default();
    Ok(ids.iter().filter(|(_, found)| *found == part).count())
}

/// Whose files with this ending lie in a folder.
fn named(folder: &Path, ending: &str) -> io::Result<BTreeSet<Whose>> {
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == ending)
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            && let Some(id) = named_by(stem)
        {
            ids.insert(id);
        }
    }
    Ok(ids)
}

/// The name of a record's files, without their ending.
fn name((id, part): Whose) -> String {
    match part {
        Kept::Number => id.to_string(),
        Kept::Read => format!("{id}{READ}"),
    }
}

/// Whose record files of this name hold.
fn named_by(stem: &str) -> Option<Whose> {
    let (id, part) = match stem.strip_suffix(READ) {
        Some(id) => (id, Kept::Read),
        None => (stem, Kept::Number),
    };
    Some((TransactionId(Uuid::parse_str(id).ok()?), part))
}

/// What is encrypted, tied to its transaction and to what it is: a record under another name does
/// not open.
struct Sealing<'a> {
    text: &'a [u8],
    whose: Vec<u8>,
}

fn sealing(id: Whose, text: &[u8]) -> Sealing<'_> {
    let (transaction, part) = id;
    let part: &[u8] = match part {
        Kept::Number => &[],
        Kept::Read => READ.as_bytes(),
    };
    Sealing {
        text,
        whose: [transaction.0.as_bytes(), part].concat(),
    }
}

impl Sealing<'_> {
    fn payload(&self) -> Payload<'_, '_> {
        Payload {
            msg: self.text,
            aad: &self.whose,
        }
    }
}

fn cipher(key: &[u8; KEY_BYTES]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}

/// A new file for this user only, on disk.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read(path: &Path, gone: &'static str) -> Result<Vec<u8>, Load> {
    let opened = found(File::open(path)).map_err(Load::Failed)?;
    let file = opened.ok_or(Load::Lost(gone))?;
    let mut bytes = Vec::new();
    file.take(RECORD_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(Load::Failed)?;
    Ok(bytes)
}

/// `None` where there is no such file.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn id(number: u128) -> Whose {
        (TransactionId(Uuid::from_u128(number)), Kept::Number)
    }

    fn read(number: u128) -> Whose {
        (id(number).0, Kept::Read)
    }

    fn bytes(path: &Path) -> Vec<u8> {
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_record_is_there_after_a_start_and_for_its_transaction_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.keep(id(1), b"a sealed number").unwrap();
        let on_disk = [bytes(&store.record(id(1))), bytes(&store.key(id(1)))].concat();
        assert!(!on_disk.windows(6).any(|window| window == b"sealed"));
        let rights = std::fs::metadata(store.key(id(1))).unwrap().permissions();
        assert_eq!(rights.mode() & 0o777, 0o600);
        let again = Store::open(folder.path()).unwrap();
        assert_eq!(again.load(id(1)).unwrap(), b"a sealed number");
        assert_eq!(again.others(&BTreeSet::new()), [id(1)]);
        assert_eq!(again.others(&[id(1)].into()), []);
        std::fs::rename(again.record(id(1)), again.record(id(2))).unwrap();
        std::fs::rename(again.key(id(1)), again.key(id(2))).unwrap();
        assert!(matches!(again.load(id(2)), Err(Load::Lost(_))));
        assert!(matches!(again.load(id(1)), Err(Load::Lost(_))));
    }

    #[test]
    fn a_number_and_a_read_of_one_transaction_are_two_records() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.keep(id(1), b"number").unwrap();
        store.keep(read(1), b"read").unwrap();
        let mut again = Store::open(folder.path()).unwrap();
        assert_eq!(again.others(&[id(1)].into()), [read(1)]);
        assert_eq!(again.load(read(1)).unwrap(), b"read");
        again.destroy(id(1)).unwrap();
        assert!(matches!(again.load(id(1)), Err(Load::Lost(_))));
        assert_eq!(again.load(read(1)).unwrap(), b"read");
        assert_eq!(count(folder.path(), Kept::Number).unwrap(), 0);
        assert_eq!(count(folder.path(), Kept::Read).unwrap(), 1);
        std::fs::rename(again.record(read(1)), again.record(id(1))).unwrap();
        std::fs::rename(again.key(read(1)), again.key(id(1))).unwrap();
        assert!(matches!(again.load(id(1)), Err(Load::Lost(_))));
    }

    #[test]
    fn a_destroyed_key_ends_every_copy_of_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.keep(id(1), b"number").unwrap();
        let copy = bytes(&store.record(id(1)));
        // Whoever holds the key's file open sees that it is overwritten, not only unlinked.
        let mut held = File::open(store.key(id(1))).unwrap();
        let key = bytes(&store.key(id(1)));
        store.destroy(id(1)).unwrap();
        let mut left = Vec::new();
        held.read_to_end(&mut left).unwrap();
        assert_eq!(left.len(), key.len());
        assert_ne!(left, key);
        assert_eq!(count(folder.path(), Kept::Number).unwrap(), 0);
        std::fs::write(store.record(id(1)), copy).unwrap();
        assert!(matches!(store.load(id(1)), Err(Load::Lost(_))));
        // Again, and of one that never was.
        store.destroy(id(1)).unwrap();
        store.destroy(id(7)).unwrap();
    }

    #[test]
    fn any_flipped_bit_is_damage_and_a_disk_that_fails_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.keep(id(1), b"number").unwrap();
        for path in [store.record(id(1)), store.key(id(1))] {
            let whole = bytes(&path);
            for place in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[place] ^= 1;
                std::fs::write(&path, &flipped).unwrap();
                assert!(matches!(store.load(id(1)), Err(Load::Lost(_))), "{place}");
            }
            std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
            assert!(matches!(store.load(id(1)), Err(Load::Lost(_))));
            std::fs::write(&path, &whole).unwrap();
        }
        assert_eq!(store.load(id(1)).unwrap(), b"number");
        std::fs::remove_file(store.record(id(1))).unwrap();
        std::fs::create_dir(store.record(id(1))).unwrap();
        assert!(matches!(store.load(id(1)), Err(Load::Failed(_))));
    }

    #[test]
    fn what_cannot_be_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        // In the record's way: its key is written before.
        std::fs::create_dir(store.record(id(1))).unwrap();
        store.keep(id(1), b"number").unwrap_err();
        assert!(!store.key(id(1)).exists());
        let others = (2..).map(id).take(RECORDS_MAX);
        store.held = others.collect();
        let full = store.keep(id(1), b"number").unwrap_err();
        assert!(full.to_string().contains("holds 10000"), "{full}");
    }
}
