// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose signatures count on this host: minisign public keys in `STATE/trusted-keys`.
//!
//! No key is built in, and none is ever learned from a plugin folder: the operator names each.

use super::files::{read_text, replace};
use super::limits::{COMMENT_CHARS_MAX, SIGNATURE_BYTES_MAX};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{PublicKey, Signature};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder, in the state folder.
const FOLDER: &str = "trusted-keys";

/// A key whose signatures count.
#[derive(Clone, Debug)]
pub(crate) struct TrustedKey {
    /// Its id, as minisign shows it: 16 hexadecimal digits.
    pub(crate) key_id: String,
    /// What its file says above the key; nobody has signed that.
    pub(crate) comment: String,
    /// The key, as it is written in one line.
    pub(crate) key: String,
    public: PublicKey,
}

/// The keys of one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    keys: BTreeMap<String, TrustedKey>,
}

/// A good signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Signer {
    /// Whose.
    pub(crate) key_id: String,
    /// What the file of the key says above it.
    pub(crate) key_comment: String,
    /// What the signature says of itself; it covers this too.
    pub(crate) comment: String,
}

/// Why a signature does not count.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Unproven {
    /// Not what minisign writes, or in its old form.
    Malformed,
    /// Of a key that is not trusted here.
    Unknown {
        /// Its id.
        key_id: String,
    },
    /// Of a trusted key, over something else.
    Wrong {
        /// Its id.
        key_id: String,
    },
}

impl TrustedKey {
    /// Reads a public key: its one line, or the file with its comment.
    ///
    /// # Errors
    /// In words, where it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let (comment, key) = match first.strip_prefix("untrusted comment:") {
            Some(comment) => (comment.trim(), lines.next().unwrap_or_default()),
            None => ("", first),
        };
        let none = "that is no public key of minisign: one starts with `RW` and has 56 characters";
        let public = PublicKey::from_base64(key).map_err(|_| none.to_owned())?;
        Ok(Self {
            key_id: key_id(key).ok_or(none)?,
            comment: shown(comment),
            key: key.to_owned(),
            public,
        })
    }
}

impl Trust {
    /// The keys of this state folder. A file that is no key is passed over with a warning.
    pub(crate) fn read(state: &Path) -> Self {
        let entries = std::fs::read_dir(state.join(FOLDER));
        let paths = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "pub"));
        let mut keys = BTreeMap::new();
        for path in paths {
            let read =
                read_text(&path, SIGNATURE_BYTES_MAX).and_then(|text| TrustedKey::parse(&text));
            match read {
                Ok(key) => {
                    keys.insert(key.key_id.clone(), key);
                }
                Err(why) => tracing::warn!("{} is passed over: {why}", path.display()),
            }
        }
        Self { keys }
    }

    /// All of them, in order of their ids.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.values()
    }

    /// Checks a signature over these bytes.
    pub(super) fn check(&self, signature: &str, bytes: &[u8]) -> Result<Signer, Unproven> {
        let key_id = signature.lines().nth(1).and_then(key_id);
        let key_id = key_id.ok_or(Unproven::Malformed)?;
        let parsed = Signature::decode(signature).map_err(|_| Unproven::Malformed)?;
        let Some(key) = self.keys.get(&key_id) else {
            return Err(Unproven::Unknown { key_id });
        };
        match key.public.verify(bytes, &parsed, false) {
            Ok(()) => Ok(Signer {
                key_id,
                key_comment: key.comment.clone(),
                comment: shown(parsed.trusted_comment()),
            }),
            Err(minisign_verify::Error::UnexpectedAlgorithm) => Err(Unproven::Malformed),
            Err(_) => Err(Unproven::Wrong { key_id }),
        }
    }
}

/// Trusts a key from now on.
///
/// # Errors
/// When its file cannot be written.
pub(super) fn add(state: &Path, key: &TrustedKey) -> Result<(), String> {
    let path = path(state, &key.key_id);
    let text = format!("untrusted comment: {}\n{}\n", key.comment, key.key);
    replace(&path, text.as_bytes())
}

/// Trusts it no longer.
///
/// # Errors
/// When it is not trusted, or its file stays.
pub(super) fn remove(state: &Path, key_id: &str) -> Result<(), String> {
    let named = key_id.len() == 16 && key_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let path = path(state, &key_id.to_ascii_uppercase());
    if !named || !path.is_file() {
        return Err(format!(
            "no key {key_id} is trusted here; `payhal plugin keys` lists them"
        ));
    }
    std::fs::remove_file(&path)
        .map_err(|error| format!("failed to remove {}: {error}", path.display()))
}

fn path(state: &Path, key_id: &str) -> PathBuf {
    state.join(FOLDER).join(format!("{key_id}.pub"))
}

/// Eight bytes behind the two that name the algorithm, in keys and signatures alike.
fn key_id(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim()).ok()?;
    let id: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(id)))
}

/// One line of bounded length, for people.
fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(COMMENT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Nobody has its secret half: the key is random bytes.
    const KEY: &str = "RWQf6LRCGA9i5/xstlWHP6sGxx1UKCA3WPWzpsAaveOkOCHpNxxr1rVa";

    #[test]
    fn a_key_is_read_as_a_line_and_as_a_file() {
        let line = TrustedKey::parse(KEY).unwrap();
        let file = format!("untrusted comment: minisign public key 1\u{7}2\n{KEY}\n");
        let file = TrustedKey::parse(&file).unwrap();
        assert_eq!((&line.key_id, &line.key), (&file.key_id, &file.key));
        assert_eq!(line.key_id, "E7620F1842B4E81F");
        assert_eq!(file.comment, "minisign public key 12");
        for wrong in ["", "RW", "untrusted comment: x", &KEY[1..], "hello there"] {
            assert!(TrustedKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn trust_is_a_file_for_each_key() {
        let state = tempfile::tempdir().unwrap();
        let key = TrustedKey::parse(KEY).unwrap();
        add(state.path(), &key).unwrap();
        std::fs::write(state.path().join("trusted-keys/bad.pub"), "x").unwrap();
        let ids = |trust: &Trust| {
            trust
                .keys()
                .map(|key| key.key_id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&Trust::read(state.path())),
            std::slice::from_ref(&key.key_id)
        );
        assert!(remove(state.path(), "../../etc/passwd").is_err());
        remove(state.path(), &key.key_id.to_ascii_lowercase()).unwrap();
        assert!(ids(&Trust::read(state.path())).is_empty());
        assert!(
            remove(state.path(), &key.key_id)
                .unwrap_err()
                .contains("payhal plugin keys")
        );
    }
}
