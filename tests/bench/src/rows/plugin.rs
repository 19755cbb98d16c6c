// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process for each plugin costs: its start, its memory, and the time until a device is
//! back whose process was killed.

use super::Setup;
use crate::Failure;
use crate::baseline::exchange::Blocking;
use crate::measure::{Contestant, Sample, Spread, contest};
use crate::plugin::{Guard, Runner, has_a_name};
use crate::process::{memory, proportional_kib};
use crate::product::{Ledger, Shop, wait_until_ready};
use crate::report::{Goal, Report};
use payhal_messages::call::method::IDENTIFY;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// From spawn to the first answer, milliseconds.
const START: Goal = Goal::AtMost(10.0);

/// From SIGKILL to a device that is ready, milliseconds: the pause before the first restart is a
/// tenth of a second of it.
const RECOVERY: Goal = Goal::AtMost(250.0);

/// Starts in one sample.
const STARTS: u32 = 10;

/// How long a device may take to be back.
const BACK_MAX: Duration = Duration::from_secs(20);

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    start(setup, report)?;
    size(setup, report)?;
    recovery(setup, report)
}

/// Spawn, confinement, the library, `create`, the first answer.
fn start(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| each(|| Runner::start(&setup.installed, 1)?.identify())),
        Box::new(|| each(bare)),
    ];
    let samples = contest(setup.rounds, &mut contestants)?;
    let ms = |samples: &[Sample]| Spread::of(samples.iter().map(|sample| sample.p50_us / 1000.0));
    let bare = ms(&samples[1]).median;
    let note = format!("ms | {bare:.1} ms bare process");
    report.add(
        "plugin",
        "spawn to first answer, ms",
        START,
        ms(&samples[0]),
        note,
    );
    let ratio = Spread::of_ratios(&samples[0], &samples[1], |sample| sample.p50_us);
    report.add("plugin", "beside a bare process", Goal::Told, ratio, "");
    Ok(())
}

/// A process that answers over its standard input, and nothing besides.
fn bare() -> Result<(), Failure> {
    let (socket, theirs) = UnixStream::pair()?;
    let mut command = crate::baseline::reader()?;
    let _child = Guard(command.stdin(OwnedFd::from(theirs)).spawn()?);
    has_a_name(Blocking::new(socket).ask(IDENTIFY, &json!({}))?)
}

fn each(mut begin: impl FnMut() -> Result<(), Failure>) -> Result<Sample, Failure> {
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        begin()?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Sample {
        p50_us: Spread::of(took).median,
        ..Sample::default()
    })
}

/// What one more runner of the same plugin takes. Several run, so that what they share is shared.
fn size(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let runners: Result<Vec<Runner>, Failure> = (0..4)
        .map(|_| {
            let mut runner = Runner::start(&setup.installed, 1)?;
            runner.identify()?;
            Ok(runner)
        })
        .collect();
    let runners = runners?;
    let mut resident = Vec::new();
    let mut proportional = Vec::new();
    for runner in &runners {
        resident.push(memory(runner.pid())?.resident_kib as f64 / 1024.0);
        if let Ok(kib) = proportional_kib(runner.pid()) {
            proportional.push(kib as f64 / 1024.0);
        }
    }
    let note = "of four of the same plugin";
    let resident = Spread::of(resident);
    report.add("plugin", "runner, RSS, MiB", Goal::Told, resident, note);
    if proportional.is_empty() {
        // A runner keeps its memory map from other processes of its user.
        report.skip("PSS of a runner: only who may trace every process sees it");
    } else {
        let proportional = Spread::of(proportional);
        report.add("plugin", "runner, PSS, MiB", Goal::Told, proportional, note);
    }
    Ok(())
}

/// The first crash of a device, so that no longer pause is measured.
fn recovery(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let mut took = Vec::new();
    for _ in 0..setup.rounds {
        let shop = Shop::new(1, Ledger::Memory)?;
        let host = shop.open(&setup.installed)?;
        let (before, _) = host.runners()?;
        let pid = Pid::from_raw(i32::try_from(before)?).ok_or("a runner has no id")?;
        let begun = Instant::now();
        kill_process(pid, Signal::KILL)?;
        while host.runners().map_or(true, |(now, _)| now == before) {
            if begun.elapsed() > BACK_MAX {
                return Err("the device did not come back".into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        wait_until_ready(&host.address)?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let figure = "SIGKILL of a runner to its device ready, ms";
    let note = "ms; the pause before a restart is 100 ms of it";
    report.add("plugin", figure, RECOVERY, Spread::of(took), note);
    Ok(())
}
