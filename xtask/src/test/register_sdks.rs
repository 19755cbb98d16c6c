// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stages that need Node, Python or a browser: the SDKs and clients that know nothing of payhal.
//!
//! What they install lies below the target folder or is ignored by git.

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
pub(crate) fn javascript(run: &mut Run) -> Result<(), Stopped> {
    node_tests(run, "sdk/client-js")
}

/// The tests of `sdk/client-python` in an environment of their own.
pub(crate) fn python(run: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("sdk/client-python");
    let python = environment("sdk-python", &folder.join("requirements-test.txt"))?;
    let layout = run.layout()?;
    let mut command = workspace::program(python);
    command
        .args(["-m", "unittest", "discover", "--start-directory", "tests"])
        .current_dir(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", folder.join("src"));
    layout.name_in(&mut command);
    Ok(workspace::run(&mut command)?)
}

/// Cases `stock_clients` of the binary `processes`, which start the clients of `tests/clients`.
pub(crate) fn stock_clients(run: &mut Run) -> Result<(), Stopped> {
    let clients = workspace::root().join("tests/clients");
    npm_ci(&clients.join("node"))?;
    let python = environment("stock-clients", &clients.join("python/requirements.txt"))?;
    let layout = run.layout()?;
    cases::run("processes", Pick::Only("stock_clients"), |command| {
        layout.name_in(command);
        command
            .env("PAYHAL_NODE", "node")
            .env("PAYHAL_PYTHON", &python);
    })
}

/// `tests/clients/browser`: Node drives Chromium.
pub(crate) fn browser(run: &mut Run) -> Result<(), Stopped> {
    let folder = workspace::root().join("tests/clients/browser");
    if folder.join("package-lock.json").is_file() {
        npm_ci(&folder)?;
    }
    node_tests(run, "tests/clients/browser")
}

fn node_tests(run: &mut Run, folder: &str) -> Result<(), Stopped> {
    let folder = workspace::root().join(folder);
    if !folder.is_dir() {
        return Err(Stopped::Failed(format!(
            "{} is not there",
            folder.display()
        )));
    }
    let layout = run.layout()?;
    let mut command = workspace::program("node");
    command.arg("--test").current_dir(&folder);
    layout.name_in(&mut command);
    if let Some(chromium) = tools::chromium() {
        command.env("PAYHAL_CHROMIUM", chromium);
    }
    Ok(workspace::run(&mut command)?)
}

/// Installs exactly what the lock file says.
fn npm_ci(folder: &Path) -> Result<(), Stopped> {
    let mut command = workspace::program("npm");
    command
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder);
    fetch(&mut command, "the npm registry (npm config get registry)")
}

/// A Python environment with what the file lists; answers its interpreter.
fn environment(name: &str, requirements: &Path) -> Result<PathBuf, Stopped> {
    let folder = workspace::target().join("venv").join(name);
    let python = folder.join("bin/python");
    if !python.is_file() {
        let mut create = workspace::program("python3");
        workspace::run(create.args(["-m", "venv"]).arg(&folder))?;
    }
    if requirements.is_file() {
        let mut install = workspace::program(&python);
        install
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(requirements);
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
