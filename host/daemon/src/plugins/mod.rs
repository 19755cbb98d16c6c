// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which plugins this host may run: found by their manifests, verified, and installed in versions.
//!
//! A plugin comes from here, with its bytes, or not at all. It loads none, starts none, and knows
//! neither registers nor transactions.

mod files;
mod hashes;
mod limits;
mod read;
mod record;
mod sealed;
mod shelf;
mod store;
#[cfg(test)]
mod tests;
mod trust;
mod version;

pub(crate) use read::{Plugins, Sources, discover};
pub(crate) use sealed::hash as hash_file;
pub(crate) use shelf::{Change, PluginShelf, Why};
pub(crate) use trust::{Signer, TrustedKey};

use payhal_messages::manifest::Manifest;
use read::Stamp;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A plugin that may run here.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Its library, to look at. What runs is [`Plugin::sealed`].
    pub(crate) library: PathBuf,
    /// What a configuration of it may say, where it comes with a schema.
    pub(crate) schema: Option<serde_json::Value>,
    /// Who signed it; absent: nobody that this host trusts.
    pub(crate) signer: Option<Signer>,
    /// Whether it came by `payhal plugin install`.
    pub(crate) installed: bool,
    stamp: Stamp,
    sealed: Mutex<Option<Arc<OwnedFd>>>,
}

impl Plugin {
    /// Its library as it was verified, in memory that nobody can change: one copy for all its
    /// instances. The first call copies the file, which blocks for some milliseconds.
    ///
    /// # Errors
    /// In words, when the file is gone or is not what the manifest lists.
    pub(crate) fn sealed(&self) -> Result<Arc<OwnedFd>, String> {
        let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(copy) = &*sealed {
            return Ok(Arc::clone(copy));
        }
        let listed = self.manifest.files.get(&self.manifest.library_file());
        let copy = sealed::seal(&self.library, listed.map(String::as_str))?;
        Ok(Arc::clone(sealed.insert(Arc::new(copy))))
    }

    /// Approvals that its manifest claims: the maker's word, which nobody checks here.
    pub(crate) fn approvals(&self) -> Vec<String> {
        let approvals = &self.manifest.approvals;
        let named = [
            ("pci_pts", &approvals.pts),
            ("pci_sred", &approvals.sred),
            ("emv_l1", &approvals.emv_l1),
            ("emv_l2", &approvals.emv_l2),
        ];
        let named = named.into_iter();
        named
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")))
            .collect()
    }

    /// Stands in where a plugin is not to be had: it can do nothing, and nothing runs of it.
    pub(crate) fn absent(id: &str, gateway: bool) -> Arc<Self> {
        let kind = if gateway { "gateway" } else { "reader" };
        let manifest = serde_json::json!({
            "id": id, "name": id, "version": "", "abi": 0, "kind": kind, "library": "",
        });
        let manifest = serde_json::from_value(manifest);
        Self::bare(manifest.expect("every other field has a default"))
    }

    /// One with this manifest and nothing behind it.
    #[cfg(test)]
    pub(crate) fn made_up(manifest: Manifest) -> Arc<Self> {
        Self::bare(manifest)
    }

    fn bare(manifest: Manifest) -> Arc<Self> {
        Arc::new(Self {
            manifest,
            library: PathBuf::new(),
            schema: None,
            signer: None,
            installed: false,
            stamp: Stamp::default(),
            sealed: Mutex::new(None),
        })
    }
}
