// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and gateways that were configured while the host ran: one file each in
//! `STATE/configured`, which goes over the configuration file's table of that name.
//!
//! The configuration file is its owner's and is never written. What lies here holds secrets: only
//! the host's user may read it.

use crate::config::ConfigError;
use crate::whole_file;
use payhal_protocol::instances::{GatewayMode, InstanceKind, LogLevel, is_instance_name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The folder, in the state folder.
const FOLDER: &str = "configured";

/// Largest file that is read: a configuration is bounded when it is taken, and TOML is no longer
/// than thrice its JSON.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A device or gateway as it is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// What it is.
    pub(crate) kind: InstanceKind,
    /// It was removed, though the configuration file may name it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) removed: bool,
    /// Its plugin; empty where it was removed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) plugin: String,
    /// Targets beside its manifest's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) network: Vec<String>,
    /// As in the configuration file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_software_sealing: bool,
    /// As in the configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<GatewayMode>,
    /// As in the configuration file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<LogLevel>,
    /// Whose money it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acceptor: Option<KeptAcceptor>,
    /// Which port of this machine each port of the manifest is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) ports: BTreeMap<String, String>,
    /// Handed to the plugin.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(crate) config: toml::Table,
}

/// A merchant's identity.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptAcceptor {
    /// The merchant's number.
    pub(crate) merchant: String,
    /// The terminal's number.
    pub(crate) terminal: String,
}

impl Kept {
    /// Nothing but that it is gone.
    pub(crate) fn removed(kind: InstanceKind) -> Self {
        Self {
            kind,
            removed: true,
            plugin: String::new(),
            network: Vec::new(),
            allow_software_sealing: false,
            mode: None,
            log: None,
            acceptor: None,
            ports: BTreeMap::new(),
            config: toml::Table::new(),
        }
    }
}

/// Where one is kept.
pub(crate) fn path(state: &Path, name: &str) -> PathBuf {
    state.join(FOLDER).join(format!("{name}.toml"))
}

/// Everything that was configured here, by name.
///
/// # Errors
/// A file that cannot be read, with its line: nothing is ignored silently.
pub(crate) fn read(state: &Path) -> Result<BTreeMap<String, Kept>, ConfigError> {
    let folder = state.join(FOLDER);
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ConfigError::Read { path, source }
    };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(unreadable(&folder))?,
    };
    let mut all = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(unreadable(&folder))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".toml"));
        // A file that was being written when the power failed ends otherwise.
        let Some(name) = name.filter(|name| is_instance_name(name)) else {
            continue;
        };
        let mut text = String::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
            .map_err(unreadable(&path))?;
        let kept: Kept = toml::from_str(&text).map_err(|source| ConfigError::Syntax {
            path: path.clone(),
            source: Box::new(source),
        })?;
        if !kept.removed && kept.plugin.is_empty() {
            return Err(ConfigError::Value {
                path,
                key: "plugin".to_owned(),
                must: "there".to_owned(),
            });
        }
        all.insert(name.to_owned(), kept);
    }
    Ok(all)
}

/// Keeps one; it is on disk when this returns.
///
/// # Errors
/// When the disk refuses; what was there before is there still.
pub(crate) fn write(state: &Path, name: &str, kept: &Kept) -> std::io::Result<()> {
    let folder = state.join(FOLDER);
    let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    if let Err(error) = made
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let text = toml::to_string_pretty(kept).map_err(std::io::Error::other)?;
    whole_file::write(&path(state, name), text.as_bytes())
}

/// Forgets one; whether it was kept.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn forget(state: &Path, name: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path(state, name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => whole_file::sync_folder(&state.join(FOLDER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn kept() -> Kept {
        Kept {
            plugin: "beeper".to_owned(),
            network: vec!["a:1".to_owned()],
            acceptor: Some(KeptAcceptor {
                merchant: "m".to_owned(),
                terminal: "t".to_owned(),
            }),
            ports: BTreeMap::from([("main".to_owned(), "/dev/ttyUSB0".to_owned())]),
            config: toml::from_str("volume = 3\n[deep]\nsecret = 'x'").unwrap(),
            removed: false,
            ..Kept::removed(InstanceKind::Device)
        }
    }

    #[test]
    fn what_is_written_is_read_and_nobody_else_may() {
        let state = tempfile::tempdir().unwrap();
        assert!(read(state.path()).unwrap().is_empty());
        write(state.path(), "counter-1", &kept()).unwrap();
        write(state.path(), "b", &Kept::removed(InstanceKind::Gateway)).unwrap();
        let all = read(state.path()).unwrap();
        assert_eq!(all["counter-1"], kept());
        assert!(all["b"].removed);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path(state.path(), "counter-1")), 0o600);
        assert_eq!(mode(&state.path().join(FOLDER)), 0o700);
        forget(state.path(), "counter-1").unwrap();
        forget(state.path(), "counter-1").unwrap();
        assert_eq!(read(state.path()).unwrap().len(), 1);
    }

    #[test]
    fn half_a_file_is_not_there_and_a_wrong_one_is_an_error_with_its_line() {
        let state = tempfile::tempdir().unwrap();
        write(state.path(), "a", &kept()).unwrap();
        let folder = state.path().join(FOLDER);
        std::fs::write(folder.join("a.new"), "kind = ").unwrap();
        assert_eq!(read(state.path()).unwrap().len(), 1);
        for (text, says) in [
            ("kind = 'device'\nplugin = 'p'\nvolme = 3", "line 3"),
            ("kind = 'device'", "plugin"),
        ] {
            std::fs::write(folder.join("b.toml"), text).unwrap();
            let error = read(state.path()).unwrap_err().to_string();
            assert!(error.contains("b.toml") && error.contains(says), "{error}");
        }
    }
}
