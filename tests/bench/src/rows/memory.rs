// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resident memory. What belongs to a program's file counts too, though the kernel can drop it.

use super::Setup;
use crate::Failure;
use crate::load::{self, Ask, Until};
use crate::measure::Spread;
use crate::process::{Memory, memory};
use crate::product::{Ledger, Shop};
use crate::report::{Goal, Report};

const HOST: Goal = Goal::AtMost(12.0);
const RUNNER: Goal = Goal::AtMost(5.0);
const CONNECTIONS: usize = 16;
const SALES: u32 = 1_000;

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let shop = Shop::new(1, Ledger::File)?;
    let host = shop.open(&setup.installed)?;
    let (reader, gateway) = host.runners()?;
    let pid = host.pid();
    let look = || memory(pid);
    let connected = load::while_connected(&host.address, CONNECTIONS, look)?;
    add(report, "host, 16 connections, MiB", HOST, connected);
    add(report, "runner with reader, MiB", RUNNER, memory(reader)?);
    add(report, "runner with gateway, MiB", RUNNER, memory(gateway)?);
    load::run(&host.address, pid, 1, Ask::Sale, Until::Answers(SALES))?;
    add(report, "host, 1000 sales, MiB", HOST, memory(pid)?);
    add(
        report,
        "runner with reader, 1000 sales, MiB",
        RUNNER,
        memory(reader)?,
    );
    add(
        report,
        "runner with gateway, 1000 sales, MiB",
        RUNNER,
        memory(gateway)?,
    );
    Ok(())
}

fn add(report: &mut Report, figure: &str, goal: Goal, memory: Memory) {
    let mib = memory.resident_kib as f64 / 1024.0;
    let anonymous = memory.anonymous_kib as f64 / 1024.0;
    let note = format!(
        "{anonymous:.2} MiB of it anonymous; {} threads",
        memory.threads
    );
    report.add("memory", figure, goal, Spread::of([mib]), note);
}
