// SPDX-License-Identifier: MIT OR Apache-2.0
//! The noisy line: many whole payments over a line that does everything wrong, and over cables that
//! are pulled at each byte, beside the simulator's books.
//!
//! Owns the rows `noise` and `cuts`. Everything is out of a seed; it must never pass what the books
//! do not say.

mod books;
mod carry;
mod cuts;
mod desk;
mod line;
mod random;
mod trace;

pub(super) use cuts::cuts;
pub(super) use line::{Fault, Line};

use super::limits::{DEADLINE_MS, NOISE_BLOCK, NOISE_DRAIN, NOISE_QUIET};
use super::master::{Ask, Called};
use super::replies;
use super::rows::{Held, Unheld, left, wrong};
use super::session::{Session, Trouble};
use super::suite::Suite;
use books::judge;
use desk::{Desk, Exchange, Told};
use payhal_messages::call::{Status, method};
use payhal_messages::manifest::Kind as PluginKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is asked for beside the rows of every check.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// Exchanges over a noisy line.
    pub(super) exchanges: usize,
    pub(super) seed: u64,
    /// Whether the cable is pulled at each byte.
    pub(super) cuts: bool,
}

/// What the rows counted, for machines.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) exchanges: usize,
    pub(super) cuts: usize,
    pub(super) endings: BTreeMap<String, usize>,
    pub(super) faults: BTreeMap<&'static str, usize>,
    /// The first violation: its seed, its exchange, and what passed on the line.
    pub(super) violation: Option<Violation>,
}

/// The first thing that was wrong, and how to see it again.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) what: String,
    pub(super) again: String,
    pub(super) trace: Vec<String>,
}

impl Counted {
    /// For the report.
    pub(super) fn json(&self) -> Value {
        let violation = self.violation.as_ref().map(|violation| {
            json!({
                "what": violation.what, "again": violation.again, "trace": violation.trace,
            })
        });
        json!({
            "exchanges": self.exchanges,
            "cuts": self.cuts,
            "endings": self.endings,
            "faults": self.faults,
            "violation": violation,
        })
    }

    fn ended(&mut self, told: &Told) {
        *self.endings.entry(told.ending.clone()).or_default() += 1;
    }

    fn most_frequent(endings: &BTreeMap<String, usize>) -> String {
        let mut all: Vec<(&String, &usize)> = endings.iter().collect();
        all.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let all = all.iter().map(|(name, count)| format!("{count} {name}"));
        all.collect::<Vec<_>>().join(", ")
    }
}

/// Why an exchange, or the one after it, is a violation.
enum Wrong {
    Plugin(String),
    Check(String),
}

impl From<Trouble> for Wrong {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Check(why) => Self::Check(why),
            trouble => Self::Plugin(format!("a call without an end: {trouble}")),
        }
    }
}

/// Faults, and how many exchanges meet each, compared with the others.
const WEIGHTS: [(Fault, u64); 15] = [
    (Fault::Clean, 6),
    (Fault::Bits, 10),
    (Fault::Reset, 20),
    (Fault::Drops, 9),
    (Fault::Twice, 9),
    (Fault::Short, 8),
    (Fault::BadCheck, 9),
    (Fault::LostAcks, 9),
    (Fault::Naks, 6),
    (Fault::Late, 14),
    (Fault::Silent, 5),
    (Fault::Deaf, 4),
    (Fault::Talk, 4),
    (Fault::Echo, 3),
    (Fault::Pieces, 5),
];

/// What cardholders do, with how many of a hundred of them; the rest pays.
const SITUATIONS: [(&str, u64); 4] = [("decline", 12), ("no_card", 5), ("pin", 12), ("cancel", 6)];

/// Whether the row can be asked at all.
fn has_books(suite: &Suite<'_>) -> Result<(), Unheld> {
    if suite.subject.manifest.kind == PluginKind::Gateway {
        return left("noise is for the lines of readers and terminals");
    }
    if !suite.subject.has_simulator() {
        return left("conformance.toml names no simulator");
    }
    let mut device = suite.subject.device()?;
    match device.books(0) {
        Ok((_, Some(_))) => Ok(()),
        Ok((_, None)) => wrong(
            "the simulator keeps no books: it answers {\"now_us\":N,\"books\":true} with \
             {\"books\":[…]}",
        ),
        Err(why) => wrong(why),
    }
}

/// The row `noise`.
pub(super) fn noise(suite: &mut Suite<'_>) -> Held {
    has_books(suite)?;
    let plan = suite.plan;
    let mut made = 0;
    while made < plan.exchanges {
        let block = u64::try_from(made / NOISE_BLOCK).unwrap_or_default();
        let seed = plan.seed.wrapping_add(block);
        let count = NOISE_BLOCK.min(plan.exchanges - made);
        let session = begin(suite, Line::new(seed), seed)?;
        run_block(suite, session, seed, count)?;
        made += count;
    }
    let counted = &suite.counted;
    Ok(format!(
        "{made} exchanges from seed {}: {}",
        plan.seed,
        Counted::most_frequent(&counted.endings)
    ))
}

/// A runner and a device in their first state, both well.
fn begin(suite: &mut Suite<'_>, line: Line, seed: u64) -> Result<Session, Unheld> {
    let device = suite.subject.device()?;
    let mut session = Session::noisy(suite.subject, device, line, 0)?;
    match prepare(suite, &mut session) {
        Ok(()) => Ok(session),
        Err(wrong) => Err(violation(suite, &mut session, wrong, seed, "0")),
    }
}

/// What a host does when a device is there: it asks who it is, and gives it its parameters.
fn prepare(suite: &mut Suite<'_>, session: &mut Session) -> Result<(), Wrong> {
    greet(suite, session)?;
    let reader = suite.subject.manifest.reader.as_ref();
    let set = suite.subject.request(method::LOAD_PARAMETERS, Value::Null);
    if reader.is_none_or(|reader| !reader.parameters) || set.is_null() {
        return Ok(());
    }
    let ask = Ask::new(method::LOAD_PARAMETERS, &set, DEADLINE_MS);
    let called = suite.call(session, &ask)?;
    succeeded(method::LOAD_PARAMETERS, &called)
}

fn greet(suite: &mut Suite<'_>, session: &mut Session) -> Result<(), Wrong> {
    let called = suite.greet(session)?;
    succeeded(method::IDENTIFY, &called)
}

fn succeeded(method: &str, called: &Called) -> Result<(), Wrong> {
    match replies::status(&called.reply) {
        Some(Status::Ok) => Ok(()),
        _ => {
            let said = replies::words(&called.reply);
            Err(Wrong::Plugin(format!(
                "over a clean line, {method} ends {said}"
            )))
        }
    }
}

fn run_block(
    suite: &mut Suite<'_>,
    mut session: Session,
    seed: u64,
    count: usize,
) -> Result<(), Unheld> {
    let mut number = 1;
    for place in 1..=count {
        let went = exchange(suite, &mut session, &mut number);
        suite.counted.exchanges += 1;
        if let Err(wrong) = went {
            let place = place.to_string();
            return Err(violation(suite, &mut session, wrong, seed, &place));
        }
    }
    suite.close(&session);
    Ok(())
}

/// One noisy exchange, and a clean one after it where it did not end well.
fn exchange(suite: &mut Suite<'_>, session: &mut Session, number: &mut u32) -> Result<(), Wrong> {
    let (fault, exchange) = choose(suite, session, *number);
    *number += 2;
    *suite.counted.faults.entry(fault.name()).or_default() += 1;
    session.note(format!("the line is {} from here", fault.name()));
    if let Some(line) = &mut session.line {
        line.begin(fault);
    }
    let told = Desk { suite, session }.make(&exchange)?;
    heal(session)?;
    judged(session, &told)?;
    suite.counted.ended(&told);
    if !told.well || fault == Fault::Talk {
        clean(suite, session, *number - 1)?;
    }
    Ok(())
}

/// The fault ends, and the device ends what it is at.
fn heal(session: &mut Session) -> Result<(), Wrong> {
    if let Some(line) = &mut session.line {
        line.begin(Fault::Clean);
        line.cut = None;
    }
    session.note("the line is clean from here");
    session.drain(NOISE_DRAIN)?;
    Ok(session.quiet(NOISE_QUIET)?)
}

fn judged(session: &mut Session, told: &Told) -> Result<(), Wrong> {
    let books = session.books()?.unwrap_or_default();
    judge(&told.claims, &books).map_err(Wrong::Plugin)
}

/// A clean exchange, which must succeed.
fn clean(suite: &mut Suite<'_>, session: &mut Session, number: u32) -> Result<(), Wrong> {
    greet(suite, session).map_err(after_fault)?;
    let exchange = Exchange::whole(number);
    let told = Desk { suite, session }.make(&exchange)?;
    session.drain(NOISE_DRAIN)?;
    judged(session, &told)?;
    match told.well {
        true => Ok(()),
        false => Err(Wrong::Plugin(format!(
            "after the fault a clean exchange ends: {}",
            told.ending
        ))),
    }
}

fn after_fault(wrong: Wrong) -> Wrong {
    match wrong {
        Wrong::Plugin(why) => Wrong::Plugin(format!("after the fault, {why}")),
        check @ Wrong::Check(_) => check,
    }
}

/// What is paid, and what is wrong with the line meanwhile.
fn choose(suite: &Suite<'_>, session: &mut Session, number: u32) -> (Fault, Exchange) {
    let subject = suite.subject;
    let mut exchange = Exchange::whole(number);
    let Some(line) = &mut session.line else {
        return (Fault::Clean, exchange);
    };
    let random = line.random();
    exchange.minor = i64::try_from(random.below(99_900)).unwrap_or_default() + 100;
    let mut dice = random.below(100);
    for (situation, weight) in SITUATIONS {
        if dice < weight && subject.knows(situation) {
            exchange.situation = situation;
            break;
        }
        dice = dice.saturating_sub(weight);
    }
    exchange.refund = random.percent(8) && subject.can_refund_alone();
    exchange.reversed = random.percent(25);
    exchange.reconciled = random.percent(10);
    let moment = usize::try_from(random.below(12)).unwrap_or_default();
    exchange.cancelled = random.percent(8).then_some(moment);
    let is_connection = subject.manifest.ports.is_empty();
    let happens = |fault: Fault| fault.happens_on(is_connection) && subject.bears(fault.name());
    let possible = WEIGHTS.iter().filter(|(fault, _)| happens(*fault));
    let mut dice = random.below(possible.clone().map(|(_, weight)| weight).sum());
    let mut fault = Fault::Clean;
    for (each, weight) in possible {
        fault = *each;
        if dice < *weight {
            break;
        }
        dice -= weight;
    }
    (fault, exchange)
}

/// Writes down the first violation.
fn violation(
    suite: &mut Suite<'_>,
    session: &mut Session,
    wrong: Wrong,
    seed: u64,
    place: &str,
) -> Unheld {
    suite.close(session);
    let what = match wrong {
        Wrong::Plugin(what) => what,
        Wrong::Check(why) => format!("the check cannot go on: {why}"),
    };
    let again = format!("--seed {seed} --noise {place}");
    let trace = session.line.as_ref().map(|line| line.trace.lines());
    let text = format!("seed {seed}, exchange {place}: {what}; again: {again}");
    suite.counted.violation.get_or_insert(Violation {
        what,
        again,
        trace: trace.unwrap_or_default(),
    });
    Unheld::Wrong(text)
}
