// SPDX-License-Identifier: MIT OR Apache-2.0
//! The master of the plugin's time: bytes first; when nobody has anything to say any more, time
//! jumps to the next moment at which somebody has.
//!
//! Owns what is disturbed when. Must never let time pass while the plugin computes, apart from one
//! that waits by itself.

use super::limits::{
    CANCEL_BLOCKS, CREATE, GRACE, IDLE, NOISE_PATIENCE, REAL_MAX, STARVED, STEPS_MAX, STOP,
};
use super::session::{Reply, Session, To, Trouble};
use super::subject::Subject;
use super::{device::Device, mangle::Mangle};
use payhal_ipc::{Payload, ToRunner, WaitOn, WaitOutcome};
use payhal_messages::call::method;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is done to a call in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The host cancels it.
    Cancel,
    /// Every cable is pulled.
    Unplug,
}

/// A call to be made.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) deadline_ms: u32,
    /// The moment of the call, from 0, and what happens then.
    pub(crate) at: Option<(usize, Deed)>,
    /// What people do to a simulated device, one each time the call waits.
    pub(crate) people: VecDeque<Value>,
    /// Whether somebody answers its prompts.
    pub(crate) answers: bool,
}

impl Ask {
    pub(crate) fn new(method: &str, payload: &Value, deadline_ms: u32) -> Self {
        Self {
            method: method.to_owned(),
            payload: payload.to_string().into_bytes(),
            deadline_ms,
            at: None,
            people: VecDeque::new(),
            answers: true,
        }
    }
}

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub(crate) reply: Reply,
    /// Moments at which everybody waited.
    pub(crate) moments: usize,
    /// Whether the deed was done.
    pub(crate) disturbed: bool,
    /// Words of the device that passed before the reply.
    pub(crate) words: usize,
    /// How long it took, on the plugin's time.
    pub(crate) took: Duration,
}

/// How far a call has come.
struct Progress {
    token: u64,
    lane: usize,
    began_ns: u64,
    limit_ns: Option<u64>,
    /// Of which the limit is.
    limit: &'static str,
    moments: usize,
    real: Instant,
    disturbed: bool,
}

/// Names the ping that follows a cancellation.
pub(crate) const CANCELLED: u64 = 2;

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Session {
    /// Starts a runner with the plugin and waits until its instance is made.
    pub(crate) fn start(
        subject: &Subject,
        device: Box<dyn Device>,
        mangle: Mangle,
    ) -> Result<Self, Trouble> {
        let mut session = Self::begin(subject, device, mangle)?;
        session.until_ready()?;
        Ok(session)
    }

    /// Waits until the instance is made.
    pub(crate) fn until_ready(&mut self) -> Result<(), Trouble> {
        let real = Instant::now();
        while !self.ready {
            if let Some(why) = &self.unfit {
                return Err(Trouble::Check(why.clone()));
            }
            if let Some(why) = &self.ended {
                return Err(Trouble::Ended(why.clone()));
            }
            if self.now_ns > ns(CREATE) || real.elapsed() > REAL_MAX {
                let text = "create does not come back".to_owned();
                return Err(Trouble::Silent(text));
            }
            self.turn(|session| !session.waits.is_empty())?;
        }
        Ok(())
    }

    /// Takes what has come; when `quiet` says that everybody waits, lets time pass. Returns whether
    /// everybody waited.
    fn turn(&mut self, quiet: impl Fn(&Self) -> bool) -> Result<bool, Trouble> {
        if self.take(Duration::ZERO)? {
            return Ok(false);
        }
        if quiet(self) {
            self.flush()?;
            self.advance()?;
            return Ok(true);
        }
        let began = Instant::now();
        if !self.comes(began)? {
            self.flush()?;
            if self.waits.is_empty() {
                // Nobody waits at the host: real time is all there is.
                self.by_itself += began.elapsed();
                self.noticed.by_itself = self.noticed.by_itself.max(self.by_itself);
                self.pass_to(self.now_ns + ns(began.elapsed()))?;
            } else {
                self.advance()?;
            }
        }
        Ok(false)
    }

    /// Takes what comes before it is time to think that nothing does. On a machine with too much to do
    /// the plugin gets longer, as long as all it lacks is a processor.
    fn comes(&mut self, began: Instant) -> Result<bool, Trouble> {
        let mut came = self.take(self.patience())?;
        while !came && began.elapsed() < STARVED && self.is_at_work() {
            came = self.take(IDLE)?;
        }
        Ok(came)
    }

    /// How long nothing may come. On a noisy line every run is to be the same, so that a machine
    /// with too much to do must not be taken for time that passes.
    fn patience(&self) -> Duration {
        match &self.line {
            Some(_) => IDLE * NOISE_PATIENCE,
            None => IDLE,
        }
    }

    /// Whether every running call waits. One may wait without its name: for a line that it will not
    /// be cancelled at.
    fn all_wait(&self) -> bool {
        let running = self.lanes.iter().filter_map(|lane| lane.running);
        let waits = |token| self.waits.iter().filter(move |wait| wait.token == token);
        let without = running.filter(|token| waits(*token).next().is_none());
        let nameless = match &self.line {
            Some(_) => waits(0).count().saturating_sub(self.background),
            None => 0,
        };
        without.count() <= nameless
    }

    /// Makes a call.
    pub(crate) fn call(&mut self, ask: &Ask) -> Result<Called, Trouble> {
        self.call_on(0, ask)
    }

    fn call_on(&mut self, lane: usize, ask: &Ask) -> Result<Called, Trouble> {
        if let Some(why) = &self.ended {
            return Err(Trouble::Ended(why.clone()));
        }
        self.agree_on_time()?;
        let token = self.send_call(lane, &ask.method, ask.deadline_ms, &ask.payload);
        let deadline = Duration::from_millis(ask.deadline_ms.into());
        let bounded = (ask.deadline_ms > 0).then(|| self.now_ns + ns(deadline + GRACE));
        let mut so_far = Progress {
            token,
            lane,
            began_ns: self.now_ns,
            limit_ns: bounded,
            limit: "its deadline",
            moments: 0,
            real: Instant::now(),
            disturbed: false,
        };
        self.by_itself = Duration::ZERO;
        let mut people = ask.people.clone();
        let words = self.mangle.words;
        loop {
            if let Some(reply) = self.lanes[lane].replied.take() {
                self.flush()?;
                return Ok(Called {
                    reply,
                    moments: so_far.moments,
                    disturbed: so_far.disturbed,
                    words: self.mangle.words - words,
                    took: Duration::from_nanos(self.now_ns - so_far.began_ns),
                });
            }
            if let Some(why) = &self.ended {
                return Err(Trouble::Ended(why.clone()));
            }
            self.bound(&so_far)?;
            if self.take(Duration::ZERO)? {
                continue;
            }
            if self.all_wait() && self.lanes[lane].running.is_some() {
                self.flush()?;
                if !self.moment(ask, &mut so_far, &mut people)? {
                    self.advance()?;
                }
            } else {
                self.turn(|_| false)?;
            }
        }
    }

    /// What is due at a moment at which everybody waits; `false` when it is time itself.
    fn moment(
        &mut self,
        ask: &Ask,
        so_far: &mut Progress,
        people: &mut VecDeque<Value>,
    ) -> Result<bool, Trouble> {
        let moment = so_far.moments;
        so_far.moments += 1;
        if let Some((at, deed)) = ask.at
            && at == moment
        {
            so_far.disturbed = true;
            match deed {
                Deed::Cancel => {
                    let token = so_far.token;
                    self.tell(&ToRunner::Cancel { token });
                    // The same thread answers it: whoever blocks in cancel() holds it up.
                    self.tell(&ToRunner::Ping { nonce: CANCELLED });
                    self.cancelled = Some(Instant::now());
                    let until = self.now_ns + ns(GRACE);
                    // Where money moves it may be too late to stop: then the deadline counts.
                    if ask.method == method::PRESENT
                        && self.line.is_none()
                        && so_far.limit_ns.is_none_or(|limit| until < limit)
                    {
                        so_far.limit_ns = Some(until);
                        so_far.limit = "its cancellation";
                    }
                }
                Deed::Unplug => self.unplug()?,
            }
            self.nudge();
            return Ok(true);
        }
        if let Some((token, prompt_id)) = self.prompt.take()
            && ask.answers
        {
            let payload = Payload::from(br#"{"answer":"none"}"#.as_slice());
            self.tell(&ToRunner::Deliver {
                token,
                prompt_id,
                payload,
            });
            self.nudge();
            return Ok(true);
        }
        if let Some(action) = people.pop_front() {
            let act = Ask::new("simulate", &action, 10_000);
            let lane = self.lanes.len() - 1;
            self.call_on(lane, &act)?;
            self.nudge();
            return Ok(true);
        }
        Ok(false)
    }

    /// Something happened that waits may be about: they look again.
    pub(crate) fn nudge(&mut self) {
        self.answer_waits(|_| Some(WaitOutcome::Woken));
    }

    fn bound(&self, so_far: &Progress) -> Result<(), Trouble> {
        let silent = |text: String| Err(Trouble::Silent(text));
        if self
            .cancelled
            .is_some_and(|at| at.elapsed() > CANCEL_BLOCKS)
        {
            return silent("cancel() blocks, which nothing may".to_owned());
        }
        if so_far.limit_ns.is_some_and(|limit| self.now_ns >= limit) {
            let (limit, grace) = (so_far.limit, GRACE.as_secs());
            return silent(format!("{grace} s after {limit} it still waits"));
        }
        if so_far.moments > STEPS_MAX {
            return silent(format!("after {STEPS_MAX} waits it turns in a circle"));
        }
        if so_far.real.elapsed() > REAL_MAX {
            let real = REAL_MAX.as_secs();
            let waits = self.waits.iter().any(|wait| wait.token == so_far.token);
            return silent(match waits || self.lanes[so_far.lane].running.is_none() {
                true => format!("{real} s of real time have passed"),
                false => format!(
                    "{real} s of real time have passed, and it does not wait with the host's wait()"
                ),
            });
        }
        Ok(())
    }

    /// Lets time pass to the next moment at which somebody has something to say.
    fn advance(&mut self) -> Result<(), Trouble> {
        let waits = self.waits.iter().map(|wait| wait.until_ns).min();
        let waits = waits.map(|until| until.saturating_add(self.mangle.late_ns));
        self.chatter();
        let words = self.scheduled.iter().map(|word| word.at_ns).min();
        let next = [waits, words, self.device_next_ns];
        match next.into_iter().flatten().min() {
            // A wait without an end, and nothing else: the bounds of the call are what ends it.
            Some(u64::MAX) | None => {
                let next = self.now_ns.saturating_add(1_000_000_000);
                self.pass_to(next)
            }
            Some(next) => self.pass_to(next),
        }
    }

    pub(crate) fn pass_to(&mut self, next_ns: u64) -> Result<(), Trouble> {
        self.now_ns = self.now_ns.max(next_ns);
        // A device at a noisy line goes on without its cable, and is plugged in again.
        let is_there = !self.unplugged || self.line.is_some();
        if self.device_next_ns.is_some_and(|at| at <= self.now_ns) && is_there {
            self.device_next_ns = None;
            let said = self.device.time(self.now_us()).map_err(Trouble::Check)?;
            self.schedule(said);
        }
        let mut heard: Vec<WaitOn> = Vec::new();
        let now_ns = self.now_ns;
        let mut due: Vec<_> = Vec::new();
        self.scheduled.retain_mut(|word| {
            let is_due = word.at_ns <= now_ns;
            if is_due {
                let bytes = std::mem::take(&mut word.bytes);
                due.push((word.at_ns, word.to, std::mem::take(&mut word.port), bytes));
            }
            !is_due
        });
        // Words of one moment keep their order.
        due.sort_by_key(|(at, ..)| *at);
        for (_, to, port, bytes) in due {
            match to {
                To::Plugin | To::PluginFromNobody => {
                    let is_traced = to == To::Plugin;
                    heard.extend(self.arrive(&port, &bytes, is_traced)?);
                }
                To::Device => self.hear_from_plugin(&port, &bytes)?,
                To::HangUp => heard.extend(self.hang_up(&port)),
            }
        }
        self.answer_waits(|wait| {
            if heard.contains(&wait.on) {
                return Some(WaitOutcome::Ready);
            }
            (wait.until_ns <= now_ns).then_some(WaitOutcome::Timeout)
        });
        Ok(())
    }

    /// Tells the device what it is to do next.
    pub(crate) fn scenario(&mut self, name: &str) -> Result<(), Trouble> {
        let now_us = self.now_us();
        let said = self.device.scenario(now_us, name);
        let said = said.map_err(Trouble::Check)?;
        self.schedule(said);
        Ok(())
    }

    /// Lets that much time pass while nothing runs.
    pub(crate) fn idle(&mut self, time: Duration) -> Result<(), Trouble> {
        let until = self.now_ns + ns(time);
        while self.now_ns < until {
            while self.take(Duration::ZERO)? {}
            let waits = self.waits.iter().map(|wait| wait.until_ns);
            let words = self.scheduled.iter().map(|word| word.at_ns);
            let next = waits.chain(words).chain(self.device_next_ns).min();
            let next = next.unwrap_or(until).clamp(self.now_ns, until);
            // A wait in the background is asked for anew after each answer.
            if next == self.now_ns {
                self.take(IDLE)?;
                self.now_ns += 1_000_000;
            }
            self.pass_to(next)?;
        }
        Ok(())
    }

    /// Answers a ping by way of the runner, and takes what came before: a second reply shows here.
    pub(crate) fn settle(&mut self) -> Result<(), Trouble> {
        self.tell(&ToRunner::Ping { nonce: 1 });
        while self.take(IDLE)? {}
        match &self.ended {
            Some(why) => Err(Trouble::Ended(why.clone())),
            None => Ok(()),
        }
    }

    /// Destroys the instance: the exit code, or that it did not come back.
    pub(crate) fn stop(&mut self) -> Result<i32, String> {
        self.tell(&ToRunner::Stop);
        let real = Instant::now();
        loop {
            if let Some(code) = self.exit_code() {
                return code.ok_or_else(|| "it was ended by a signal".to_owned());
            }
            if real.elapsed() > STOP {
                return Err(format!(
                    "destroy does not come back in {} s",
                    STOP.as_secs()
                ));
            }
            let came = self.take(Duration::from_millis(5));
            if self.ended.is_none() && !matches!(came, Ok(true)) && !self.waits.is_empty() {
                // What waits in destroy, or in the background, waits for time.
                self.advance().map_err(|trouble| trouble.to_string())?;
            }
        }
    }
}
