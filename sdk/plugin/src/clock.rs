// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time a plugin sees: the host's, or a virtual one in tests.
//!
//! Owns waiting. Must never be bypassed: a plugin that sleeps or reads the time by itself cannot
//! be tested in virtual time.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A source of time that can wait. Plugins reach it through their `Context`.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Calendar time, for what the wire wants a date in.
    fn calendar(&self) -> SystemTime;
    /// Waits until the bell has rung since `heard`, or `until` has come. May return early.
    fn wait(&self, bell: &Bell, heard: u64, until: Instant);
    /// The same within the call `token` (0: no call), so that the host knows who waits.
    fn wait_in_call(&self, token: u64, bell: &Bell, heard: u64, until: Instant) {
        let _ = token;
        self.wait(bell, heard, until);
    }
    /// Waits until `handle` can be read or has ended, `until` has come, or something happened to
    /// the call `token` (0: no call) or to `stop`.
    ///
    /// # Errors
    ///
    /// Fails when the handle cannot be waited for.
    fn wait_readable(
        &self,
        token: u64,
        handle: BorrowedFd<'_>,
        until: Instant,
        stop: Option<&PipeReader>,
    ) -> std::io::Result<Woken> {
        let _ = token;
        poll_readable(handle, until, stop)
    }
}

/// Why a wait for a handle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The handle can be read, or its other end has gone.
    Ready,
    /// The time has come.
    Timeout,
    /// Something else may have happened.
    Perhaps,
}

/// A wait on the machine's clock.
fn poll_readable(
    handle: BorrowedFd<'_>,
    until: Instant,
    stop: Option<&PipeReader>,
) -> std::io::Result<Woken> {
    loop {
        let mut waits = vec![PollFd::from_borrowed_fd(handle, PollFlags::IN)];
        waits.extend(stop.map(|stop| PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)));
        let remaining = until.saturating_duration_since(Instant::now());
        match poll(&mut waits, Timespec::try_from(remaining).ok().as_ref()) {
            Ok(0) => return Ok(Woken::Timeout),
            Ok(_) if waits[0].revents().is_empty() => return Ok(Woken::Perhaps),
            Ok(_) => return Ok(Woken::Ready),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Wakes whoever waits for anything of one instance.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<u64>,
    changed: Condvar,
    /// Of those who wait at the host, which knows handles only.
    ears: Mutex<Ears>,
}

#[derive(Debug, Default)]
struct Ears {
    listening: Vec<Arc<Ear>>,
    spare: Vec<Arc<Ear>>,
}

/// A pipe that can be read once the bell has rung.
#[derive(Debug)]
pub(crate) struct Ear {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Ear {
    fn new() -> std::io::Result<Self> {
        let (reader, writer) = std::io::pipe()?;
        for end in [reader.as_fd(), writer.as_fd()] {
            let flags = rustix::fs::fcntl_getfl(end)?;
            rustix::fs::fcntl_setfl(end, flags | rustix::fs::OFlags::NONBLOCK)?;
        }
        Ok(Self { reader, writer })
    }

    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bell {
    /// How often it has rung.
    pub fn rung(&self) -> u64 {
        *lock(&self.rung)
    }

    /// Wakes all who wait.
    pub fn ring(&self) {
        *lock(&self.rung) += 1;
        self.changed.notify_all();
        for ear in &lock(&self.ears).listening {
            // A full pipe can be read already, which is all that is wanted.
            let _ = (&ear.writer).write(&[0]);
        }
    }

    /// Listens with a handle from now on, until [`Bell::hang_up`].
    pub(crate) fn listen(&self) -> std::io::Result<Arc<Ear>> {
        let mut ears = lock(&self.ears);
        let ear = match ears.spare.pop() {
            Some(ear) => ear,
            None => Arc::new(Ear::new()?),
        };
        ears.listening.push(Arc::clone(&ear));
        Ok(ear)
    }

    pub(crate) fn hang_up(&self, ear: Arc<Ear>) {
        let mut ears = lock(&self.ears);
        ears.listening.retain(|other| !Arc::ptr_eq(other, &ear));
        let mut heard = [0; 64];
        while matches!((&ear.reader).read(&mut heard), Ok(count) if count > 0) {}
        ears.spare.push(ear);
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn calendar(&self) -> SystemTime {
        SystemTime::now()
    }

    fn wait(&self, bell: &Bell, heard: u64, until: Instant) {
        let mut rung = lock(&bell.rung);
        while *rung == heard {
            let remaining = until.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return;
            }
            rung = bell
                .changed
                .wait_timeout(rung, remaining)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(rung, _)| rung);
        }
    }
}

/// What a host's clock is made of: the two functions of the ABI.
pub(crate) trait HostTime: Send + Sync + std::fmt::Debug {
    /// Nanoseconds of the host's clock; `None` once the instance has been destroyed.
    fn now_ns(&self) -> Option<u64>;
    /// The host's wait; `None` where it cannot.
    fn wait(&self, token: u64, handle: Option<BorrowedFd<'_>>, until_ns: u64) -> Option<Woken>;
}

/// The host's clock.
#[derive(Debug)]
pub(crate) struct HostClock<T> {
    host: T,
    /// The same moment on the plugin's scale and on the host's.
    base: Instant,
    base_ns: u64,
}

/// Longest single wait outside a call: what waits in the background must not hold up the end of
/// the instance for longer.
const BACKGROUND_WAIT: Duration = Duration::from_millis(500);

impl<T: HostTime> HostClock<T> {
    pub(crate) fn new(host: T) -> Self {
        let base_ns = host.now_ns().unwrap_or_default();
        Self {
            host,
            base: Instant::now(),
            base_ns,
        }
    }

    fn passed(&self) -> Option<Duration> {
        let now_ns = self.host.now_ns()?;
        Some(Duration::from_nanos(now_ns.saturating_sub(self.base_ns)))
    }

    fn ns(&self, moment: Instant) -> u64 {
        let after = moment.saturating_duration_since(self.base).as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        self.base_ns.saturating_add(after)
    }
}

impl<T: HostTime> Clock for HostClock<T> {
    fn now(&self) -> Instant {
        let passed = self.passed().unwrap_or_else(|| self.base.elapsed());
        self.base + passed
    }

    fn calendar(&self) -> SystemTime {
        // Where the host's time runs ahead, as under a check, the calendar runs with it.
        let ahead = self.now().saturating_duration_since(Instant::now());
        SystemTime::now() + ahead
    }

    fn wait(&self, bell: &Bell, heard: u64, until: Instant) {
        self.wait_in_call(0, bell, heard, until);
    }

    fn wait_in_call(&self, token: u64, bell: &Bell, heard: u64, until: Instant) {
        let Ok(ear) = bell.listen() else {
            // Without a descriptor the bell is looked at from time to time.
            let soon = self.now() + Duration::from_millis(50);
            self.host.wait(token, None, self.ns(until.min(soon)));
            return;
        };
        // It may have rung before the ear was there.
        if bell.rung() == heard {
            let waited = self.host.wait(token, Some(ear.handle()), self.ns(until));
            if waited.is_none() {
                SystemClock.wait(bell, heard, until.min(Instant::now() + BACKGROUND_WAIT));
            }
        }
        bell.hang_up(ear);
    }

    fn wait_readable(
        &self,
        token: u64,
        handle: BorrowedFd<'_>,
        until: Instant,
        stop: Option<&PipeReader>,
    ) -> std::io::Result<Woken> {
        let slice = match token {
            0 => until.min(self.now() + BACKGROUND_WAIT),
            _ => until,
        };
        match self.host.wait(token, Some(handle), self.ns(slice)) {
            Some(Woken::Timeout) if slice < until => Ok(Woken::Perhaps),
            Some(woken) => Ok(woken),
            // The call has ended, or the instance: only the handle itself is left.
            None => {
                let soon = Instant::now() + BACKGROUND_WAIT;
                match poll_readable(handle, until.min(soon), stop)? {
                    Woken::Timeout if soon < until => Ok(Woken::Perhaps),
                    woken => Ok(woken),
                }
            }
        }
    }
}
