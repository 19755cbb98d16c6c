// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may run and what may not, each refusal with its sentence; and what changes while a host runs.

use super::read::{MANIFEST, SCHEMA, SIGNATURE};
use super::sealed::hash_bytes;
use super::{Change, PluginShelf, Plugins, Sources, Why, discover};
use minisign::KeyPair;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

const LIBRARY: &str = "libpin.so";

/// A state folder, a folder of plugin folders, and a maker with a key.
struct World {
    root: TempDir,
    maker: KeyPair,
}

impl World {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            maker: KeyPair::generate_unencrypted_keypair().unwrap(),
        }
    }

    fn sources(&self) -> Sources {
        Sources {
            folders: vec![self.root.path().join("plugins")],
            state: self.root.path().join("state"),
            allow_unsigned: false,
        }
    }

    fn install(shelf: &PluginShelf, folder: &Path) -> Result<Change, String> {
        done(shelf, shelf.install(folder, false))
    }

    fn shelf(&self) -> Arc<PluginShelf> {
        PluginShelf::open(self.sources()).unwrap()
    }

    /// A host that trusts the maker.
    fn trusting(&self) -> Arc<PluginShelf> {
        let shelf = self.shelf();
        let key = shelf.trust(&self.maker.pk.to_base64()).unwrap();
        assert_eq!(shelf.keys()[0].key_id, key.key_id);
        shelf
    }

    /// A plugin folder as `payhal plugin sign` leaves it, in the folder that the host looks at.
    fn signed(&self, version: &str) -> PathBuf {
        let folder = self.unsigned("plugins/pin", version);
        self.sign(&folder);
        folder
    }

    fn unsigned(&self, at: &str, version: &str) -> PathBuf {
        let folder = self.root.path().join(at);
        fs::create_dir_all(&folder).unwrap();
        let library = format!("library of {version}");
        fs::write(folder.join(LIBRARY), &library).unwrap();
        fs::write(folder.join(SCHEMA), "{\"type\":\"object\"}").unwrap();
        let text = format!(
            "id='pin'\nname='P'\nversion='{version}'\nabi=1\nkind='gateway'\nlibrary='pin'\n\
             [gateway]\n[files]\n'{LIBRARY}'='{}'\n'{SCHEMA}'='{}'\n",
            hash_bytes(library.as_bytes()),
            hash_bytes(b"{\"type\":\"object\"}"),
        );
        fs::write(folder.join(MANIFEST), text).unwrap();
        folder
    }

    fn sign(&self, folder: &Path) {
        self.sign_with(&self.maker, folder);
    }

    fn sign_with(&self, maker: &KeyPair, folder: &Path) {
        let text = fs::read(folder.join(MANIFEST)).unwrap();
        let signed = minisign::sign(None, &maker.sk, &text[..], Some("pin"), None).unwrap();
        fs::write(folder.join(SIGNATURE), signed.into_string()).unwrap();
    }

    fn found(&self) -> Plugins {
        discover(&self.sources())
    }

    /// The one sentence that is said of the one plugin there is.
    fn refusal(&self) -> String {
        let plugins = self.found();
        assert!(plugins.found.is_empty(), "it may run");
        assert_eq!(plugins.broken.len(), 1);
        plugins.broken[0].1.clone()
    }
}

/// A change and its effect.
fn done(shelf: &PluginShelf, change: Result<Change, String>) -> Result<Change, String> {
    let change = change?;
    shelf.carry_out(&change)?;
    Ok(change)
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_plugin_that_a_trusted_key_signed_may_run() {
    let world = World::new();
    world.signed("1.0.0");
    drop(world.trusting());
    let plugins = world.found();
    let plugin = &plugins.found["pin"];
    let signer = plugin.signer.as_ref().unwrap();
    assert_eq!((signer.comment.as_str(), signer.key_id.len()), ("pin", 16));
    assert_eq!(plugin.schema, Some(serde_json::json!({ "type": "object" })));
    assert!(plugins.broken.is_empty());
}

#[test]
fn an_unsigned_one_is_refused_and_the_ways_out_are_named() {
    let world = World::new();
    world.unsigned("plugins/pin", "1.0.0");
    let ways = [
        "payhal plugin trust",
        "payhal plugin sign",
        "allow_unsigned = true",
    ];
    says(&world.refusal(), &ways);
    let sources = Sources {
        allow_unsigned: true,
        ..world.sources()
    };
    let plugins = discover(&sources);
    assert_eq!(plugins.found["pin"].signer, None);
}

#[test]
fn a_signature_of_somebody_else_is_refused_with_the_key() {
    let world = World::new();
    let folder = world.signed("1.0.0");
    says(&world.refusal(), &["not trusted", "payhal plugin trust"]);
    drop(world.trusting());
    assert!(world.found().broken.is_empty());
    let other = KeyPair::generate_unencrypted_keypair().unwrap();
    world.sign_with(&other, &folder);
    let id: [u8; 8] = other.pk.keynum().try_into().unwrap();
    let id = format!("{:016X}", u64::from_le_bytes(id));
    says(&world.refusal(), &[&id, "not trusted"]);
}

#[test]
fn a_changed_manifest_library_or_schema_is_refused() {
    let world = World::new();
    drop(world.trusting());
    let folder = world.signed("1.0.0");
    edit(
        &folder.join(MANIFEST),
        "[gateway]",
        "[gateway]\ninquiry=true",
    );
    says(
        &world.refusal(),
        &[MANIFEST, "is not what the key", "changed"],
    );
    for file in [LIBRARY, SCHEMA] {
        let folder = world.signed("1.0.0");
        fs::write(folder.join(file), "{ }").unwrap();
        says(&world.refusal(), &[file, "changed"]);
        // A host for authors refuses it too: the list is there, and is wrong.
        let sources = Sources {
            allow_unsigned: true,
            ..world.sources()
        };
        assert!(discover(&sources).found.is_empty(), "{file}");
    }
    let folder = world.signed("1.0.0");
    fs::remove_file(folder.join(SCHEMA)).unwrap();
    says(&world.refusal(), &[SCHEMA, "failed to read"]);
}

#[test]
fn a_signature_says_nothing_about_files_that_it_does_not_list() {
    let world = World::new();
    drop(world.trusting());
    let folder = world.signed("1.0.0");
    edit(&folder.join(MANIFEST), &format!("'{SCHEMA}'="), "'other'=");
    world.sign(&folder);
    assert_eq!(world.found().found["pin"].schema, None, "it is not read");
    edit(
        &folder.join(MANIFEST),
        &format!("'{LIBRARY}'="),
        "'another'=",
    );
    world.sign(&folder);
    says(
        &world.refusal(),
        &["does not list", LIBRARY, "payhal plugin sign"],
    );
}

#[test]
fn a_broken_signature_and_a_broken_manifest_hide_only_themselves() {
    let world = World::new();
    drop(world.trusting());
    let folder = world.signed("1.0.0");
    for broken in [
        "",
        "untrusted comment: x\nAAAA\n",
        "x".repeat(5_000).as_str(),
    ] {
        fs::write(folder.join(SIGNATURE), broken).unwrap();
        says(&world.refusal(), &[SIGNATURE]);
    }
    world.sign(&folder);
    let other = world.root.path().join("plugins/other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join(MANIFEST), "id = 3").unwrap();
    let plugins = world.found();
    assert_eq!((plugins.found.len(), plugins.broken.len()), (1, 1));
}

#[test]
fn another_interface_and_no_version_are_refused() {
    let world = World::new();
    drop(world.trusting());
    let folder = world.signed("1.0.0");
    edit(&folder.join(MANIFEST), "abi=1", "abi=2");
    world.sign(&folder);
    says(&world.refusal(), &["plugin interface 2", "has 1"]);
    edit(&folder.join(MANIFEST), "abi=2", "abi=1");
    edit(&folder.join(MANIFEST), "version='1.0.0'", "version='new'");
    world.sign(&folder);
    says(&world.refusal(), &["MAJOR.MINOR.PATCH"]);
}

#[test]
fn an_older_version_than_has_run_is_refused_until_the_operator_goes_back() {
    let world = World::new();
    let shelf = world.trusting();
    world.signed("1.10.0");
    world.signed("1.11.0");
    let seen = shelf.plugin("pin").unwrap();
    assert_eq!(
        seen.manifest.version, "1.11.0",
        "it is looked at, and not run"
    );
    world.signed("1.10.0");
    shelf.runs(&shelf.plugin("pin").unwrap());
    world.signed("1.9.0");
    let Err(Why::Refused { why, .. }) = shelf.plugin("pin") else {
        panic!("it may run");
    };
    says(
        &why,
        &["1.9.0 is older than 1.10.0", "payhal plugin rollback pin"],
    );
    drop(shelf);
    let shelf = world.shelf();
    assert!(shelf.plugin("pin").is_err(), "a new start knows it too");
    let change = done(&shelf, shelf.roll_back("pin")).unwrap();
    assert_eq!(change.to.as_deref(), Some("1.9.0"));
    assert!(shelf.plugin("pin").is_ok());
}

#[test]
fn what_runs_are_the_bytes_that_were_verified() {
    let world = World::new();
    let shelf = world.trusting();
    let folder = world.signed("1.0.0");
    let plugin = shelf.plugin("pin").unwrap();
    let (one, other) = (plugin.sealed().unwrap(), plugin.sealed().unwrap());
    assert!(Arc::ptr_eq(&one, &other), "one memory for all instances");
    fs::write(folder.join(LIBRARY), "something else").unwrap();
    let path = format!("/proc/self/fd/{}", plugin.sealed().unwrap().as_raw_fd());
    assert_eq!(fs::read_to_string(path).unwrap(), "library of 1.0.0");
    assert!(matches!(shelf.plugin("pin"), Err(Why::Refused { .. })));
}

#[test]
fn a_library_that_is_changed_between_the_look_and_the_copy_is_refused() {
    let world = World::new();
    let shelf = world.trusting();
    let folder = world.signed("1.0.0");
    let plugin = shelf.plugin("pin").unwrap();
    fs::write(folder.join(LIBRARY), "something else").unwrap();
    says(&plugin.sealed().unwrap_err(), &[LIBRARY, "changed"]);
}

#[test]
fn whoever_waits_is_told_of_each_change_and_of_nothing_else() {
    let world = World::new();
    let shelf = world.trusting();
    world.signed("1.0.0");
    shelf.refresh();
    let mut changed = shelf.changed();
    let before = shelf.plugin("pin").unwrap();
    shelf.refresh();
    assert!(!changed.has_changed().unwrap());
    assert!(Arc::ptr_eq(&before, &shelf.plugin("pin").unwrap()));
    done(&shelf, shelf.enable("pin", false)).unwrap();
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();
    let why = shelf.plugin("pin").unwrap_err();
    says(&why.to_string(), &["disabled", "payhal plugin enable pin"]);
    done(&shelf, shelf.enable("pin", true)).unwrap();
    assert!(changed.has_changed().unwrap());
    assert!(shelf.plugin("pin").is_ok());
    let absent = shelf.plugin("absent").unwrap_err().to_string();
    says(&absent, &["not installed; installed: pin"]);
    let key = shelf.keys()[0].key_id.clone();
    changed.mark_unchanged();
    shelf.untrust(&key).unwrap();
    assert!(changed.has_changed().unwrap());
    assert!(matches!(shelf.plugin("pin"), Err(Why::Refused { .. })));
}

#[test]
fn versions_are_installed_gone_back_from_and_removed() {
    let world = World::new();
    let shelf = world.trusting();
    let state = world.root.path().join("state");
    let make = |version: &str| {
        let folder = world.unsigned("download", version);
        world.sign(&folder);
        folder
    };
    let first = World::install(&shelf, &make("1.0.0")).unwrap();
    assert_eq!((first.from, first.to.as_deref()), (None, Some("1.0.0")));
    let running = || shelf.plugin("pin").unwrap().manifest.version.clone();
    assert_eq!(running(), "1.0.0");
    assert!(shelf.plugin("pin").unwrap().installed);
    let second = World::install(&shelf, &make("1.1.0")).unwrap();
    assert_eq!(second.from.as_deref(), Some("1.0.0"));
    assert_eq!(running(), "1.1.0");
    assert_eq!(shelf.plugins().previous["pin"], "1.0.0");
    let older = World::install(&shelf, &make("1.0.5")).unwrap_err();
    says(&older, &["1.0.5", "older than 1.1.0"]);

    // A version that does not come up is put back, and leaves no trace.
    let third = World::install(&shelf, &make("2.0.0")).unwrap();
    assert_eq!(running(), "2.0.0");
    shelf.put_back(&third).unwrap();
    assert_eq!(running(), "1.1.0");

    assert_eq!(
        done(&shelf, shelf.roll_back("pin")).unwrap().to.as_deref(),
        Some("1.0.0")
    );
    assert_eq!(running(), "1.0.0");
    assert_eq!(
        done(&shelf, shelf.roll_back("pin")).unwrap().to.as_deref(),
        Some("1.1.0")
    );
    shelf.tidy("pin");
    let store = state.join("plugin-store/pin");
    let mut kept: Vec<_> = fs::read_dir(&store).unwrap().flatten().collect();
    kept.sort_by_key(std::fs::DirEntry::file_name);
    let kept: Vec<_> = kept.iter().map(fs::DirEntry::file_name).collect();
    assert_eq!(kept, ["1.0.0", "1.1.0"]);

    // Files that nobody listed stay behind.
    assert!(!store.join("1.1.0/notes.txt").exists());
    done(&shelf, shelf.remove("pin")).unwrap();
    shelf.tidy("pin");
    assert!(!store.exists() && shelf.plugin("pin").is_err());
    says(
        &done(&shelf, shelf.remove("pin")).unwrap_err(),
        &["by hand"],
    );
}

#[test]
fn a_version_is_one_set_of_bytes() {
    let world = World::new();
    let shelf = world.trusting();
    let folder = world.unsigned("download", "1.0.0");
    world.sign(&folder);
    World::install(&shelf, &folder).unwrap();
    World::install(&shelf, &folder).unwrap();
    edit(&folder.join(MANIFEST), "name='P'", "name='Q'");
    world.sign(&folder);
    says(
        &World::install(&shelf, &folder).unwrap_err(),
        &["1.0.0", "new version"],
    );
    assert_eq!(shelf.plugin("pin").unwrap().manifest.name, "P");
}

#[test]
fn a_refused_folder_is_not_installed_and_nothing_has_changed() {
    let world = World::new();
    let shelf = world.trusting();
    let folder = world.unsigned("download", "1.0.0");
    says(
        &World::install(&shelf, &folder).unwrap_err(),
        &["refused", "not signed"],
    );
    let empty = world.root.path().join("empty");
    fs::create_dir(&empty).unwrap();
    says(
        &World::install(&shelf, &empty).unwrap_err(),
        &["no plugin.toml"],
    );
    assert!(shelf.plugin("pin").is_err());
    assert!(!world.root.path().join("state/plugins/pin").exists());
}

#[test]
fn an_unsigned_one_that_the_operator_took_runs_as_long_as_it_is_the_same() {
    let world = World::new();
    let shelf = world.shelf();
    let folder = world.unsigned("download", "1.0.0");
    done(&shelf, shelf.install(&folder, true)).unwrap();
    assert_eq!(shelf.plugin("pin").unwrap().signer, None);
    let store = world.root.path().join("state/plugin-store/pin/1.0.0");
    edit(&store.join(MANIFEST), "name='P'", "name='Q'");
    let why = shelf.plugin("pin").unwrap_err().to_string();
    says(&why, &["refused", "not signed"]);
}

#[test]
fn one_state_folder_has_one_shelf() {
    let world = World::new();
    let shelf = world.shelf();
    let second = PluginShelf::open(world.sources()).unwrap_err();
    says(&second, &["another payhal"]);
    drop(shelf);
    world.shelf();
}
