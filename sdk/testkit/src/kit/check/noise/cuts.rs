// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cables that are pulled at each byte of a payment, and plugged in again.
//!
//! Owns the row `cuts`. It must never leave a byte out.

use super::super::limits::{CUTS_AT_ONCE, NOISE_DRAIN, NOISE_QUIET, REPLUGGED};
use super::super::replies;
use super::super::rows::{Held, Unheld, left};
use super::super::session::Session;
use super::super::suite::Suite;
use super::books::Kind;
use super::desk::{Desk, Exchange, Told};
use super::line::{Fault, Line};
use super::{Counted, Wrong, after_fault, begin, clean, has_books, judged, prepare, violation};
use payhal_messages::call::Status;
use payhal_messages::manifest::Kind as PluginKind;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What the device went through before the exchange, where the author says how that comes about:
/// it has forgotten everything that was agreed on.
const RESTARTED: &str = "restarted";

/// Where the cable is pulled.
#[derive(Clone, Copy, Debug)]
struct Cut {
    place: usize,
    /// What happened before the exchange.
    before: Option<&'static str>,
}

impl Cut {
    fn name(self) -> String {
        let place = self.place;
        match self.before {
            Some(before) => format!("cuts, {before}, byte {place}"),
            None => format!("cuts, byte {place}"),
        }
    }
}

type Endings = BTreeMap<String, usize>;

/// The row `cuts`.
pub(in super::super) fn cuts(suite: &mut Suite<'_>) -> Held {
    has_books(suite)?;
    let all = everywhere(suite)?;
    let (subject, plan, failed) = (suite.subject, suite.plan, AtomicBool::new(false));
    let share = all.len().div_ceil(CUTS_AT_ONCE);
    let made: Vec<_> = thread::scope(|scope| {
        let shares = all.chunks(share).map(|share| {
            let failed = &failed;
            scope.spawn(move || {
                let mut suite = Suite::new(subject, plan);
                let made = some(&mut suite, share, failed);
                (suite, made)
            })
        });
        let shares: Vec<_> = shares.collect();
        shares
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    });
    let (mut endings, mut unheld) = (Endings::new(), None);
    for made in made {
        let (beside, made) = made.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        suite.take_over(beside);
        match made {
            Ok(more) => {
                for (ending, count) in more {
                    *endings.entry(ending).or_default() += count;
                }
            }
            Err(why) => unheld = unheld.or(Some(why)),
        }
    }
    match unheld {
        Some(unheld) => Err(unheld),
        None => Ok(format!(
            "at each of {} bytes: {}",
            all.len(),
            Counted::most_frequent(&endings)
        )),
    }
}

/// Every byte of an exchange, and of what it takes to begin one with a device that has forgotten
/// everything.
fn everywhere(suite: &mut Suite<'_>) -> Result<Vec<Cut>, Unheld> {
    let seed = suite.plan.seed;
    let mut session = begin(suite, Line::new(seed), seed)?;
    let whole = measured(suite, &mut session, None, 1);
    let restarted = match suite.subject.knows(RESTARTED) {
        true => measured(suite, &mut session, Some(RESTARTED), 3),
        false => Ok(0),
    };
    suite.close(&session);
    let (whole, restarted) = match (whole, restarted) {
        (Ok(whole), Ok(restarted)) => (whole, restarted),
        (Err(wrong), _) | (_, Err(wrong)) => {
            return Err(violation(suite, &mut session, wrong, seed, "cuts"));
        }
    };
    if whole == 0 {
        return left("nothing passes over a line of the check");
    }
    let cut = |before| move |place| Cut { place, before };
    // What follows is the same exchange again.
    let more = restarted.saturating_sub(whole);
    let whole = (0..whole).map(cut(None));
    Ok(whole.chain((0..more).map(cut(Some(RESTARTED)))).collect())
}

/// How many bytes a whole exchange has, both ways.
fn measured(
    suite: &mut Suite<'_>,
    session: &mut Session,
    before: Option<&'static str>,
    number: u32,
) -> Result<usize, Wrong> {
    if let Some(line) = &mut session.line {
        line.begin(Fault::Clean);
    }
    let mut desk = Desk { suite, session };
    before.map_or(Ok(()), |before| desk.happens(before))?;
    let told = desk.make(&Exchange::whole(number))?;
    session.drain(NOISE_DRAIN)?;
    judged(session, &told)?;
    if !told.well {
        let ending = told.ending;
        return Err(Wrong::Plugin(format!(
            "over a clean line an exchange ends: {ending}"
        )));
    }
    Ok(session.line.as_ref().map_or(0, |line| line.passed))
}

/// These, one after the other, with a device and a line of their own.
fn some(suite: &mut Suite<'_>, share: &[Cut], failed: &AtomicBool) -> Result<Endings, Unheld> {
    let seed = suite.plan.seed;
    let mut endings = Endings::new();
    let mut session = begin(suite, Line::new(seed), seed)?;
    for (at, each) in (0..).zip(share) {
        if failed.load(Ordering::Relaxed) {
            break;
        }
        match cut(suite, &mut session, *each, at * 2 + 5) {
            Ok(told) => *endings.entry(told.ending).or_default() += 1,
            Err(wrong) => {
                failed.store(true, Ordering::Relaxed);
                let unheld = violation(suite, &mut session, wrong, seed, &each.name());
                if let Some(violation) = &mut suite.counted.violation {
                    violation.again = format!("--seed {seed} --cuts");
                }
                return Err(unheld);
            }
        }
        suite.counted.cuts += 1;
    }
    suite.close(&session);
    Ok(endings)
}

/// The cable is pulled at that byte of an exchange, and plugged in again: a new runner.
fn cut(suite: &mut Suite<'_>, session: &mut Session, cut: Cut, number: u32) -> Result<Told, Wrong> {
    if let Some(line) = &mut session.line {
        line.begin(Fault::Clean);
        line.cut = Some(cut.place);
    }
    let exchange = Exchange::whole(number);
    let mut desk = Desk { suite, session };
    cut.before.map_or(Ok(()), |before| desk.happens(before))?;
    let mut told = desk.make(&exchange)?;
    session.quiet(NOISE_QUIET)?;
    suite.close(session);
    let (device, line, epoch_us) = session.leave();
    let mut line = line.unwrap_or_else(|| Line::new(0));
    line.cut = None;
    *session = Session::noisy(suite.subject, device, line, epoch_us)?;
    session.note("the cable is plugged in again: a new runner");
    answers_soon(suite, session)?;
    prepare(suite, session).map_err(after_fault)?;
    if told.ending == "unknown" && suite.subject.manifest.kind == PluginKind::Terminal {
        let mut outcome = Value::Null;
        Desk { suite, session }.inquire(&exchange, Kind::Payment, &mut told, &mut outcome)?;
    }
    session.drain(NOISE_DRAIN)?;
    judged(session, &told)?;
    clean(suite, session, number + 1)?;
    Ok(told)
}

/// Within a bound after it was plugged in again the device says who it is.
fn answers_soon(suite: &mut Suite<'_>, session: &mut Session) -> Result<(), Wrong> {
    loop {
        let called = suite.greet(session)?;
        if replies::status(&called.reply) == Some(Status::Ok) {
            return Ok(());
        }
        if Duration::from_nanos(session.now_ns) > REPLUGGED {
            let said = replies::words(&called.reply);
            let bound = REPLUGGED.as_secs();
            return Err(Wrong::Plugin(format!(
                "{bound} s after it was plugged in again, identify ends {said}"
            )));
        }
        session.quiet(Duration::from_millis(100))?;
    }
}
