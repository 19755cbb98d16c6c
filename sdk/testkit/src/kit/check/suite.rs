// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows' means: sessions, walks through the flow, and what all sessions noticed.

use super::flow::{Scene, Step, steps};
use super::limits::DEADLINE_MS;
use super::mangle::Mangle;
use super::master::{Ask, Called, Deed};
use super::noise::{Counted, Plan};
use super::replies;
use super::requests::transaction;
use super::session::{Session, Trouble};
use super::subject::Subject;
use payhal_messages::call::{Status, method};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// Transactions between two flows of one runner.
const FLOW_STRIDE: u32 = 100;

/// What a walk through the flow came to.
#[derive(Default)]
pub(crate) struct Walk {
    /// Each step that was made, in order.
    pub(crate) made: Vec<Made>,
    /// What kept a step from being asked.
    pub(crate) unasked: Option<String>,
}

/// A step that was made.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) called: Result<Called, Trouble>,
    /// Whether an OK says what it should.
    pub(crate) right: Result<(), String>,
}

impl Walk {
    /// The last step that was made.
    pub(crate) fn last(&self) -> Option<&Made> {
        self.made.last()
    }
}

/// How a walk is disturbed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Disturb {
    /// The step and its moment, and what happens.
    pub(crate) deed: Option<(usize, usize, Deed)>,
    /// The last step that is made.
    pub(crate) last: Option<usize>,
    /// Deadline of the last step.
    pub(crate) deadline_ms: Option<u32>,
    /// Situation that the last step meets instead of its own.
    pub(crate) situation: Option<&'static str>,
    /// Whether members are added that no schema knows.
    pub(crate) strange: bool,
    /// Whether prompts stay without an answer.
    pub(crate) mute: bool,
}

/// Everything that the rows share.
pub(crate) struct Suite<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) steps: Vec<Step>,
    /// Moments and words of each step of the undisturbed flow, as far as it went.
    pub(crate) known: Vec<(usize, usize)>,
    pub(crate) flaws: Vec<String>,
    pub(crate) cards: Vec<String>,
    pub(crate) log: Vec<String>,
    pub(crate) emitted: usize,
    pub(crate) prompts: usize,
    pub(crate) waits: usize,
    pub(crate) by_itself: Duration,
    pub(crate) replies: usize,
    pub(crate) plan: Plan,
    pub(crate) counted: Counted,
    first: u32,
}

impl<'a> Suite<'a> {
    pub(crate) fn new(subject: &'a Subject, plan: Plan) -> Self {
        Self {
            subject,
            steps: steps(subject),
            known: Vec::new(),
            flaws: Vec::new(),
            cards: Vec::new(),
            log: Vec::new(),
            emitted: 0,
            prompts: 0,
            waits: 0,
            by_itself: Duration::ZERO,
            replies: 0,
            plan,
            counted: Counted::default(),
            first: 1,
        }
    }

    /// A runner with a device in its first state.
    pub(crate) fn session(&self, mangle: Mangle) -> Result<Session, Trouble> {
        Session::start(self.subject, self.subject.device()?, mangle)
    }

    /// Takes over what a session noticed.
    pub(crate) fn close(&mut self, session: &Session) {
        let noticed = &session.noticed;
        for flaw in &noticed.emissions {
            self.flaw(&format!("an emission: {flaw}"));
        }
        self.cards.extend(noticed.cards.iter().cloned());
        self.emitted += noticed.emitted;
        self.prompts += noticed.prompts;
        self.waits += noticed.waits;
        self.by_itself = self.by_itself.max(noticed.by_itself);
        if !noticed.log.is_empty() {
            self.log.clone_from(&noticed.log);
        }
    }

    /// Takes over what another one noticed that asked beside this one.
    pub(crate) fn take_over(&mut self, other: Self) {
        other.flaws.iter().for_each(|flaw| self.flaw(flaw));
        self.cards.extend(other.cards);
        self.emitted += other.emitted;
        self.prompts += other.prompts;
        self.waits += other.waits;
        self.by_itself = self.by_itself.max(other.by_itself);
        self.replies += other.replies;
        if !other.log.is_empty() {
            self.log = other.log;
        }
        self.counted.cuts += other.counted.cuts;
        if let Some(violation) = other.counted.violation {
            self.counted.violation.get_or_insert(violation);
        }
    }

    fn flaw(&mut self, flaw: &str) {
        if !self.flaws.iter().any(|known| known == flaw) {
            self.flaws.push(flaw.to_owned());
        }
    }

    /// Makes a call and looks at the form of its reply.
    pub(crate) fn call(&mut self, session: &mut Session, ask: &Ask) -> Result<Called, Trouble> {
        let called = session.call(ask)?;
        self.replies += 1;
        let kind = self.subject.manifest.kind;
        if let Err(flaw) = replies::form(kind, &ask.method, &called.reply) {
            self.flaw(&format!("{}: {flaw}", ask.method));
        }
        Ok(called)
    }

    /// Asks the plugin who it is.
    pub(crate) fn greet(&mut self, session: &mut Session) -> Result<Called, Trouble> {
        let method = match self.subject.is_gateway() {
            true => method::OPEN,
            false => method::IDENTIFY,
        };
        self.call(session, &Ask::new(method, &json!({}), DEADLINE_MS))
    }

    /// Goes through the flow up to its end, or to a step that does not succeed.
    pub(crate) fn walk(&mut self, session: &mut Session, disturb: Disturb) -> Walk {
        let steps = std::mem::take(&mut self.steps);
        let walk = self.walk_steps(session, &steps, disturb);
        self.steps = steps;
        walk
    }

    fn walk_steps(&mut self, session: &mut Session, steps: &[Step], disturb: Disturb) -> Walk {
        let subject = self.subject;
        let mut scene = Scene {
            subject,
            first: self.first,
            done: BTreeMap::new(),
        };
        self.first += FLOW_STRIDE;
        let mut walk = Walk::default();
        for (place, step) in steps.iter().enumerate() {
            let is_last = disturb.last == Some(place);
            let ask = match self.prepare(&mut scene, step, place, disturb) {
                Ok(ask) => ask,
                Err(why) => {
                    walk.unasked = Some(why);
                    break;
                }
            };
            let situation = match is_last {
                true => disturb.situation.or(step.situation),
                false => step.situation,
            };
            let told = situation.and_then(|situation| subject.scenario(situation));
            if let Some(name) = told
                && let Err(trouble) = session.scenario(name)
            {
                walk.made.push(Made {
                    name: step.name,
                    called: Err(trouble),
                    right: Ok(()),
                });
                break;
            }
            let called = self.call(session, &ask);
            let stays = match &called {
                Ok(called) => replies::status(&called.reply) == Some(Status::Ok) && !is_last,
                Err(_) => false,
            };
            let mut right = Ok(());
            if let Ok(called) = &called
                && replies::status(&called.reply) == Some(Status::Ok)
            {
                let value = replies::value(&called.reply);
                right = (step.right)(&scene, &value);
                scene.done.insert(step.name, value);
            }
            walk.made.push(Made {
                name: step.name,
                called,
                right,
            });
            if !stays {
                break;
            }
        }
        walk
    }

    fn prepare(
        &self,
        scene: &mut Scene<'_>,
        step: &Step,
        place: usize,
        disturb: Disturb,
    ) -> Result<Ask, String> {
        let subject = self.subject;
        let mut request = subject.request(step.method, (step.build)(scene)?);
        if disturb.strange
            && let Some(members) = request.as_object_mut()
        {
            let strange = json!({ "of": ["another", "version"] });
            members.insert("payhal_check_unknown_member".to_owned(), strange);
        }
        let is_last = disturb.last == Some(place);
        let deadline_ms = disturb.deadline_ms.filter(|_| is_last);
        let mut ask = Ask::new(step.method, &request, deadline_ms.unwrap_or(DEADLINE_MS));
        ask.answers = !disturb.mute;
        if let Some((at, moment, deed)) = disturb.deed
            && at == place
        {
            ask.at = Some((moment, deed));
        }
        let situation = match is_last {
            true => disturb.situation.or(step.situation),
            false => step.situation,
        };
        ask.people = situation
            .map(|situation| subject.people(situation))
            .unwrap_or_default()
            .into();
        Ok(ask)
    }

    /// The transaction of the next walk's first step.
    pub(crate) fn next_transaction(&self) -> String {
        transaction(self.first)
    }

    /// The step that waits for the device or the other side: where faults hurt.
    pub(crate) fn main_step(&self) -> usize {
        let names = ["present", "pay", "authorize"];
        let place = |step: &Step| names.contains(&step.name);
        self.steps.iter().position(place).unwrap_or_default()
    }
}
