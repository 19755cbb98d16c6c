// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sale whose card and gateway take no time, beside a bare pipeline.
//!
//! Goals refer to the pipeline whose reader and gateway seal and open the card: that is the work
//! of plugins, a real reader does it in its own hardware, and no host could leave it out. The
//! figure beside the pipeline without it is told too, and beside the two commits alone.

use super::{Setup, both};
use crate::Failure;
use crate::baseline::{Server, commits};
use crate::load::{self, Ask, Until};
use crate::measure::{Contestant, Sample, Spread, contest};
use crate::product::{Ledger, Shop};
use crate::report::{Goal, Report};

/// Registers, each with a reader of its own, so that none is ever busy.
const REGISTERS: [usize; 3] = [1, 16, 64];

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    for registers in REGISTERS {
        at_once(registers, setup, report)?;
    }
    Ok(())
}

fn at_once(registers: usize, setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let shop = Shop::new(registers, Ledger::Memory)?;
    let host = shop.open(&setup.installed)?;
    let sealing = Server::pipeline(registers, true)?;
    let plain = Server::pipeline(registers, false)?;
    let sell = |address: &str, pid| load::run(address, pid, registers, Ask::Sale, Until::Counted);
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| sell(&host.address, host.pid())),
        Box::new(|| sell(&sealing.address, sealing.pid())),
        Box::new(|| sell(&plain.address, plain.pid())),
        Box::new(|| commits::alone(registers)),
    ];
    let samples = contest(setup.rounds, &mut contestants)?;
    let [ours, sealing, plain, alone] = &samples[..] else {
        return Err("four took part".into());
    };
    let row = format!("sale {registers}");
    let (p50_goal, rate_goal) = match registers {
        1 => (Goal::AtMost(1.5), Goal::Told),
        _ => (Goal::Told, Goal::AtLeast(0.5)),
    };
    let mut add =
        |figure: &str, goal, other: &[Sample], unit: &str, of: &dyn Fn(&Sample) -> f64| {
            let note = both(ours, other, unit, of);
            report.add(&row, figure, goal, Spread::of_ratios(ours, other, of), note);
        };
    add("p50", p50_goal, sealing, "us p50", &|sample| sample.p50_us);
    add("rate", rate_goal, sealing, "/s", &|sample| sample.rate);
    add("CPU of host", Goal::Told, sealing, "us CPU", &|sample| {
        sample.cpu_us
    });
    add(
        "CPU of all processes",
        Goal::Told,
        sealing,
        "us CPU",
        &Sample::whole_cpu_us,
    );
    add(
        "p50, baseline does not seal",
        Goal::Told,
        plain,
        "us p50",
        &|sample| sample.p50_us,
    );
    add(
        "rate, baseline does not seal",
        Goal::Told,
        plain,
        "/s",
        &|sample| sample.rate,
    );
    add(
        "rate, baseline commits alone",
        Goal::Told,
        alone,
        "/s",
        &|sample| sample.rate,
    );
    let repeated = Spread::of(ours.iter().map(|sample| sample.repeated * 100.0));
    add("p99", Goal::Told, sealing, "us p99", &|sample| {
        sample.p99_us
    });
    if repeated.max > 0.0 {
        report.add(&row, "% repeated, reader busy", Goal::Told, repeated, "");
    }
    Ok(())
}
