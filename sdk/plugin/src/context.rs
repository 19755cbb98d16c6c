// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a method may do besides talking to its device.
//!
//! Owns one call's view of the host: progress, prompts, deadline, cancellation, log, ports,
//! connections, time. Must never block in what another thread needs: cancelling and delivering
//! set state and ring a bell.

use crate::clock::{Bell, Clock, Woken};
use crate::limits::{ANSWER_GRACE, ANSWERS_MAX, NO_DEADLINE};
use crate::outcome::PluginError;
use crate::port::Port;
use payhal_messages::call::emission;
use payhal_messages::prompt::{
    DeviceChange, PinEvent, Progress, Prompt, PromptAnswer, PromptKind, Stage,
};
use std::io::{PipeReader, PipeWriter};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// The instance cannot go on.
    Error = payhal_abi::level::ERROR,
    /// A technician should see it.
    Warn = payhal_abi::level::WARN,
    /// Worth keeping in normal operation.
    Info = payhal_abi::level::INFO,
    /// For whoever develops the plugin.
    Debug = payhal_abi::level::DEBUG,
}

/// Why the host did not take something or did not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// Malformed or too long.
    #[error("malformed or too long")]
    Invalid,
    /// Not declared in manifest or configuration, or the call has ended.
    #[error("not allowed")]
    NotAllowed,
    /// Allowed, but nobody answered.
    #[error("unreachable")]
    Unreachable,
    /// Too many at once.
    #[error("dropped")]
    Dropped,
    /// The instance has been destroyed.
    #[error("gone")]
    Gone,
}

/// Where a context's words go: over the ABI, or to a test.
pub trait HostLink: Send + Sync + std::fmt::Debug {
    /// Says something about a call, or about the instance with token 0.
    ///
    /// # Errors
    ///
    /// Fails when the host does not take it.
    fn emit(&self, token: u64, kind: u32, payload: &[u8]) -> Result<(), HostRefusal>;
    /// Writes a line of the diagnostic log.
    fn log(&self, level: Level, text: &str);
    /// Opens a connection to "name:port".
    ///
    /// # Errors
    ///
    /// Fails when the host does not connect.
    fn connect(&self, target: &str) -> Result<TcpStream, HostRefusal>;
}

/// What all calls of one instance share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) state_dir: PathBuf,
    pub(crate) ports: Vec<(String, Port)>,
    pub(crate) link: Box<dyn HostLink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bell: Arc<Bell>,
}

/// One running call.
#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) token: u64,
    deadline: Instant,
    cancelled: AtomicBool,
    prompts: AtomicU64,
    answers: Mutex<Vec<(u64, PromptAnswer)>>,
    /// Made when a call first waits on a port; closing the writing end stops the read.
    stop: Mutex<Option<PipeWriter>>,
    stopped: OnceLock<Arc<PipeReader>>,
}

impl CallState {
    pub(crate) fn new(token: u64, deadline_ms: u32, clock: &dyn Clock) -> Self {
        let after = match deadline_ms {
            0 => NO_DEADLINE,
            some => Duration::from_millis(some.into()),
        };
        Self {
            token,
            deadline: clock.now() + after,
            cancelled: AtomicBool::new(false),
            prompts: AtomicU64::new(0),
            answers: Mutex::new(Vec::new()),
            stop: Mutex::new(None),
            stopped: OnceLock::new(),
        }
    }

    pub(crate) fn cancel(&self, bell: &Bell) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        self.cancelled.store(true, Ordering::SeqCst);
        // Dropping the writer makes the reader see the end of the pipe, which wakes a poll.
        *stop = None;
        drop(stop);
        bell.ring();
    }

    pub(crate) fn deliver(&self, prompt_id: u64, answer: PromptAnswer, bell: &Bell) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() < ANSWERS_MAX {
            answers.push((prompt_id, answer));
        }
        drop(answers);
        bell.ring();
    }

    fn take_answer(&self, prompt_id: u64) -> Option<PromptAnswer> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let at = answers.iter().position(|(id, _)| *id == prompt_id)?;
        Some(answers.swap_remove(at).1)
    }

    /// The pipe whose end means "cancelled"; made on first use, ended at once if it is too late.
    fn stopped(&self) -> std::io::Result<Arc<PipeReader>> {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = self.stopped.get() {
            return Ok(Arc::clone(reader));
        }
        let (reader, writer) = std::io::pipe()?;
        if !self.cancelled.load(Ordering::SeqCst) {
            *stop = Some(writer);
        }
        Ok(Arc::clone(self.stopped.get_or_init(|| Arc::new(reader))))
    }
}

/// What a method may do besides talking to its device. A clone may be kept and used from other
/// threads; after its call has ended, progress and prompts of that call are refused.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) instance: Arc<Instance>,
    pub(crate) call: Arc<CallState>,
}

/// A prompt that was raised.
#[derive(Debug)]
pub struct Asked {
    prompt_id: u64,
    until: Instant,
}

impl Asked {
    /// When nobody can answer it any more: a little later than the host takes answers, so that
    /// none it took is lost.
    pub fn until(&self) -> Instant {
        self.until
    }
}

impl Context {
    /// Tells register and display where the call stands. `text` is one line without card data,
    /// as the device shows it; it may be empty.
    pub fn progress(&self, stage: Stage, text: &str) {
        self.tell(stage, text, None);
    }

    /// Tells the register what happens at the keypad while a PIN is entered: never which key, and
    /// never how many.
    pub fn pin_progress(&self, event: PinEvent, text: &str) {
        self.tell(Stage::PinEntry, text, Some(event));
    }

    fn tell(&self, stage: Stage, text: &str, pin: Option<PinEvent>) {
        let progress = Progress {
            stage,
            text: text.to_owned(),
            pin,
        };
        // Progress is best effort by contract: a host that drops it has its reasons.
        let _ = self.emit(self.call.token, emission::PROGRESS, &progress);
    }

    /// Asks the register's operator and waits for the answer. `PromptAnswer::None` means that
    /// nobody can be asked, or that nobody answered within `timeout` or before the call's
    /// deadline: the method then ends as it would after a no.
    ///
    /// # Errors
    ///
    /// Fails when the call is cancelled meanwhile, or the host takes no prompt.
    pub fn prompt(
        &self,
        kind: PromptKind,
        text: &str,
        choices: &[&str],
        timeout: Duration,
    ) -> Result<PromptAnswer, PluginError> {
        let asked = self.ask(kind, text, choices, timeout)?;
        let answer = self.wait_for(asked.until, || self.answer_to(&asked))?;
        Ok(answer.unwrap_or(PromptAnswer::None))
    }

    /// Asks like [`prompt`](Self::prompt), without waiting: for a method that watches its device
    /// meanwhile. [`wait_for`](Self::wait_for) looks again when the answer comes.
    ///
    /// # Errors
    ///
    /// Fails when the host takes no prompt.
    pub fn ask(
        &self,
        kind: PromptKind,
        text: &str,
        choices: &[&str],
        timeout: Duration,
    ) -> Result<Asked, PluginError> {
        let prompt_id = self.call.prompts.fetch_add(1, Ordering::Relaxed) + 1;
        let prompt = Prompt {
            prompt_id,
            kind,
            text: text.to_owned(),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        };
        let until = self
            .deadline()
            .min(self.now() + timeout.min(NO_DEADLINE) + ANSWER_GRACE);
        self.emit(self.call.token, emission::PROMPT, &prompt)
            .map_err(|why| PluginError::maybe_sent(format!("raise a prompt: {why}")))?;
        Ok(Asked { prompt_id, until })
    }

    /// The answer to a prompt, once, if it is there. Never blocks.
    pub fn answer_to(&self, asked: &Asked) -> Option<PromptAnswer> {
        self.call.take_answer(asked.prompt_id)
    }

    /// Tells the host that the device itself changed. Works at any time.
    pub fn change(&self, change: &DeviceChange) {
        // Best effort, as progress is.
        let _ = self.emit(0, emission::CHANGE, change);
    }

    /// Writes a line of the diagnostic log. Never put received bytes or card data into it.
    pub fn log(&self, level: Level, text: &str) {
        self.instance.link.log(level, text);
    }

    /// When the host gives up on this call.
    pub fn deadline(&self) -> Instant {
        self.call.deadline
    }

    /// Whether the call was cancelled. Methods that wait return `PluginError::Cancelled` then.
    pub fn cancelled(&self) -> bool {
        self.call.cancelled.load(Ordering::SeqCst)
    }

    /// `?` on this stops a cancelled call where nothing irrevocable has happened yet.
    ///
    /// # Errors
    ///
    /// Fails when the call was cancelled.
    pub fn check_cancelled(&self) -> Result<(), PluginError> {
        match self.cancelled() {
            true => Err(PluginError::Cancelled),
            false => Ok(()),
        }
    }

    /// The time. Never use another clock.
    pub fn now(&self) -> Instant {
        self.instance.clock.now()
    }

    /// The calendar's time, for protocols that carry a date.
    pub fn calendar(&self) -> SystemTime {
        self.instance.clock.calendar()
    }

    /// Waits until `until`.
    ///
    /// # Errors
    ///
    /// Fails as soon as the call is cancelled.
    pub fn sleep_until(&self, until: Instant) -> Result<(), PluginError> {
        self.wait_for(until, || None::<()>).map(|_| ())
    }

    /// Waits for `duration`.
    ///
    /// # Errors
    ///
    /// Fails as soon as the call is cancelled.
    pub fn sleep(&self, duration: Duration) -> Result<(), PluginError> {
        self.sleep_until(self.now() + duration.min(NO_DEADLINE))
    }

    /// Waits until `ready` has something, which is asked again after each
    /// [`Waker::wake`]; `None` when `until` came first.
    ///
    /// # Errors
    ///
    /// Fails as soon as the call is cancelled.
    pub fn wait_for<T>(
        &self,
        until: Instant,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>, PluginError> {
        loop {
            let heard = self.instance.bell.rung();
            self.check_cancelled()?;
            if let Some(something) = ready() {
                return Ok(Some(something));
            }
            if self.now() >= until {
                return Ok(None);
            }
            let (clock, bell) = (&self.instance.clock, &self.instance.bell);
            clock.wait_in_call(self.call.token, bell, heard, until);
        }
    }

    /// Wakes [`wait_for`](Self::wait_for) from another thread.
    pub fn waker(&self) -> Waker {
        Waker {
            bell: Arc::clone(&self.instance.bell),
        }
    }

    /// Reads from a port like [`Port::read`].
    ///
    /// # Errors
    ///
    /// Fails when the port breaks, and as soon as the call is cancelled.
    pub fn read(
        &self,
        port: &Port,
        bytes: &mut [u8],
        until: Instant,
    ) -> Result<usize, PluginError> {
        self.check_cancelled()?;
        let stopped = self.call.stopped()?;
        let count = port.read_or_stop(bytes, until, Some(&stopped), self.call.token)?;
        match count {
            0 => self.check_cancelled().map(|()| 0),
            some => Ok(some),
        }
    }

    /// Reads like [`read`](Self::read), whether or not the call is cancelled: for an answer that must
    /// be heard because the other side may have acted.
    ///
    /// # Errors
    ///
    /// Fails when the port breaks.
    pub fn read_although_cancelled(
        &self,
        port: &Port,
        bytes: &mut [u8],
        until: Instant,
    ) -> Result<usize, PluginError> {
        Ok(port.read_or_stop(bytes, until, None, self.call.token)?)
    }

    /// Waits until a connection can be read or has ended: `false` when `until` came first. What a
    /// blocking read would do, in the host's time and with an end by cancellation.
    ///
    /// # Errors
    ///
    /// Fails when the connection cannot be waited for, and as soon as the call is cancelled.
    pub fn readable(&self, connection: impl AsFd, until: Instant) -> Result<bool, PluginError> {
        let clock = &self.instance.clock;
        let stopped = self.call.stopped()?;
        loop {
            self.check_cancelled()?;
            let (token, handle) = (self.call.token, connection.as_fd());
            match clock.wait_readable(token, handle, until, Some(&stopped))? {
                Woken::Ready => return Ok(true),
                Woken::Timeout => return Ok(false),
                Woken::Perhaps if self.now() >= until => return Ok(false),
                Woken::Perhaps => {}
            }
        }
    }

    /// Waits like [`readable`](Self::readable), whether or not the call is cancelled: for an answer
    /// that must be heard because the other side may have acted. Until `until` at the latest.
    ///
    /// # Errors
    ///
    /// Fails when the connection cannot be waited for.
    pub fn readable_although_cancelled(
        &self,
        connection: impl AsFd,
        until: Instant,
    ) -> Result<bool, PluginError> {
        let clock = &self.instance.clock;
        loop {
            match clock.wait_readable(self.call.token, connection.as_fd(), until, None)? {
                Woken::Ready => return Ok(true),
                Woken::Timeout => return Ok(false),
                Woken::Perhaps if self.now() >= until => return Ok(false),
                Woken::Perhaps => {}
            }
        }
    }

    /// The port of this name, as the manifest declares it.
    ///
    /// # Errors
    ///
    /// Fails when the host gave no such port.
    pub fn port(&self, name: &str) -> Result<Port, PluginError> {
        let found = self.instance.ports.iter().find(|(own, _)| own == name);
        found
            .map(|(_, port)| port.clone())
            .ok_or_else(|| PluginError::not_sent(format!("find the port \"{name}\"")))
    }

    /// A connection to "name:port", as manifest or configuration declare it. TLS on top of it is
    /// the plugin's own. Nagle's delay is off.
    ///
    /// # Errors
    ///
    /// Fails when the target is not declared or nobody answers; nothing has been sent then.
    pub fn connect(&self, target: &str) -> Result<TcpStream, PluginError> {
        let connect = || format!("connect to {target}");
        let stream = self
            .instance
            .link
            .connect(target)
            .map_err(|why| PluginError::not_sent(format!("{}: {why}", connect())))?;
        let prepared = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_nodelay(true));
        prepared.map_err(|why| PluginError::not_sent(format!("{}: {why}", connect())))?;
        Ok(stream)
    }

    /// The only folder this instance may write to.
    pub fn state_dir(&self) -> &Path {
        &self.instance.state_dir
    }

    /// Name of the instance in the configuration.
    pub fn instance_name(&self) -> &str {
        &self.instance.name
    }

    fn emit<T: serde::Serialize>(
        &self,
        token: u64,
        kind: u32,
        message: &T,
    ) -> Result<(), HostRefusal> {
        let payload = serde_json::to_vec(message).map_err(|_| HostRefusal::Invalid)?;
        self.instance.link.emit(token, kind, &payload)
    }
}

/// Wakes the waiting calls of an instance, so that they look again.
#[derive(Debug, Clone)]
pub struct Waker {
    bell: Arc<Bell>,
}

impl Waker {
    /// Call it after the change it announces.
    pub fn wake(&self) {
        self.bell.ring();
    }
}
