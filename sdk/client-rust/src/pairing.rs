// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a register keeps of its pairing, and where.
//!
//! Owns the file form. It must never show the secret: not by `Debug`, not in an error, and in a
//! file that only its owner may read.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use payhal_protocol::RegisterId;
use payhal_protocol::pairing::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A register's pairing with its host.
#[derive(Clone, Debug)]
pub struct Pairing {
    /// The host.
    pub host_id: String,
    /// Its name, for people.
    pub host_name: String,
    /// The register.
    pub register_id: RegisterId,
    /// What both share.
    pub secret: Secret,
    /// The secret before a rotation, until the new one was proven.
    pub previous: Option<Secret>,
}

/// Where a register keeps its pairing: a file, a keyring, a vault.
///
/// Called on the client's task when it connects, pairs or rotates; it may block for as long as a
/// file takes.
pub trait PairingStore: fmt::Debug + Send + Sync {
    /// What was saved last, or nothing.
    ///
    /// # Errors
    /// It cannot be read, or may be read by others.
    fn load(&self) -> io::Result<Option<Pairing>>;

    /// Keeps this in place of what was there, for good when it returns.
    ///
    /// # Errors
    /// It cannot be written.
    fn save(&self, pairing: &Pairing) -> io::Result<()>;
}

/// A file that only its owner may read (mode 0600), replaced as a whole.
#[derive(Clone, Debug)]
pub struct PairingFile {
    path: PathBuf,
}

impl PairingFile {
    /// The file need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    host_id: String,
    host_name: String,
    register_id: RegisterId,
    key_id: String,
    secret: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Zeroizing<String>>,
}

impl PairingStore for PairingFile {
    fn load(&self) -> io::Result<Option<Pairing>> {
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        owners_only(&file, &self.path)?;
        let text = Zeroizing::new(io::read_to_string(file)?);
        match read(&text) {
            Some(pairing) => Ok(Some(pairing)),
            // What is wrong with it is not said: it may be the secret.
            None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} is not a pairing of this version: delete it and pair anew",
                    self.path.display()
                ),
            )),
        }
    }

    fn save(&self, pairing: &Pairing) -> io::Result<()> {
        let text = Zeroizing::new(serde_json::to_string(&written(pairing))?);
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder)?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let fresh = folder.join(name);
        let mut file = create(&fresh)?;
        writeln!(file, "{}", *text)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.path)?;
        if cfg!(unix) {
            // Without this the name itself may be gone after a power cut.
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn read(text: &str) -> Option<Pairing> {
    let written: Written = serde_json::from_str(text).ok()?;
    let previous = match &written.previous {
        Some(text) => Some(Secret::from_base64(text)?),
        None => None,
    };
    (written.version == VERSION).then_some(Pairing {
        secret: Secret::from_base64(&written.secret)?,
        previous,
        host_id: written.host_id,
        host_name: written.host_name,
        register_id: written.register_id,
    })
}

fn written(pairing: &Pairing) -> Written {
    Written {
        version: VERSION,
        host_id: pairing.host_id.clone(),
        host_name: pairing.host_name.clone(),
        register_id: pairing.register_id.clone(),
        key_id: pairing.secret.key_id(),
        secret: pairing.secret.to_base64(),
        previous: pairing.previous.as_ref().map(Secret::to_base64),
    }
}

#[cfg(unix)]
fn owners_only(file: &std::fs::File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "others may read the pairing in {}: pair anew, then keep it at mode 0600",
            path.display()
        ),
    ))
}

#[cfg(not(unix))]
fn owners_only(_: &std::fs::File, _: &Path) -> io::Result<()> {
    Ok(())
}

fn create(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // One left by a crash may have another mode.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing() -> Pairing {
        Pairing {
            host_id: "h".to_owned(),
            host_name: "Shop".to_owned(),
            register_id: "till-1".into(),
            secret: Secret::new([7; 32]),
            previous: Some(Secret::new([8; 32])),
        }
    }

    #[test]
    fn it_is_kept_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/till-1.json");
        let store = PairingFile::new(&path);
        assert!(store.load().unwrap().is_none());
        store.save(&pairing()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = store.load().unwrap().unwrap();
        assert_eq!(kept.secret.key_id(), pairing().secret.key_id());
        assert_eq!(
            kept.previous.unwrap().key_id(),
            pairing().previous.unwrap().key_id()
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = store.load().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn nothing_shows_the_secret() {
        let secret = pairing().secret.to_base64();
        assert!(!format!("{:?}", pairing()).contains(secret.as_str()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let store = PairingFile::new(&path);
        store.save(&pairing()).unwrap();
        let damaged = std::fs::read_to_string(&path).unwrap().replace('}', "");
        std::fs::write(&path, damaged).unwrap();
        let refused = store.load().unwrap_err().to_string();
        assert!(refused.contains("pair anew") && !refused.contains(secret.as_str()));
    }
}
