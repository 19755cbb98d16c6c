// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small copy of the workspace below the target folder, in which things may be broken: engine,
//! dispatcher, journal and the simulation, and nothing else.
//!
//! A file is written only when it differs, so that only what changed is built again.

use super::mutation::Proof;
use crate::workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages that are copied whole, and what they are built from.
const PACKAGES: [&str; 4] = [
    "host/engine",
    "host/dispatcher",
    "host/journal",
    "host/failpoint",
];

/// What is copied besides.
const SIMULATION_FOLDER: &str = "tests/simulation";

/// The package of the simulation alone: what else is in `tests` needs the whole product.
const SIMULATION: &str = r#"
[package]
name = "payhal-tests"
version = "0.0.0"
edition.workspace = true

[lib]
path = "nothing.rs"

[features]
whole = []

[dependencies]
payhal-dispatcher.workspace = true
payhal-engine.workspace = true
uuid.workspace = true

[[test]]
name = "simulation"
path = "simulation/main.rs"
"#;

/// Fast to build, fast enough to run.
const PROFILE: &str = "opt-level = 1\ndebug = false\nincremental = true\n";

#[derive(Debug)]
pub(crate) struct Scratch {
    tree: PathBuf,
    build: PathBuf,
}

impl Scratch {
    /// The copy of that number, as the sources are now.
    pub(crate) fn new(number: usize) -> Result<Self, String> {
        let folder = workspace::target().join(format!("mutations/{number}"));
        let scratch = Self {
            tree: folder.join("tree"),
            build: folder.join("build"),
        };
        for folder in PACKAGES.into_iter().chain([SIMULATION_FOLDER]) {
            scratch.copy(folder)?;
        }
        let root = read(&workspace::root().join("Cargo.toml"))?;
        scratch.write("Cargo.toml", &manifest(&root)?)?;
        scratch.write("Cargo.lock", &read(&workspace::root().join("Cargo.lock"))?)?;
        scratch.write("tests/Cargo.toml", SIMULATION)?;
        scratch.write("tests/nothing.rs", "")?;
        Ok(scratch)
    }

    fn copy(&self, below: &str) -> Result<(), String> {
        let folder = workspace::root().join(below);
        let entries = fs::read_dir(&folder)
            .map_err(|error| format!("failed to list {}: {error}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{below}/{name}");
            if entry.path().is_dir() {
                self.copy(&path)?;
            } else if let Ok(bytes) = fs::read(entry.path()) {
                self.write(&path, bytes)?;
            }
            names.push(name);
        }
        self.forget_others(below, &names)
    }

    /// What was copied before and is gone now.
    fn forget_others(&self, below: &str, names: &[String]) -> Result<(), String> {
        for entry in fs::read_dir(self.tree.join(below))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            if names.iter().any(|name| path.ends_with(name)) {
                continue;
            }
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.map_err(|error| format!("failed to remove {}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// Writes a file, if it is another one than before.
    pub(crate) fn write(&self, below: &str, bytes: impl AsRef<[u8]>) -> Result<(), String> {
        let path = self.tree.join(below);
        if fs::read(&path).is_ok_and(|before| before == bytes.as_ref()) {
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.tree);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| format!("failed to write {}: {error}", path.display()))
    }

    /// `cargo test` in the copy.
    pub(crate) fn test(&self, proof: Proof) -> Command {
        let mut command = workspace::cargo();
        command
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env_remove("CARGO_PROFILE_DEV_DEBUG")
            .env_remove("RUST_BACKTRACE")
            .args(["test", "--offline", "--quiet", "--package"]);
        match proof {
            Proof::Simulation => command.args(["payhal-tests", "--test", "simulation", "--"]),
            Proof::Journal => command.args(["payhal-journal", "--lib", "--test", "durable", "--"]),
        };
        command
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("failed to read {}: {error}", path.display()))
}

/// The root manifest with the copied members alone.
fn manifest(root: &str) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("failed to read Cargo.toml: {error}");
    let mut manifest: toml::Table = root.parse().map_err(|error| failed(&error))?;
    let members = PACKAGES.into_iter().chain(["tests"]);
    let members: Vec<toml::Value> = members.map(toml::Value::from).collect();
    let workspace = manifest
        .get_mut("workspace")
        .and_then(toml::Value::as_table_mut);
    let workspace = workspace.ok_or_else(|| failed(&"it has no workspace"))?;
    workspace.insert("members".to_owned(), members.into());
    workspace.remove("default-members");
    let profile: toml::Table = PROFILE.parse().map_err(|error| failed(&error))?;
    let profiles = toml::Table::from_iter([("dev".to_owned(), profile.into())]);
    manifest.insert("profile".to_owned(), profiles.into());
    Ok(manifest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_its_own_members_and_profile() {
        let root = "[workspace]\nmembers = [\"a\"]\ndefault-members = [\"a\"]\n\
                    [workspace.dependencies]\nx = \"1\"\n[profile.dev.package.x]\nopt-level = 2\n";
        let made: toml::Table = manifest(root).unwrap().parse().unwrap();
        let workspace = made["workspace"].as_table().unwrap();
        assert_eq!(workspace["members"].as_array().unwrap().len(), 5);
        assert!(!workspace.contains_key("default-members"));
        assert_eq!(workspace["dependencies"]["x"].as_str(), Some("1"));
        assert!(made["profile"]["dev"].get("package").is_none());
        assert!(manifest("a = 1").is_err());
    }
}
