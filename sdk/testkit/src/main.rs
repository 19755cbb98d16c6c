// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-keys`: keys for simulated readers and the sandbox gateway; started by `payhal keys`.
//!
//! A program of its own, so that the host is never in one process with a key. It works on the state
//! folder of a host that is stopped, prints public facts only, and must never make a key that a live
//! gateway takes: every key from here is marked as one for tests.
#![forbid(unsafe_code)]

mod args;
mod clock;
mod error;
mod show;
mod state;
mod work;

use args::Cli;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = work::run(&cli);
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    // Nobody is left to hear that nobody listens.
    match done {
        Ok(text) => {
            let _gone = writeln!(out, "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _gone = writeln!(err, "payhal keys: {error}");
            if let Some(advice) = error.advice() {
                let _gone = writeln!(err, "{advice}");
            }
            ExitCode::FAILURE
        }
    }
}
