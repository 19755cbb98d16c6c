// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds plugins by their manifests. It never loads one.

use super::limits::MANIFEST_BYTES_MAX;
use payhal_messages::manifest::Manifest;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An installed plugin.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// Its library.
    pub(crate) library: PathBuf,
}

impl Plugin {
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
}

/// What was found in the plugin folders.
#[derive(Debug, Default)]
pub(crate) struct Plugins {
    /// Usable plugins by id.
    pub(crate) found: BTreeMap<String, Arc<Plugin>>,
    /// Folders that hold a manifest but no usable plugin, and why.
    pub(crate) broken: Vec<(PathBuf, String)>,
}

/// Reads every `FOLDER/*/plugin.toml`.
pub(crate) fn discover(folders: &[PathBuf]) -> Plugins {
    let mut plugins = Plugins::default();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths
            .into_iter()
            .filter(|path| path.join("plugin.toml").is_file())
        {
            match read_plugin(&path) {
                Ok(plugin) => {
                    plugins
                        .found
                        .insert(plugin.manifest.id.clone(), Arc::new(plugin));
                }
                Err(why) => plugins.broken.push((path, why)),
            }
        }
    }
    plugins
}

fn read_plugin(folder: &Path) -> Result<Plugin, String> {
    let path = folder.join("plugin.toml");
    let file = std::fs::File::open(&path).map_err(|error| format!("failed to open it: {error}"))?;
    let mut text = String::new();
    file.take(MANIFEST_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| format!("failed to read it: {error}"))?;
    let manifest = Manifest::parse(&text).map_err(|error| error.to_string())?;
    let library = folder.join(manifest.library_file());
    if !library.is_file() {
        return Err(format!(
            "its library {} is missing",
            manifest.library_file()
        ));
    }
    let library = library
        .canonicalize()
        .map_err(|error| format!("failed to find it: {error}"))?;
    Ok(Plugin { manifest, library })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_manifest_hides_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "good",
                "id='good'\nname='G'\nversion='1.0.0'\nabi=1\nkind='gateway'\nlibrary='good'\n[gateway]\n",
            ),
            ("bad", "id = 3"),
            (
                "nolib",
                "id='nolib'\nname='N'\nversion='1.0.0'\nabi=1\nkind='gateway'\nlibrary='nolib'\n[gateway]\n",
            ),
        ] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("plugin.toml"), text).unwrap();
        }
        std::fs::write(folder.path().join("good/libgood.so"), "").unwrap();
        let plugins = discover(&[folder.path().to_owned(), folder.path().join("absent")]);
        assert_eq!(plugins.found.keys().collect::<Vec<_>>(), ["good"]);
        assert_eq!(plugins.broken.len(), 2);
        assert!(
            plugins.broken[1].1.contains("libnolib.so"),
            "{:?}",
            plugins.broken
        );
    }
}
