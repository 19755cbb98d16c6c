// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask simulate`: the simulation over a range of seeds.

use crate::workspace;

#[derive(clap::Args, Debug)]
pub(crate) struct Simulate {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// Runs optimized: many seeds are the point.
pub(crate) fn run(simulate: &Simulate) -> Result<(), String> {
    let mut command = workspace::cargo();
    command
        .args(["test", "--release", "--package", "payhal-tests"])
        .args(["--test", "simulation", "--", "--nocapture"])
        .env("PAYHAL_SEEDS", simulate.seeds.to_string())
        .env("PAYHAL_SEED_FROM", simulate.from.to_string());
    workspace::run(&mut command)
}
