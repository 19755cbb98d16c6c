// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal-bench`: payhal beside bare programs that do the same work, in one run.
//!
//! Owns what a goal for speed, size or quiet is measured against. Figures of two runs must never
//! be compared: only what alternated in one run is.
#![forbid(unsafe_code)]
#![expect(clippy::float_arithmetic, reason = "measurements are fractions")]
#![expect(clippy::print_stdout, reason = "the result goes to standard output")]
#![expect(clippy::print_stderr, reason = "progress goes to standard error")]

mod baseline;
mod load;
mod measure;
mod plugin;
mod process;
mod product;
mod report;
mod rows;
mod seed;

use clap::{Args, Parser, Subcommand};
use rows::{Row, Setup};
use std::process::ExitCode;

/// What can go wrong here; told once, in words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Fewest rounds whose median says anything.
const ROUNDS_MIN: u32 = 1;

#[derive(Parser)]
#[command(
    about = "Measures payhal beside its baselines",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(flatten)]
    bench: Bench,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Args)]
struct Bench {
    /// What to measure; everything when nothing is named
    rows: Vec<Row>,
    /// Rounds of each contest
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(i64::from(ROUNDS_MIN)..))]
    rounds: u32,
    /// What takes minutes too: a journal of a million records
    #[arg(long)]
    full: bool,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Role {
    /// Plays one part of a baseline; started by the bench itself
    #[command(hide = true)]
    ServeBaseline {
        #[command(subcommand)]
        part: baseline::Part,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.role {
        Some(Role::ServeBaseline { part }) => baseline::serve(&part),
        None => bench(&cli.bench),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("payhal-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(bench: &Bench) -> Result<(), Failure> {
    let setup = Setup::from_environment(bench.rounds, bench.full)?;
    let rows = if bench.rows.is_empty() {
        Row::ALL.to_vec()
    } else {
        bench.rows.clone()
    };
    let mut report = report::Report::new(bench.rounds);
    for row in rows {
        eprintln!("payhal-bench: {}", row.name());
        row.measure(&setup, &mut report)?;
    }
    if bench.json {
        report.print_json()
    } else {
        report.print_table()
    }
    Ok(())
}
