// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin check`: whether a plugin keeps what the ABI demands.
//!
//! Loads the plugin in a real runner, is master of its time, and puts a device at the other end of
//! its ports: the author's simulator, and in between everything a line can do wrong. It must never
//! pass a plugin for what could not be asked, and never need a host.

mod device;
mod flow;
mod limits;
mod mangle;
mod master;
mod noise;
mod replies;
mod report;
mod requests;
mod rows;
mod session;
mod subject;
mod suite;

use crate::failure::Failure;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit status when the plugin could not be checked at all.
const EXIT_UNCHECKED: u8 = 2;

/// Exit status: 0 conformant, 1 not conformant, 2 it could not be checked.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The plugin folder: plugin.toml, the library, conformance.toml
    folder: PathBuf,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these rows (after load and the flow); may be given several times
    #[arg(long = "row", value_name = "NAME")]
    rows: Vec<String>,
    /// Make so many payments over a line that does everything wrong, and compare them with the
    /// simulator's books
    #[arg(long, value_name = "EXCHANGES", default_value_t = 0)]
    noise: usize,
    /// What the noise is made of: the same seed does the same
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Pull the cable at each byte of a payment, and plug it in again
    #[arg(long)]
    cuts: bool,
    /// The program that loads the plugin: payhal-plugin-runner of this payhal; else $PAYHAL_RUNNER,
    /// else the one beside this program
    #[arg(long, value_name = "PROGRAM")]
    runner: Option<PathBuf>,
}

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    match check(args) {
        Ok(code) => Ok(code),
        Err(failure) => {
            failure.tell();
            Ok(ExitCode::from(EXIT_UNCHECKED))
        }
    }
}

fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let named = args.runner.clone();
    let named = named.or_else(|| std::env::var_os("PAYHAL_RUNNER").map(PathBuf::from));
    let runner = match named {
        Some(runner) => runner,
        None => beside()?,
    };
    if !runner.is_file() {
        let text = format!("failed to find {}", runner.display());
        return Err(Failure::new(text).advise("Name the payhal-plugin-runner with --runner."));
    }
    let subject = subject::Subject::read(&args.folder, runner)
        .map_err(|why| Failure::new(format!("failed to {why}")))?;
    let plan = noise::Plan {
        exchanges: args.noise,
        seed: args.seed,
        cuts: args.cuts,
    };
    let mut suite = suite::Suite::new(&subject, plan);
    let report = rows::ask(&mut suite, &args.rows)
        .map_err(|why| Failure::new(format!("failed to {why}")))?;
    super::say(report.table(&subject).trim_end());
    if let Some(path) = &args.json {
        let text = report.json(&subject).to_string() + "\n";
        std::fs::write(path, text).map_err(|error| Failure::file("write", path, &error))?;
    }
    let (_, failed, _) = report.counts();
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// The runner lies beside this program.
fn beside() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::file("find", Path::new("this program"), &error))?;
    let name = format!("payhal-plugin-runner{}", std::env::consts::EXE_SUFFIX);
    Ok(own.with_file_name(name))
}
