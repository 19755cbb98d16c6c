// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gateway's sealing key: made in this process, kept in this instance's state folder.
//!
//! The private key must never pass through the configuration, a reply or a log.

use crate::error::SandboxError;
use payhal_card_data::PrivateKey;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The private key, 32 bytes, readable by its owner only.
const FILE: &str = "sealing.key";

/// A scalar of P-256.
const KEY_BYTES: usize = 32;

/// The key of this state folder, made on first use.
pub(crate) fn load_or_make(state_dir: &Path) -> Result<PrivateKey, SandboxError> {
    let path = state_dir.join(FILE);
    match File::open(&path) {
        Ok(file) => load(&path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(state_dir, &path),
        Err(source) => Err(SandboxError::File {
            verb: "open",
            path,
            source,
        }),
    }
}

/// Names a public key: its first 16 bytes behind the format byte, as letters, because a long run
/// of digits in a reply would have to be suspected of being a card number.
pub(crate) fn key_id(public_key: &[u8]) -> String {
    letters(public_key.get(1..17).unwrap_or(public_key))
}

/// Bytes as letters a to p, one for each half byte.
pub(crate) fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .map(|half| char::from(b'a' + half))
        .collect()
}

fn load(path: &Path, file: File) -> Result<PrivateKey, SandboxError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    let limit = u64::try_from(KEY_BYTES + 1).unwrap_or(u64::MAX);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| SandboxError::File {
            verb: "read",
            path: path.into(),
            source,
        })?;
    PrivateKey::from_bytes(&bytes).map_err(|error| SandboxError::Key {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// Written aside and renamed, so that a crash leaves a whole key or none.
fn make(state_dir: &Path, path: &Path) -> Result<PrivateKey, SandboxError> {
    let key = PrivateKey::generate();
    let aside = state_dir.join(format!("{FILE}.new"));
    let failed = |verb, path: &PathBuf| {
        let path = path.clone();
        move |source| SandboxError::File { verb, path, source }
    };
    let mut file = owner_only(&aside).map_err(failed("create", &aside))?;
    file.write_all(&key.to_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed("write", &aside))?;
    fs::rename(&aside, path).map_err(failed("rename", &aside))?;
    Ok(key)
}

fn owner_only(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
