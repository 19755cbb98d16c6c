// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that SIGKILL of the daemon or of any runner at any moment under load breaks no promise:
//! many registers work on readers and on terminals, processes die at moments a seed chooses, a person
//! settles what terminals cannot tell, and at the end of the day registers, journal and books agree.
//!
//! One seed is one shop that sees [`KILLS_EACH`] kills. What a seed chooses is who is killed when
//! and what registers want; what the machine does in between is its own.
//!
//! `PAYHAL_KILLS` says how many kills, `PAYHAL_KILL_FROM` the first seed. A failing shop keeps its
//! folder.

use crate::day::work;
use crate::host::{GATEWAY, Setup};
use crate::keeper::Keeper;
use crate::operator::Operator;
use crate::random::Random;
use crate::reconcile::{Word, reconcile};
use crate::shop::{self, Closed, OFFLINE, STRICT, TERMINALS};
use crate::till::{Stages, Till};
use futures_util::StreamExt;
use payhal_client::protocol::progress::Stage;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// Kills in the life of one shop.
const KILLS_EACH: u64 = 10;
/// Kills if nobody says how many.
const KILLS_DEFAULT: u64 = 200;
pub(crate) const READERS: usize = 3;
pub(crate) const TILLS: usize = 10;
/// Shops at the same time.
const SHOPS: usize = 2;
/// Runner kills in a row, below what opens the supervisor's breaker.
const RUNNERS_IN_A_ROW: u32 = 3;

/// What was killed while registers were at which stage.
#[derive(Debug, Default)]
struct Tally {
    kills: BTreeMap<(String, &'static str), u64>,
    keys: usize,
    approved: usize,
    ended: usize,
    refused: usize,
    lines: usize,
    settled: usize,
    /// How often which way to pay was met and approved.
    modes: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (place, count) in other.kills {
            *self.kills.entry(place).or_default() += count;
        }
        self.keys += other.keys;
        self.approved += other.approved;
        self.ended += other.ended;
        self.refused += other.refused;
        self.lines += other.lines;
        self.settled += other.settled;
        for (mode, count) in other.modes {
            *self.modes.entry(mode).or_default() += count;
        }
    }

    fn count(&mut self, victim: &str, stages: &[Stage]) {
        let victim = match victim {
            GATEWAY | STRICT => "a gateway",
            _ if victim.starts_with("reader-") => "a reader",
            _ if victim.starts_with("terminal-") => "a terminal",
            _ => victim,
        };
        let counts = [("kills", 1)]
            .into_iter()
            .chain(COLUMNS.iter().map(|(column, stage)| {
                (
                    *column,
                    stages.iter().filter(|now| *now == stage).count() as u64,
                )
            }));
        for (column, count) in counts {
            *self.kills.entry((victim.to_owned(), column)).or_default() += count;
        }
    }

    fn close(&mut self, closed: &Closed) {
        self.keys += closed.views.told.len();
        self.lines += closed.views.booked.len();
        self.settled += closed.views.settled.len();
        for told in &closed.views.told {
            match told.answers.last() {
                Some(Word::Approved { .. }) => self.approved += 1,
                Some(Word::Ended { .. }) => self.ended += 1,
                Some(Word::Refused { .. }) | None => self.refused += 1,
            }
        }
        let told = closed.views.told.iter();
        let presented = told.filter(|told| {
            told.presented && matches!(told.answers.last(), Some(Word::Approved { .. }))
        });
        self.modes.insert("presented before", presented.count());
        for mode in closed.views.kept.iter().flat_map(|kept| &kept.modes) {
            *self.modes.entry(mode).or_default() += 1;
        }
    }

    fn table(&self) -> String {
        let mut text = format!("{:<10} {:>6}  calls that were at", "killed", "times");
        for (column, _) in COLUMNS {
            write!(text, " {column:>16}").unwrap();
        }
        for victim in ["the host", "a reader", "a terminal", "a gateway"] {
            let count = |column: &'static str| {
                let place = (victim.to_owned(), column);
                self.kills.get(&place).copied().unwrap_or_default()
            };
            write!(text, "\n{victim:<10} {:>6} {:19}", count("kills"), "").unwrap();
            for (column, _) in COLUMNS {
                write!(text, " {:>16}", count(column)).unwrap();
            }
        }
        text
    }
}

/// The stages worth a column.
const COLUMNS: [(&str, Stage); 5] = [
    ("waiting for card", Stage::WaitingForCard),
    ("reading", Stage::Reading),
    ("authorizing", Stage::Authorizing),
    ("completing", Stage::Completing),
    ("reversing", Stage::Reversing),
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test]
async fn no_promise_is_broken_whoever_dies_when() {
    let kills = number("PAYHAL_KILLS", KILLS_DEFAULT);
    let from = number("PAYHAL_KILL_FROM", 1);
    let begun = Instant::now();
    let seeds = from..from + kills.div_ceil(KILLS_EACH);
    let mut done = futures_util::stream::iter(seeds)
        .map(one_shop)
        .buffer_unordered(SHOPS);
    let mut tally = Tally::default();
    let mut broken = 0;
    while let Some(result) = done.next().await {
        match result {
            Ok(more) => tally.add(more),
            Err(report) => {
                println!("{report}");
                broken += 1;
            }
        }
    }
    println!("{}", tally.table());
    println!("approved in these ways: {:?}", tally.modes);
    println!(
        "{kills} kills in {:?}: {} keys, {} approved, {} ended otherwise, {} refused, {} lines in \
         books, {} settled by a person; {broken} of {} shops with violations",
        begun.elapsed(),
        tally.keys,
        tally.approved,
        tally.ended,
        tally.refused,
        tally.lines,
        tally.settled,
        kills.div_ceil(KILLS_EACH),
    );
    assert_eq!(broken, 0, "shops in which a promise was broken");
}

/// One seed. What is wrong, in words, if anything is.
async fn one_shop(seed: u64) -> Result<Tally, String> {
    let mut random = Random::new(seed);
    let setup = Setup::readers(READERS).further_gateway(STRICT, "sandbox-strict");
    // Whoever is asked for a currency and dies, or has gone home, has chosen nothing.
    let setup = setup.rules(OFFLINE).timeout("prompt_ms", 2_000);
    let setup = TERMINALS.iter().fold(setup, |setup, (terminal, plugin)| {
        setup.terminal(terminal, plugin, "{ auto = \"tap visa-approve\" }")
    });
    let keeper = Keeper::open(&setup, Vec::new());
    let person = Operator::begin(keeper.place(), keeper.folder());
    let stages = Stages::default();
    let (open, closing) = watch::channel(false);
    let tills: Vec<_> = (0..TILLS)
        .map(|number| {
            let random = Random::new(random.next());
            let id = format!("till-{number}");
            let till = Till::new(&id, keeper.place(), number % 2 == 0, stages.clone());
            tokio::spawn(work(till, number, random, closing.clone()))
        })
        .collect();
    keeper.listens().await;
    let mut tally = Tally::default();
    let mut history = Vec::new();
    kill(&keeper, &mut random, &stages, &mut tally, &mut history).await;
    open.send_replace(true);
    let mut done = Vec::new();
    for till in tills {
        done.push(till.await.expect("a register works to its end"));
    }
    let settled = person.leave().await;
    let closed = shop::close(keeper, done, settled).await;
    tally.close(&closed);
    let violations = reconcile(&closed.views);
    if violations.is_empty() {
        return Ok(tally);
    }
    Err(report(seed, &violations, &history, closed))
}

fn report(
    seed: u64,
    violations: &[crate::reconcile::Violation],
    history: &[String],
    closed: Closed,
) -> String {
    let mut text = format!("seed {seed}:\n");
    for violation in violations {
        writeln!(text, "{violation}").unwrap();
    }
    writeln!(text, "killed: {}", history.join(", ")).unwrap();
    let folder = closed.folder.keep();
    writeln!(text, "kept: {}", folder.display()).unwrap();
    write!(
        text,
        "again: cargo xtask kill --times {KILLS_EACH} --from {seed}"
    )
    .unwrap();
    text
}

/// Kills as often as a shop sees it, each time at another moment.
async fn kill(
    keeper: &Keeper,
    random: &mut Random,
    stages: &Stages,
    tally: &mut Tally,
    history: &mut Vec<String>,
) {
    let begun = Instant::now();
    let readers = (1..=READERS).map(|number| format!("reader-{number}"));
    let terminals = TERMINALS.iter().map(|(terminal, _)| (*terminal).to_owned());
    let devices: Vec<String> = readers.chain(terminals).collect();
    let mut runners_in_a_row = 0;
    let mut kills = 0;
    while kills < KILLS_EACH {
        // Moments are the point of this test; no event of a payment may decide them.
        sleep(Duration::from_micros(2_000 + random.below(120_000))).await;
        let runner = random.percent(40) && runners_in_a_row < RUNNERS_IN_A_ROW;
        let (victim, dead) = if runner {
            let victim = match random.below(100) {
                0..25 => GATEWAY.to_owned(),
                25..40 => STRICT.to_owned(),
                _ => devices[random.index(devices.len())].clone(),
            };
            let dead = keeper.kill_runner(&victim);
            (victim, dead)
        } else {
            ("the host".to_owned(), keeper.kill())
        };
        if !dead {
            continue;
        }
        kills += 1;
        tally.count(&victim, &stages.now());
        history.push(format!("{victim} at {:?}", begun.elapsed()));
        runners_in_a_row = if runner { runners_in_a_row + 1 } else { 0 };
    }
}
