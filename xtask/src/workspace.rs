// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checkout this command runs in: its root, its target folder, and the programs it starts.
//!
//! Never changes anything itself; it only finds and starts.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root folder of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies one folder below the root")
        .to_path_buf()
}

/// The folder cargo builds into.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(named) => root().join(named),
        None => root().join("target"),
    }
}

/// Cargo, run at the root.
pub(crate) fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Any program, run at the root.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Runs a command with our own output streams; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    let status = command
        .status()
        .map_err(|error| format!("failed to start `{shown}`: {error}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("`{shown}` ended with {status}"))
}

/// Runs a command and takes what it printed; its errors go to our own stream.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let shown = shown(command);
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("failed to start `{shown}`: {error}"))?;
    if !done.status.success() {
        return Err(format!("`{shown}` ended with {}", done.status));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("`{shown}` printed something not UTF-8"))
}

/// Longest command shown; a list of test cases can be far longer.
const SHOWN_WORDS: usize = 16;

/// A command as one would type it, without its environment; the end of a long one is left out.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![
        program
            .file_name()
            .unwrap_or(command.get_program())
            .to_string_lossy()
            .into_owned(),
    ];
    for argument in command.get_args() {
        words.push(argument.to_string_lossy().into_owned());
    }
    if words.len() > SHOWN_WORDS {
        let more = words.len() - SHOWN_WORDS;
        words.truncate(SHOWN_WORDS);
        words.push(format!("(and {more} more words)"));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = run(cargo().arg("no-such-subcommand").stderr(Stdio::null())).unwrap_err();
        assert!(error.contains("cargo no-such-subcommand"), "{error}");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("xtask/Cargo.toml").is_file());
    }
}
