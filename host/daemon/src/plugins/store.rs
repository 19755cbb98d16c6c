// SPDX-License-Identifier: MIT OR Apache-2.0
//! Installed plugins on disk: `STATE/plugin-store/ID/VERSION` holds a verified copy, and the link
//! `STATE/plugins/ID` says which version is the active one.
//!
//! A version is a copy that is made aside and put there as a whole; a link is replaced by renaming
//! another over it. At any instant the old version is installed, or the new one.

use super::files::{make_folder, read_bytes, replace};
use super::hashes::Hashes;
use super::limits::{MANIFEST_BYTES_MAX, SCHEMA_BYTES_MAX, SIGNATURE_BYTES_MAX};
use super::read::{MANIFEST, SCHEMA, SIGNATURE, Sources, Terms};
use super::record::{Entry, Record};
use super::sealed::{changed, copy_hashing, hash_bytes};
use super::trust::Trust;
use super::{Plugin, version::Version};
use crate::whole_file::sync_folder;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The copies, in the state folder.
const STORE: &str = "plugin-store";

/// How one plugin stands: what is known of it, and which version its link names.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) entry: Entry,
    active: Option<String>,
}

/// How it stands now.
pub(super) fn now(sources: &Sources, id: &str) -> Result<Standing, String> {
    Ok(Standing {
        entry: Record::read(&sources.state)?.of(id),
        active: Place::of(sources, id).active(),
    })
}

/// Makes it stand so. Where that fails it stands as before.
pub(super) fn make(sources: &Sources, id: &str, wanted: &Standing) -> Result<(), String> {
    let place = Place::of(sources, id);
    let before = Record::read(&sources.state)?;
    let mut record = before.clone();
    record.set(id, wanted.entry.clone());
    // The record first: with it alone nothing runs that did not run before.
    record.write(&sources.state)?;
    let linked = match &wanted.active {
        active if *active == place.active() => Ok(()),
        Some(version) => place.point_at(version),
        None => place.point_nowhere(),
    };
    linked.or_else(|why| before.write(&sources.state).and(Err(why)))
}

/// Verifies a folder and copies it into the store. Answers id and version, and how it is to stand.
pub(super) fn install(
    sources: &Sources,
    folder: &Path,
    allow_unsigned: bool,
) -> Result<(String, String, Standing), String> {
    let record = Record::read(&sources.state)?;
    let terms = Terms {
        trust: Trust::read(&sources.state),
        record: &record,
        allow_unsigned: sources.allow_unsigned || allow_unsigned,
        hashes: &Hashes::default(),
    };
    if !folder.join(MANIFEST).is_file() {
        return Err(format!("{} holds no {MANIFEST}", folder.display()));
    }
    let plugin = terms
        .read(folder)
        .map_err(|refusal| format!("{} is refused: {}", folder.display(), refusal.why))?;
    let (id, version) = (plugin.manifest.id.clone(), plugin.manifest.version.clone());
    let place = Place::of(sources, &id);
    let Standing { mut entry, active } = now(sources, &id)?;
    check_newer(&id, &version, active.as_deref())?;
    let hashes = place.take(folder, &plugin)?;
    if plugin.signer.is_some() {
        // What was copied is verified again: it may have changed since.
        let kept = terms.read(&place.version(&version));
        kept.map_err(|refusal| {
            let folder = folder.display();
            format!("{folder} changed while it was copied: {}", refusal.why)
        })?;
    } else if allow_unsigned {
        entry.unsigned.insert(version.clone(), hashes);
    }
    if let Some(active) = active.filter(|active| *active != version) {
        entry.previous = Some(active);
    }
    entry.lowered = None;
    entry.disabled = false;
    let active = Some(version.clone());
    Ok((id, version, Standing { entry, active }))
}

fn check_newer(id: &str, version: &str, active: Option<&str>) -> Result<(), String> {
    let older = |active: &str| Version::parse(version) < Version::parse(active);
    match active {
        Some(active) if older(active) => Err(format!(
            "version {version} of `{id}` is older than {active}, which is installed; \
             `payhal plugin rollback {id}` goes back"
        )),
        _ => Ok(()),
    }
}

/// With the previous version as the active one; or with an older one let run that lies in a folder
/// of its own. Answers the version.
pub(super) fn roll_back(sources: &Sources, id: &str) -> Result<(String, Standing), String> {
    let Standing { mut entry, active } = now(sources, id)?;
    let Some(active) = active else {
        let version = older_elsewhere(sources, id)?;
        entry.lowered = Some(version.clone());
        return Ok((version, Standing { entry, active }));
    };
    let place = Place::of(sources, id);
    let previous = entry.previous.take();
    let previous = previous
        .filter(|version| place.version(version).is_dir())
        .ok_or_else(|| format!("there is no version before {active} of `{id}` to go back to"))?;
    entry.previous = Some(active);
    entry.lowered = Some(previous.clone());
    let active = Some(previous.clone());
    Ok((previous, Standing { entry, active }))
}

/// The version that would run if it were not older than one that has run.
fn older_elsewhere(sources: &Sources, id: &str) -> Result<String, String> {
    let entry = Record::read(&sources.state)?.of(id);
    let terms = Terms {
        trust: Trust::read(&sources.state),
        record: &Record::default(),
        allow_unsigned: sources.allow_unsigned,
        hashes: &Hashes::default(),
    };
    let folders = sources.folders.iter().rev().map(|folder| folder.join(id));
    let versions = folders.filter_map(|folder| Some(terms.read(&folder).ok()?.manifest.version));
    let mut older = versions.filter(|version| entry.forbids(version).is_some());
    older
        .next()
        .ok_or_else(|| format!("there is no older version of `{id}` to go back to"))
}

/// Without it; its versions stay until [`tidy`], and how far it had come stays known. Answers the
/// version that was active.
pub(super) fn remove(sources: &Sources, id: &str) -> Result<(String, Standing), String> {
    let Standing { entry, active } = now(sources, id)?;
    let active = active.ok_or_else(|| {
        format!("`{id}` was not installed by `payhal plugin install`; remove its folder by hand")
    })?;
    let entry = Entry {
        highest: entry.highest,
        ..Entry::default()
    };
    let gone = Standing {
        entry,
        active: None,
    };
    Ok((active, gone))
}

/// Removes every version but the active one and the one before.
pub(super) fn tidy(sources: &Sources, id: &str) -> Result<(), String> {
    let place = Place::of(sources, id);
    let mut standing = now(sources, id)?;
    let kept = [standing.active.clone(), standing.entry.previous.clone()];
    let versions = std::fs::read_dir(&place.versions).into_iter().flatten();
    for entry in versions.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if kept.iter().flatten().any(|kept| *kept == name) {
            continue;
        }
        standing.entry.unsigned.remove(&name);
        std::fs::remove_dir_all(entry.path())
            .map_err(|error| format!("{} stays: {error}", entry.path().display()))?;
    }
    // Only an empty folder goes.
    std::fs::remove_dir(&place.versions).ok();
    make(sources, id, &standing)
}

/// Where the versions of one plugin lie.
struct Place {
    versions: PathBuf,
    link: PathBuf,
    target: PathBuf,
}

impl Place {
    fn of(sources: &Sources, id: &str) -> Self {
        Self {
            versions: sources.state.join(STORE).join(id),
            link: sources.installed().join(id),
            target: Path::new("..").join(STORE).join(id),
        }
    }

    fn version(&self, version: &str) -> PathBuf {
        self.versions.join(version)
    }

    /// The version that the link names.
    fn active(&self) -> Option<String> {
        let target = std::fs::read_link(&self.link).ok()?;
        let ours = target.parent() == Some(&*self.target);
        ours.then(|| Some(target.file_name()?.to_str()?.to_owned()))?
    }

    /// Copies the files of a verified folder, and no others. Answers their hashes.
    fn take(&self, folder: &Path, plugin: &Plugin) -> Result<BTreeMap<String, String>, String> {
        make_folder(&self.versions)?;
        let version = &plugin.manifest.version;
        let fresh = self.versions.join(format!(".{version}.new"));
        std::fs::remove_dir_all(&fresh).ok();
        make_folder(&fresh)?;
        let hashes = copy(folder, &fresh, plugin).inspect_err(|_| {
            // What is left of it is removed by the next attempt.
            std::fs::remove_dir_all(&fresh).ok();
        })?;
        let place = self.version(version);
        if place.is_dir() {
            self.check_same(&place, &fresh, plugin)?;
            std::fs::remove_dir_all(&place)
                .map_err(|error| format!("failed to replace {}: {error}", place.display()))?;
        }
        std::fs::rename(&fresh, &place)
            .and_then(|()| sync_folder(&self.versions))
            .map_err(|error| format!("failed to make {}: {error}", place.display()))?;
        Ok(hashes)
    }

    /// A version of a signed plugin is one set of bytes for ever. An author's own may be built anew.
    fn check_same(&self, old: &Path, fresh: &Path, plugin: &Plugin) -> Result<(), String> {
        let manifest = |folder: &Path| read_bytes(&folder.join(MANIFEST), MANIFEST_BYTES_MAX);
        if plugin.signer.is_none() || manifest(old) == manifest(fresh) {
            return Ok(());
        }
        std::fs::remove_dir_all(fresh).ok();
        let (id, version) = (&plugin.manifest.id, &plugin.manifest.version);
        Err(format!(
            "version {version} of `{id}` is installed already with other content; \
             a new build needs a new version"
        ))
    }

    fn point_at(&self, version: &str) -> Result<(), String> {
        let folder = self.link.parent().unwrap_or(&self.link);
        make_folder(folder)?;
        if self.link.is_dir() && !self.link.is_symlink() {
            return Err(format!(
                "{} is a folder that somebody put there by hand; move it away first",
                self.link.display()
            ));
        }
        let name = self.link.file_name().unwrap_or_default().display();
        let fresh = folder.join(format!(".{name}.new"));
        std::fs::remove_file(&fresh).ok();
        std::os::unix::fs::symlink(self.target.join(version), &fresh)
            .and_then(|()| std::fs::rename(&fresh, &self.link))
            .and_then(|()| sync_folder(folder))
            .map_err(|error| format!("failed to link {}: {error}", self.link.display()))
    }

    fn point_nowhere(&self) -> Result<(), String> {
        std::fs::remove_file(&self.link)
            .map_err(|error| format!("failed to remove {}: {error}", self.link.display()))
    }
}

fn copy(folder: &Path, fresh: &Path, plugin: &Plugin) -> Result<BTreeMap<String, String>, String> {
    let mut hashes = BTreeMap::new();
    let mut small = vec![(MANIFEST, MANIFEST_BYTES_MAX)];
    if plugin.signer.is_some() {
        small.push((SIGNATURE, SIGNATURE_BYTES_MAX));
    }
    if plugin.schema.is_some() {
        small.push((SCHEMA, SCHEMA_BYTES_MAX));
    }
    for (name, bytes_max) in small {
        let bytes = read_bytes(&folder.join(name), bytes_max)?;
        replace(&fresh.join(name), &bytes)?;
        hashes.insert(name.to_owned(), hash_bytes(&bytes));
    }
    let name = plugin.manifest.library_file();
    let failed = |error: std::io::Error| format!("failed to copy {name}: {error}");
    let source = File::open(&plugin.library).map_err(failed)?;
    let mut target = File::create(fresh.join(&name)).map_err(failed)?;
    let found = copy_hashing(source, &mut target).map_err(failed)?;
    target.sync_all().map_err(failed)?;
    let listed = plugin.manifest.files.get(&name);
    if listed.is_some_and(|listed| !listed.eq_ignore_ascii_case(&found)) {
        return Err(changed(&name));
    }
    hashes.insert(name, found);
    Ok(hashes)
}
