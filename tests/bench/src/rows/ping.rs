// SPDX-License-Identifier: MIT OR Apache-2.0
//! `session.ping`: everything between a register's socket and a method, with no method behind it.

use super::{Setup, both};
use crate::Failure;
use crate::baseline::{Server, node};
use crate::load::{self, Ask, Until};
use crate::measure::{Contestant, Sample, Spread, contest};
use crate::product::{Ledger, Shop};
use crate::report::{Goal, Report};

const RATE: Goal = Goal::AtLeast(0.65);
const CPU: Goal = Goal::AtMost(1.5);

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let shop = Shop::new(1, Ledger::File)?;
    let host = shop.open(&setup.installed)?;
    let bare = Server::ws()?;
    let node = node::start()?;
    if node.is_none() {
        report.skip("ping beside Node: `node` is not installed");
    }
    for connections in [1, 16] {
        let ask =
            |address: &str, pid| load::run(address, pid, connections, Ask::Ping, Until::Counted);
        let mut contestants: Vec<Contestant<'_>> = vec![
            Box::new(|| ask(&host.address, host.pid())),
            Box::new(|| ask(&bare.address, bare.pid())),
        ];
        if let Some(node) = node.as_ref().filter(|_| connections == 16) {
            contestants.push(Box::new(|| ask(&node.address, node.pid())));
        }
        let samples = contest(setup.rounds, &mut contestants)?;
        let (ours, bare) = (&samples[0], &samples[1]);
        let row = format!("ping {connections}");
        let p50 = both(ours, bare, "us p50", |sample| sample.p50_us);
        let rate = both(ours, bare, "/s", |sample| sample.rate);
        report.add(
            &row,
            "rate",
            RATE,
            ratio(ours, bare, |s| s.rate),
            format!("{rate}; {p50}"),
        );
        let cpu = both(ours, bare, "us CPU", |sample| sample.cpu_us);
        report.add(
            &row,
            "CPU a request",
            CPU,
            ratio(ours, bare, |s| s.cpu_us),
            cpu,
        );
        if let Some(node) = samples.get(2) {
            let rate = both(ours, node, "/s", |sample| sample.rate);
            let figure = "rate beside Node";
            report.add(
                &row,
                figure,
                Goal::Told,
                ratio(ours, node, |s| s.rate),
                rate,
            );
            let cpu = both(ours, node, "us CPU", |sample| sample.cpu_us);
            let figure = "CPU beside Node";
            report.add(
                &row,
                figure,
                Goal::Told,
                ratio(ours, node, |s| s.cpu_us),
                cpu,
            );
        }
    }
    Ok(())
}

fn ratio(ours: &[Sample], other: &[Sample], figure: impl Fn(&Sample) -> f64) -> Spread {
    Spread::of_ratios(ours, other, figure)
}
