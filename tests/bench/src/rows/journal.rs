// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal of years: how long a killed host takes until an open sale can be asked for, and what
//! looking takes beside it.

use super::Setup;
use crate::load;
use crate::measure::Spread;
use crate::process::memory;
use crate::product::{Ledger, Shop};
use crate::report::{Goal, Report};
use crate::{Failure, seed};
use std::cell::Cell;
use std::time::Instant;

/// Until an open sale's state is answered, after SIGKILL, with the smaller journal.
const RESTART: Goal = Goal::AtMost(250.0);

/// A new host stays small beside a large journal.
const MEMORY: Goal = Goal::AtMost(12.0);

/// Looks of each kind.
const LOOKS: u32 = 500;

/// Records, and transactions among them that are open.
const USUAL: (u64, u64) = (100_000, 1);
const LARGE: (u64, u64) = (1_000_000, 1_000);

pub(super) fn measure(setup: &Setup, report: &mut Report) -> Result<(), Failure> {
    filled(setup, report, USUAL, RESTART)?;
    if setup.full {
        filled(setup, report, LARGE, Goal::Told)?;
    } else {
        report.skip("journal of 1,000,000 records: add --full, it takes some minutes");
    }
    Ok(())
}

fn filled(
    setup: &Setup,
    report: &mut Report,
    (records, open): (u64, u64),
    goal: Goal,
) -> Result<(), Failure> {
    let shop = Shop::new(1, Ledger::Memory)?;
    seed::fill(&shop.journal(), records, open)?;
    let row = format!("journal {}k", records / 1_000);
    let ended = (records - open) / 2;
    let open_sale = by_id(ended);
    let mut restarts = Vec::new();
    // The first one finds a journal that was closed in order.
    shop.spawn(&setup.installed)?.kill()?;
    for _ in 0..setup.rounds {
        let begun = Instant::now();
        let mut process = shop.spawn(&setup.installed)?;
        let address = process.address()?;
        let answer = load::looks(&address, 1, |_| open_sale.clone())?.answer;
        restarts.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if !answer.contains("\"resolution\"") {
            return Err(format!("the open sale is not open: {answer}").into());
        }
        // As a power cut ends it, with what is in its log.
        process.kill()?;
    }
    let note = format!("{open} open");
    report.add(
        &row,
        "SIGKILL to open sale asked, ms",
        goal,
        Spread::of(restarts),
        note,
    );
    looks(setup, report, &shop, &row, ended)
}

fn looks(
    setup: &Setup,
    report: &mut Report,
    shop: &Shop,
    row: &str,
    ended: u64,
) -> Result<(), Failure> {
    let host = shop.open(&setup.installed)?;
    let place = Cell::new(1_u64);
    // Anywhere in the file: what was looked at before is not near.
    let anywhere = || {
        place.set(
            place
                .get()
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        );
        (place.get() >> 33) % ended
    };
    let list = |params: &str| format!("\"payment.list\",\"params\":{{{params}}}");
    let calls: [(&str, &dyn Fn() -> String); 5] = [
        ("get by id", &|| by_id(anywhere())),
        ("get by key", &|| {
            let key = seed::key(anywhere());
            format!("\"payment.get\",\"params\":{{\"idempotency_key\":\"{key}\"}}")
        }),
        ("list, newest 20", &|| list("")),
        ("list, open", &|| list("\"open\":true")),
        ("list, 100 of a day", &|| {
            list(
                "\"since\":\"2025-10-09T12:00:00Z\",\"until\":\"2025-10-10T12:00:00Z\",\"limit\":100",
            )
        }),
    ];
    for (figure, call) in calls {
        let looks = load::looks(&host.address, LOOKS, |_| call())?;
        let note = format!("us; p99 {:.0} us", looks.p99_us);
        let figure = format!("payment.{figure}, p50 us");
        report.add(row, &figure, Goal::Told, Spread::of([looks.p50_us]), note);
    }
    let resident = memory(host.pid())?.resident_kib as f64 / 1_024.0;
    report.add(
        row,
        "host after looking, MiB",
        MEMORY,
        Spread::of([resident]),
        "",
    );
    Ok(())
}

fn by_id(number: u64) -> String {
    let id = seed::id(number);
    format!("\"payment.get\",\"params\":{{\"transaction_id\":\"{id}\"}}")
}
