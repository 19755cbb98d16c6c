// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: everything a checkout can do that plain cargo cannot.
//!
//! One module per command. Nothing that ships depends on this crate.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    reason = "these commands print for the person who ran them"
)]

mod bench;
mod demo;
mod fuzz;
mod generate;
mod kill;
mod layout;
mod simulate;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

/// Tasks of the payhal repository.
#[derive(clap::Parser, Debug)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Build everything in release, start payhal with what is simulated, and run a sale.
    Demo(demo::Demo),
    /// Run the proofs; without a name, all that can run here.
    Test(test::Test),
    /// Check import directions, absences, names, lengths and forms.
    Tidy,
    /// Write the checked-in files that Rust types are the source of.
    Generate(generate::Generate),
    /// Run the transaction logic against simulated faults, seed by seed.
    Simulate(simulate::Simulate),
    /// Feed one reader of foreign bytes with what nobody thought of.
    Fuzz(fuzz::Fuzz),
    /// Kill the real daemon and its plugins under load, and reconcile.
    Kill(kill::Kill),
    /// Measure payhal beside its baselines.
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Demo(demo) => demo::run(&demo),
        Task::Test(test) => test::run(&test),
        Task::Tidy => tidy::run(),
        Task::Generate(generate) => generate::run(&generate),
        Task::Simulate(simulate) => simulate::run(&simulate),
        Task::Fuzz(fuzz) => fuzz::run(&fuzz),
        Task::Kill(kill) => kill::run(&kill),
        Task::Bench(bench) => bench::run(&bench),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) if reason.is_empty() => ExitCode::FAILURE,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}
