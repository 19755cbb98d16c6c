// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stages that need Node, Python or a browser: the SDKs, clients that know nothing of payhal, and
//! others' cryptography beside ours.
//!
//! What they install lies below the target folder or is ignored by git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cases::{self, Pick};
use super::tools;
use super::{Run, Stopped};
use crate::workspace;

/// What npm and pip print when a registry does not answer.
const OFFLINE: [&str; 9] = [
    "ConnectTimeoutError",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "ENOTFOUND",
    "ETIMEDOUT",
    "NewConnectionError",
    "ProxyError",
];

/// Node's own test runner over `sdk/client-js`.
pub(crate) fn javascript(_: &mut Run) -> Result<(), Stopped> {
    let mut command = node_tests(&workspace::root().join("sdk/client-js"))?;
    Ok(workspace::run(&mut command)?)
}

/// The tests of `sdk/client-python` in an environment of their own.
pub(crate) fn python(_: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("sdk/client-python");
    let python = environment("sdk-python", &dependencies(&folder.join("pyproject.toml"))?)?;
    let mut command = workspace::program(python);
    command
        .args(["-m", "unittest", "discover", "-s", "tests", "-t", "."])
        .current_dir(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(workspace::run(&mut command)?)
}

/// What the project file says the package needs.
fn dependencies(project: &Path) -> Result<Vec<String>, Stopped> {
    let text = fs::read_to_string(project)
        .map_err(|error| format!("failed to read {}: {error}", project.display()))?;
    let parsed: toml::Table = text
        .parse()
        .map_err(|error| format!("failed to read {}: {error}", project.display()))?;
    let listed = parsed
        .get("project")
        .and_then(|project| project.get("dependencies"));
    Ok(listed
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|requirement| requirement.as_str().map(str::to_owned))
        .collect())
}

/// Cases `stock_clients` of the binary `processes`, which start the clients of `tests/clients`.
pub(crate) fn stock_clients(run: &mut Run) -> Result<(), Stopped> {
    let clients = workspace::root().join("tests/clients");
    npm_ci(&clients.join("node"))?;
    let requirements = clients.join("python/requirements.txt");
    let wanted = [
        "--requirement".to_owned(),
        requirements.display().to_string(),
    ];
    let python = environment("stock-clients", &wanted)?;
    let layout = run.layout()?;
    cases::run("processes", Pick::Only("stock_clients"), |command| {
        layout.name_in(command);
        command
            .env("PAYHAL_NODE", "node")
            .env("PAYHAL_PYTHON", &python);
    })
}

/// Cases `peers` of `sdk/card-data`, which ask packages that others wrote.
pub(crate) fn card_peers(_: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("sdk/card-data/tests/peers");
    let requirements = folder.join("requirements.txt");
    let wanted = [
        "--requirement".to_owned(),
        requirements.display().to_string(),
    ];
    let python = environment("card-peers", &wanted)?;
    let mut command = workspace::cargo();
    command
        .args(["test", "--package", "payhal-card-data"])
        .args(["--features", "peers", "--test", "peers"])
        .env("PAYHAL_PYTHON", python);
    Ok(workspace::run(&mut command)?)
}

/// `tests/clients/devices`: tills and terminals that others wrote, beside our terminal and our plugin.
pub(crate) fn device_peers(run: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("tests/clients/devices");
    let requirements = folder.join("requirements.txt").display().to_string();
    // One of them asks for a whole shop, of which it needs two lines.
    let wanted = ["--no-deps", "--requirement", &requirements];
    let python = environment("device-peers", &wanted.map(str::to_owned))?;
    let (layout, devices) = (run.layout()?, run.devices()?);
    let mut command = workspace::program(python);
    layout.name_in(&mut command);
    command
        .args(["-m", "unittest", "discover", "-t", ".", "-s", "."])
        .current_dir(&folder)
        .env("PAYHAL_DEVICE_PLUGINS", devices)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(workspace::run(&mut command)?)
}

/// `tests/clients/browser`: Node drives Chromium.
pub(crate) fn browser(run: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("tests/clients/browser");
    if folder.join("package-lock.json").is_file() {
        npm_ci(&folder)?;
    }
    let layout = run.layout()?;
    let mut command = node_tests(&folder)?;
    layout.name_in(&mut command);
    if let Some(chromium) = tools::chromium() {
        command.env("PAYHAL_CHROMIUM", chromium);
    }
    Ok(workspace::run(&mut command)?)
}

/// `tests/clients/first-sale`: the commands, files and page of docs/first-sale.md.
pub(crate) fn first_sale(run: &mut Run) -> Result<(), Stopped> {
    let clients = workspace::root().join("tests/clients");
    npm_ci(&clients.join("browser"))?;
    let layout = run.layout()?;
    let mut command = node_tests(&clients.join("first-sale"))?;
    layout.name_in(&mut command);
    if let Some(chromium) = tools::chromium() {
        command.env("PAYHAL_CHROMIUM", chromium);
    }
    Ok(workspace::run(&mut command)?)
}

/// Autobahn's cases against an echo over the daemon's own WebSocket.
pub(crate) fn conformance(_: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("tests/clients/autobahn");
    let requirements = folder.join("requirements.txt").display().to_string();
    let wanted = [
        "--require-hashes",
        "--no-deps",
        "--requirement",
        &requirements,
    ];
    let python = environment("conformance", &wanted.map(str::to_owned))?;
    let example = ["--package", "payhal-tests", "--example", ECHO];
    workspace::run(workspace::cargo().arg("build").args(example))?;
    let mut command = workspace::program(python);
    command
        .arg(folder.join("run.py"))
        .arg(workspace::target().join("debug/examples").join(ECHO));
    Ok(workspace::run(&mut command)?)
}

const ECHO: &str = "websocket-echo";

/// `tests/clients/hostile` but for Firefox: attackers beside a paired till.
pub(crate) fn hostile(run: &mut Run) -> Result<(), Stopped> {
    attacked(run, |name| name != FIREFOX_TESTS)
}

/// The same pages in Firefox.
pub(crate) fn hostile_in_firefox(run: &mut Run) -> Result<(), Stopped> {
    attacked(run, |name| name == FIREFOX_TESTS)
}

const FIREFOX_TESTS: &str = "firefox.test.mjs";

fn attacked(run: &mut Run, is_meant: fn(&str) -> bool) -> Result<(), Stopped> {
    let folder = workspace::root().join("tests/clients/hostile");
    npm_ci(&folder)?;
    let layout = run.layout()?;
    let named = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| is_meant(&name))
    };
    let files = node_test_files(&folder).into_iter().filter(named);
    let mut command = node_tests_of(&folder, files.collect())?;
    layout.name_in(&mut command);
    for (variable, program) in [
        ("PAYHAL_CHROMIUM", tools::chromium()),
        ("PAYHAL_FIREFOX", tools::firefox()),
    ] {
        if let Some(program) = program {
            command.env(variable, program);
        }
    }
    Ok(workspace::run(&mut command)?)
}

/// Node's test runner over the `*.test.js` below a folder, by name: left to itself it also runs
/// what only lies beside them, and passes where there is nothing to run.
fn node_tests(folder: &Path) -> Result<Command, Stopped> {
    node_tests_of(folder, node_test_files(folder))
}

fn node_tests_of(folder: &Path, files: Vec<PathBuf>) -> Result<Command, Stopped> {
    if files.is_empty() {
        return Err(Stopped::Failed(format!("no test in {}", folder.display())));
    }
    let mut command = workspace::program("node");
    command.arg("--test").args(files).current_dir(folder);
    Ok(command)
}

fn node_test_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() && name != "node_modules" {
            found.extend(node_test_files(&path));
        } else if [".test.js", ".test.mjs"]
            .iter()
            .any(|ending| name.ends_with(ending))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Installs exactly what the lock file says.
fn npm_ci(folder: &Path) -> Result<(), Stopped> {
    let mut command = workspace::program("npm");
    command
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder);
    fetch(&mut command, "the npm registry (npm config get registry)")
}

/// A Python environment with what pip is asked for; answers its interpreter.
fn environment(name: &str, wanted: &[String]) -> Result<PathBuf, Stopped> {
    let folder = workspace::target().join("venv").join(name);
    let python = folder.join("bin/python");
    if !python.is_file() {
        let mut create = workspace::program("python3");
        workspace::run(create.args(["-m", "venv"]).arg(&folder))?;
    }
    if !wanted.is_empty() {
        let mut install = workspace::program(&python);
        install
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(wanted);
        fetch(&mut install, "PyPI (python3 -m pip config list)")?;
    }
    Ok(python)
}

/// Runs what downloads; tells an unreachable registry from everything else that can fail.
fn fetch(command: &mut Command, registry: &str) -> Result<(), Stopped> {
    let done = command
        .output()
        .map_err(|error| format!("failed to start {:?}: {error}", command.get_program()))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    println!("{said}");
    Err(stopped(&said, registry))
}

fn stopped(said: &str, registry: &str) -> Stopped {
    if OFFLINE.iter().any(|word| said.contains(word)) {
        return Stopped::Offline(format!(
            "no answer from {registry}: connect and run it again"
        ));
    }
    Stopped::Failed(format!("failed to install from {registry}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_tests_has_none() {
        assert!(node_tests(&workspace::root().join("xtask")).is_err());
    }

    #[test]
    fn only_tests_are_run_as_tests() {
        let files = node_test_files(&workspace::root().join("sdk/client-js"));
        assert!(!files.is_empty());
        assert!(
            files
                .iter()
                .all(|file| file.to_string_lossy().contains(".test."))
        );
    }

    #[test]
    fn an_unreachable_registry_is_told_from_a_wrong_lock_file() {
        let offline = stopped("npm error code EAI_AGAIN", "the npm registry");
        assert!(matches!(offline, Stopped::Offline(_)));
        let wrong = stopped(
            "npm error `npm ci` can only install with a lock",
            "the npm registry",
        );
        assert!(matches!(wrong, Stopped::Failed(_)));
    }
}
