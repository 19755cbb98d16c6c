// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: payhal beside its baselines, from one release build.

use crate::layout::{self, Profile};
use crate::workspace;

#[derive(clap::Args, Debug)]
pub(crate) struct Bench {
    /// Rows to measure and options of the bench; all rows when none is named.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rows: Vec<String>,
}

/// Builds what is measured and what measures, then runs it.
pub(crate) fn run(bench: &Bench) -> Result<(), String> {
    let layout = layout::lay_out(Profile::Release, "bench")?;
    let mut command = workspace::cargo();
    command
        .args(["run", "--release", "--package", "payhal-bench", "--"])
        .args(&bench.rows);
    layout.name_in(&mut command);
    workspace::run(&mut command)
}
