// SPDX-License-Identifier: MIT OR Apache-2.0
//! The binary `payhal`: the host, and a command line that talks to one.
#![forbid(unsafe_code)]

mod amount;
mod cli;
mod clock;
mod config;
mod host;
mod pump;
mod records;
mod rights;
mod server;
mod supervisor;

fn main() -> std::process::ExitCode {
    cli::main()
}
