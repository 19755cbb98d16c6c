// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows about what is seen from outside: the end of an instance, what it leaves, what it said.

use super::super::limits::REPEATS;
use super::super::mangle::Mangle;
use super::super::session::Session;
use super::super::suite::{Disturb, Suite};
use super::{Held, destroyed, left, wrong};
use std::time::Duration;

pub(super) fn restart(suite: &mut Suite<'_>) -> Held {
    for with_flow in [false, true, false] {
        let mut session = suite.session(Mangle::default())?;
        match with_flow {
            true => drop(suite.walk(&mut session, Disturb::default())),
            false => drop(suite.greet(&mut session)?),
        }
        let ended = destroyed(&mut session);
        suite.close(&session);
        ended?;
    }
    Ok("destroyed and made anew 3 times".to_owned())
}

/// Threads and open descriptors of a process, as far as the system shows them.
fn holdings(session: &Session) -> (Option<usize>, Option<usize>) {
    let of = |folder: &str| {
        let path = format!("/proc/{}/{folder}", session.pid());
        std::fs::read_dir(path).ok().map(Iterator::count)
    };
    (of("task"), of("fd"))
}

pub(super) fn left_over(suite: &mut Suite<'_>) -> Held {
    let mut session = suite.session(Mangle::default())?;
    // What is made once and kept is made in the first rounds.
    for _ in 0..2 {
        suite.walk(&mut session, Disturb::default());
        suite.greet(&mut session)?;
    }
    let before = holdings(&session);
    for _ in 0..REPEATS {
        suite.greet(&mut session)?;
    }
    for _ in 0..3 {
        suite.walk(&mut session, Disturb::default());
    }
    session.settle()?;
    let after = holdings(&session);
    suite.close(&session);
    let (Some(tasks), Some(tasks_after)) = (before.0, after.0) else {
        return left("this system does not show the threads of a process");
    };
    if tasks_after > tasks + 1 {
        return wrong(format!("{tasks} threads became {tasks_after}"));
    }
    match (before.1, after.1) {
        (Some(open), Some(open_after)) if open_after > open + 2 => {
            wrong(format!("{open} open descriptors became {open_after}"))
        }
        (Some(_), Some(_)) => Ok("no thread, no descriptor".to_owned()),
        _ => Ok("no thread; descriptors of a confined process are seen by root only".to_owned()),
    }
}

pub(super) fn time(suite: &mut Suite<'_>) -> Held {
    if suite.by_itself > Duration::from_secs(2) {
        let by_itself = suite.by_itself.as_secs();
        return left(format!(
            "it waits by itself ({by_itself} s of real time): allowed, and slow to check"
        ));
    }
    match suite.waits {
        0 => left("it never waits"),
        waits => Ok(format!("{waits} waits, all at the host")),
    }
}

pub(super) fn messages(suite: &mut Suite<'_>) -> Held {
    match suite.flaws.first() {
        None => {
            let (replies, emitted) = (suite.replies, suite.emitted);
            Ok(format!("{replies} replies, {emitted} emissions"))
        }
        Some(first) => match suite.flaws.len() - 1 {
            0 => wrong(first.clone()),
            more => wrong(format!("{first}; and {more} more")),
        },
    }
}

pub(super) fn card_data(suite: &mut Suite<'_>) -> Held {
    match suite.cards.first() {
        None => Ok(String::new()),
        Some(first) => wrong(format!("the runner kept back: {first}")),
    }
}
