// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a process that dies at any named point breaks no promise, point by point: each flow
//! is run once to see which points it reaches how often, then once for each of them with the
//! process dying there. The register asks on, and at the end registers, journal and books agree.
//!
//! `PAYHAL_FAILPOINT_PAIRS=1` lets a second process die in every recovery from the first death.
//! `PAYHAL_FAILPOINT_ONLY` names what to run, as a part of a case's name. A new kind of payment is
//! one more entry in [`FLOWS`]; a new point is one more row in `tests/README.md`.

use crate::host::{GATEWAY, Setup};
use crate::keeper::{Fate, Keeper};
use crate::operator::Operator;
use crate::reconcile::{Settled, Word, reconcile};
use crate::shop::{self, TERMINALS};
use crate::till::{Stages, Till};
use crate::wish::{Change, Kept, Purpose, What, Wish};
use futures_util::StreamExt;
use payhal_client::protocol::progress::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

const READER: &str = "reader-1";

const MINOR: i64 = 1200;

/// What the register calls the card that it keeps.
const CARD: &str = "anna";

/// Runs at the same time: each has four processes that mostly wait for one another.
const RUNS: usize = 8;

/// How often one point is tried in one flow: the first times it is reached, and the last.
const TIMES_EACH: u32 = 3;

/// A payment from its first call to its last word.
struct Flow {
    name: &'static str,
    /// A terminal instead of a reader, and its plugin.
    terminal: Option<(&'static str, &'static str)>,
    /// Faults of the terminal, if there is one, or of the gateway, from the start of each of its
    /// runners.
    faults: &'static str,
    what: fn(paid: &str) -> What,
    /// What the flow changes, done in an earlier life.
    before: Option<fn() -> What>,
    /// The card lies on the reader before anything is asked for.
    watched: bool,
    /// The customer takes what is offered in the card's own currency.
    own_currency: bool,
    /// The register keeps the card of the flow, or the one of before that.
    kept: bool,
    /// The register says who buys, and the gateway is to hear it.
    ordered: bool,
    /// It may go without its gateway.
    offline: bool,
    /// At a gateway whose reversals need the card number.
    numbered: bool,
    /// A person settles what nobody else can.
    person: bool,
    /// The daemon is killed while the gateway has the payment, and recovery is what is watched.
    recovers: bool,
    /// What goes on behind the register's back is watched, too.
    rests: bool,
    /// The reader takes new firmware first.
    updates: bool,
    /// The daemon is asked to stop when the payment is over.
    stops: bool,
    /// How it ends when nobody dies.
    ends: fn(&Word) -> bool,
}

const PLAIN: Flow = Flow {
    name: "sale",
    terminal: None,
    faults: "[]",
    what: |_| sell("insert", "visa-approve"),
    before: None,
    watched: false,
    own_currency: false,
    kept: false,
    ordered: false,
    offline: false,
    numbered: false,
    person: false,
    recovers: false,
    rests: false,
    updates: false,
    stops: false,
    ends: |word| matches!(word, Word::Approved { .. }),
};

/// One that can be asked what became of a payment.
const AT_TERMINAL: Flow = Flow {
    name: "terminal",
    terminal: Some(TERMINALS[0]),
    what: |_| present(Purpose::Sale, TERMINALS[0].0),
    ..PLAIN
};

/// Only of the payment, so that the terminal is in order when the shop closes.
const ANSWER_LOST: &str = "[{ fault = \"lose_answer\", at = \"pay_answer\", amount_minor = 1200 }]";

const FLOWS: [Flow; 28] = [
    PLAIN,
    Flow {
        name: "tap",
        what: |_| sell("tap", "visa-approve"),
        ..PLAIN
    },
    Flow {
        name: "declined",
        what: |_| sell("insert", "visa-decline"),
        ends: |word| matches!(word, Word::Ended { outcome, .. } if outcome == "declined"),
        ..PLAIN
    },
    Flow {
        name: "reversal",
        faults: "[{ fault = \"lose_reply\", at = \"authorize\" }]",
        ends: |word| matches!(word, Word::Ended { outcome, .. } if outcome == "failed"),
        ..PLAIN
    },
    Flow {
        name: "number",
        numbered: true,
        // So that the number is destroyed before the points are read.
        stops: true,
        ..PLAIN
    },
    Flow {
        name: "number reversal",
        numbered: true,
        faults: "[{ fault = \"lose_reply\", at = \"authorize\" }]",
        ends: |word| matches!(word, Word::Ended { outcome, .. } if outcome == "failed"),
        ..PLAIN
    },
    Flow {
        name: "order",
        what: |_| sell("tap", "visa-approve"),
        ordered: true,
        ..PLAIN
    },
    // Its line breaks before anything is sent, so that it is accepted offline; and it is forwarded
    // twice, for nobody heard the first answer.
    Flow {
        name: "offline",
        faults: "[{ fault = \"go_away\", at = \"authorize\" }, \
            { fault = \"lose_reply\", at = \"forward\" }]",
        offline: true,
        // So that it is forwarded, and its read destroyed, before the points are read.
        rests: true,
        ..PLAIN
    },
    Flow {
        name: "amount after the card",
        what: |_| later(),
        ..PLAIN
    },
    // The amount follows the sale, which follows the card.
    Flow {
        name: "watched",
        what: |_| later(),
        watched: true,
        ..PLAIN
    },
    Flow {
        name: "own currency, kept",
        what: |_| sell("insert", "amex-approve"),
        own_currency: true,
        kept: true,
        ..PLAIN
    },
    Flow {
        name: "sale by kept card",
        what: |_| What::kept(Kept::Sale, CARD, MINOR),
        before: Some(|| sell("tap", "visa-approve")),
        kept: true,
        ..PLAIN
    },
    // Its gateway is told behind the register's back, twice.
    Flow {
        name: "kept no more",
        faults: "[{ fault = \"lose_reply\", at = \"forget\" }]",
        what: |_| What::kept(Kept::Delete, CARD, 0),
        before: Some(|| sell("tap", "visa-approve")),
        kept: true,
        ..PLAIN
    },
    Flow {
        name: "refund",
        what: |paid| What::change(Change::Refund, paid, 400),
        before: Some(|| sell("insert", "visa-approve")),
        ..PLAIN
    },
    Flow {
        name: "void",
        what: |paid| What::change(Change::Void, paid, 0),
        before: Some(|| sell("insert", "visa-approve")),
        ..PLAIN
    },
    Flow {
        name: "undo",
        what: |paid| What::change(Change::Undo, paid, 0),
        before: Some(|| sell("tap", "visa-approve")),
        ..PLAIN
    },
    Flow {
        name: "capture",
        what: |paid| What::change(Change::Capture, paid, 700),
        before: Some(hold),
        ..PLAIN
    },
    Flow {
        name: "adjust",
        what: |paid| What::change(Change::Adjust, paid, 900),
        before: Some(hold),
        ..PLAIN
    },
    Flow {
        name: "close",
        what: |_| What::Close {
            device: None,
            gateway: Some(GATEWAY),
        },
        before: Some(|| sell("tap", "visa-approve")),
        ..PLAIN
    },
    Flow {
        name: "recovery",
        faults: "[{ fault = \"delay\", at = \"authorize\", delay_ms = 20000 }]",
        recovers: true,
        ends: |word| matches!(word, Word::Ended { outcome, .. } if outcome == "failed"),
        ..PLAIN
    },
    Flow {
        name: "stop",
        stops: true,
        ..PLAIN
    },
    Flow {
        name: "update",
        updates: true,
        ..PLAIN
    },
    AT_TERMINAL,
    Flow {
        name: "terminal asked",
        faults: ANSWER_LOST,
        ..AT_TERMINAL
    },
    Flow {
        name: "terminal asked for its last",
        terminal: Some(TERMINALS[1]),
        faults: ANSWER_LOST,
        what: |_| present(Purpose::Sale, TERMINALS[1].0),
        ..AT_TERMINAL
    },
    Flow {
        name: "terminal that cannot tell",
        terminal: Some(TERMINALS[2]),
        faults: ANSWER_LOST,
        what: |_| present(Purpose::Sale, TERMINALS[2].0),
        person: true,
        ..AT_TERMINAL
    },
    Flow {
        name: "terminal undo",
        what: |paid| What::change(Change::Undo, paid, 0),
        before: Some(|| present(Purpose::Sale, TERMINALS[0].0)),
        ..AT_TERMINAL
    },
    Flow {
        name: "terminal close",
        what: |_| What::Close {
            device: Some(TERMINALS[0].0),
            gateway: None,
        },
        before: Some(|| present(Purpose::Sale, TERMINALS[0].0)),
        ..AT_TERMINAL
    },
];

fn sell(how: &'static str, card: &'static str) -> What {
    What::sale(MINOR, READER, how, card)
}

fn hold() -> What {
    What::Card {
        purpose: Purpose::Authorize,
        minor: MINOR,
        device: READER.to_owned(),
        gateway: None,
        shown: Some(("tap", "visa-approve")),
    }
}

/// The register says the amount when the card is in the reader.
fn later() -> What {
    What::Card {
        purpose: Purpose::Later,
        minor: MINOR,
        device: READER.to_owned(),
        gateway: None,
        shown: Some(("insert", "visa-approve")),
    }
}

/// On a terminal, which has a card by itself.
fn present(purpose: Purpose, terminal: &str) -> What {
    What::Card {
        purpose,
        minor: MINOR,
        device: terminal.to_owned(),
        gateway: None,
        shown: None,
    }
}

impl Flow {
    /// Lives that pass before the one whose points are watched.
    fn watched_life(&self) -> usize {
        usize::from(self.before.is_some() || self.recovers)
    }

    fn setup(&self) -> Setup {
        let faults = self.faults;
        match self.terminal {
            Some((terminal, plugin)) => {
                let card = "auto = \"tap visa-approve\"";
                let config = format!("{{ {card}, faults = {faults} }}");
                Setup::readers(0).terminal(terminal, plugin, &config)
            }
            None => {
                let setup = Setup::readers(1).gateway(&format!("{{ faults = {faults} }}"));
                // A customer who has gone home has chosen no currency.
                let setup = match self.own_currency {
                    true => setup.timeout("prompt_ms", 300),
                    false => setup,
                };
                let setup = match self.offline {
                    true => setup.rules(shop::OFFLINE),
                    false => setup,
                };
                match self.numbered {
                    true => setup.gateway_plugin("sandbox-strict"),
                    false => setup,
                }
            }
        }
    }
}

/// A point and how often it was reached before.
type Death = (String, u32);

/// What became of one run.
struct Ran {
    /// Points that were reached in the life that writes them down, in the first order.
    reached: Vec<(String, u32)>,
    /// How many of the deaths happened.
    deaths: usize,
    word: Option<Word>,
    broken: Option<String>,
}

/// Runs a flow; its watched life and those after it die where they are told to, the life after
/// that writes down what it reaches.
async fn run(flow: &Flow, deaths: &[Death], watch_last: bool) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.toml"), flow.setup().text()).unwrap();
    let fates = fates(flow, deaths, watch_last, folder.path());
    let keeper = Keeper::reopen(folder, fates);
    let mut till = Till::new("till-1", keeper.place(), false, Stages::default());
    let mut wishes = Vec::new();
    let paid = before(flow, &keeper, &mut till, &mut wishes).await;
    if flow.updates {
        crate::updates::see_through(&keeper, READER).await;
    }
    let mut wish = Wish::new("wish", (flow.what)(&paid));
    wish.ordered = flow.ordered;
    wish.offline = flow.offline;
    wish.watched = flow.watched;
    wish.own_currency = flow.own_currency.then_some(true);
    wish.keep_as = keeps(flow, flow.before.is_none());
    let person = flow
        .person
        .then(|| Operator::begin(keeper.place(), keeper.folder()));
    let word = if flow.recovers {
        interrupted(&keeper, &mut till, &wish).await
    } else {
        till.see_through(&wish).await
    };
    if flow.recovers || flow.rests {
        // What is watched here goes on behind the register's back.
        shop::until_at_rest(keeper.place()).await;
    }
    if flow.stops {
        let life = keeper.life().number;
        keeper.listens().await;
        keeper.ask_to_stop();
        keeper.reborn(life).await;
    }
    wishes.push(wish);
    let settled = match person {
        Some(person) => person.leave().await,
        None => Vec::new(),
    };
    let day = Day {
        till,
        wishes,
        settled,
    };
    finish(keeper, day, word, deaths.len()).await
}

/// Who did what until the shop closes.
struct Day {
    till: Till,
    wishes: Vec<Wish>,
    settled: Vec<Settled>,
}

/// Disarms what was not reached, closes the shop and compares.
async fn finish(keeper: Keeper, day: Day, word: Option<Word>, planned: usize) -> Ran {
    let folder = keeper.folder().to_owned();
    let reached = points_in(&folder.join("points"));
    let marks = (0..planned).map(|nth| folder.join(format!("died-{nth}")));
    let deaths = marks.filter(|mark| std::fs::File::create_new(mark).is_err());
    let deaths = deaths.count();
    let closed = shop::close(keeper, vec![(day.till, day.wishes)], day.settled).await;
    let violations = reconcile(&closed.views);
    let broken = (!violations.is_empty()).then(|| {
        let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
        let kept = closed.folder.keep();
        format!("{}\n    kept: {}", lines.join("\n"), kept.display())
    });
    Ran {
        reached,
        deaths,
        word,
        broken,
    }
}

/// What happened in earlier lives: the payment that the flow changes.
async fn before(flow: &Flow, keeper: &Keeper, till: &mut Till, wishes: &mut Vec<Wish>) -> String {
    let Some(first) = flow.before else {
        return String::new();
    };
    let mut first = Wish::new("first", first());
    first.keep_as = keeps(flow, true);
    let Some(Word::Approved { transaction, .. }) = till.see_through(&first).await else {
        panic!("what is to be changed was not approved");
    };
    wishes.push(first);
    assert!(keeper.kill());
    keeper.ended(0).await;
    transaction
}

/// What the first payment of a flow keeps its card as.
fn keeps(flow: &Flow, first: bool) -> Option<String> {
    (flow.kept && first).then(|| CARD.to_owned())
}

/// The daemon dies while the gateway has the payment.
async fn interrupted(keeper: &Keeper, till: &mut Till, wish: &Wish) -> Option<Word> {
    let stages = till.stages();
    let (word, ()) = tokio::join!(till.see_through(wish), async {
        stages.until(Stage::Authorizing).await;
        assert!(keeper.kill());
    });
    word
}

fn fates(flow: &Flow, deaths: &[Death], watch_last: bool, folder: &Path) -> Vec<Fate> {
    let mut fates = vec![Fate::new(); flow.watched_life()];
    for (nth, (point, times)) in deaths.iter().enumerate() {
        fates.push(vec![
            ("PAYHAL_FAILPOINT", format!("{point}={times}").into()),
            (
                "PAYHAL_FAILPOINT_HIT",
                folder.join(format!("died-{nth}")).into(),
            ),
        ]);
    }
    if watch_last {
        fates.push(vec![("PAYHAL_FAILPOINT_LOG", folder.join("points").into())]);
    }
    fates
}

/// How often each point was reached.
fn points_in(log: &Path) -> Vec<(String, u32)> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// Where a process is to die, from what was reached when nobody died.
fn deaths_at(reached: &[(String, u32)]) -> Vec<Death> {
    let mut deaths = Vec::new();
    for (point, count) in reached {
        let mut times: BTreeSet<u32> = (1..=(*count).min(TIMES_EACH)).collect();
        times.insert(*count);
        deaths.extend(times.into_iter().map(|nth| (point.clone(), nth)));
    }
    deaths
}

fn wanted(name: &str) -> bool {
    std::env::var("PAYHAL_FAILPOINT_ONLY").map_or(true, |only| name.contains(&only))
}

fn name_of(flow: &Flow, deaths: &[Death]) -> String {
    let deaths: Vec<String> = deaths
        .iter()
        .map(|(point, nth)| format!("{point}={nth}"))
        .collect();
    format!("{} dies at {}", flow.name, deaths.join(", then "))
}

/// Every flow with every single death. Which cases there were.
async fn single_deaths(broken: &mut Vec<String>) -> Vec<(&'static Flow, Death, usize)> {
    let mut cases = Vec::new();
    for flow in &FLOWS {
        let ran = run(flow, &[], true).await;
        let word = ran.word.expect("a last word");
        assert!((flow.ends)(&word), "{} ended with {word:?}", flow.name);
        broken.extend(ran.broken);
        cases.extend(
            deaths_at(&ran.reached)
                .into_iter()
                .map(|death| (flow, death)),
        );
    }
    cases.retain(|(flow, death)| wanted(&name_of(flow, std::slice::from_ref(death))));
    let mut running = futures_util::stream::iter(cases)
        .map(|(flow, death)| async move {
            let ran = run(flow, std::slice::from_ref(&death), false).await;
            (flow, death, ran)
        })
        .buffer_unordered(RUNS);
    let mut done = Vec::new();
    while let Some((flow, death, ran)) = running.next().await {
        if let Some(what) = ran.broken {
            broken.push(format!(
                "{}:\n{what}",
                name_of(flow, std::slice::from_ref(&death))
            ));
        }
        done.push((flow, death, ran.deaths));
    }
    done
}

#[tokio::test]
async fn whoever_dies_at_whichever_point() {
    let begun = Instant::now();
    let mut broken = Vec::new();
    let done = single_deaths(&mut broken).await;
    let missed = done.iter().filter(|(_, _, deaths)| *deaths == 0);
    for (flow, death, _) in missed {
        println!(
            "not reached: {}",
            name_of(flow, std::slice::from_ref(death))
        );
    }
    let died: BTreeSet<&str> = done
        .iter()
        .filter(|(_, _, deaths)| *deaths > 0)
        .map(|(_, (point, _), _)| point.split(':').next().unwrap_or(point))
        .collect();
    println!(
        "{} deaths at {} points of {} flows in {:?}, {} with violations",
        done.len(),
        died.len(),
        FLOWS.len(),
        begun.elapsed(),
        broken.len()
    );
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    if wanted("") && std::env::var_os("PAYHAL_FAILPOINT_ONLY").is_none() {
        assert_eq!(
            died,
            documented(),
            "points that were hit, and tests/README.md"
        );
    }
}

/// The points that `tests/README.md` names.
fn documented() -> BTreeSet<&'static str> {
    let readme = include_str!("../README.md");
    let (_, table) = readme.split_once("## Failpoints").expect("a chapter");
    let table = table.split("\n## ").next().unwrap_or(table);
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// On demand: a second death in every recovery from a first one.
#[tokio::test]
async fn pairs_of_deaths() {
    if std::env::var_os("PAYHAL_FAILPOINT_PAIRS").is_none() {
        return;
    }
    let begun = Instant::now();
    let mut broken = Vec::new();
    let firsts = single_deaths(&mut broken).await;
    let mut pairs = Vec::new();
    let mut watching = futures_util::stream::iter(firsts)
        .map(|(flow, first, _)| async move {
            let ran = run(flow, std::slice::from_ref(&first), true).await;
            (flow, first, ran.reached)
        })
        .buffer_unordered(RUNS);
    while let Some((flow, first, reached)) = watching.next().await {
        let seconds = deaths_at(&reached).into_iter();
        pairs.extend(seconds.map(|second| (flow, [first.clone(), second])));
    }
    println!("{} pairs, found in {:?}", pairs.len(), begun.elapsed());
    let count = pairs.len();
    let mut running = futures_util::stream::iter(pairs)
        .map(|(flow, pair)| async move {
            let ran = run(flow, &pair, false).await;
            (flow, pair, ran)
        })
        .buffer_unordered(RUNS);
    let mut both = 0;
    while let Some((flow, pair, ran)) = running.next().await {
        both += usize::from(ran.deaths == 2);
        if let Some(what) = ran.broken {
            println!("{}:\n{what}", name_of(flow, &pair));
            broken.push(name_of(flow, &pair));
        }
    }
    println!(
        "{count} pairs, {both} in which both died, in {:?}; {} with violations",
        begun.elapsed(),
        broken.len()
    );
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
