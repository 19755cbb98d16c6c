// SPDX-License-Identifier: MIT OR Apache-2.0
//! The repository as the rules see it: texts by path, and what cargo knows of the packages.
//!
//! Read once, then immutable; no rule touches the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::lexer::Rust;
use crate::workspace;

/// Folders that hold what was built or installed, never what was written.
const SKIPPED: [&str; 6] = [
    ".git",
    ".venv",
    "__pycache__",
    "build",
    "node_modules",
    "target",
];

#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    /// Every path, files that are not text and folders among them.
    pub(crate) paths: BTreeSet<String>,
    pub(crate) cargo: Cargo,
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) rust: Option<Rust>,
}

/// What `cargo metadata` says of our packages.
#[derive(Debug, Default)]
pub(crate) struct Cargo {
    /// Package name to the names of what it is built from, tests apart.
    pub(crate) dependencies: BTreeMap<String, BTreeSet<String>>,
    /// Package name to its folder.
    pub(crate) folders: BTreeMap<String, String>,
    /// The first file of every library, program and test.
    pub(crate) roots: BTreeSet<String>,
}

/// Something a rule found wrong.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Tree {
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut tree = Self {
            cargo: Cargo::ask()?,
            ..Self::default()
        };
        tree.folder(root, "")?;
        Ok(tree)
    }

    /// A made-up repository for the tests of the rules.
    #[cfg(test)]
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            for (at, _) in path.match_indices('/') {
                tree.paths.insert(path[..at].to_owned());
            }
            tree.add((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    fn folder(&mut self, root: &Path, below: &str) -> Result<(), String> {
        let folder = root.join(below);
        let failed = |error| format!("failed to list {}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if below.is_empty() {
                name.clone()
            } else {
                format!("{below}/{name}")
            };
            if entry.path().is_dir() {
                if !SKIPPED.contains(&name.as_str()) && !name.ends_with(".egg-info") {
                    self.folder(root, &path)?;
                    self.paths.insert(path);
                }
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                self.add(path, text);
            } else {
                self.paths.insert(path);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, text: String) {
        let rust = path.ends_with(".rs").then(|| Rust::new(&path, &text));
        self.paths.insert(path.clone());
        self.files.push(File { path, text, rust });
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// Every Rust file, with its code.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&File, &Rust)> {
        self.files
            .iter()
            .filter_map(|file| file.rust.as_ref().map(|rust| (file, rust)))
    }

    /// Each folder right below `parent`.
    pub(crate) fn children<'a>(&'a self, parent: &'a str) -> impl Iterator<Item = &'a str> {
        self.paths.iter().map(String::as_str).filter(move |path| {
            let name = path
                .strip_prefix(parent)
                .and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| !name.contains('/'))
                && self
                    .paths
                    .range(format!("{path}/")..)
                    .next()
                    .is_some_and(|inner| {
                        inner
                            .strip_prefix(path)
                            .is_some_and(|rest| rest.starts_with('/'))
                    })
        })
    }
}

impl File {
    pub(crate) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    /// The lines as written, numbered from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl Cargo {
    fn ask() -> Result<Self, String> {
        let mut command = workspace::cargo();
        command
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", &platform()?]);
        let text = workspace::output(&mut command)?;
        let answer: Value = serde_json::from_str(&text)
            .map_err(|error| format!("failed to read cargo's metadata: {error}"))?;
        Ok(Self::from_metadata(&answer))
    }

    fn from_metadata(answer: &Value) -> Self {
        let mut cargo = Self::default();
        let root = format!("{}/", answer["workspace_root"].as_str().unwrap_or_default());
        let mut names = BTreeMap::new();
        for package in list(&answer["packages"]) {
            let name = text(&package["name"]);
            names.insert(text(&package["id"]), name.clone());
            let manifest = text(&package["manifest_path"]);
            let Some(manifest) = manifest.strip_prefix(&root) else {
                continue;
            };
            let folder = manifest.strip_suffix("/Cargo.toml").unwrap_or_default();
            cargo.folders.insert(name, folder.to_owned());
            for target in list(&package["targets"]) {
                let source = text(&target["src_path"]);
                cargo
                    .roots
                    .extend(source.strip_prefix(&root).map(str::to_owned));
            }
        }
        for node in list(&answer["resolve"]["nodes"]) {
            let from = names.get(&text(&node["id"])).cloned().unwrap_or_default();
            let built_from = cargo.dependencies.entry(from).or_default();
            for dependency in list(&node["deps"]) {
                let shipped = list(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev");
                if shipped {
                    built_from.extend(names.get(&text(&dependency["pkg"])).cloned());
                }
            }
        }
        cargo
    }

    /// Everything a package is built from, directly or not.
    pub(crate) fn closure(&self, package: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![package];
        while let Some(next) = open.pop() {
            for dependency in self.dependencies.get(next).into_iter().flatten() {
                if reached.insert(dependency.as_str()) {
                    open.push(dependency);
                }
            }
        }
        reached
    }
}

/// The platform we run on; without it cargo fetches what only others need.
fn platform() -> Result<String, String> {
    let said = workspace::output(workspace::program("rustc").arg("-vV"))?;
    said.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "failed to learn the platform from rustc".to_owned())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_the_folders_right_below() {
        let tree = Tree::sample(&[("p/a/x.rs", ""), ("p/b/c/y.rs", ""), ("p/README.md", "")]);
        assert_eq!(tree.children("p").collect::<Vec<_>>(), ["p/a", "p/b"]);
    }

    #[test]
    fn the_closure_leaves_out_what_only_tests_use() {
        let answer = serde_json::json!({
            "workspace_root": "/r",
            "packages": [
                {"name": "a", "id": "1", "manifest_path": "/r/host/a/Cargo.toml",
                 "targets": [{"src_path": "/r/host/a/src/lib.rs"}]},
                {"name": "b", "id": "2", "manifest_path": "/elsewhere/Cargo.toml", "targets": []},
                {"name": "c", "id": "3", "manifest_path": "/elsewhere/Cargo.toml", "targets": []},
            ],
            "resolve": {"nodes": [
                {"id": "1", "deps": [{"pkg": "2", "dep_kinds": [{"kind": null}]}]},
                {"id": "2", "deps": [{"pkg": "3", "dep_kinds": [{"kind": "dev"}]}]},
            ]},
        });
        let cargo = Cargo::from_metadata(&answer);
        assert_eq!(cargo.closure("a"), BTreeSet::from(["b"]));
        assert_eq!(cargo.folders["a"], "host/a");
        assert!(cargo.roots.contains("host/a/src/lib.rs"));
    }
}
