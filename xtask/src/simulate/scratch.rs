// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small copy of the workspace below the target folder, in which things may be broken: engine,
//! dispatcher, journal and the simulation, and nothing else.
//!
//! A file is written only when it differs, so that only what changed is built again.

use super::mutation::Proof;
use crate::workspace;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
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

/// The roots of those that are broken.
pub(crate) const ROOTS: [&str; 3] = [
    "host/engine/src/lib.rs",
    "host/dispatcher/src/lib.rs",
    "host/journal/src/lib.rs",
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

/// Built once, run often.
const PROFILE: &str = "opt-level = 1\ndebug = false\nincremental = true\n";

/// Files that stand in the copy with another text.
pub(crate) type Instead = BTreeMap<String, String>;

#[derive(Debug)]
pub(crate) struct Scratch {
    tree: PathBuf,
    build: PathBuf,
}

/// The programs that prove something, built.
pub(crate) type Programs = BTreeMap<Proof, Vec<PathBuf>>;

#[derive(Debug)]
pub(crate) enum NotBuilt {
    /// What the compiler says against it.
    Wrong(Vec<Fault>),
    /// Cargo itself failed.
    Failed(String),
}

#[derive(Debug)]
pub(crate) struct Fault {
    /// Files from the root, and lines from 1.
    pub(crate) places: Vec<(String, usize)>,
    /// As the compiler shows it.
    pub(crate) shown: String,
}

impl Scratch {
    /// The copy, as the sources are now but for those files.
    pub(crate) fn new(instead: &Instead) -> Result<Self, String> {
        let folder = workspace::target().join("mutations");
        let scratch = Self {
            tree: folder.join("tree"),
            build: folder.join("build"),
        };
        for folder in PACKAGES.into_iter().chain([SIMULATION_FOLDER]) {
            scratch.copy(folder, instead)?;
        }
        let root = read(&workspace::root().join("Cargo.toml"))?;
        scratch.write("Cargo.toml", &manifest(&root)?)?;
        scratch.write("Cargo.lock", &read(&workspace::root().join("Cargo.lock"))?)?;
        scratch.write("tests/Cargo.toml", SIMULATION)?;
        scratch.write("tests/nothing.rs", "")?;
        Ok(scratch)
    }

    fn copy(&self, below: &str, instead: &Instead) -> Result<(), String> {
        let folder = workspace::root().join(below);
        let entries = fs::read_dir(&folder)
            .map_err(|error| format!("failed to list {}: {error}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{below}/{name}");
            if entry.path().is_dir() {
                self.copy(&path, instead)?;
            } else if let Some(text) = instead.get(&path) {
                self.write(&path, text)?;
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

    /// Builds what these proofs run, and runs nothing.
    pub(crate) fn build(&self, proofs: &BTreeSet<Proof>) -> Result<Programs, NotBuilt> {
        let mut command = workspace::cargo();
        command
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env_remove("CARGO_PROFILE_DEV_DEBUG")
            .env_remove("CARGO_PROFILE_TEST_DEBUG")
            .args(["test", "--offline", "--quiet", "--no-run"])
            .arg("--message-format=json");
        for proof in proofs {
            command.args(match proof {
                Proof::Simulation => &["--package", "payhal-tests", "--test", "simulation"][..],
                Proof::Journal => &["--package", "payhal-journal", "--lib", "--test", "durable"],
            });
        }
        let done = command
            .output()
            .map_err(|error| NotBuilt::Failed(format!("failed to start cargo: {error}")))?;
        let said = Said::of(&String::from_utf8_lossy(&done.stdout));
        if done.status.success() {
            return Ok(said.programs);
        }
        if said.faults.is_empty() {
            let errors = String::from_utf8_lossy(&done.stderr);
            return Err(NotBuilt::Failed(errors.into_owned()));
        }
        Err(NotBuilt::Wrong(said.faults))
    }

    /// Such a program, to be run where cargo would run it.
    pub(crate) fn program(&self, proof: Proof, program: &Path) -> Command {
        let mut command = workspace::program(program);
        command
            .current_dir(self.tree.join(match proof {
                Proof::Simulation => "tests",
                Proof::Journal => "host/journal",
            }))
            .env_remove("RUST_BACKTRACE");
        command
    }
}

/// What cargo said while it built, a JSON object a line.
#[derive(Debug, Default)]
struct Said {
    programs: Programs,
    faults: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Word {
    CompilerArtifact {
        executable: Option<PathBuf>,
        target: Target,
    },
    CompilerMessage {
        message: Message,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
}

impl Said {
    fn of(said: &str) -> Self {
        let mut all = Self::default();
        for line in said.lines() {
            match serde_json::from_str(line) {
                Ok(Word::CompilerArtifact {
                    executable: Some(program),
                    target,
                }) => all.add(&target.name, program),
                Ok(Word::CompilerMessage { message }) if message.level == "error" => {
                    all.faults.extend(message.fault());
                }
                _ => {}
            }
        }
        all
    }

    fn add(&mut self, target: &str, program: PathBuf) {
        let proof = match target {
            "simulation" => Proof::Simulation,
            "payhal_journal" | "durable" => Proof::Journal,
            _ => return,
        };
        self.programs.entry(proof).or_default().push(program);
    }
}

impl Message {
    /// A message without a place only counts others.
    fn fault(self) -> Option<Fault> {
        let places = self.spans.into_iter();
        let places: Vec<_> = places
            .map(|span| (span.file_name, span.line_start))
            .collect();
        (!places.is_empty()).then(|| Fault {
            places,
            shown: self.rendered.unwrap_or_default(),
        })
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
    fn what_cargo_said_is_programs_and_faults() {
        let said = Said::of(
            r#"{"reason":"compiler-artifact","target":{"name":"durable"},"executable":"/a"}
{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}
{"reason":"compiler-message","message":{"level":"warning","rendered":"w","spans":[]}}
{"reason":"compiler-message","message":{"level":"error","rendered":"e","spans":[{"file_name":"a.rs","line_start":3}]}}
{"reason":"compiler-message","message":{"level":"error","rendered":"1 error","spans":[]}}
{"reason":"build-finished","success":false}"#,
        );
        assert_eq!(said.programs[&Proof::Journal], [PathBuf::from("/a")]);
        let [fault] = &said.faults[..] else {
            panic!("{said:?}");
        };
        assert_eq!(fault.places, [("a.rs".to_owned(), 3)]);
        assert_eq!(fault.shown, "e");
    }

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
