// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask demo`: builds everything and hands over to `payhal demo`.
//!
//! Unoptimized: whoever tries payhal for the first time waits for the compiler alone, and what was
//! built serves the tests too.

use std::path::PathBuf;
use std::process::Command;

use crate::layout::{self, Profile};
use crate::workspace;

/// Everything after the known flags goes to `payhal demo` as it stands.
#[derive(clap::Args, Debug)]
pub(crate) struct Demo {
    /// Run one sale, print it, and exit.
    #[arg(long)]
    once: bool,
    /// Where the demo keeps its journal; a folder of its own by default.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Address and port to listen on.
    #[arg(long)]
    listen: Option<String>,
    /// Passed on to `payhal demo`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    extra: Vec<String>,
}

/// Builds, lays out, and becomes `payhal demo`. Returns only when that could not be done.
pub(crate) fn run(demo: &Demo) -> Result<(), String> {
    let layout = layout::lay_out(Profile::Dev, "demo")?;
    let mut command = workspace::program(&layout.daemon);
    command
        .arg("demo")
        .arg("--plugins")
        .arg(&layout.plugins)
        .arg("--runner")
        .arg(&layout.runner);
    if demo.once {
        command.arg("--once");
    }
    if let Some(state) = &demo.state {
        command.arg("--state").arg(state);
    }
    if let Some(listen) = &demo.listen {
        command.arg("--listen").arg(listen);
    }
    command.args(&demo.extra);
    become_command(&mut command)
}

/// Replaces this process, so that signals and the exit code are the daemon's own.
#[cfg(unix)]
fn become_command(command: &mut Command) -> Result<(), String> {
    use std::os::unix::process::CommandExt as _;

    Err(format!("failed to start payhal: {}", command.exec()))
}

#[cfg(not(unix))]
fn become_command(command: &mut Command) -> Result<(), String> {
    workspace::run(command)
}
