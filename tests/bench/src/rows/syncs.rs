// SPDX-License-Identifier: MIT OR Apache-2.0
//! Durable commits a sale: two on the critical path when it is alone, fewer in company.

use super::Setup;
use crate::Failure;
use crate::load::{self, Ask, Until};
use crate::measure::Spread;
use crate::product::{Host, Ledger, Shop};
use crate::report::{Goal, Report};

const SALES: u32 = 640;
const COMMITS: &str = "payhal_journal_commits";

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    contests(
        setup,
        report,
        16,
        &[(1, Goal::Exactly(2.0)), (16, Goal::Below(2.0))],
    )?;
    contests(setup, report, 64, &[(64, Goal::Below(1.0))])
}

fn contests(
    setup: &Setup,
    report: &mut Report,
    readers: usize,
    contests: &[(usize, Goal)],
) -> Result<(), Failure> {
    let shop = Shop::new(readers, Ledger::Memory)?;
    let host = shop.open(&setup.installed)?;
    for (registers, goal) in contests {
        let (commits, sales) = count(&host, *registers)?;
        let figure = format!("commits a sale, {registers} at once");
        let note = format!("{commits} commits, {sales} sales");
        report.add("syncs", &figure, *goal, Spread::of([commits / sales]), note);
    }
    Ok(())
}

fn count(host: &Host, registers: usize) -> Result<(f64, f64), Failure> {
    let each = SALES / u32::try_from(registers)?;
    let before = host.gauge(COMMITS)?;
    load::run(
        &host.address,
        host.pid(),
        registers,
        Ask::Sale,
        Until::Answers(each),
    )?;
    let commits = host.gauge(COMMITS)? - before;
    Ok((commits, f64::from(each) * registers as f64))
}
