// SPDX-License-Identifier: MIT OR Apache-2.0
//! A lane: one thread that reads a call, makes it, and waits until it has its reply.
//!
//! Owns the token of the running call and everything that is written to the lane. Must never read
//! the next call before the reply to this one was written.

use crate::card_filter;
use crate::library::Instance;
use crate::limits::{EMITS_DROPPED_MAX, EMITS_PER_CALL_MAX, EMITS_PER_SECOND_MAX};
use crate::link::{Link, lock};
use crate::meter::{Meter, Verdict};
use crate::wait::Wakes;
use payhal_failpoint::failpoint;
use payhal_ipc::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use payhal_ipc::{
    Answer, Call, FailureKind, FrameReader, FrameWriter, LogLevel, LogSource, Payload,
};
use payhal_messages::call::{Failure, Sent, Status};
use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The writing side of a lane and the call that runs on it.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Token of the running call without its reply; 0 when there is none.
    token: AtomicU64,
    running: Mutex<Running>,
    replied: Condvar,
    /// Cancellations and answers that a wait of the call has not heard of.
    pub(crate) wakes: Wakes,
}

#[derive(Debug)]
struct Running {
    writer: FrameWriter,
    method: String,
    last_token: u64,
    emits: Meter,
}

fn emit_meter() -> Meter {
    Meter::new(EMITS_PER_SECOND_MAX, EMITS_PER_CALL_MAX, EMITS_DROPPED_MAX)
}

impl Lane {
    pub(crate) fn new(writer: FrameWriter) -> Self {
        let running = Running {
            writer,
            method: String::new(),
            last_token: 0,
            emits: emit_meter(),
        };
        Self {
            token: AtomicU64::new(0),
            running: Mutex::new(running),
            replied: Condvar::new(),
            wakes: Wakes::default(),
        }
    }

    /// Whether the call with this token runs here.
    pub(crate) fn runs(&self, token: u64) -> bool {
        token != 0 && self.token.load(Ordering::SeqCst) == token
    }

    /// Whether a call here waits for its reply.
    pub(crate) fn is_busy(&self) -> bool {
        self.token.load(Ordering::SeqCst) != 0
    }

    /// The method of the last call, if it had this token and has its reply.
    pub(crate) fn ended(&self, token: u64) -> Option<String> {
        let running = lock(&self.running);
        (token != 0 && running.last_token == token && !self.runs(token))
            .then(|| running.method.clone())
    }

    fn begin(&self, call: &Call) {
        let mut running = lock(&self.running);
        running.method.clone_from(&call.method);
        running.last_token = call.token;
        running.emits = emit_meter();
        self.wakes.clear();
        self.token.store(call.token, Ordering::SeqCst);
    }

    /// Writes the reply. Returns `false` when another thread was faster.
    pub(crate) fn reply(&self, token: u64, status: i32, payload: &[u8]) -> bool {
        let mut running = lock(&self.running);
        if !self.runs(token) {
            return false;
        }
        let (status, payload) = vetted(&running.method, status, payload);
        self.token.store(0, Ordering::SeqCst);
        failpoint!("plugin.reply.before", &running.method);
        // The daemon is gone when this fails, and the control thread is about to notice.
        let _ = running.writer.send(&Answer::Reply {
            token,
            status,
            payload,
        });
        failpoint!("plugin.reply.after", &running.method);
        drop(running);
        self.replied.notify_all();
        self.wakes.end();
        true
    }

    /// Writes an emission. `None` when the call has ended meanwhile.
    pub(crate) fn emit(&self, token: u64, kind: u32, payload: &[u8]) -> Option<Verdict> {
        let mut running = lock(&self.running);
        if !self.runs(token) {
            return None;
        }
        let verdict = running.emits.count(Instant::now());
        if let Verdict::Pass { .. } = verdict {
            let payload = Payload::from(payload);
            // As for a reply.
            let _ = running.writer.send(&Answer::Emit {
                token,
                kind,
                payload,
            });
        }
        Some(verdict)
    }

    /// Waits for the reply; returns how many emissions of the call were dropped.
    fn wait_for_reply(&self, token: u64) -> u32 {
        let running = lock(&self.running);
        let running = self
            .replied
            .wait_while(running, |_| self.runs(token))
            .unwrap_or_else(PoisonError::into_inner);
        running.emits.dropped()
    }
}

/// The reply as it may leave: a known status, bounded, without a card number.
fn vetted(method: &str, status: i32, payload: &[u8]) -> (i32, Payload) {
    let reason = if Status::from_code(status).is_none() {
        format!("answer {method}: status {status} is unknown")
    } else if payload.len() > PAYLOAD_BYTES_MAX {
        let length = payload.len();
        format!("answer {method}: {length} bytes exceed the bound of {PAYLOAD_BYTES_MAX}")
    } else if card_filter::holds_card_data(payload) {
        format!("answer {method}: the reply held a card number")
    } else {
        return (status, Payload::from(payload));
    };
    failed(Sent::Maybe, reason)
}

fn failed(sent: Sent, reason: String) -> (i32, Payload) {
    let failure = serde_json::to_vec(&Failure { sent, reason }).expect("a failure is JSON");
    (Status::Failed as i32, Payload::from(failure))
}

/// Serves a lane until the daemon closes it or stops the runner.
pub(crate) fn serve(link: &'static Link, lane: &'static Lane, mut reader: FrameReader) {
    loop {
        match reader.receive::<Call>() {
            Ok(Some(call)) => serve_call(link, lane, call),
            Ok(None) => return,
            // The control socket knows better whether the daemon is gone.
            Err(payhal_ipc::LaneError::Socket(_)) => return,
            Err(error) => link.fail(FailureKind::System, &format!("read a call: {error}")),
        }
    }
}

fn serve_call(link: &'static Link, lane: &'static Lane, call: Call) {
    let Some(instance) = link.instance.get().filter(|_| link.gate.enter()) else {
        // Stopping: the process is about to end, and with it the lane.
        return;
    };
    if call.token == 0 {
        link.fail(FailureKind::System, "take a call with token 0");
    }
    lane.begin(&call);
    run(instance, lane, call, link);
    link.gate.leave();
}

fn run(instance: &Instance, lane: &Lane, call: Call, link: &Link) {
    let Call {
        token,
        method,
        deadline_ms,
        payload: Payload(mut payload),
    } = call;
    failpoint!("plugin.call.before", &method);
    let method = match CString::new(method) {
        Ok(method) if method.count_bytes() <= NAME_BYTES_MAX => method,
        _ => {
            lane.reply(token, Status::Unsupported as i32, b"");
            return;
        }
    };
    // The zero byte behind every payload that the ABI promises.
    payload.push(0);
    instance.call(token, &method, deadline_ms, &payload);
    drop(payload);
    let dropped = lane.wait_for_reply(token);
    if dropped > 0 {
        let text = format!("{dropped} emissions of a call were dropped");
        link.log_clean(LogSource::Runner, LogLevel::Warn, text);
    }
}
