// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs a plugin's code in a test: no host, no device, no real time.
//!
//! A [`Bench`] makes contexts. Time is virtual: waiting takes none, and scheduled events (a
//! cancellation, an action on a simulated device) happen when a wait reaches them.

use crate::clock::{Bell, Clock};
use crate::context::{CallState, Context, HostLink, HostRefusal, Instance, Level};
use crate::gateway::GatewayConnector;
use crate::outcome::PluginError;
use crate::port::{Line, Port};
use crate::reader::Reader;
use crate::terminal::Terminal;
use payhal_messages::call::emission;
use payhal_messages::gateway::Parameters;
use payhal_messages::prompt::{DeviceChange, Progress, Prompt, PromptAnswer};
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, PipeReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

/// Longest virtual time a call made by [`Bench::call`] may take.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(60);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a plugin said to its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Progress of a call.
    Progress(Progress),
    /// A prompt of a call.
    Prompt(Prompt),
    /// A change of the device.
    Change(DeviceChange),
    /// A line of the diagnostic log.
    Log(Level, String),
}

mod recording;

pub use recording::Recording;

type Act = Box<dyn FnOnce() + Send>;

/// Time that passes only while somebody waits.
struct VirtualClock {
    base: Instant,
    passed: Mutex<Duration>,
    scheduled: Mutex<Vec<(Duration, Act)>>,
}

impl std::fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VirtualClock({:?})", lock(&self.passed))
    }
}

impl VirtualClock {
    /// Lets time pass until `until`, or until the first scheduled event, which then happens.
    fn pass(&self, until: Duration) {
        let mut scheduled = lock(&self.scheduled);
        let next = scheduled
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| *at <= until)
            .min_by_key(|(_, (at, _))| *at)
            .map(|(place, _)| place);
        let event = next.map(|place| scheduled.remove(place));
        drop(scheduled);
        let mut passed = lock(&self.passed);
        let to = event.as_ref().map_or(until, |(at, _)| *at);
        *passed = (*passed).max(to);
        drop(passed);
        if let Some((_, act)) = event {
            act();
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.base + *lock(&self.passed)
    }

    fn calendar(&self) -> SystemTime {
        // The first of March 2026, noon UTC, so that tests see the same dates everywhere.
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_366_400) + *lock(&self.passed)
    }

    fn wait(&self, bell: &Bell, heard: u64, until: Instant) {
        if bell.rung() == heard {
            self.pass(until.saturating_duration_since(self.base));
        }
    }
}

#[derive(Debug, Default)]
struct Script {
    said: Mutex<Vec<Said>>,
    answers: Mutex<VecDeque<PromptAnswer>>,
    reachable: Mutex<Vec<(String, SocketAddr)>>,
    running: Mutex<Vec<Weak<CallState>>>,
    bell: Arc<Bell>,
}

impl HostLink for Arc<Script> {
    fn emit(&self, token: u64, kind: u32, payload: &[u8]) -> Result<(), HostRefusal> {
        let malformed = |_| HostRefusal::Invalid;
        let said = match kind {
            emission::PROGRESS => {
                Said::Progress(serde_json::from_slice(payload).map_err(malformed)?)
            }
            emission::PROMPT => {
                let prompt: Prompt = serde_json::from_slice(payload).map_err(malformed)?;
                self.answer(token, prompt.prompt_id);
                Said::Prompt(prompt)
            }
            emission::CHANGE => Said::Change(serde_json::from_slice(payload).map_err(malformed)?),
            _ => return Err(HostRefusal::Invalid),
        };
        lock(&self.said).push(said);
        Ok(())
    }

    fn log(&self, level: Level, text: &str) {
        lock(&self.said).push(Said::Log(level, text.to_owned()));
    }

    fn connect(&self, target: &str) -> Result<TcpStream, HostRefusal> {
        let reachable = lock(&self.reachable);
        let found = reachable.iter().find(|(name, _)| name == target);
        let (_, address) = found.ok_or(HostRefusal::NotAllowed)?;
        TcpStream::connect(address).map_err(|_| HostRefusal::Unreachable)
    }
}

impl Script {
    /// Answers a prompt at once, as the script says; unscripted ones stay unanswered.
    fn answer(&self, token: u64, prompt_id: u64) {
        let Some(answer) = lock(&self.answers).pop_front() else {
            return;
        };
        let running = lock(&self.running);
        let call = running
            .iter()
            .filter_map(Weak::upgrade)
            .find(|call| call.token == token);
        if let Some(call) = call {
            call.deliver(prompt_id, answer, &self.bell);
        }
    }
}

/// A host for tests. Configure it first, then open the plugin on it and make calls.
#[derive(Debug)]
pub struct Bench {
    name: String,
    state_dir: PathBuf,
    ports: Vec<(String, Port)>,
    script: Arc<Script>,
    clock: Arc<VirtualClock>,
    tokens: AtomicU64,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// A bench without ports, answers or reachable targets.
    pub fn new() -> Self {
        let clock = VirtualClock {
            base: Instant::now(),
            passed: Mutex::default(),
            scheduled: Mutex::default(),
        };
        Self {
            name: "test-1".to_owned(),
            state_dir: PathBuf::from("."),
            ports: Vec::new(),
            script: Arc::default(),
            clock: Arc::new(clock),
            tokens: AtomicU64::new(1),
        }
    }

    /// Names the instance.
    #[must_use]
    pub fn instance_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets the folder the instance may write to.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = folder.into();
        self
    }

    /// Gives the instance a port.
    #[must_use]
    pub fn port(mut self, name: &str, line: impl Line + 'static) -> Self {
        self.ports.push((name.to_owned(), Port::new(line)));
        self
    }

    /// Lets `connect` reach `target` at this address.
    #[must_use]
    pub fn reachable(self, target: &str, address: SocketAddr) -> Self {
        lock(&self.script.reachable).push((target.to_owned(), address));
        self
    }

    /// Answers the next unanswered prompt.
    #[must_use]
    pub fn answer(self, answer: PromptAnswer) -> Self {
        lock(&self.script.answers).push_back(answer);
        self
    }

    /// Does something once that much virtual time has passed, from the start of the bench.
    pub fn at(&self, time: Duration, act: impl FnOnce() + Send + 'static) {
        lock(&self.clock.scheduled).push((time, Box::new(act)));
    }

    /// Cancels a call once that much virtual time has passed, from the start of the bench.
    pub fn cancel_at(&self, time: Duration, context: &Context) {
        let call = Arc::clone(&context.call);
        let bell = Arc::clone(&self.script.bell);
        self.at(time, move || call.cancel(&bell));
    }

    /// Virtual time that has passed.
    pub fn passed(&self) -> Duration {
        *lock(&self.clock.passed)
    }

    /// What the plugin said so far.
    pub fn said(&self) -> Vec<Said> {
        lock(&self.script.said).clone()
    }

    /// The context of a new call with the default deadline.
    pub fn call(&self) -> Context {
        self.call_within(DEADLINE_DEFAULT)
    }

    /// The context of a new call with its own deadline.
    pub fn call_within(&self, deadline: Duration) -> Context {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        let deadline_ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
        let call = Arc::new(CallState::new(token, deadline_ms, &*self.clock));
        lock(&self.script.running).push(Arc::downgrade(&call));
        let instance = Arc::new(Instance {
            name: self.name.clone(),
            state_dir: self.state_dir.clone(),
            ports: self.ports.clone(),
            link: Box::new(Arc::clone(&self.script)),
            clock: self.clock.clone(),
            bell: Arc::clone(&self.script.bell),
        });
        Context { instance, call }
    }

    /// Opens a reader with this configuration.
    ///
    /// # Errors
    ///
    /// Fails as its `open` does, or when the configuration does not fit.
    pub fn reader<R: Reader>(&self, config: &str) -> Result<R, PluginError> {
        R::open(parse(config)?, &self.call())
    }

    /// Opens a terminal with this configuration.
    ///
    /// # Errors
    ///
    /// Fails as its `open` does, or when the configuration does not fit.
    pub fn terminal<T: Terminal>(&self, config: &str) -> Result<T, PluginError> {
        T::open(parse(config)?, &self.call())
    }

    /// Opens a gateway connector with this configuration.
    ///
    /// # Errors
    ///
    /// Fails as its `open` does, or when the configuration does not fit.
    pub fn gateway<G: GatewayConnector>(
        &self,
        config: &str,
    ) -> Result<(G, Parameters), PluginError> {
        G::open(parse(config)?, &self.call())
    }
}

fn parse<T: serde::de::DeserializeOwned>(config: &str) -> Result<T, PluginError> {
    let wrong = |error| PluginError::not_sent(format!("understand the configuration: {error}"));
    serde_json::from_str(config).map_err(wrong)
}

/// A device's side of a port as a list of exchanges, kept in order.
#[derive(Debug, Default)]
pub struct ScriptedLine {
    exchanges: Mutex<VecDeque<(Vec<u8>, Vec<u8>)>>,
    pending: Mutex<VecDeque<u8>>,
}

impl ScriptedLine {
    /// A device that says nothing and expects nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects a write of exactly `written`, then lets `answer` be read. An empty answer is a
    /// device that stays silent.
    #[must_use]
    pub fn expect(self, written: &[u8], answer: &[u8]) -> Self {
        lock(&self.exchanges).push_back((written.to_vec(), answer.to_vec()));
        self
    }
}

impl Line for ScriptedLine {
    fn read(&self, bytes: &mut [u8], _: Instant, _: Option<&PipeReader>) -> std::io::Result<usize> {
        let mut pending = lock(&self.pending);
        let count = bytes.len().min(pending.len());
        for (place, byte) in bytes.iter_mut().zip(pending.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let next = lock(&self.exchanges).pop_front();
        match next {
            Some((written, answer)) if written == bytes => {
                lock(&self.pending).extend(answer);
                Ok(())
            }
            Some((written, _)) => Err(Error::new(
                ErrorKind::InvalidData,
                format!("{} bytes were expected, others were written", written.len()),
            )),
            None => Err(Error::new(
                ErrorKind::InvalidData,
                "nothing more was expected",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
