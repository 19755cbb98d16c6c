// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds plugin folders, and decides of each whether it may run. It never loads one, and it never
//! reads a file of a signed folder that the signature does not cover.

use super::Plugin;
use super::files::{read_bytes, read_text};
use super::hashes::Hashes;
use super::limits::{MANIFEST_BYTES_MAX, SCHEMA_BYTES_MAX, SIGNATURE_BYTES_MAX};
use super::record::Record;
use super::sealed::{changed, hash_bytes};
use super::trust::{Signer, Trust, Unproven};
use super::version::Version;
use crate::config::Config;
use payhal_messages::manifest::Manifest;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The manifest in a plugin folder.
pub(super) const MANIFEST: &str = "plugin.toml";
/// The signature over it.
pub(super) const SIGNATURE: &str = "plugin.toml.minisig";
/// What a configuration of the plugin may say.
pub(super) const SCHEMA: &str = "configuration.schema.json";
/// Where installed plugins are linked, in the state folder.
pub(super) const INSTALLED: &str = "plugins";

/// The one version of the ABI that there is.
const ABI: u32 = 1;

/// Where plugins may come from, and on which terms.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// Folders of plugin folders. The installed ones come from the state folder besides.
    pub(crate) folders: Vec<PathBuf>,
    /// The state folder.
    pub(crate) state: PathBuf,
    /// Whether those run too that nobody trusted has signed.
    pub(crate) allow_unsigned: bool,
}

/// What was found in the plugin folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plugins {
    /// Usable plugins by id.
    pub(crate) found: BTreeMap<String, Arc<Plugin>>,
    /// Those that would be usable, but the operator has switched them off.
    pub(crate) disabled: BTreeMap<String, Arc<Plugin>>,
    /// Folders that hold a manifest but no usable plugin, and why.
    pub(crate) broken: Vec<(PathBuf, String)>,
    /// The same by the id that their manifests claim, where one can be read.
    pub(crate) refused: BTreeMap<String, String>,
    /// The version before the installed one, by id.
    pub(crate) previous: BTreeMap<String, String>,
}

impl Sources {
    /// What the configuration says.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            folders: config.plugins.clone(),
            state: config.state.clone(),
            allow_unsigned: config.allow_unsigned,
        }
    }

    /// Where installed plugins are linked.
    pub(super) fn installed(&self) -> PathBuf {
        self.state.join(INSTALLED)
    }
}

/// Reads every `FOLDER/*/plugin.toml`, verifies what is there, and says what may run. An installed
/// plugin goes before one that lies in another folder.
pub(crate) fn discover(sources: &Sources) -> Plugins {
    discover_with(sources, &Hashes::default())
}

/// The same, without reading again what has not changed.
pub(super) fn discover_with(sources: &Sources, hashes: &Hashes) -> Plugins {
    let mut plugins = Plugins::default();
    let record = match Record::read(&sources.state) {
        Ok(record) => record,
        Err(why) => {
            plugins.broken.push((sources.state.clone(), why));
            return plugins;
        }
    };
    let terms = Terms {
        trust: Trust::read(&sources.state),
        record: &record,
        allow_unsigned: sources.allow_unsigned,
        hashes,
    };
    let installed = sources.installed();
    let others = sources
        .folders
        .iter()
        .filter(|folder| **folder != installed);
    for path in others
        .chain([&installed])
        .flat_map(|folder| plugin_folders(folder))
    {
        match terms.read(&path) {
            Ok(mut plugin) => {
                plugin.installed = path.parent() == Some(&*installed);
                let id = plugin.manifest.id.clone();
                let shelf = match record.of(&id).disabled {
                    true => &mut plugins.disabled,
                    false => &mut plugins.found,
                };
                shelf.insert(id, Arc::new(plugin));
            }
            Err(Refusal { id, why }) => {
                plugins.refused.extend(id.map(|id| (id, why.clone())));
                plugins.broken.push((path, why));
            }
        }
    }
    let known = plugins.found.keys().chain(plugins.disabled.keys());
    let previous = known.filter_map(|id| Some((id.clone(), record.of(id).previous?)));
    plugins.previous = previous.collect();
    plugins
}

/// Folders with a manifest, in order of their names. Those that begin with a dot are half made.
fn plugin_folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut paths: Vec<PathBuf> = shown.map(|entry| entry.path()).collect();
    paths.retain(|path| path.join(MANIFEST).is_file());
    paths.sort();
    paths
}

/// Why a folder holds no plugin that may run.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The id that its manifest claims.
    pub(super) id: Option<String>,
    /// In one sentence.
    pub(super) why: String,
}

/// On which terms a plugin may run.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    /// Whose signatures count.
    pub(super) trust: Trust,
    /// What the operator decided.
    pub(super) record: &'a Record,
    /// Whether those run too that nobody trusted has signed.
    pub(super) allow_unsigned: bool,
    /// What is known of files that have not changed.
    pub(super) hashes: &'a Hashes,
}

impl Terms<'_> {
    /// Reads and verifies one folder.
    pub(super) fn read(&self, folder: &Path) -> Result<Plugin, Refusal> {
        let unread = |why| Refusal { id: None, why };
        let stamp = Stamp::of(folder);
        let bytes = read_bytes(&folder.join(MANIFEST), MANIFEST_BYTES_MAX).map_err(unread)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| unread(format!("{MANIFEST} is not UTF-8")))?;
        let manifest = Manifest::parse(text).map_err(|error| unread(error.to_string()))?;
        let id = Some(manifest.id.clone());
        let verified = self.verify(folder, manifest, &bytes, stamp);
        verified.map_err(|why| Refusal { id, why })
    }

    fn verify(
        &self,
        folder: &Path,
        manifest: Manifest,
        bytes: &[u8],
        stamp: Stamp,
    ) -> Result<Plugin, String> {
        let (id, version) = (&manifest.id, &manifest.version);
        if Version::parse(version).is_none() {
            return Err("`version` must be MAJOR.MINOR.PATCH, as 1.4.0".to_owned());
        }
        if manifest.abi != ABI {
            let abi = manifest.abi;
            return Err(format!(
                "it was built for plugin interface {abi}; this host has {ABI}"
            ));
        }
        let signer = self.signer(folder, &manifest, bytes)?;
        let files = Files {
            folder,
            manifest: &manifest,
            signed: signer.is_some(),
            hashes: self.hashes,
        };
        let library = files.library()?;
        let schema = files.schema()?;
        if let Some(highest) = self.record.of(id).forbids(version) {
            return Err(format!(
                "version {version} is older than {highest}, which has run here; \
                 `payhal plugin rollback {id}` goes back to it"
            ));
        }
        Ok(Plugin {
            manifest,
            library,
            schema,
            signer,
            installed: false,
            stamp,
            sealed: Mutex::new(None),
        })
    }

    /// Who signed it; nobody, where that will do.
    fn signer(
        &self,
        folder: &Path,
        manifest: &Manifest,
        bytes: &[u8],
    ) -> Result<Option<Signer>, String> {
        let path = folder.join(SIGNATURE);
        let will_do = || self.allow_unsigned || self.taken_unsigned(folder, manifest, bytes);
        if !path.exists() {
            return if will_do() { Ok(None) } else { Err(unsigned()) };
        }
        let signature = read_text(&path, SIGNATURE_BYTES_MAX)?;
        match self.trust.check(&signature, bytes) {
            Ok(signer) => Ok(Some(signer)),
            Err(Unproven::Unknown { .. }) if will_do() => Ok(None),
            Err(Unproven::Unknown { key_id }) => Err(format!(
                "it is signed with the key {key_id}, which is not trusted here; \
                 `payhal plugin trust KEY` trusts it, with the public key from its maker"
            )),
            Err(Unproven::Malformed) => Err(format!(
                "{SIGNATURE} is no signature of minisign; sign it again with `payhal plugin sign`"
            )),
            Err(Unproven::Wrong { key_id }) => Err(format!(
                "{MANIFEST} is not what the key {key_id} signed: it was changed, or its signature \
                 was; get it anew from its maker"
            )),
        }
    }

    /// Whether the operator took exactly these files although nobody has signed them.
    fn taken_unsigned(&self, folder: &Path, manifest: &Manifest, bytes: &[u8]) -> bool {
        let taken = self.record.of(&manifest.id);
        let Some(taken) = taken.unsigned.get(&manifest.version) else {
            return false;
        };
        let is = |name: &str, hash: &str| taken.get(name).is_some_and(|taken| taken == hash);
        let library = manifest.library_file();
        is(MANIFEST, &hash_bytes(bytes))
            && self
                .hashes
                .of(&folder.join(&library))
                .is_ok_and(|hash| is(&library, &hash))
    }
}

fn unsigned() -> String {
    "it is not signed. A maker signs it with `payhal plugin sign`, and `payhal plugin trust` trusts \
     the maker's key; for plugins of your own, `[plugins] allow_unsigned = true` runs them as they \
     are"
    .to_owned()
}

/// The files beside a manifest.
struct Files<'a> {
    folder: &'a Path,
    manifest: &'a Manifest,
    signed: bool,
    hashes: &'a Hashes,
}

impl Files<'_> {
    /// The hash that a file must have. In a signed folder each file that is read has one.
    fn listed(&self, name: &str) -> Result<Option<&str>, String> {
        match self.manifest.files.get(name) {
            Some(hash) => Ok(Some(hash)),
            None if self.signed => Err(format!(
                "its signed manifest does not list {name} under [files]; \
                 `payhal plugin sign` writes that list"
            )),
            None => Ok(None),
        }
    }

    fn library(&self) -> Result<PathBuf, String> {
        let name = self.manifest.library_file();
        let path = self.folder.join(&name);
        if !path.is_file() {
            return Err(format!("its library {name} is missing"));
        }
        if let Some(listed) = self.listed(&name)?
            && !listed.eq_ignore_ascii_case(&self.hashes.of(&path)?)
        {
            return Err(changed(&name));
        }
        path.canonicalize()
            .map_err(|error| format!("failed to find {name}: {error}"))
    }

    fn schema(&self) -> Result<Option<serde_json::Value>, String> {
        let path = self.folder.join(SCHEMA);
        let listed = self.manifest.files.get(SCHEMA);
        if listed.is_none() && (self.signed || !path.exists()) {
            return Ok(None);
        }
        let bytes = read_bytes(&path, SCHEMA_BYTES_MAX)?;
        if listed.is_some_and(|listed| !listed.eq_ignore_ascii_case(&hash_bytes(&bytes))) {
            return Err(changed(SCHEMA));
        }
        let schema = serde_json::from_slice(&bytes);
        schema
            .map(Some)
            .map_err(|error| format!("{SCHEMA} is no JSON: {error}"))
    }
}

/// By what a file is known to be the same without reading it: device, number, length, and the
/// second and nanosecond of its last change.
type Mark = (u64, u64, u64, i64, i64);

/// A folder's files as they were when it was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Stamp {
    folder: PathBuf,
    marks: Vec<Option<Mark>>,
}

impl Stamp {
    fn of(folder: &Path) -> Self {
        let library = read_text(&folder.join(MANIFEST), MANIFEST_BYTES_MAX)
            .ok()
            .and_then(|text| Manifest::parse(&text).ok())
            .map(|manifest| manifest.library_file());
        let names = [MANIFEST, SIGNATURE, SCHEMA]
            .into_iter()
            .map(ToOwned::to_owned);
        let marks = names.chain(library).map(|name| mark(&folder.join(name)));
        Self {
            folder: folder.to_owned(),
            marks: marks.collect(),
        }
    }

    /// Whether the files are still those.
    pub(super) fn holds(&self) -> bool {
        *self == Self::of(&self.folder)
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let found = std::fs::metadata(path).ok()?;
    let changed = (found.mtime(), found.mtime_nsec());
    Some((found.dev(), found.ino(), found.len(), changed.0, changed.1))
}
