// SPDX-License-Identifier: MIT OR Apache-2.0
//! From exec to the answer to `session.hello`, with a journal that holds a shop's morning.

use super::Setup;
use crate::Failure;
use crate::baseline::{Server, node};
use crate::load::{self, Ask, Until};
use crate::measure::{Contestant, Sample, Spread, contest};
use crate::product::{Ledger, Shop, wait_until_ready};
use crate::report::{Goal, Report};
use std::cell::RefCell;
use std::time::Instant;

const GOAL: Goal = Goal::AtMost(25.0);

/// Sales in the journal.
const SALES: u32 = 1_000;

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    let shop = Shop::new(1, Ledger::File)?;
    {
        let host = shop.open(&setup.installed)?;
        load::run(
            &host.address,
            host.pid(),
            1,
            Ask::Sale,
            Until::Answers(SALES),
        )?;
    }
    let ready = RefCell::new(Vec::new());
    let has_node = node::start()?.is_some();
    let mut contestants: Vec<Contestant<'_>> = vec![
        Box::new(|| {
            let begun = Instant::now();
            let mut process = shop.spawn(&setup.installed)?;
            let address = process.address()?;
            load::hello(&address)?;
            let sample = answered(begun);
            wait_until_ready(&address)?;
            ready.borrow_mut().push(answered(begun).p50_us / 1000.0);
            Ok(sample)
        }),
        Box::new(|| {
            let begun = Instant::now();
            let server = Server::ws()?;
            load::hello(&server.address)?;
            Ok(answered(begun))
        }),
    ];
    if has_node {
        contestants.push(Box::new(|| {
            let begun = Instant::now();
            let server = node::start()?.ok_or("Node went away")?;
            load::hello(&server.address)?;
            Ok(answered(begun))
        }));
    } else {
        report.skip("start beside Node: `node` is not installed");
    }
    let samples = contest(setup.rounds, &mut contestants)?;
    drop(contestants);
    let ms = |samples: &[Sample]| Spread::of(samples.iter().map(|sample| sample.p50_us / 1000.0));
    let bare = ms(&samples[1]);
    let note = format!("ms | {:.1} ms bare server", bare.median);
    report.add(
        "start",
        "exec to hello answered, ms",
        GOAL,
        ms(&samples[0]),
        note,
    );
    let ready = Spread::of(ready.into_inner());
    report.add(
        "start",
        "exec to plugins ready, ms",
        Goal::Told,
        ready,
        "ms",
    );
    if let Some(node) = samples.get(2) {
        let ratio = Spread::of_ratios(&samples[0], node, |sample| sample.p50_us);
        let note = format!("{:.1} | {:.1} ms", ms(&samples[0]).median, ms(node).median);
        report.add("start", "beside Node", Goal::Told, ratio, note);
    }
    Ok(())
}

fn answered(begun: Instant) -> Sample {
    Sample {
        p50_us: begun.elapsed().as_secs_f64() * 1e6,
        ..Sample::default()
    }
}
