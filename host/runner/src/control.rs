// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control thread: the daemon's commands and the plugin's output.
//!
//! Owns reading the control socket and the output pipe. It answers a ping itself, whatever the
//! plugin does, counts the threads of the process, and ends it when the daemon goes away. Must
//! never wait for the plugin: `cancel` and `deliver` must not block, says the ABI.

use crate::limits::{CANCEL_REPEAT, CANCEL_WAIT, CANCELS_MAX, THREADS_LOOK};
use crate::link::{Link, exit, lock};
use crate::threads::Threads;
use payhal_ipc::{ControlReader, FailureKind, FromRunner, LaneError, ToRunner};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;
use std::time::Instant;

thread_local! {
    static IS_CONTROL: Cell<bool> = const { Cell::new(false) };
}

/// Whether the caller is the control thread.
pub(crate) fn is_this_thread() -> bool {
    IS_CONTROL.get()
}

struct Control {
    link: &'static Link,
    reader: ControlReader,
    /// The plugin's stdout and stderr, until it has closed both.
    output: Option<OwnedFd>,
    stop: Sender<()>,
    stopping: bool,
    cancels: Vec<Cancel>,
    threads: Threads,
    /// When they are counted next.
    look: Instant,
}

/// A cancellation that is repeated until its call has ended.
struct Cancel {
    token: u64,
    seen: bool,
    asked: Instant,
    repeat: Instant,
}

/// Serves the control socket until the process ends.
pub(crate) fn serve(
    link: &'static Link,
    reader: ControlReader,
    stop: Sender<()>,
    threads: Threads,
) -> ! {
    IS_CONTROL.set(true);
    let output = lock(&link.output).descriptor().try_clone_to_owned().ok();
    let mut control = Control {
        link,
        reader,
        output,
        stop,
        stopping: false,
        cancels: Vec::new(),
        threads,
        look: Instant::now() + THREADS_LOOK,
    };
    loop {
        // Frames that came together with the start are in the buffer, not in the socket.
        control.take_frames();
        control.repeat_cancels();
        control.count_threads();
        let (socket, output) = control.wait();
        if output.contains(PollFlags::IN) {
            link.read_output();
        } else if !output.is_empty() {
            control.output = None;
        }
        if !socket.is_empty() {
            match control.reader.read_once() {
                Ok(0) | Err(LaneError::Socket(_)) => exit(0),
                Ok(_) => {}
                Err(error) => fail(link, &error),
            }
        }
    }
}

fn fail(link: &Link, error: &LaneError) -> ! {
    link.fail(
        FailureKind::System,
        &format!("read the control socket: {error}"),
    )
}

impl Control {
    /// Waits; returns what the socket and the output have.
    fn wait(&self) -> (PollFlags, PollFlags) {
        let mut waits = vec![PollFd::new(self.reader.socket(), PollFlags::IN)];
        waits.extend(
            self.output
                .iter()
                .map(|output| PollFd::new(output, PollFlags::IN)),
        );
        let look = self.look.saturating_duration_since(Instant::now());
        let until = match self.cancels.is_empty() {
            true => look,
            false => look.min(CANCEL_REPEAT),
        };
        // An interrupted wait is simply repeated by the caller's loop.
        let _ = poll(&mut waits, Timespec::try_from(until).ok().as_ref());
        let output = waits.get(1).map_or(PollFlags::empty(), PollFd::revents);
        (waits[0].revents(), output)
    }

    fn count_threads(&mut self) {
        let now = Instant::now();
        if now >= self.look {
            self.look = now + THREADS_LOOK;
            if let Err(did) = self.threads.check() {
                self.link
                    .fail(FailureKind::Broke, &format!("the plugin {did}"));
            }
        }
    }

    fn take_frames(&mut self) {
        loop {
            match self.reader.buffered::<ToRunner>() {
                Ok(Some(frame)) => self.obey(frame),
                Ok(None) => return,
                Err(error) => fail(self.link, &error),
            }
        }
    }

    fn obey(&mut self, frame: ToRunner) {
        match frame {
            ToRunner::Ping { nonce } => self.link.send(&FromRunner::Pong { nonce }),
            ToRunner::Cancel { token } => {
                self.cancel(token);
                // Before the next frame: a wait that it answers must find the wake.
                self.repeat_cancels();
            }
            ToRunner::Deliver {
                token,
                prompt_id,
                payload,
            } => {
                self.deliver(token, prompt_id, payload.0);
            }
            ToRunner::Connected { request } => match self.reader.descriptors(1) {
                Ok(mut sockets) => self.link.connects.answer(request, Ok(sockets.remove(0))),
                Err(error) => fail(self.link, &error),
            },
            ToRunner::Time {
                request,
                now_ns,
                outcome,
            } => self.link.time.tell(request, now_ns, outcome),
            ToRunner::Refused { request, why } => self.link.connects.answer(request, Err(why)),
            ToRunner::Log { level } => self.link.let_through(level),
            ToRunner::Stop => {
                self.stopping = true;
                // The main thread is there until the process ends.
                let _ = self.stop.send(());
            }
            ToRunner::Start(_) => {
                self.link.fail(FailureKind::Handshake, "start twice");
            }
        }
    }

    fn deliver(&self, token: u64, prompt_id: u64, mut payload: Vec<u8>) {
        let lane = self.link.lanes.iter().find(|lane| lane.runs(token));
        let instance = self.link.instance.get().filter(|_| !self.stopping);
        if let (Some(lane), Some(instance)) = (lane, instance) {
            payload.push(0);
            instance.deliver(token, prompt_id, &payload);
            lane.wakes.wake(self.link);
        }
    }

    fn cancel(&mut self, token: u64) {
        let known = self.cancels.iter().any(|cancel| cancel.token == token);
        if !known && self.cancels.len() < CANCELS_MAX {
            let now = Instant::now();
            self.cancels.push(Cancel {
                token,
                seen: false,
                asked: now,
                repeat: now,
            });
        }
    }

    /// Cancels what is to be cancelled and forgets what has ended.
    fn repeat_cancels(&mut self) {
        if self.cancels.is_empty() {
            return;
        }
        let (link, now) = (self.link, Instant::now());
        let instance = link.instance.get().filter(|_| !self.stopping);
        self.cancels.retain_mut(|cancel| {
            let lane = link.lanes.iter().find(|lane| lane.runs(cancel.token));
            let runs = lane.is_some();
            if let (Some(instance), Some(lane)) = (instance, lane)
                && now >= cancel.repeat
            {
                cancel.repeat = now + CANCEL_REPEAT;
                instance.cancel(cancel.token);
                lane.wakes.wake(link);
            }
            cancel.seen |= runs;
            runs || (!cancel.seen && now < cancel.asked + CANCEL_WAIT)
        });
    }
}
