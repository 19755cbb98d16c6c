// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: every proof there is, in stages.
//!
//! Nothing is left out silently: what could not run is named with the line that installs what is
//! missing, and with `--all` it is a failure.

mod cases;
mod line_noise;
mod register_sdks;
mod report;
mod stages;
mod tools;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::layout::{self, Layout, Profile};
use report::{Outcome, Report};
use stages::{SLOW, STAGES, Stage};

#[derive(clap::Args, Debug)]
pub(crate) struct Test {
    /// Stages to run; without a name, every stage whose tools are here.
    #[arg(value_parser = stage_names())]
    stages: Vec<String>,
    /// Fail when a tool is missing, instead of naming what was not run.
    #[arg(long)]
    all: bool,
    /// Registers that `load` connects.
    #[arg(long, default_value_t = 50)]
    registers: u32,
    /// Card readers that `load` starts.
    #[arg(long, default_value_t = 8)]
    readers: u32,
    /// The plugin that `line-noise` checks; every one that has a simulator without it.
    #[arg(long, value_name = "PLUGIN")]
    driver: Option<String>,
}

fn stage_names() -> clap::builder::PossibleValuesParser {
    STAGES
        .iter()
        .map(|stage| clap::builder::PossibleValue::new(stage.name).help(stage.proves))
        .collect::<Vec<_>>()
        .into()
}

/// What the stages of one run share.
#[derive(Debug)]
pub(crate) struct Run {
    registers: u32,
    readers: u32,
    driver: Option<String>,
    layout: Option<Result<Layout, String>>,
    devices: Option<Result<PathBuf, String>>,
}

impl Run {
    /// The binaries and plugins under test, built once.
    fn layout(&mut self) -> Result<Layout, String> {
        self.layout
            .get_or_insert_with(|| layout::lay_out(Profile::Dev, "test"))
            .clone()
    }

    /// The plugins of real devices, built once; their simulators lie beside the daemon.
    fn devices(&mut self) -> Result<PathBuf, String> {
        self.devices
            .get_or_insert_with(layout::lay_out_devices)
            .clone()
    }
}

/// Runs what was asked for, then says what passed, what failed and what was not run.
pub(crate) fn run(test: &Test) -> Result<(), String> {
    let named = !test.stages.is_empty();
    let mut run = Run {
        registers: test.registers,
        readers: test.readers,
        driver: test.driver.clone(),
        layout: None,
        devices: None,
    };
    let mut report = Report::default();
    for stage in &STAGES {
        if named && !test.stages.iter().any(|name| name == stage.name) {
            continue;
        }
        println!("\n=== {}: {}", stage.name, stage.proves);
        let started = Instant::now();
        let outcome = if SLOW.contains(&stage.name) && !named && !test.all {
            let minutes = report::minutes(Duration::from_secs(stage.seconds));
            let command = format!("cargo xtask test {}", stage.name);
            Outcome::NotRun(vec![format!("it takes {minutes} minutes: {command}")])
        } else {
            outcome(stage, &mut run, named || test.all)
        };
        println!("=== {}: {outcome}", stage.name);
        report.add(stage, started.elapsed(), outcome);
    }
    print!("{report}");
    if report.failed() == 0 {
        return Ok(());
    }
    Err(String::new())
}

/// `must` turns what is missing into a failure.
fn outcome(stage: &Stage, run: &mut Run, must: bool) -> Outcome {
    let missing = tools::missing(stage.needs);
    let outcome = if missing.is_empty() {
        (stage.run)(run).map_or_else(Outcome::from, |()| Outcome::Passed)
    } else {
        Outcome::NotRun(missing)
    };
    match outcome {
        Outcome::NotRun(missing) if must => Outcome::Failed(missing.join("; ")),
        other => other,
    }
}

/// Why a stage did not pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It ran, and something is wrong.
    Failed(String),
    /// A registry it must fetch from could not be reached.
    Offline(String),
}

impl From<String> for Stopped {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<Stopped> for Outcome {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Failed(reason) => Self::Failed(reason),
            Stopped::Offline(reason) => Self::NotRun(vec![reason]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(run: fn(&mut Run) -> Result<(), Stopped>) -> Stage {
        Stage {
            name: "sample",
            proves: "nothing",
            needs: &[],
            seconds: 0,
            run,
        }
    }

    fn shared() -> Run {
        Run {
            registers: 1,
            readers: 1,
            driver: None,
            layout: None,
            devices: None,
        }
    }

    #[test]
    fn offline_fails_only_when_the_stage_was_asked_for() {
        let offline = stage(|_| Err(Stopped::Offline("no registry".into())));
        assert!(matches!(
            outcome(&offline, &mut shared(), false),
            Outcome::NotRun(_)
        ));
        assert!(matches!(
            outcome(&offline, &mut shared(), true),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn a_failure_is_one_either_way() {
        let broken = stage(|_| Err(Stopped::Failed("broke".into())));
        assert!(matches!(
            outcome(&broken, &mut shared(), false),
            Outcome::Failed(_)
        ));
    }
}
