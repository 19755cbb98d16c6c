// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask kill`: the real daemon and runners under load, killed at random moments or at named
//! points, and reconciled.

use std::process::Command;

use crate::layout::{self, Layout, Profile};
use crate::workspace;

/// Kills in the test command and without `--times`.
pub(crate) const TIMES: u64 = 200;

#[derive(clap::Args, Debug)]
pub(crate) struct Kill {
    /// How many kills; ten make one shop, which is one seed.
    #[arg(long, default_value_t = TIMES)]
    times: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Two deaths in a row at named points instead: the second one in the recovery from the first.
    #[arg(long, conflicts_with_all = ["times", "from"])]
    pairs: bool,
    /// With `--pairs`: only cases whose first death has this in its name, as `void dies at lane`.
    #[arg(long, requires = "pairs")]
    only: Option<String>,
}

pub(crate) fn run(kill: &Kill) -> Result<(), String> {
    let layout = layout::lay_out(Profile::Dev, "test")?;
    if kill.pairs {
        let mut command = case(&layout, "failpoints::pairs_of_deaths");
        command.env("PAYHAL_FAILPOINT_PAIRS", "1");
        if let Some(only) = &kill.only {
            command.env("PAYHAL_FAILPOINT_ONLY", only);
        }
        return workspace::run(&mut command);
    }
    at_random(&layout, kill.times, kill.from)
}

/// So many kills at moments that seeds choose.
pub(crate) fn at_random(layout: &Layout, times: u64, from: u64) -> Result<(), String> {
    let mut command = case(layout, "kill::no_promise_is_broken_whoever_dies_when");
    command
        .env("PAYHAL_KILLS", times.to_string())
        .env("PAYHAL_KILL_FROM", from.to_string());
    workspace::run(&mut command)
}

/// Every single death at a named point.
pub(crate) fn at_points(layout: &Layout) -> Result<(), String> {
    workspace::run(&mut case(
        layout,
        "failpoints::whoever_dies_at_whichever_point",
    ))
}

/// One case, whose summary is worth reading.
fn case(layout: &Layout, name: &str) -> Command {
    let mut command = workspace::cargo();
    command
        .args(["test", "--quiet", "--package", "payhal-tests"])
        .args(["--test", "processes", "--", "--exact", "--nocapture", name]);
    layout.name_in(&mut command);
    command
}
