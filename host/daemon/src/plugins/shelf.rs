// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plugins of a running host, as they change while it runs.
//!
//! Whoever starts a runner asks here each time, and waits on [`PluginShelf::changed`]. It must never
//! hand out a plugin that was not verified as its files are now.

use super::Plugin;
use super::files::make_folder;
use super::hashes::Hashes;
use super::read::{Plugins, Sources, discover_with};
use super::record::Record;
use super::store::{self, Standing};
use super::trust::{self, Trust, TrustedKey};
use rustix::fs::{FlockOperation, flock};
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Held while a host, or a command without one, changes what lies in the state folder.
const LOCK: &str = "plugins.lock";

/// The plugins that this host may run.
#[derive(Debug)]
pub(crate) struct PluginShelf {
    sources: Sources,
    held: Mutex<Plugins>,
    hashes: Hashes,
    changes: watch::Sender<u64>,
    alone: tokio::sync::Mutex<()>,
    /// Over reading and writing what is kept.
    keeping: Mutex<()>,
    _lock: File,
}

/// Why a plugin is not to be had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Why {
    /// No folder holds it.
    NotInstalled {
        /// Its id.
        id: String,
        /// What there is.
        installed: Vec<String>,
    },
    /// The operator has switched it off.
    Disabled {
        /// Its id.
        id: String,
    },
    /// It is there, and may not run.
    Refused {
        /// Its id.
        id: String,
        /// The reason, in a sentence.
        why: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled { id, installed } if installed.is_empty() => {
                write!(f, "the plugin `{id}` is not installed; installed: none")
            }
            Self::NotInstalled { id, installed } => {
                let installed = installed.join(", ");
                write!(
                    f,
                    "the plugin `{id}` is not installed; installed: {installed}"
                )
            }
            Self::Disabled { id } => write!(
                f,
                "the plugin `{id}` is disabled; `payhal plugin enable {id}` lets it run again"
            ),
            Self::Refused { id, why } => write!(f, "the plugin `{id}` is refused: {why}"),
        }
    }
}

/// What is to be changed, and how it was before.
#[derive(Debug)]
pub(crate) struct Change {
    /// Whose.
    pub(crate) id: String,
    /// Its version before; absent: it was not there.
    pub(crate) from: Option<String>,
    /// Its version now; absent: it does not run any more.
    pub(crate) to: Option<String>,
    /// What was done, for people: `was installed anew`.
    pub(crate) did: &'static str,
    before: Standing,
    after: Standing,
}

impl PluginShelf {
    /// The shelf of this state folder, which must be there.
    ///
    /// # Errors
    /// In words, when somebody else holds it or what was decided before cannot be read.
    pub(crate) fn open(sources: Sources) -> Result<Arc<Self>, String> {
        let lock = lock(&sources.state)?;
        Record::read(&sources.state)?;
        let hashes = Hashes::default();
        let held = Mutex::new(discover_with(&sources, &hashes));
        Ok(Arc::new(Self {
            sources,
            held,
            hashes,
            changes: watch::Sender::new(0),
            alone: tokio::sync::Mutex::default(),
            keeping: Mutex::default(),
            _lock: lock,
        }))
    }

    /// This plugin, as its files are now. The same [`Arc`] as before means: nothing has changed.
    ///
    /// # Errors
    /// [`Why`].
    pub(crate) fn plugin(&self, id: &str) -> Result<Arc<Plugin>, Why> {
        let known = self.held().found.get(id).cloned();
        if !known.is_some_and(|plugin| plugin.stamp.holds()) {
            self.refresh();
        }
        let plugins = self.held();
        let plugin = plugins.found.get(id).cloned();
        plugin.ok_or_else(|| why(&plugins, id))
    }

    /// Counts the changes: what [`PluginShelf::plugin`] answers may be another one now.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// All of them, as they were last read.
    pub(crate) fn plugins(&self) -> Plugins {
        self.held().clone()
    }

    /// Reads everything anew, but for libraries that have not changed. Blocks for as long as others
    /// are hashed.
    pub(crate) fn refresh(&self) -> Plugins {
        let mut fresh = discover_with(&self.sources, &self.hashes);
        let mut held = self.held();
        for (id, plugin) in &mut fresh.found {
            // One memory for all instances of a version, for as long as its files stay.
            if let Some(old) = held.found.get(id)
                && (&old.stamp, &old.signer) == (&plugin.stamp, &plugin.signer)
            {
                *plugin = Arc::clone(old);
            }
        }
        let same = held.found.len() == fresh.found.len()
            && held.found.iter().all(|(id, old)| {
                let new = fresh.found.get(id);
                new.is_some_and(|new| Arc::ptr_eq(old, new))
            });
        *held = fresh.clone();
        drop(held);
        if !same {
            self.changes.send_modify(|count| *count += 1);
        }
        fresh
    }

    fn held(&self) -> MutexGuard<'_, Plugins> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A runner starts with it: its version is from now on the lowest that runs. A state folder that
    /// takes no file does not keep a shop from selling: the log says so.
    pub(crate) fn runs(&self, plugin: &Plugin) {
        let (id, version) = (&plugin.manifest.id, &plugin.manifest.version);
        let _one_at_a_time = self.keeping();
        let kept = Record::read(&self.sources.state).and_then(|mut record| {
            let mut entry = record.of(id);
            if entry.ran(version) {
                record.set(id, entry);
                record.write(&self.sources.state)?;
            }
            Ok(())
        });
        if let Err(why) = kept {
            tracing::error!(
                plugin = id,
                "that version {version} runs is not kept: {why}"
            );
        }
    }
}

/// What the operator does. Nothing has an effect before [`PluginShelf::carry_out`].
impl PluginShelf {
    /// Copies a plugin folder into the store, to be the active version. With `allow_unsigned`
    /// exactly these files are taken although nobody trusted has signed them.
    ///
    /// # Errors
    /// In one sentence.
    pub(crate) fn install(&self, folder: &Path, allow_unsigned: bool) -> Result<Change, String> {
        let (id, version, after) = store::install(&self.sources, folder, allow_unsigned)?;
        let from = version_of(&self.refresh(), &id);
        self.change(id, from, Some(version), "was installed anew", after)
    }

    /// To the version before the active one.
    ///
    /// # Errors
    /// In one sentence.
    pub(crate) fn roll_back(&self, id: &str) -> Result<Change, String> {
        let from = version_of(&self.refresh(), id);
        let (version, after) = store::roll_back(&self.sources, id)?;
        let did = "may run although it is older";
        self.change(id.to_owned(), from, Some(version), did, after)
    }

    /// Without an installed plugin. How far it had come stays known.
    ///
    /// # Errors
    /// In one sentence.
    pub(crate) fn remove(&self, id: &str) -> Result<Change, String> {
        let (from, after) = store::remove(&self.sources, id)?;
        self.change(id.to_owned(), Some(from), None, "was removed", after)
    }

    /// With a plugin switched off, or on again.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn enable(&self, id: &str, enabled: bool) -> Result<Change, String> {
        let plugins = self.refresh();
        let version = version_of(&plugins, id);
        if version.is_none() && !plugins.refused.contains_key(id) {
            return Err(why(&plugins, id).to_string());
        }
        let mut after = store::now(&self.sources, id)?;
        after.entry.disabled = !enabled;
        let did = if enabled {
            "was enabled"
        } else {
            "was disabled"
        };
        let to = version.clone().filter(|_| enabled);
        self.change(id.to_owned(), version, to, did, after)
    }

    fn change(
        &self,
        id: String,
        from: Option<String>,
        to: Option<String>,
        did: &'static str,
        after: Standing,
    ) -> Result<Change, String> {
        Ok(Change {
            before: store::now(&self.sources, &id)?,
            id,
            from,
            to,
            did,
            after,
        })
    }

    /// Does it, and tells whoever waits.
    ///
    /// # Errors
    /// In one sentence; everything is as before.
    pub(crate) fn carry_out(&self, change: &Change) -> Result<(), String> {
        self.make(&change.id, &change.after)
    }

    /// Puts back what was there before a change.
    ///
    /// # Errors
    /// In one sentence.
    pub(crate) fn put_back(&self, change: &Change) -> Result<(), String> {
        self.make(&change.id, &change.before)
    }

    fn make(&self, id: &str, standing: &Standing) -> Result<(), String> {
        let made = {
            let _one_at_a_time = self.keeping();
            store::make(&self.sources, id, standing)
        };
        self.refresh();
        made
    }

    /// One change at a time, to its end.
    pub(crate) async fn alone(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.alone.lock().await
    }

    /// Takes versions away that nobody can go back to any more.
    pub(crate) fn tidy(&self, id: &str) {
        let _one_at_a_time = self.keeping();
        if let Err(why) = store::tidy(&self.sources, id) {
            tracing::warn!(plugin = id, "old versions are not removed: {why}");
        }
    }

    /// Trusts a key from now on: its line, or the text of its file.
    ///
    /// # Errors
    /// When it is none, or cannot be kept.
    pub(crate) fn trust(&self, key: &str) -> Result<TrustedKey, String> {
        let key = TrustedKey::parse(key)?;
        trust::add(&self.sources.state, &key)?;
        self.refresh();
        Ok(key)
    }

    /// Trusts it no longer.
    ///
    /// # Errors
    /// When it is not trusted, or its file stays.
    pub(crate) fn untrust(&self, key_id: &str) -> Result<(), String> {
        trust::remove(&self.sources.state, key_id)?;
        self.refresh();
        Ok(())
    }

    /// Every trusted key.
    pub(crate) fn keys(&self) -> Vec<TrustedKey> {
        Trust::read(&self.sources.state).keys().cloned().collect()
    }

    fn keeping(&self) -> MutexGuard<'_, ()> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version_of(plugins: &Plugins, id: &str) -> Option<String> {
    let plugin = plugins.found.get(id).or_else(|| plugins.disabled.get(id));
    plugin.map(|plugin| plugin.manifest.version.clone())
}

fn why(plugins: &Plugins, id: &str) -> Why {
    let id = id.to_owned();
    if plugins.disabled.contains_key(&id) {
        return Why::Disabled { id };
    }
    match plugins.refused.get(&id).cloned() {
        Some(why) => Why::Refused { id, why },
        None => Why::NotInstalled {
            id,
            installed: plugins.found.keys().cloned().collect(),
        },
    }
}

fn lock(state: &Path) -> Result<File, String> {
    make_folder(state)?;
    let path = state.join(LOCK);
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| format!("failed to open {}: {error}", path.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        format!(
            "another payhal holds the plugins of {}; try again when it has ended",
            state.display()
        )
    })?;
    Ok(file)
}
