// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a quiet shop costs: devices attached, registers connected, nothing asked.

use super::Setup;
use crate::Failure;
use crate::load;
use crate::measure::Spread;
use crate::process::{children, cpu_ns, voluntary_switches};
use crate::product::{Ledger, Shop};
use crate::report::{Goal, Report};
use std::time::Duration;

const CONNECTIONS: usize = 16;

/// What was begun by connecting has ended.
const SETTLED: Duration = Duration::from_secs(2);

const LOOKED_AT: Duration = Duration::from_secs(3);

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let shop = Shop::new(2, Ledger::File)?;
    let host = shop.open(&setup.installed)?;
    let mut all = children(host.pid());
    all.push(host.pid());
    let look = || {
        let cpu: u64 = all.iter().map(|pid| cpu_ns(*pid)).sum();
        let wakes: u64 = all.iter().map(|pid| voluntary_switches(*pid)).sum();
        (cpu, wakes)
    };
    let (before, after) = load::while_connected(&host.address, CONNECTIONS, || {
        std::thread::sleep(SETTLED);
        let before = look();
        std::thread::sleep(LOOKED_AT);
        Ok((before, look()))
    })?;
    let seconds = LOOKED_AT.as_secs_f64();
    let share = (after.0 - before.0) as f64 / 1e9 / seconds * 100.0;
    let wakes = (after.1 - before.1) as f64 / seconds;
    let note = format!("{} processes, {CONNECTIONS} connections", all.len());
    report.add(
        "idle",
        "CPU, % of one processor",
        Goal::AtMost(0.1),
        Spread::of([share]),
        &*note,
    );
    report.add(
        "idle",
        "wake-ups a second",
        Goal::AtMost(1.0),
        Spread::of([wakes]),
        note,
    );
    Ok(())
}
