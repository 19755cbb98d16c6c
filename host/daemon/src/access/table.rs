// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is paired, on disk: one private file, replaced as a whole.
//!
//! What a change answers is on disk before it is answered, so a crash in between leaves either the
//! old file or the new one, and each of them gives both sides a clear next step. It reads no
//! clock, and tells secrets to nobody but its own module tree.

use super::limits::{FILE_BYTES_MAX, GONE_MAX, NEXT_MAX, REGISTERS_MAX};
use payhal_protocol::pairing::{Secret, same};
use payhal_protocol::registers::Limits;
use payhal_protocol::session::{Ended, Permission};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The file in the folder of access.
const FILE: &str = "registers.json";
/// The only version there is.
const VERSION: u32 = 1;

/// Why the file cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// It cannot be read or made.
    #[error("failed to use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read or change it.
    #[error(
        "{path} holds the secrets of paired registers, and others may read it (mode {mode:03o}, \
         owner {owner}): give it to the user that runs payhal with `chown` and `chmod {wanted}`, \
         then pair every register anew if somebody else may have read it"
    )]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Its rights.
        mode: u32,
        /// Whose it is.
        owner: u32,
        /// What they must be.
        wanted: &'static str,
    },
    /// It is not what was written.
    #[error(
        "{path} is damaged ({why}): put it back from a backup of the state folder, or move it \
         away and pair every register anew"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong, without what it holds.
        why: String,
    },
}

/// A paired register.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Paired {
    pub(crate) register_id: String,
    pub(crate) name: String,
    pub(crate) origin: Option<String>,
    #[serde(with = "kept")]
    secret: Secret,
    /// Secrets that follow: the first one that is proven counts.
    #[serde(default, with = "kept_list")]
    next: Vec<Secret>,
    pub(crate) generation: u32,
    pub(crate) permissions: Vec<Permission>,
    #[serde(default)]
    pub(crate) limits: Limits,
    pub(crate) paired_at_micros: i64,
    pub(crate) rotated_at_micros: i64,
    #[serde(default)]
    pub(crate) rotate_due: bool,
    #[serde(default)]
    pub(crate) last_seen_at_micros: Option<i64>,
}

impl Paired {
    /// The secret of this name, if it is one of this register's.
    pub(super) fn secret(&self, key_id: &str) -> Option<&Secret> {
        let mut all = std::iter::once(&self.secret).chain(&self.next);
        all.find(|secret| same(&secret.key_id(), key_id))
    }

    /// Names the secret in use.
    pub(super) fn key_id(&self) -> String {
        self.secret.key_id()
    }
}

/// A register to be paired.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) register_id: String,
    pub(super) name: String,
    pub(super) origin: Option<String>,
    pub(super) secret: Secret,
    pub(super) permissions: Vec<Permission>,
    pub(super) limits: Limits,
    pub(super) at_micros: i64,
}

/// A pairing that ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Gone {
    register_id: String,
    key_id: String,
    why: Ended,
    at_micros: i64,
}

/// What was granted to a register that was never paired: it counts where access is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) name: String,
    pub(crate) permissions: Vec<Permission>,
    #[serde(default)]
    pub(crate) limits: Limits,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    registers: Vec<Paired>,
    #[serde(default)]
    gone: Vec<Gone>,
    /// The last generation of each id that was ever paired: no key of a former pairing comes back.
    #[serde(default)]
    generations: BTreeMap<String, u32>,
    #[serde(default)]
    grants: BTreeMap<String, Granted>,
}

/// The table and its file.
#[derive(Debug)]
pub(super) struct Table {
    folder: PathBuf,
    kept: Kept,
}

impl Table {
    /// Reads the file, or begins without one.
    ///
    /// # Errors
    /// [`TableError`], which says what to do.
    pub(super) fn open(folder: &Path) -> Result<Self, TableError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| TableError::File { path, source }
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed(folder))?;
        check_private(
            folder,
            &std::fs::metadata(folder).map_err(failed(folder))?,
            "700",
        )?;
        let path = folder.join(FILE);
        let kept = match File::open(&path) {
            Ok(file) => read(&path, &file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept {
                version: VERSION,
                ..Kept::default()
            },
            Err(error) => return Err(failed(&path)(error)),
        };
        Ok(Self {
            folder: folder.to_owned(),
            kept,
        })
    }

    /// Every paired register.
    pub(super) fn all(&self) -> &[Paired] {
        &self.kept.registers
    }

    /// What was granted without a pairing.
    pub(super) fn grants(&self) -> &BTreeMap<String, Granted> {
        &self.kept.grants
    }

    /// One paired register.
    pub(super) fn find(&self, register_id: &str) -> Option<&Paired> {
        let mut all = self.kept.registers.iter();
        all.find(|paired| paired.register_id == register_id)
    }

    /// Why the pairing with this key ended.
    pub(super) fn why_gone(&self, register_id: &str, key_id: &str) -> Option<Ended> {
        let mut gone = self.kept.gone.iter().rev();
        let found = gone.find(|gone| gone.register_id == register_id && gone.key_id == key_id)?;
        Some(found.why)
    }

    /// Lets a register in; whoever had its id before is gone.
    pub(super) fn pair(&mut self, newcomer: Newcomer) -> io::Result<Paired> {
        let others = self.kept.registers.iter();
        let others = others.filter(|paired| paired.register_id != newcomer.register_id);
        if others.count() >= REGISTERS_MAX {
            return Err(io::Error::other(format!(
                "{REGISTERS_MAX} registers are paired: unpair those that are gone"
            )));
        }
        self.change(|kept| {
            let at_micros = newcomer.at_micros;
            kept.remove(&newcomer.register_id, Ended::Replaced, at_micros);
            kept.grants.remove(&newcomer.register_id);
            let last = kept
                .generations
                .entry(newcomer.register_id.clone())
                .or_default();
            *last = last.saturating_add(1);
            let paired = Paired {
                register_id: newcomer.register_id,
                name: newcomer.name,
                origin: newcomer.origin,
                secret: newcomer.secret,
                next: Vec::new(),
                generation: *last,
                permissions: newcomer.permissions,
                limits: newcomer.limits,
                paired_at_micros: at_micros,
                rotated_at_micros: at_micros,
                rotate_due: false,
                last_seen_at_micros: None,
            };
            kept.registers.push(paired.clone());
            paired
        })
    }

    /// Ends a pairing; whether there was one.
    pub(super) fn unpair(&mut self, register_id: &str, at_micros: i64) -> io::Result<bool> {
        self.change(|kept| kept.remove(register_id, Ended::Unpaired, at_micros))
    }

    /// Changes a paired register; whether there is one.
    pub(super) fn update(
        &mut self,
        register_id: &str,
        change: impl FnOnce(&mut Paired),
    ) -> io::Result<bool> {
        self.change(|kept| match kept.find(register_id) {
            Some(paired) => {
                change(paired);
                true
            }
            None => false,
        })
    }

    /// Changes what a register may do that is not paired.
    pub(super) fn grant(&mut self, register_id: &str, granted: Granted) -> io::Result<()> {
        let known = self.kept.grants.contains_key(register_id);
        if !known && self.kept.grants.len() >= REGISTERS_MAX {
            return Err(io::Error::other(
                "too many registers were granted something",
            ));
        }
        self.change(|kept| {
            kept.grants.insert(register_id.to_owned(), granted);
        })
    }

    /// A secret that is to follow the present one, once it is proven.
    pub(super) fn add_next(&mut self, register_id: &str, secret: Secret) -> io::Result<bool> {
        self.update(register_id, |paired| {
            if paired.next.len() >= NEXT_MAX {
                paired.next.remove(0);
            }
            paired.next.push(secret);
        })
    }

    /// A register proved itself with this key. A new one takes the place of all others.
    pub(super) fn proven(
        &mut self,
        register_id: &str,
        key_id: &str,
        at_micros: i64,
    ) -> io::Result<()> {
        const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
        let Some(paired) = self.kept.find(register_id) else {
            return Ok(());
        };
        let fresh = !same(&paired.secret.key_id(), key_id);
        let seen = paired.last_seen_at_micros.replace(at_micros);
        // A day's precision is enough on disk; a sale need not wait for it.
        let stale = seen.is_none_or(|seen| at_micros.saturating_sub(seen) > DAY_MICROS);
        if !fresh && !stale {
            return Ok(());
        }
        self.change(|kept| {
            let Some(paired) = kept.find(register_id) else {
                return;
            };
            paired.last_seen_at_micros = Some(at_micros);
            let next = paired.next.iter();
            let found = next.into_iter().find(|next| same(&next.key_id(), key_id));
            if let Some(secret) = found.cloned() {
                paired.secret = secret;
                paired.next.clear();
                paired.rotated_at_micros = at_micros;
                paired.rotate_due = false;
            }
        })
    }

    /// Makes a change on disk first. One that cannot be written is not made.
    fn change<T>(&mut self, change: impl FnOnce(&mut Kept) -> T) -> io::Result<T> {
        let mut changed = self.kept.clone();
        let result = change(&mut changed);
        write(&self.folder, &changed)?;
        self.kept = changed;
        Ok(result)
    }
}

impl Kept {
    fn find(&mut self, register_id: &str) -> Option<&mut Paired> {
        let mut all = self.registers.iter_mut();
        all.find(|paired| paired.register_id == register_id)
    }

    fn remove(&mut self, register_id: &str, why: Ended, at_micros: i64) -> bool {
        let place = self
            .registers
            .iter()
            .position(|paired| paired.register_id == register_id);
        let Some(place) = place else {
            return false;
        };
        let paired = self.registers.remove(place);
        for secret in std::iter::once(&paired.secret).chain(&paired.next) {
            self.gone.push(Gone {
                register_id: register_id.to_owned(),
                key_id: secret.key_id(),
                why,
                at_micros,
            });
        }
        let surplus = self.gone.len().saturating_sub(GONE_MAX);
        self.gone.drain(..surplus);
        true
    }
}

/// Nobody but this user may so much as read it.
fn check_private(
    path: &Path,
    found: &std::fs::Metadata,
    wanted: &'static str,
) -> Result<(), TableError> {
    let (mode, owner) = (found.mode() & 0o777, found.uid());
    if mode & 0o077 == 0 && owner == geteuid().as_raw() {
        return Ok(());
    }
    Err(TableError::Foreign {
        path: path.to_owned(),
        mode,
        owner,
        wanted,
    })
}

fn read(path: &Path, file: &File) -> Result<Kept, TableError> {
    let failed = |source| TableError::File {
        path: path.to_owned(),
        source,
    };
    let damaged = |why: &str| TableError::Damaged {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    check_private(path, &file.metadata().map_err(failed)?, "600")?;
    let bytes_max = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let length = usize::try_from(file.metadata().map_err(failed)?.len()).unwrap_or(usize::MAX);
    // One allocation, so that no copy stays behind where it had to grow.
    let mut text = Zeroizing::new(Vec::with_capacity(length.min(bytes_max) + 1));
    let mut limited = file.take(FILE_BYTES_MAX + 1);
    limited.read_to_end(&mut text).map_err(failed)?;
    if text.len() > bytes_max {
        return Err(damaged("it is far too large"));
    }
    let kept: Kept = serde_json::from_slice(&text).map_err(|error| {
        // Place and kind only: its words may quote what the file holds.
        let kind = if error.is_data() { "content" } else { "form" };
        damaged(&format!(
            "its {kind} is wrong at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    if kept.version != VERSION {
        return Err(damaged("it is of another version of payhal"));
    }
    let mut ids: Vec<&str> = kept
        .registers
        .iter()
        .map(|paired| paired.register_id.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != kept.registers.len() {
        return Err(damaged("a register is in it twice"));
    }
    Ok(kept)
}

/// Whole or not at all: a new file takes the old one's name once it is on disk.
fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    let each = 4 * 1024;
    let capacity = (kept.registers.len() + kept.grants.len() + kept.gone.len() + 1) * each;
    let mut text = Zeroizing::new(Vec::with_capacity(capacity));
    serde_json::to_writer_pretty(&mut *text, kept)?;
    text.push(b'\n');
    crate::whole_file::write(&folder.join(FILE), &text)
}

/// A secret as the file has it.
mod kept {
    use payhal_protocol::pairing::Secret;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::borrow::Cow;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&secret.to_base64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        let text = <Cow<'de, str>>::deserialize(from)?;
        Secret::from_base64(&text).ok_or_else(|| D::Error::custom("not a secret"))
    }
}

/// Several of them.
mod kept_list {
    use payhal_protocol::pairing::Secret;
    use serde::ser::SerializeSeq as _;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    struct One(#[serde(with = "super::kept")] Secret);

    pub(super) fn serialize<S: Serializer>(all: &[Secret], to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(all.len()))?;
        for secret in all {
            list.serialize_element(secret.to_base64().as_str())?;
        }
        list.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Secret>, D::Error> {
        let all = Vec::<One>::deserialize(from)?;
        Ok(all.into_iter().map(|One(secret)| secret).collect())
    }
}

#[cfg(test)]
mod tests;
