// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of the table, in the order in which they are asked. Each proves one thing; a plugin that
//! does wrong in one way should fail one row that names it.

mod beside;
mod calls;
mod currency;
mod disturbed;
mod lines;
mod parameters;
mod seen;
mod updates;

use super::limits::STOP;
use super::mangle::Mangle;
use super::report::{Report, Verdict};
use super::session::{Session, Trouble};
use super::suite::{Disturb, Suite};
use super::{noise, replies, session};
use payhal_messages::call::Status;

/// Whether a row passed: a word on how it was seen, or why not.
pub(super) type Held = Result<String, Unheld>;

/// Why a row did not pass.
pub(super) enum Unheld {
    /// The plugin does wrong.
    Wrong(String),
    /// It could not be asked.
    Left(String),
}

impl From<Trouble> for Unheld {
    fn from(trouble: Trouble) -> Self {
        Self::Wrong(trouble.to_string())
    }
}

pub(super) fn wrong<T>(text: impl Into<String>) -> Result<T, Unheld> {
    Err(Unheld::Wrong(text.into()))
}

pub(super) fn left<T>(text: impl Into<String>) -> Result<T, Unheld> {
    Err(Unheld::Left(text.into()))
}

/// A row: its name, what to look at when it fails, and the question.
struct Question {
    name: &'static str,
    look: &'static str,
    ask: fn(&mut Suite<'_>) -> Held,
}

const fn question(
    name: &'static str,
    look: &'static str,
    ask: fn(&mut Suite<'_>) -> Held,
) -> Question {
    Question { name, look, ask }
}

/// After load and the flow.
const QUESTIONS: [Question; 22] = [
    question(
        "unknown-method",
        "plugin-abi.md, rule 30",
        calls::unknown_method,
    ),
    question(
        "unknown-members",
        "plugin-abi.md, rule 10",
        calls::unknown_members,
    ),
    question(
        "malformed-arguments",
        "plugin-abi.md, rules 10 and 29",
        calls::malformed,
    ),
    question("one-reply", "plugin-abi.md, rule 28", calls::one_reply),
    question(
        "repeated-calls",
        "state that a call leaves behind",
        calls::repeated,
    ),
    question(
        "parameters",
        "`load_parameters`: sdk/plugin, its page",
        parameters::parameters,
    ),
    question("apdu", "plugin-abi.md, rules 60 and 61", beside::apdu),
    question("update", "plugin-abi.md, rules 62 to 66", updates::update),
    question("currency", "plugin-abi.md, rule 68", currency::currency),
    question(
        "deadline",
        "plugin-abi.md, rule 46: `deadline_ms`",
        disturbed::deadline,
    ),
    question("no-card", "the request's `timeout_ms`", disturbed::no_card),
    question(
        "cancel",
        "plugin-abi.md, rules 19, 32 and 47",
        disturbed::cancel,
    ),
    question(
        "prompts",
        "plugin-abi.md, rule 35: a plugin keeps its own time",
        disturbed::prompts,
    ),
    question(
        "slow-host",
        "what you do when wait() comes back late",
        disturbed::slow_host,
    ),
    question("unplug", "plugin-abi.md, rule 26", lines::unplug),
    question("silence", "the time-out of each exchange", lines::silence),
    question(
        "garbage",
        "how you look for frames in what was read",
        lines::garbage,
    ),
    question(
        "partial-frames",
        "reads that return less than a frame",
        lines::partial,
    ),
    question(
        "lost-answer",
        "plugin-abi.md, rule 31: `sent` of a Failure",
        lines::lost_answer,
    ),
    question(
        "restart",
        "plugin-abi.md, rules 20 and 21; `destroy`",
        seen::restart,
    ),
    question(
        "left-over",
        "threads and descriptors that a call leaves behind",
        seen::left_over,
    ),
    question(
        "time",
        "plugin-abi.md, rules 43 to 45: now() and wait()",
        seen::time,
    ),
];

/// Asked where `--noise` and `--cuts` say so.
const NOISY: [Question; 2] = [
    question(
        "noise",
        "the trace below: what you believe, and what you send again",
        noise::noise,
    ),
    question(
        "cuts",
        "the trace below: what a new runner finds",
        noise::cuts,
    ),
];

/// Looked at last: what all sessions noticed.
const NOTICED: [Question; 2] = [
    question(
        "messages",
        "sdk/messages/schema and its examples",
        seen::messages,
    ),
    question("card-data", "plugin-abi.md, rule 37", seen::card_data),
];

/// Asks everything.
///
/// # Errors
///
/// Fails when nothing can be asked, and it is not the plugin's fault.
pub(crate) fn ask(suite: &mut Suite<'_>, only: &[String]) -> Result<Report, String> {
    let mut report = Report::default();
    let look = "plugin-abi.md, rules 1 to 7 and 23; the simulator";
    match suite.session(Mangle::default()) {
        Ok(mut session) => {
            report.add("load", look, Verdict::Passed(String::new()));
            flow(suite, &mut session, &mut report);
            suite.close(&session);
        }
        Err(Trouble::Check(why)) => return Err(why),
        Err(trouble) => {
            report.add("load", look, Verdict::Failed(trouble.to_string()));
            return Ok(report);
        }
    }
    let plan = suite.plan;
    let noisy = NOISY.iter().filter(|question| match question.name {
        "cuts" => plan.cuts,
        _ => plan.exchanges > 0,
    });
    for question in QUESTIONS.iter().chain(noisy).chain(&NOTICED) {
        if !only.is_empty() && !only.iter().any(|name| name == question.name) {
            continue;
        }
        let verdict = match suite.subject.left_out(question.name) {
            Some(why) => Verdict::Left(format!("conformance.toml: {why}")),
            None => match (question.ask)(suite) {
                Ok(note) => Verdict::Passed(note),
                Err(Unheld::Wrong(why)) => Verdict::Failed(why),
                Err(Unheld::Left(why)) => Verdict::Left(why),
            },
        };
        report.add(question.name, question.look, verdict);
    }
    report.log.clone_from(&suite.log);
    let was_noisy = plan.cuts || plan.exchanges > 0;
    report.counted = was_noisy.then(|| suite.counted.clone());
    Ok(report)
}

/// Asks in a new session with the device, where there is one.
fn with_device(suite: &mut Suite<'_>, ask: fn(&mut Suite<'_>, &mut Session) -> Held) -> Held {
    if !suite.subject.has_device() {
        return left("conformance.toml names no simulator");
    }
    let mut session = suite.session(Mangle::default())?;
    let held = ask(suite, &mut session);
    suite.close(&session);
    held
}

/// The undisturbed flow: a row for each of its commands.
fn flow(suite: &mut Suite<'_>, session: &mut Session, report: &mut Report) {
    let walk = suite.walk(session, Disturb::default());
    let alone = match suite.subject.has_device() {
        true => None,
        false => Some("conformance.toml names no simulator: only faults can be proven"),
    };
    for made in &walk.made {
        let verdict = match &made.called {
            Ok(called) => {
                suite.known.push((called.moments, called.words));
                match (replies::status(&called.reply), &made.right, alone) {
                    (Some(Status::Ok), Ok(()), _) => Verdict::Passed(took(called)),
                    (_, _, Some(alone)) => Verdict::Left(alone.to_owned()),
                    (Some(Status::Ok), Err(why), _) => Verdict::Failed(why.clone()),
                    _ => Verdict::Failed(format!("it ended {}", replies::words(&called.reply))),
                }
            }
            Err(trouble) => {
                suite.known.push((0, 0));
                Verdict::Failed(trouble.to_string())
            }
        };
        report.add(made.name, "this command's page in sdk/plugin", verdict);
    }
    let rest: Vec<&'static str> = suite.steps[walk.made.len()..]
        .iter()
        .map(|step| step.name)
        .collect();
    for (place, name) in rest.into_iter().enumerate() {
        let why = match (&walk.unasked, place, alone) {
            (_, _, Some(alone)) => Verdict::Left(alone.to_owned()),
            (Some(why), 0, _) => Verdict::Failed(format!("the check cannot {why}")),
            _ => Verdict::Left("what comes before it did not succeed".to_owned()),
        };
        report.add(name, "the row before", why);
    }
}

fn took(called: &super::master::Called) -> String {
    match called.took.as_millis() {
        0 => String::new(),
        ms => format!("{ms} ms of its time"),
    }
}

/// Whether the instance still works, or says why not and a new one works.
fn recovers(suite: &mut Suite<'_>, mut session: Session) -> Result<(), Unheld> {
    let greeted = match &session.ended {
        Some(why) => Err(Trouble::Ended(why.clone())),
        None => suite.greet(&mut session),
    };
    suite.close(&session);
    match greeted {
        Ok(called) => match replies::status(&called.reply) {
            Some(Status::Ok | Status::Failed) => {}
            _ => {
                let said = replies::words(&called.reply);
                return wrong(format!("afterwards it answers {said} when asked who it is"));
            }
        },
        Err(Trouble::Ended(why)) if !why.starts_with("without a word") => {
            if why.starts_with("it broke") {
                return wrong(why);
            }
        }
        Err(trouble) => return wrong(format!("afterwards: {trouble}")),
    }
    drop(session);
    let mut fresh = suite
        .session(Mangle::default())
        .map_err(|trouble| Unheld::Wrong(format!("a new runner: {trouble}")))?;
    let greeted = suite.greet(&mut fresh);
    suite.close(&fresh);
    match greeted {
        Ok(called) if suite.subject.has_device() => match replies::status(&called.reply) {
            Some(Status::Ok) => Ok(()),
            _ => wrong(format!(
                "a new runner answers {}",
                replies::words(&called.reply)
            )),
        },
        Ok(_) => Ok(()),
        Err(trouble) => wrong(format!("a new runner: {trouble}")),
    }
}

/// Some moments of many, the first and the last among them.
pub(super) fn some_of(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most)
        .map(|place| place * (count - 1) / (most - 1))
        .collect()
}

/// Destroys the instance of a session in which nothing runs.
fn destroyed(session: &mut session::Session) -> Result<(), Unheld> {
    match session.stop() {
        Ok(0) => Ok(()),
        Ok(code) => {
            let why = session.ended.clone().unwrap_or_default();
            wrong(format!("the process ended with status {code} {why}"))
        }
        Err(why) => wrong(format!("{why} (bound: {} s)", STOP.as_secs())),
    }
}
