// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plugin's time: `now` and `wait`.
//!
//! Owns two kinds of time. Usually it is the machine's, and a wait is a poll. With virtual time it
//! is what the other end of the control socket says it is, and a wait is a question to it. Must
//! never lose a wake that came before its wait, and never be waited on by the control thread,
//! which brings the answers.

use crate::lane::Lane;
use crate::link::{Link, lock};
use payhal_abi::{Handle, NO_HANDLE, answer, wait};
use payhal_ipc::{FailureKind, FromRunner, WaitOn, WaitOutcome};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What time it is, and for whom.
#[derive(Debug)]
pub(crate) enum Time {
    /// The machine's.
    Machine,
    /// The daemon's end of the control socket decides.
    Virtual(VirtualTime),
}

/// Time as the other end of the control socket tells it.
#[derive(Debug, Default)]
pub(crate) struct VirtualTime {
    now_ns: AtomicU64,
    asked: Mutex<Asked>,
    told: Condvar,
    /// What the ports and connections are, so that a duplicate of their handle is known too.
    known: Mutex<Vec<(Identity, WaitOn)>>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    open: Vec<(u64, Option<WaitOutcome>)>,
}

/// Device and inode: the same for every duplicate of a descriptor.
type Identity = (u64, u64);

fn identity(descriptor: BorrowedFd<'_>) -> Option<Identity> {
    #[expect(
        clippy::useless_conversion,
        reason = "the two are of other types on other systems"
    )]
    rustix::fs::fstat(descriptor)
        .ok()
        .and_then(|stat| Some((stat.st_dev.try_into().ok()?, stat.st_ino.into())))
}

impl Time {
    /// The machine's time, or one that begins at zero and waits to be told.
    pub(crate) fn new(virtual_time: bool) -> Self {
        match virtual_time {
            true => Self::Virtual(VirtualTime::default()),
            false => Self::Machine,
        }
    }

    /// Nanoseconds of this time.
    pub(crate) fn now_ns(&self) -> u64 {
        match self {
            Self::Machine => {
                let now = clock_gettime(ClockId::Monotonic);
                let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
                let rest = u64::try_from(now.tv_nsec).unwrap_or_default();
                seconds * 1_000_000_000 + rest
            }
            Self::Virtual(time) => time.now_ns.load(Ordering::SeqCst),
        }
    }

    /// Remembers what a descriptor is that the plugin is about to own.
    pub(crate) fn know(&self, descriptor: impl AsFd, what: WaitOn) {
        if let Self::Virtual(time) = self
            && let Some(identity) = identity(descriptor.as_fd())
        {
            let mut known = lock(&time.known);
            // An inode is used again once its socket is closed.
            known.retain(|(own, _)| *own != identity);
            known.push((identity, what));
        }
    }

    /// Takes what the other end of the control socket says about a wait.
    pub(crate) fn tell(&self, request: u64, now_ns: u64, outcome: WaitOutcome) {
        if let Self::Virtual(time) = self {
            time.now_ns.fetch_max(now_ns, Ordering::SeqCst);
            let mut asked = lock(&time.asked);
            if let Some((_, told)) = asked.open.iter_mut().find(|(own, _)| *own == request) {
                *told = Some(outcome);
                drop(asked);
                time.told.notify_all();
            }
        }
    }
}

impl VirtualTime {
    fn ask(&self, link: &Link, token: u64, on: WaitOn, until_ns: u64) -> WaitOutcome {
        let mut asked = lock(&self.asked);
        asked.last += 1;
        let request = asked.last;
        asked.open.push((request, None));
        drop(asked);
        link.send(&FromRunner::Wait {
            request,
            token,
            on,
            until_ns,
        });
        let is_open = |asked: &mut Asked| {
            asked
                .open
                .iter()
                .any(|(own, told)| *own == request && told.is_none())
        };
        let mut asked = self
            .told
            .wait_while(lock(&self.asked), is_open)
            .unwrap_or_else(PoisonError::into_inner);
        let place = asked.open.iter().position(|(own, _)| *own == request);
        let told = place.and_then(|place| asked.open.swap_remove(place).1);
        told.unwrap_or(WaitOutcome::Woken)
    }

    fn is(&self, handle: Option<BorrowedFd<'_>>) -> WaitOn {
        let identity = handle.and_then(identity);
        let known = lock(&self.known);
        let found = known.iter().find(|(own, _)| Some(*own) == identity);
        found.map_or(WaitOn::Nothing, |(_, what)| *what)
    }
}

/// The wakes of one lane: a pipe with one byte for each, made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pipe: OnceLock<(PipeReader, PipeWriter)>,
}

impl Wakes {
    fn pipe(&self, link: &Link) -> &(PipeReader, PipeWriter) {
        self.pipe.get_or_init(|| match wake_pipe() {
            Ok(pipe) => pipe,
            Err(error) => {
                let reason = format!("make a pipe to wake a call: {error}");
                link.fail(FailureKind::System, &reason)
            }
        })
    }

    /// Wakes the wait of this lane that runs, or the next one.
    pub(crate) fn wake(&self, link: &Link) {
        let (_, writer) = self.pipe(link);
        // A full pipe holds more wakes than anybody will wait for.
        let _ = (&*writer).write(&[0]);
    }

    /// Ends the wait that runs, if any ever did: its call has its reply.
    pub(crate) fn end(&self) {
        if let Some((_, writer)) = self.pipe.get() {
            let _ = (&*writer).write(&[0]);
        }
    }

    /// Forgets what the call before has left.
    pub(crate) fn clear(&self) {
        if let Some((reader, _)) = self.pipe.get() {
            let mut left = [0; 64];
            while matches!((&*reader).read(&mut left), Ok(count) if count > 0) {}
        }
    }

    fn take(&self, link: &Link) -> bool {
        let (reader, _) = self.pipe(link);
        matches!((&*reader).read(&mut [0]), Ok(1))
    }
}

fn wake_pipe() -> std::io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    for end in [reader.as_fd(), writer.as_fd()] {
        let flags = rustix::fs::fcntl_getfl(end)?;
        rustix::fs::fcntl_setfl(end, flags | rustix::fs::OFlags::NONBLOCK)?;
    }
    Ok((reader, writer))
}

/// One wait of the plugin.
struct Wait<'a> {
    link: &'a Link,
    token: u64,
    lane: Option<&'a Lane>,
    handle: Option<BorrowedFd<'a>>,
    until_ns: u64,
}

/// Waits as the ABI says; returns what it returns.
///
/// # Safety
///
/// `handle` is [`NO_HANDLE`] or stays open during the wait.
pub(crate) unsafe fn wait(link: &Link, token: u64, handle: Handle, until_ns: u64) -> i32 {
    let handle = match (handle, RawFd::try_from(handle)) {
        (NO_HANDLE, _) => None,
        // SAFETY: the caller promises an open handle; -1, the one forbidden value, is NO_HANDLE.
        (_, Ok(raw)) if raw >= 0 => Some(unsafe { BorrowedFd::borrow_raw(raw) }),
        _ => return answer::INVALID,
    };
    let lane = link.lanes.iter().find(|lane| lane.runs(token));
    if token != 0 && lane.is_none() {
        return answer::INVALID;
    }
    let wait = Wait {
        link,
        token,
        lane,
        handle,
        until_ns,
    };
    match &link.time {
        Time::Machine => wait.on_machine(),
        Time::Virtual(time) => wait.on_virtual(time),
    }
}

impl Wait<'_> {
    /// What can be said without waiting; `waiting` bounds the look.
    fn look(&self, waiting: Duration) -> Option<i32> {
        if self.lane.is_some_and(|lane| !lane.runs(self.token)) {
            return Some(answer::INVALID);
        }
        let wakes = self.lane.map(|lane| &lane.wakes.pipe(self.link).0);
        let mut polled = Vec::with_capacity(2);
        polled.extend(wakes.map(|wakes| PollFd::new(wakes, PollFlags::IN)));
        polled.extend(
            self.handle
                .map(|handle| PollFd::from_borrowed_fd(handle, PollFlags::IN)),
        );
        let waiting = Timespec::try_from(waiting).ok();
        match poll(&mut polled, waiting.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return None,
            Ok(_) => {}
            Err(_) => return Some(answer::INVALID),
        }
        let has = |at: usize| polled.get(at).map_or(PollFlags::empty(), PollFd::revents);
        let (woken, handle) = match wakes {
            Some(_) => (has(0), has(1)),
            None => (PollFlags::empty(), has(0)),
        };
        if !woken.is_empty() && self.lane.is_some_and(|lane| lane.wakes.take(self.link)) {
            let runs = self.lane.is_some_and(|lane| lane.runs(self.token));
            return Some(if runs { wait::WOKEN } else { answer::INVALID });
        }
        if handle.contains(PollFlags::NVAL) {
            return Some(answer::INVALID);
        }
        (!handle.is_empty()).then_some(wait::READY)
    }

    fn remaining(&self) -> Duration {
        Duration::from_nanos(self.until_ns.saturating_sub(self.link.time.now_ns()))
    }

    fn on_machine(&self) -> i32 {
        loop {
            let remaining = self.remaining();
            if let Some(outcome) = self.look(remaining) {
                return outcome;
            }
            if self.remaining().is_zero() {
                return wait::TIMEOUT;
            }
        }
    }

    fn on_virtual(&self, time: &VirtualTime) -> i32 {
        loop {
            if let Some(outcome) = self.look(Duration::ZERO) {
                return outcome;
            }
            if self.remaining().is_zero() {
                return wait::TIMEOUT;
            }
            let on = time.is(self.handle);
            let told = time.ask(self.link, self.token, on, self.until_ns);
            // Whatever else was told, the loop looks by itself.
            if told == WaitOutcome::Ready && self.handle.is_some() {
                return wait::READY;
            }
        }
    }
}
