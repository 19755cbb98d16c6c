// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-kit`: a plugin author's tools; started by `payhal plugin new`, `check`, `sign` and `play`.
//!
//! A program of its own, so that the host links no device and no card. It owns words and exit codes;
//! each command has a module. It must never talk to a running host.
#![forbid(unsafe_code)]

mod beeper;
mod check;
mod failure;
mod new;
mod play;
mod sign;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

/// For authors of plugins: start one, prove it, sign it, and play the device that is not there.
#[derive(Debug, Parser)]
#[command(
    name = "payhal plugin",
    bin_name = "payhal plugin",
    version,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the folder of a new plugin: it builds, is conformant, and is yours to change
    New(new::NewArgs),
    /// Prove a plugin: every command it claims, against a device that does everything wrong
    Check(check::CheckArgs),
    /// Sign a plugin folder, so that hosts that trust the key load it
    Sign(sign::SignArgs),
    /// Be the example device on a terminal (PTY) or a TCP port, in real time
    Play(play::PlayArgs),
    /// Be the example device for `check`: JSON lines, on the time that they name
    Beeper(beeper::BeeperArgs),
}

fn main() -> ExitCode {
    let ended = match &Cli::parse().command {
        Command::New(args) => new::run(args),
        Command::Check(args) => check::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Play(args) => play::run(args),
        Command::Beeper(args) => beeper::run(args),
    };
    ended.unwrap_or_else(|failure: Failure| failure.tell())
}

/// Prints a line; nobody is left to hear that nobody listens.
fn say(text: &str) {
    use std::io::Write as _;
    let _gone = writeln!(std::io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }
}
