// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gateway's own keys: made in this process, kept in this instance's state folder.
//!
//! Readers seal to the newest sealing key. Those before it open for a while, for reads that were
//! sealed but not sent yet and for reversals, and are destroyed then. No private key may pass
//! through the configuration, a reply or a log.

use crate::authority::test_authority;
use crate::error::SandboxError;
use crate::limits::SEALING_KEYS_MAX;
use payhal_card_data::key_file::{destroy, load, store};
use payhal_card_data::{PrivateKey, SecretBytes, ValidTime, key_id};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// In front of a key file, and its version.
const HEAD: &[u8] = b"payhal sandbox sealing key 1\n";

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// Bytes of the secret behind payment tokens.
const TOKENS_BYTES: usize = 32;

/// Name of the one key of earlier versions, directly in the state folder.
const FORMER_FILE: &str = "sealing.key";

/// How long sealing keys live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    /// A key older than this is replaced when the connector starts.
    pub(crate) days: u32,
    /// A replaced key opens for so long.
    pub(crate) overlap_days: u32,
}

/// The sealing keys, oldest first; never empty once open.
#[derive(Debug)]
pub(crate) struct SealingKeys {
    folder: PathBuf,
    lifetime: Lifetime,
    keys: Vec<SealingKey>,
    /// The key that the host was told: it opens as long as this process runs.
    announced: String,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct SealingKey {
    pub(crate) id: String,
    pub(crate) made_at: u64,
    pub(crate) key: Arc<PrivateKey>,
}

impl SealingKeys {
    /// The keys of this state folder. Makes one where there is none or the newest is too old;
    /// destroys those that open nothing any more. Times in seconds since 1970.
    pub(crate) fn open(
        state_dir: &Path,
        lifetime: Lifetime,
        now: u64,
    ) -> Result<Self, SandboxError> {
        let folder = state_dir.join("keys").join("sealing");
        let mut keys = Self {
            keys: read_all(&folder)?,
            folder,
            lifetime,
            announced: String::new(),
        };
        keys.destroy_retired(now)?;
        let age = keys.keys.last().map(|key| now.saturating_sub(key.made_at));
        let is_old = age.is_none_or(|age| age >= u64::from(lifetime.days) * DAY);
        if is_old && keys.keys.len() < SEALING_KEYS_MAX {
            keys.rotate(now)?;
            // With no overlap the former one is over at once.
            keys.destroy_retired(now)?;
        }
        keys.announced = keys.current().id.clone();
        Ok(keys)
    }

    /// Makes a key that takes the place of the newest one.
    pub(crate) fn rotate(&mut self, now: u64) -> Result<&SealingKey, SandboxError> {
        if self.keys.len() >= SEALING_KEYS_MAX {
            return Err(SandboxError::SealingKeys(self.keys.len()));
        }
        let key = PrivateKey::generate();
        // By its time a key is told to be the newest, also on a clock that was set back.
        let after = self.keys.last().map_or(0, |last| last.made_at + 1);
        let made_at = now.max(after);
        let id = key_id(&key.public_bytes());
        let private = key.to_bytes();
        let content = Zeroizing::new([HEAD, &made_at.to_be_bytes(), &private].concat());
        store(&self.path(&id), &SecretBytes::copied(&content))?;
        self.keys.push(SealingKey {
            id,
            made_at,
            key: Arc::new(key),
        });
        Ok(self.current())
    }

    /// What readers seal to from the next start on.
    pub(crate) fn current(&self) -> &SealingKey {
        self.keys.last().expect("one is made when they are opened")
    }

    /// The key of that name, if it still opens.
    pub(crate) fn opening(&self, id: &str, now: u64) -> Option<Arc<PrivateKey>> {
        let place = self.keys.iter().position(|key| key.id == id)?;
        let opens = self.announced == id || !self.is_over(place, now);
        opens.then(|| Arc::clone(&self.keys[place].key))
    }

    /// Every key, newest first, and until when it opens where it was replaced.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&SealingKey, Option<u64>)> {
        let places = (0..self.keys.len()).rev();
        places.map(|place| (&self.keys[place], self.ends(place)))
    }

    /// A certificate of the newest key, DER, from the TEST authority. A process that runs for
    /// longer than it is valid must be started anew.
    pub(crate) fn certificate(&self, gateway: &str, now: u64) -> Result<Vec<u8>, SandboxError> {
        let days = u64::from(self.lifetime.days) + u64::from(self.lifetime.overlap_days);
        let valid = ValidTime {
            // A reader's clock may be a little behind.
            from: now.saturating_sub(DAY),
            until: now + days * DAY,
        };
        let public_key = self.current().key.public_bytes();
        test_authority()
            .and_then(|authority| authority.issue(gateway, &public_key, valid))
            .map_err(SandboxError::Certificate)
    }

    fn ends(&self, place: usize) -> Option<u64> {
        let next = self.keys.get(place + 1)?;
        Some(next.made_at + u64::from(self.lifetime.overlap_days) * DAY)
    }

    fn is_over(&self, place: usize, now: u64) -> bool {
        self.ends(place).is_some_and(|end| now >= end)
    }

    fn destroy_retired(&mut self, now: u64) -> Result<(), SandboxError> {
        let over = (0..self.keys.len()).take_while(|place| self.is_over(*place, now));
        let over = over.count();
        for key in &self.keys[..over] {
            destroy(&self.path(&key.id))?;
        }
        self.keys.drain(..over);
        Ok(())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.key"))
    }
}

fn read_all(folder: &Path) -> Result<Vec<SealingKey>, SandboxError> {
    let failed = |source| SandboxError::File {
        verb: "list",
        path: folder.into(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut keys = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        // What a power cut left aside has another ending.
        if path.extension().is_some_and(|ending| ending == "key") {
            keys.extend(read(&path)?);
        }
    }
    keys.sort_by_key(|key: &SealingKey| key.made_at);
    Ok(keys)
}

fn read(path: &Path) -> Result<Option<SealingKey>, SandboxError> {
    let Some(content) = load(path)? else {
        return Ok(None);
    };
    let damaged = |reason: String| SandboxError::Key {
        path: path.into(),
        reason,
    };
    let rest = content.bytes().strip_prefix(HEAD);
    let (made_at, private) = rest
        .and_then(|rest| rest.split_first_chunk::<8>())
        .ok_or_else(|| damaged("it is no sealing key".into()))?;
    let key = PrivateKey::from_bytes(private).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(SealingKey {
        id: key_id(&key.public_bytes()),
        made_at: u64::from_be_bytes(*made_at),
        key: Arc::new(key),
    }))
}

/// The secret that payment tokens and the hashes of card numbers are made with. It never changes.
pub(crate) fn tokens_secret(state_dir: &Path) -> Result<SecretBytes, SandboxError> {
    let path = state_dir.join("keys").join("tokens.key");
    if let Some(secret) = load(&path)? {
        return match secret.bytes().len() {
            TOKENS_BYTES => Ok(secret),
            length => Err(SandboxError::Key {
                path,
                reason: format!("it has {length} bytes"),
            }),
        };
    }
    // Earlier versions made tokens with their one sealing key: they hold on.
    let former = state_dir.join(FORMER_FILE);
    let secret = match load(&former)? {
        Some(secret) if secret.bytes().len() == TOKENS_BYTES => secret,
        _ => {
            let mut fresh = Zeroizing::new([0; TOKENS_BYTES]);
            getrandom::fill(&mut *fresh)
                .map_err(|error| SandboxError::Random(error.to_string()))?;
            SecretBytes::copied(&*fresh)
        }
    };
    store(&path, &secret)?;
    destroy(&former)?;
    Ok(secret)
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Bytes as letters a to p, one for each half byte: a long run of digits in a reply would have to be
/// suspected of being a card number.
pub(crate) fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .map(|half| char::from(b'a' + half))
        .collect()
}
