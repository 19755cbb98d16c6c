// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows about the line to the device: it breaks, it is silent, it lies, it is slow.

use super::super::limits::SHORT_DEADLINE_MS;
use super::super::mangle::{Fault, Mangle};
use super::super::master::{Called, Deed};
use super::super::replies;
use super::super::suite::{Disturb, Suite};
use super::disturbed::moments;
use super::{Held, left, recovers, some_of, wrong};
use payhal_messages::call::{Failure, Sent, Status};

/// Faults of a line have something to hurt only where there is a line.
fn has_line(suite: &Suite<'_>) -> Result<(), super::Unheld> {
    match suite.words() {
        0 if suite.subject.manifest.ports.is_empty() => {
            left("it has no port, and connects nowhere")
        }
        _ => Ok(()),
    }
}

impl Suite<'_> {
    /// Words of the device in the undisturbed flow.
    fn words(&self) -> usize {
        self.known.iter().map(|(_, words)| words).sum()
    }
}

pub(super) fn unplug(suite: &mut Suite<'_>) -> Held {
    has_line(suite)?;
    let mut moments = moments(suite);
    if moments.is_empty() {
        moments.push((0, 0));
    }
    let count = moments.len();
    for (step, moment) in moments {
        let mut session = suite.session(Mangle::default())?;
        let disturb = Disturb {
            deed: Some((step, moment, Deed::Unplug)),
            last: Some(step),
            ..Disturb::default()
        };
        let walk = suite.walk(&mut session, disturb);
        suite.close(&session);
        if let Some(made) = walk.last()
            && let Err(trouble) = &made.called
        {
            let (name, moment) = (made.name, moment + 1);
            return wrong(format!("{name}, unplugged at moment {moment}: {trouble}"));
        }
        // What comes next on the dead line ends too.
        recovers(suite, session)?;
    }
    Ok(format!("at {count} moments"))
}

/// Walks with a fault from each word of the device on.
fn from_each_word(suite: &mut Suite<'_>, fault: fn(usize) -> Fault, what: &str) -> Held {
    has_line(suite)?;
    let words = suite.words();
    let places = match words {
        0 => vec![0],
        words => some_of(words, 12),
    };
    let count = places.len();
    for place in places {
        let mut session = match suite.session(Mangle::of(fault(place))) {
            Ok(session) => session,
            // A plugin that shakes hands in `create` refuses there, with its reason.
            Err(super::Trouble::Ended(why)) if why.starts_with("create refused") => continue,
            Err(trouble) => return wrong(format!("{what} from word {}: {trouble}", place + 1)),
        };
        let disturb = Disturb {
            last: suite.step_of_word(place),
            deadline_ms: Some(SHORT_DEADLINE_MS),
            ..Disturb::default()
        };
        let walk = suite.walk(&mut session, disturb);
        suite.close(&session);
        if let Some(made) = walk.last()
            && let Err(trouble) = &made.called
        {
            let name = made.name;
            return wrong(format!("{name}, {what} from word {}: {trouble}", place + 1));
        }
        recovers(suite, session)?;
    }
    Ok(format!("from each of {count} words on"))
}

impl Suite<'_> {
    /// The step in which the device says that word.
    fn step_of_word(&self, word: usize) -> Option<usize> {
        let mut before = 0;
        self.known.iter().position(|(_, words)| {
            before += words;
            word < before
        })
    }
}

pub(super) fn silence(suite: &mut Suite<'_>) -> Held {
    from_each_word(suite, Fault::SilentFrom, "silent")
}

pub(super) fn garbage(suite: &mut Suite<'_>) -> Held {
    if suite.words() == 0 {
        return left("no device of the check says anything to it");
    }
    from_each_word(suite, Fault::NoiseFrom, "noise")
}

pub(super) fn partial(suite: &mut Suite<'_>) -> Held {
    if suite.words() == 0 {
        return left("no device of the check says anything to it");
    }
    let went = suite.known.len();
    let mut session = suite.session(Mangle::of(Fault::Bytewise))?;
    let walk = suite.walk(&mut session, Disturb::default());
    suite.close(&session);
    let Some(made) = walk.last() else {
        return left("there is no command");
    };
    let said = match &made.called {
        Ok(called) => replies::words(&called.reply),
        Err(trouble) => trouble.to_string(),
    };
    if walk.made.len() < went || (went == suite.steps.len() && said != "OK") {
        return wrong(format!("byte by byte, {} ends {said}", made.name));
    }
    Ok("byte by byte".to_owned())
}

/// The last word of a payment does not come: nobody may say that nothing happened.
pub(super) fn lost_answer(suite: &mut Suite<'_>) -> Held {
    let main = suite.main_step();
    let step = &suite.steps[main];
    if !step.money {
        return left("a reader moves no money");
    }
    let Some((_, words)) = suite
        .known
        .get(main)
        .copied()
        .filter(|(_, words)| *words > 0)
    else {
        return left("no device of the check says anything to it");
    };
    let before: usize = suite.known[..main].iter().map(|(_, words)| words).sum();
    let last_word = before + words - 1;
    let mut session = suite.session(Mangle::of(Fault::SilentFrom(last_word)))?;
    let disturb = Disturb {
        last: Some(main),
        deadline_ms: Some(SHORT_DEADLINE_MS),
        ..Disturb::default()
    };
    let walk = suite.walk(&mut session, disturb);
    suite.close(&session);
    let Some(made) = walk.last() else {
        return left("there is no command");
    };
    match &made.called {
        Ok(called) => unknown(made.name, called),
        Err(trouble) => wrong(format!("{}: {trouble}", made.name)),
    }
}

fn unknown(name: &str, called: &Called) -> Held {
    let said = replies::words(&called.reply);
    let wrongly = || wrong(format!("{name} without its last answer ends {said}"));
    match replies::status(&called.reply) {
        Some(Status::Failed) => match serde_json::from_slice::<Failure>(&called.reply.payload) {
            Ok(failure) if failure.sent == Sent::No => wrong(format!(
                "{name} without its last answer says that nothing was sent"
            )),
            Ok(_) => Ok(said),
            Err(_) => wrongly(),
        },
        _ => wrongly(),
    }
}
