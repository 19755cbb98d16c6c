// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the daemon, the runner, the tool for keys and the simulated plugins, and lays the plugins out as installed.
//!
//! Plugins are found by their manifests. No plugin is named here or anywhere else in this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::DLL_EXTENSION;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::workspace;

/// Folders whose children are plugins.
pub(crate) const PLUGIN_PARENTS: [&str; 2] = ["plugins", "gateway-connectors"];

/// Where tests may let the daemon and the runner die.
const FAILPOINTS: &str = "payhal/failpoints,payhal-plugin-runner/failpoints";

/// How the artefacts are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// Where everything lies that a running payhal needs.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) daemon: PathBuf,
    pub(crate) runner: PathBuf,
    pub(crate) plugins: PathBuf,
}

impl Layout {
    /// Tells a test where its binaries are.
    pub(crate) fn name_in(&self, command: &mut Command) {
        command
            .env("PAYHAL_BIN", &self.daemon)
            .env("PAYHAL_RUNNER", &self.runner)
            .env("PAYHAL_PLUGINS", &self.plugins);
    }
}

/// Builds for a profile and lays out the simulated plugins under `target/<place>/plugins`.
pub(crate) fn lay_out(profile: Profile, place: &str) -> Result<Layout, String> {
    let root = workspace::root();
    let simulated = plugins(&root, Drives::Nothing)?;
    let artefacts = build(profile, &simulated)?;
    Ok(Layout {
        plugins: install_all(&simulated, &artefacts, place)?,
        daemon: executable(&artefacts, &root.join("host/daemon"))?,
        runner: executable(&artefacts, &root.join("host/runner"))?,
    })
}

/// Builds the plugins of real devices with the simulators of those, and lays the plugins out under
/// `target/devices/plugins`. The simulators lie where cargo puts programs, beside the daemon.
pub(crate) fn lay_out_devices() -> Result<PathBuf, String> {
    let real = plugins(&workspace::root(), Drives::Devices)?;
    let mut packages: BTreeSet<String> = real.iter().map(|real| real.package.clone()).collect();
    for plugin in &real {
        packages.extend(simulator(&plugin.folder)?);
    }
    let mut command = workspace::cargo();
    command
        .args(["build", "--message-format=json-render-diagnostics"])
        .stdout(Stdio::piped());
    for package in &packages {
        command.args(["--package", package]);
    }
    let artefacts = artefacts(&workspace::output(&mut command)?);
    install_all(&real, &artefacts, "devices")
}

/// Plugins of real devices whose author names a simulator: each id, and where that is written.
pub(crate) fn conformances() -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    for plugin in plugins(&workspace::root(), Drives::Devices)? {
        let path = plugin.manifest.with_file_name("conformance.toml");
        if path.is_file() && toml_file(&path)?.contains_key("simulator") {
            found.push((plugin.id, path));
        }
    }
    Ok(found)
}

/// The package of the simulated device in a plugin's folder, where there is one.
fn simulator(folder: &Path) -> Result<Option<String>, String> {
    let path = folder.join("simulator/Cargo.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let cargo = toml_file(&path)?;
    let name = cargo.get("package").and_then(|package| package.get("name"));
    Ok(name.and_then(toml::Value::as_str).map(str::to_owned))
}

/// Lays these out and nothing else.
fn install_all(all: &[Plugin], artefacts: &Artefacts, place: &str) -> Result<PathBuf, String> {
    let plugins = workspace::target().join(place).join("plugins");
    if plugins.exists() {
        remove_strangers(&plugins, all)?;
    }
    for plugin in all {
        install(plugin, artefacts, &plugins)?;
    }
    Ok(plugins)
}

/// What a plugin has at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drives {
    Nothing,
    Devices,
}

/// A plugin of this repository. Several can share one package: each
/// folder inside a plugin's with a manifest of its own is another way to run its library.
#[derive(Debug)]
struct Plugin {
    id: String,
    manifest: PathBuf,
    folder: PathBuf,
    package: String,
}

fn plugins(root: &Path, drives: Drives) -> Result<Vec<Plugin>, String> {
    let mut found = Vec::new();
    for parent in PLUGIN_PARENTS {
        for folder in folders(&root.join(parent))? {
            for path in manifests(&folder)? {
                let manifest = toml_file(&path)?;
                let simulated = manifest.get("simulated").and_then(toml::Value::as_bool);
                if (simulated == Some(true)) == (drives == Drives::Nothing) {
                    found.push(plugin(&folder, path, &manifest)?);
                }
            }
        }
    }
    Ok(found)
}

/// The manifest of a plugin's folder, and those of the folders in it.
fn manifests(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let own = std::iter::once(folder.to_path_buf());
    let manifests = own.chain(folders(folder)?).map(|at| at.join("plugin.toml"));
    Ok(manifests.filter(|path| path.is_file()).collect())
}

fn plugin(folder: &Path, path: PathBuf, manifest: &toml::Table) -> Result<Plugin, String> {
    let cargo = toml_file(&folder.join("Cargo.toml"))?;
    let id = manifest.get("id").and_then(toml::Value::as_str);
    let package = cargo
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    match (id, package) {
        (Some(id), Some(package)) => Ok(Plugin {
            id: id.to_owned(),
            package: package.to_owned(),
            manifest: path,
            folder: folder.to_path_buf(),
        }),
        _ => Err(format!(
            "failed to read the id or the package name of {}",
            folder.display()
        )),
    }
}

/// What cargo produced, by the folder of the package that owns it.
type Artefacts = BTreeMap<PathBuf, Vec<PathBuf>>;

fn build(profile: Profile, simulated: &[Plugin]) -> Result<Artefacts, String> {
    let mut command = workspace::cargo();
    command
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(["--package", "payhal", "--package", "payhal-plugin-runner"])
        // `payhal keys` looks for its program beside itself, which is where cargo puts it.
        .args(["--package", "payhal-testkit"])
        .stdout(Stdio::piped());
    match profile {
        Profile::Release => command.arg("--release"),
        // Tests let these programs die at named points; what ships has none.
        Profile::Dev => command.args(["--features", FAILPOINTS]),
    };
    let packages: BTreeSet<&String> = simulated.iter().map(|plugin| &plugin.package).collect();
    for package in packages {
        command.args(["--package", package]);
    }
    Ok(artefacts(&workspace::output(&mut command)?))
}

fn artefacts(messages: &str) -> Artefacts {
    let mut found = Artefacts::new();
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let Some(folder) = message["manifest_path"]
            .as_str()
            .and_then(|manifest| Path::new(manifest).parent())
        else {
            continue;
        };
        let files = found.entry(folder.to_path_buf()).or_default();
        files.extend(message["executable"].as_str().map(PathBuf::from));
        for file in message["filenames"].as_array().into_iter().flatten() {
            files.extend(file.as_str().map(PathBuf::from));
        }
    }
    found
}

fn executable(artefacts: &Artefacts, folder: &Path) -> Result<PathBuf, String> {
    let extension = Path::new(std::env::consts::EXE_EXTENSION);
    artefacts
        .get(folder)
        .into_iter()
        .flatten()
        .find(|file| file.extension().unwrap_or_default() == extension.as_os_str())
        .cloned()
        .ok_or_else(|| format!("failed to find the program built from {}", folder.display()))
}

fn library<'a>(artefacts: &'a Artefacts, folder: &Path) -> Result<&'a Path, String> {
    artefacts
        .get(folder)
        .into_iter()
        .flatten()
        .find(|file| file.extension().is_some_and(|found| found == DLL_EXTENSION))
        .map(PathBuf::as_path)
        .ok_or_else(|| format!("failed to find the library built from {}", folder.display()))
}

fn install(plugin: &Plugin, artefacts: &Artefacts, plugins: &Path) -> Result<(), String> {
    let to = plugins.join(&plugin.id);
    fs::create_dir_all(&to)
        .map_err(|error| format!("failed to create {}: {error}", to.display()))?;
    replace(&plugin.manifest, &to)?;
    let schema = plugin.folder.join("configuration.schema.json");
    if schema.is_file() {
        replace(&schema, &to)?;
    }
    replace(library(artefacts, &plugin.folder)?, &to)
}

/// Copies beside the old file and renames: overwriting a library in place would kill whoever
/// has it mapped.
fn replace(from: &Path, folder: &Path) -> Result<(), String> {
    let name = from.file_name().expect("a built file has a name");
    let to = folder.join(name);
    let mut fresh = to.clone().into_os_string();
    fresh.push(".new");
    fs::copy(from, &fresh)
        .and_then(|_| fs::rename(&fresh, &to))
        .map_err(|error| {
            format!(
                "failed to copy {} to {}: {error}",
                from.display(),
                to.display()
            )
        })
}

/// Removes plugins laid out by an earlier run that are no longer in the tree.
fn remove_strangers(plugins: &Path, known: &[Plugin]) -> Result<(), String> {
    for folder in folders(plugins)? {
        let known = known.iter().any(|plugin| {
            folder
                .file_name()
                .is_some_and(|name| name == plugin.id.as_str())
        });
        if !known {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("failed to remove {}: {error}", folder.display()))?;
        }
    }
    Ok(())
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("failed to list {}: {error}", parent.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(parent).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn toml_file(path: &Path) -> Result<toml::Table, String> {
    fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| {
            text.parse()
                .map_err(|error: toml::de::Error| error.to_string())
        })
        .map_err(|error| format!("failed to read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artefacts_are_sorted_by_the_package_that_owns_them() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/r/plugins/a/Cargo.toml","#,
            r#""executable":null,"filenames":["/t/liba.so","/t/liba.rlib"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/r/host/daemon/Cargo.toml","#,
            r#""executable":"/t/payhal","filenames":["/t/payhal"]}"#,
        );
        let found = artefacts(messages);
        assert_eq!(found.len(), 2);
        assert_eq!(
            executable(&found, Path::new("/r/host/daemon")),
            Ok(PathBuf::from("/t/payhal"))
        );
        assert!(library(&found, Path::new("/r/host/daemon")).is_err());
    }

    #[test]
    fn only_plugins_that_say_so_are_laid_out() {
        let root = workspace::root();
        let simulated = plugins(&root, Drives::Nothing).unwrap();
        for plugin in &simulated {
            let manifest = toml_file(&plugin.manifest).unwrap();
            assert_eq!(manifest["simulated"].as_bool(), Some(true));
        }
        for plugin in plugins(&root, Drives::Devices).unwrap() {
            assert!(simulated.iter().all(|other| other.id != plugin.id));
        }
    }

    #[test]
    fn folders_with_a_manifest_share_the_library_of_the_folder_around_them() {
        let root = workspace::target().join("layout-test");
        let folder = root.join("a");
        for inner in ["strict", "src"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        for manifest in ["plugin.toml", "strict/plugin.toml"] {
            fs::write(folder.join(manifest), "").unwrap();
        }
        let found = manifests(&folder).unwrap();
        fs::remove_dir_all(&root).unwrap();
        let expected = ["plugin.toml", "strict/plugin.toml"].map(|path| folder.join(path));
        assert_eq!(found, expected);
    }
}
