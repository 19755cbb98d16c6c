// SPDX-License-Identifier: MIT OR Apache-2.0
//! The other end of the line, in the bench's virtual time: what it says is said at its moment.

use payhal_plugin::testing::Bench;
use payhal_plugin::{Context, Line};
use std::io::{PipeReader, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is said so many milliseconds after the write that it answers, or after the bench began.
pub(in crate::tests) type Words = Vec<(u64, Vec<u8>)>;

/// Answers the write of this number, from zero.
pub(in crate::tests) type Answer = Box<dyn FnMut(usize, &[u8]) -> Words + Send>;

struct Inner {
    answer: Answer,
    due: Vec<(Instant, Vec<u8>)>,
    /// A byte that comes again and again, and how far apart.
    endless: Option<(Duration, u8)>,
    written: Vec<(Duration, Vec<u8>)>,
    begun: Instant,
    clock: Option<Context>,
    calls: Vec<Context>,
}

/// A device on a bench.
#[derive(Clone)]
pub(in crate::tests) struct Device(Arc<Mutex<Inner>>);

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device")
    }
}

impl Device {
    pub(in crate::tests) fn new(
        answer: impl FnMut(usize, &[u8]) -> Words + Send + 'static,
    ) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            answer: Box::new(answer),
            due: Vec::new(),
            endless: None,
            written: Vec::new(),
            begun: Instant::now(),
            clock: None,
            calls: Vec::new(),
        })))
    }

    /// A device that says the same whatever it hears.
    pub(in crate::tests) fn saying(each: Vec<Words>) -> Self {
        Self::new(move |number, _| each.get(number).cloned().unwrap_or_default())
    }

    /// Puts it on a bench of its own.
    pub(in crate::tests) fn bench(&self) -> Bench {
        let bench = Bench::new().port("main", self.clone());
        let clock = bench.call_within(Duration::from_secs(4_000_000));
        let mut inner = self.lock();
        inner.begun = clock.now();
        inner.clock = Some(clock);
        drop(inner);
        bench
    }

    /// A call that can be cancelled while it waits for this device; no call before it can any more.
    pub(in crate::tests) fn call(&self, bench: &Bench) -> Context {
        let call = bench.call();
        self.lock().calls = vec![call.clone()];
        call
    }

    /// From now on it says `byte` every `apart`.
    pub(in crate::tests) fn never_stops(&self, apart: Duration, byte: u8) {
        self.lock().endless = Some((apart, byte));
    }

    /// Says something without being asked.
    pub(in crate::tests) fn says(&self, words: Words) {
        let mut inner = self.lock();
        let now = inner.now();
        inner.say(now, words);
    }

    /// What was written to it, and when.
    pub(in crate::tests) fn written(&self) -> Vec<(Duration, Vec<u8>)> {
        self.lock().written.clone()
    }

    /// What was written to it.
    pub(in crate::tests) fn heard(&self) -> Vec<Vec<u8>> {
        self.written().into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn now(&self) -> Instant {
        self.clock.as_ref().expect("it is on a bench").now()
    }

    fn say(&mut self, from: Instant, words: Words) {
        for (milliseconds, bytes) in words {
            self.due
                .push((from + Duration::from_millis(milliseconds), bytes));
        }
        self.due.sort_by_key(|(at, _)| *at);
    }

    /// What there is to read now.
    fn take(&mut self, space: &mut [u8]) -> usize {
        let now = self.now();
        if let Some((at, bytes)) = self.due.first_mut()
            && *at <= now
        {
            let count = bytes.len().min(space.len());
            space[..count].copy_from_slice(&bytes[..count]);
            bytes.drain(..count);
            if bytes.is_empty() {
                self.due.remove(0);
            }
            return count;
        }
        0
    }
}

impl Line for Device {
    fn read(&self, space: &mut [u8], until: Instant, stop: Option<&PipeReader>) -> Result<usize> {
        loop {
            let mut inner = self.lock();
            let clock = inner.clock.clone().expect("it is on a bench");
            let calls = inner.calls.clone();
            let is_stopped = || stop.is_some() && calls.iter().any(Context::cancelled);
            let count = inner.take(space);
            if count > 0 || is_stopped() {
                return Ok(count);
            }
            let endless = inner.endless;
            let next = match (inner.due.first(), endless) {
                (Some((at, _)), _) => *at,
                (None, Some((apart, _))) => clock.now() + apart,
                (None, None) => until,
            };
            drop(inner);
            if next > until || clock.now() >= until && endless.is_none() {
                let waited = clock.wait_for(until, || is_stopped().then_some(()));
                waited.expect("the clock's own call goes on");
                return Ok(0);
            }
            let waited = clock.wait_for(next, || is_stopped().then_some(()));
            if waited.expect("the clock's own call goes on").is_some() {
                return Ok(0);
            }
            if let (Some((_, byte)), true) = (endless, self.lock().due.is_empty()) {
                space[0] = byte;
                return Ok(1);
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut inner = self.lock();
        let (now, begun) = (inner.now(), inner.begun);
        let number = inner.written.len();
        inner.written.push((now - begun, bytes.to_vec()));
        let words = (inner.answer)(number, bytes);
        inner.say(now, words);
        Ok(())
    }
}
