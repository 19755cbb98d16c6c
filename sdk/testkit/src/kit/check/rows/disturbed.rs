// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows about time and about people who change their minds.

use super::super::limits::{GRACE, LATE, MOMENTS_MAX, SHORT_DEADLINE_MS};
use super::super::mangle::{Fault, Mangle};
use super::super::master::Deed;
use super::super::replies;
use super::super::suite::{Disturb, Suite, Walk};
use super::{Held, left, recovers, some_of, wrong};
use payhal_messages::call::Status;
use payhal_messages::manifest::Kind;
use std::time::Duration;

/// What a walk's last step came to, as long as it is an answer.
fn answered(walk: &Walk) -> Result<(), super::Unheld> {
    match walk.last() {
        Some(made) => match &made.called {
            Ok(_) => Ok(()),
            Err(trouble) => wrong(format!("{}: {trouble}", made.name)),
        },
        None => left("there is no command"),
    }
}

pub(super) fn deadline(suite: &mut Suite<'_>) -> Held {
    let main = suite.main_step();
    if suite.known.len() <= main {
        return left("the flow does not come that far");
    }
    let before = words_before(suite, main);
    let mut session = suite.session(Mangle::of(Fault::SilentFrom(before)))?;
    let disturb = Disturb {
        last: Some(main),
        deadline_ms: Some(SHORT_DEADLINE_MS),
        situation: Some("no_card"),
        ..Disturb::default()
    };
    let walk = suite.walk(&mut session, disturb);
    suite.close(&session);
    answered(&walk)?;
    let took = walk.last().and_then(|made| made.called.as_ref().ok());
    let took = took.map_or(0, |called| called.took.as_millis());
    recovers(suite, session)?;
    Ok(format!("{took} ms of {SHORT_DEADLINE_MS}"))
}

pub(super) fn no_card(suite: &mut Suite<'_>) -> Held {
    if suite.subject.manifest.kind == Kind::Gateway {
        return left("a gateway waits for no card");
    }
    let main = suite.main_step();
    if !suite.subject.knows("no_card") && !suite.subject.manifest.simulated {
        return left("conformance.toml names no scenario no_card");
    }
    let mut session = suite.session(Mangle::default())?;
    let disturb = Disturb {
        last: Some(main),
        situation: Some("no_card"),
        ..Disturb::default()
    };
    let walk = suite.walk(&mut session, disturb);
    suite.close(&session);
    answered(&walk)?;
    let Some(Ok(called)) = walk.last().map(|made| made.called.as_ref()) else {
        return left("there is no command");
    };
    let bound = match suite.subject.manifest.kind {
        Kind::Reader => Duration::from_secs(30) + GRACE,
        _ => Duration::from_secs(60) + GRACE,
    };
    if called.took > bound {
        let took = called.took.as_secs();
        return wrong(format!("it waits {took} s for a card that does not come"));
    }
    match replies::status(&called.reply) {
        Some(Status::Refused | Status::Failed) => {}
        Some(Status::Ok) if suite.subject.manifest.kind == Kind::Terminal => {}
        _ => {
            let said = replies::words(&called.reply);
            return wrong(format!("without a card it ends {said}"));
        }
    }
    let said = replies::words(&called.reply);
    recovers(suite, session)?;
    Ok(said)
}

/// Moments of the whole flow, as many as are worth it.
pub(super) fn moments(suite: &Suite<'_>) -> Vec<(usize, usize)> {
    let all: Vec<(usize, usize)> = suite
        .known
        .iter()
        .enumerate()
        .flat_map(|(step, (moments, _))| (0..*moments).map(move |moment| (step, moment)))
        .collect();
    let chosen = some_of(all.len(), MOMENTS_MAX);
    chosen.into_iter().map(|place| all[place]).collect()
}

pub(super) fn cancel(suite: &mut Suite<'_>) -> Held {
    let main = suite.main_step();
    let mut done = 0;
    for (step, moment) in moments(suite) {
        done += cancelled(suite, Mangle::default(), step, moment, None)?;
    }
    if suite.known.len() > main {
        // While nobody shows a card there is all the time in the world.
        let mangle = match suite.subject.knows("no_card") || suite.subject.manifest.simulated {
            true => Mangle::default(),
            false => Mangle::of(Fault::SilentFrom(words_before(suite, main))),
        };
        for moment in 0..3 {
            done += cancelled(suite, mangle.clone(), main, moment, Some("no_card"))?;
        }
    }
    match done {
        0 => left("no command ever waits"),
        done => Ok(format!("at {done} moments")),
    }
}

/// Words of the device before that step.
fn words_before(suite: &Suite<'_>, step: usize) -> usize {
    suite.known[..step].iter().map(|(_, words)| words).sum()
}

/// Cancels a step at a moment; whether it came to that.
fn cancelled(
    suite: &mut Suite<'_>,
    mangle: Mangle,
    step: usize,
    moment: usize,
    situation: Option<&'static str>,
) -> Result<usize, super::Unheld> {
    let mut session = suite.session(mangle)?;
    let disturb = Disturb {
        deed: Some((step, moment, Deed::Cancel)),
        last: Some(step),
        situation,
        ..Disturb::default()
    };
    let walk = suite.walk(&mut session, disturb);
    suite.close(&session);
    let done = match walk.last() {
        Some(made) => match &made.called {
            Ok(called) => usize::from(called.disturbed),
            Err(trouble) => {
                let (name, moment) = (made.name, moment + 1);
                return wrong(format!("{name}, cancelled at moment {moment}: {trouble}"));
            }
        },
        None => 0,
    };
    recovers(suite, session)?;
    Ok(done)
}

pub(super) fn prompts(suite: &mut Suite<'_>) -> Held {
    if suite.prompts == 0 {
        return left("no command asks the register");
    }
    let mut session = suite.session(Mangle::default())?;
    let disturb = Disturb {
        mute: true,
        ..Disturb::default()
    };
    let walk = suite.walk(&mut session, disturb);
    suite.close(&session);
    answered(&walk)?;
    recovers(suite, session)?;
    Ok("nobody answers, and it goes on".to_owned())
}

pub(super) fn slow_host(suite: &mut Suite<'_>) -> Held {
    let late_ns = u64::try_from(LATE.as_nanos()).unwrap_or(u64::MAX);
    let mangle = Mangle {
        late_ns,
        ..Mangle::default()
    };
    let mut session = suite.session(mangle)?;
    let walk = suite.walk(&mut session, Disturb::default());
    suite.close(&session);
    answered(&walk)?;
    // A host that was busy for an hour between two commands.
    let idle = session.idle(Duration::from_secs(3600));
    suite.close(&session);
    idle?;
    recovers(suite, session)?;
    Ok(format!(
        "every wait {} ms late, and an hour between",
        LATE.as_millis()
    ))
}
