// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask simulate`: the simulation over a range of seeds, one seed line by line, or against
//! deliberate mutations of what it proves.

pub(crate) mod mutation;
pub(crate) mod mutations;
mod scratch;
mod trial;
mod woven;

use crate::workspace;
use std::process::Command;

/// The case that runs a range of seeds.
const SEEDS_CASE: &str = "every_invariant_holds_in_every_history";

#[derive(clap::Args, Debug)]
pub(crate) struct Simulate {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print the history of that seed, line by line.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Break the engine, the dispatcher or the journal on purpose, and see that it is noticed: all
    /// mutations of `tests/simulation/mutations`, or those whose names begin so.
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["from", "seed"])]
    mutations: Option<Vec<String>>,
}

pub(crate) fn run(simulate: &Simulate) -> Result<(), String> {
    if let Some(names) = &simulate.mutations {
        return mutations::run(names);
    }
    let (from, seeds) = match simulate.seed {
        Some(seed) => (seed, 1),
        None => (simulate.from, simulate.seeds),
    };
    let mut command = workspace::cargo();
    command
        .args(["test", "--quiet", "--package", "payhal-tests"])
        .args(["--test", "simulation", "--", "--exact", SEEDS_CASE])
        .arg("--nocapture");
    of_seeds(&mut command, from, seeds);
    if simulate.trace {
        command.env("PAYHAL_TRACE", "1");
    }
    workspace::run(&mut command)
}

/// Which seeds the simulation runs.
pub(crate) fn of_seeds(command: &mut Command, from: u64, seeds: u64) {
    command
        .env("PAYHAL_SEED_FROM", from.to_string())
        .env("PAYHAL_SEEDS", seeds.to_string());
}
