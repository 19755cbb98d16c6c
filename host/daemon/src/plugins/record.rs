// SPDX-License-Identifier: MIT OR Apache-2.0
//! `STATE/plugins.json`: what the operator decided about plugins, and how far each has come.
//!
//! It is small and replaced as a whole. One that cannot be read is an error, never a fresh start:
//! it is what stands against an old version put in the place of a new one.

use super::files::{read_bytes, replace};
use super::limits::RECORD_BYTES_MAX;
use super::version::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Its name in the state folder.
const FILE: &str = "plugins.json";

/// What is known of the plugins of one host, by their ids.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Record {
    plugins: BTreeMap<String, Entry>,
}

/// What is known of one plugin.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The operator has switched it off.
    #[serde(default)]
    pub(super) disabled: bool,
    /// The highest version that ever ran here.
    pub(super) highest: Option<String>,
    /// An older version that the operator went back to.
    pub(super) lowered: Option<String>,
    /// The version before the installed one.
    pub(super) previous: Option<String>,
    /// Versions that the operator took although nobody trusted has signed them, with the SHA-256 of
    /// each file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) unsigned: BTreeMap<String, BTreeMap<String, String>>,
}

impl Record {
    /// Reads it; where there is none, nothing was decided.
    ///
    /// # Errors
    /// In words that say what to do.
    pub(super) fn read(state: &Path) -> Result<Self, String> {
        let path = state.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = read_bytes(&path, RECORD_BYTES_MAX)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let path = path.display();
            format!(
                "failed to read {path}: {error}; it says which plugins are disabled and which \
                 versions have run: take it from a backup, or move it away to start without"
            )
        })
    }

    /// Writes it, and what it says holds after a loss of power.
    ///
    /// # Errors
    /// In words that name it.
    pub(super) fn write(&self, state: &Path) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        replace(&state.join(FILE), &text)
    }

    /// What is known of this one; nothing of one that never was here.
    pub(super) fn of(&self, id: &str) -> Entry {
        self.plugins.get(id).cloned().unwrap_or_default()
    }

    /// What is known of it from now on.
    pub(super) fn set(&mut self, id: &str, entry: Entry) {
        self.plugins.insert(id.to_owned(), entry);
    }
}

impl Entry {
    /// The version that stands against this one: newer, and the operator has not gone back.
    pub(super) fn forbids(&self, version: &str) -> Option<&str> {
        let highest = self.highest.as_deref()?;
        let lowered = self.lowered.as_deref() == Some(version);
        let older = match (Version::parse(version), Version::parse(highest)) {
            (Some(this), Some(highest)) => this < highest,
            _ => false,
        };
        (older && !lowered).then_some(highest)
    }

    /// This version runs now. Says whether that was news.
    pub(super) fn ran(&mut self, version: &str) -> bool {
        let known = self.highest.as_deref().and_then(Version::parse);
        if known.is_some() && known >= Version::parse(version) {
            return false;
        }
        self.highest = Some(version.to_owned());
        self.lowered = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_version_is_forbidden_until_the_operator_goes_back() {
        let mut entry = Entry::default();
        assert_eq!(entry.forbids("1.0.0"), None);
        assert!(entry.ran("1.10.0"));
        assert!(!entry.ran("1.9.0"), "lower is no news");
        assert_eq!(entry.forbids("1.9.0"), Some("1.10.0"));
        assert_eq!(entry.forbids("1.10.0"), None);
        assert_eq!(entry.forbids("2.0.0"), None);
        entry.lowered = Some("1.9.0".to_owned());
        assert_eq!(entry.forbids("1.9.0"), None);
        assert_eq!(entry.forbids("1.8.0"), Some("1.10.0"));
        assert!(entry.ran("2.0.0"));
        assert_eq!(entry.forbids("1.9.0"), Some("2.0.0"), "that was before");
    }

    #[test]
    fn it_is_kept_and_a_broken_one_is_an_error() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(state.path()), Ok(Record::default()));
        let mut record = Record::default();
        let disabled = Entry {
            disabled: true,
            ..Entry::default()
        };
        record.set("pin", disabled.clone());
        record.write(state.path()).unwrap();
        assert_eq!(Record::read(state.path()).unwrap().of("pin"), disabled);
        std::fs::write(state.path().join(FILE), "{").unwrap();
        let why = Record::read(state.path()).unwrap_err();
        assert!(
            why.contains("plugins.json") && why.contains("backup"),
            "{why}"
        );
    }
}
