// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all threads of the runner share: the way to the daemon, and how the process ends.
//!
//! Owns the writing half of the control socket. Must never end the process by `exit`, which would
//! run the vendor's destructors while its threads still run.

use crate::card_filter;
use crate::connects::Connects;
use crate::lane::Lane;
use crate::library::Instance;
use crate::limits::{
    EMITS_DROPPED_MAX, EMITS_PER_SECOND_MAX, LINES_DROPPED_MAX, LINES_PER_SECOND_MAX, RETURN_WAIT,
};
use crate::meter::{Meter, Verdict};
use crate::output::Output;
use crate::recorder::Recorder;
use crate::wait::Time;
use payhal_ipc::{FailureKind, FrameWriter, FromRunner, LogLevel, LogSource, Payload};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Exit status after [`FromRunner::Failed`] was sent.
pub(crate) const EXIT_FAILED: i32 = 70;

/// The state of the one runner of this process; it lives as long as the process.
#[derive(Debug)]
pub(crate) struct Link {
    control: Mutex<FrameWriter>,
    pub(crate) output: Mutex<Output>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) connects: Connects,
    pub(crate) time: Time,
    pub(crate) gate: Gate,
    /// Set when `create` has succeeded.
    pub(crate) instance: OnceLock<Instance>,
    /// Stands between the plugin and its ports, if what passes is recorded.
    pub(crate) recorder: OnceLock<Recorder>,
    /// Why `create` failed, in the plugin's words.
    pub(crate) refusal: Mutex<Option<String>>,
    events: Mutex<Meter>,
    lines: Mutex<Meter>,
    /// The least urgent level of the plugin's words that goes to the daemon.
    level: Mutex<LogLevel>,
    ending: AtomicBool,
}

/// A poisoned lock means that a thread of ours panicked; the state is plain data and still good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    pub(crate) fn new(control: FrameWriter, output: Output, lanes: Vec<Lane>, time: Time) -> Self {
        let events = Meter::new(EMITS_PER_SECOND_MAX, u32::MAX, EMITS_DROPPED_MAX);
        let lines = Meter::new(LINES_PER_SECOND_MAX, u32::MAX, LINES_DROPPED_MAX);
        Self {
            control: Mutex::new(control),
            output: Mutex::new(output),
            lanes,
            connects: Connects::default(),
            time,
            gate: Gate::default(),
            instance: OnceLock::new(),
            recorder: OnceLock::new(),
            refusal: Mutex::new(None),
            events: Mutex::new(events),
            lines: Mutex::new(lines),
            level: Mutex::new(LogLevel::Debug),
            ending: AtomicBool::new(false),
        }
    }

    /// Sends a frame on the control socket. Without a daemon there is nothing to live for.
    pub(crate) fn send(&self, frame: &FromRunner) {
        if lock(&self.control).send(frame).is_err() {
            exit(0);
        }
    }

    /// Passes an event of the instance on, within the bounds.
    pub(crate) fn event(&self, kind: u32, payload: &[u8]) -> bool {
        let verdict = lock(&self.events).count(Instant::now());
        match verdict {
            Verdict::Pass { .. } => {
                self.send(&FromRunner::Event {
                    kind,
                    payload: Payload::from(payload),
                });
                true
            }
            Verdict::Drop => false,
            Verdict::Flood => self.fail(FailureKind::Broke, "flooded: too many events"),
        }
    }

    /// From now on the plugin's words pass at this level and at those above it.
    pub(crate) fn let_through(&self, level: LogLevel) {
        *lock(&self.level) = level;
    }

    /// Whether a line is wanted. What the runner itself says always is.
    fn is_wanted(&self, source: LogSource, level: LogLevel) -> bool {
        source == LogSource::Runner || level <= *lock(&self.level)
    }

    /// Logs a text that has not been checked yet.
    pub(crate) fn log(&self, source: LogSource, level: LogLevel, text: &[u8]) {
        self.log_clean(source, level, card_filter::clean(text));
    }

    /// Logs a text that has been checked.
    pub(crate) fn log_clean(&self, source: LogSource, level: LogLevel, text: String) {
        if !self.pass_line(source, level, text) {
            self.fail_of_lines();
        }
    }

    /// Passes a line on, within the bounds; returns `false` when they are a flood.
    fn pass_line(&self, source: LogSource, level: LogLevel, text: String) -> bool {
        // Counted all the same: what nobody reads costs this process as much.
        let verdict = lock(&self.lines).count(Instant::now());
        if let Verdict::Pass { dropped } = verdict
            && self.is_wanted(source, level)
        {
            if dropped > 0 {
                let text = format!("{dropped} lines were dropped");
                let (source, level) = (LogSource::Runner, LogLevel::Warn);
                self.send(&FromRunner::Log {
                    source,
                    level,
                    text,
                });
            }
            self.send(&FromRunner::Log {
                source,
                level,
                text,
            });
        }
        verdict != Verdict::Flood
    }

    fn fail_of_lines(&self) -> ! {
        self.fail(FailureKind::Broke, "flooded: too many lines")
    }

    /// Takes one read's worth of the plugin's output. The lock is held until all of it is sent,
    /// so that whoever ends the process finds either the lines or an empty pipe.
    pub(crate) fn read_output(&self) {
        let mut within_bounds = true;
        lock(&self.output).read(&mut |text| {
            within_bounds &= self.pass_line(LogSource::Output, LogLevel::Info, text);
        });
        if !within_bounds {
            self.fail_of_lines();
        }
    }

    /// Takes the rest of the plugin's output. The caller must not hold the lock on it.
    pub(crate) fn drain_output(&self) {
        lock(&self.output).drain(&mut |text| {
            let (source, level) = (LogSource::Output, LogLevel::Info);
            if !self.is_wanted(source, level) {
                return;
            }
            self.send(&FromRunner::Log {
                source,
                level,
                text,
            });
        });
    }

    /// Tells the rest of a recording, if there is one.
    pub(crate) fn finish_recording(&self) {
        if let Some(recorder) = self.recorder.get() {
            recorder.finish();
        }
    }

    /// Says why, and ends the process.
    pub(crate) fn fail(&self, kind: FailureKind, reason: &str) -> ! {
        if self.ending.swap(true, Ordering::SeqCst) {
            // Another thread is saying why; let it.
            loop {
                std::thread::park();
            }
        }
        self.drain_output();
        self.finish_recording();
        let reason = card_filter::clean(reason.as_bytes());
        self.send(&FromRunner::Failed { kind, reason });
        exit(EXIT_FAILED)
    }
}

/// Ends the process without running anybody's destructors.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions; frames are written without buffers.
    unsafe { libc::_exit(code) }
}

/// Keeps `destroy` and calls apart.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    running: usize,
    closed: bool,
}

impl Gate {
    /// Lets a call in, unless the gate is closed.
    pub(crate) fn enter(&self) -> bool {
        let mut state = lock(&self.state);
        if !state.closed {
            state.running += 1;
        }
        !state.closed
    }

    /// Says that a call has returned and has its reply.
    pub(crate) fn leave(&self) {
        lock(&self.state).running -= 1;
        self.left.notify_all();
    }

    /// Lets no call in any more.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Waits for calls that have their reply and are about to return; whether none runs then.
    pub(crate) fn empty(&self) -> bool {
        let state = lock(&self.state);
        let waited = self
            .left
            .wait_timeout_while(state, RETURN_WAIT, |state| state.running > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.running == 0
    }
}
