// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a session carries bytes over a noisy line. On one, what the plugin writes is heard when
//! everybody waits: the same in every run, however the machine cuts it into pieces. It must never
//! let time pass by itself.

use super::super::device::{Device, Mute, Word};
use super::super::limits::{IDLE, REAL_MAX};
use super::super::mangle::Mangle;
use super::super::session::{Scheduled, Session, To, Trouble};
use super::super::subject::Subject;
use super::Line;
use payhal_ipc::{ToRunner, WaitOn, WaitOutcome};
use payhal_messages::recording::Side;
use payhal_testkit::simulate::Booked;
use std::time::{Duration, Instant};

/// Names the ping that makes sure that the plugin's time is ours.
const AGREE: u64 = 3;

/// No wait has this number.
const NO_WAIT: u64 = 0;

impl Session {
    /// A runner at a noisy line whose device is there longer than the runner.
    pub(super) fn noisy(
        subject: &Subject,
        device: Box<dyn Device>,
        mut line: Line,
        epoch_us: u64,
    ) -> Result<Self, Trouble> {
        let mut session = Self::begin(subject, device, Mangle::default())?;
        line.renew();
        (session.line, session.epoch_us) = (Some(line), epoch_us);
        // The device may want to act at once.
        let said = session.device.time(epoch_us).map_err(Trouble::Check)?;
        session.schedule(said);
        session.until_ready()?;
        Ok(session)
    }

    /// The device, the line and the device's time, for the next runner. This one ends.
    pub(super) fn leave(&mut self) -> (Box<dyn Device>, Option<Line>, u64) {
        self.kill();
        let device = std::mem::replace(&mut self.device, Box::new(Mute));
        (device, self.line.take(), self.now_us())
    }

    /// Lets the device hear what the plugin wrote since everybody waited last.
    pub(crate) fn flush(&mut self) -> Result<(), Trouble> {
        for at in 0..self.wires.len() {
            let mut bytes = std::mem::take(&mut self.wires[at].pending);
            let port = self.wires[at].name.clone();
            let (now_ns, now_us) = (self.now_ns, self.now_us());
            let Some(line) = self.line.as_mut().filter(|_| !bytes.is_empty()) else {
                continue;
            };
            bytes.truncate(line.until_cut(bytes.len()));
            let is_cut = line.is_cut();
            let passed = line.pass(Side::Plugin, &bytes, None);
            if passed.on != [(0, bytes.clone())] {
                let text = format!("the line hurts {} bytes of the plugin", bytes.len());
                line.trace.note(now_us, text);
            }
            for (late_ns, bytes) in passed.on {
                let at_ns = line.in_turn(Side::Plugin, now_ns + late_ns);
                self.scheduled
                    .push(on_its_way(at_ns, &port, bytes, To::Device));
            }
            for (late_ns, bytes) in passed.back {
                let at_ns = line.in_turn(Side::Device, now_ns + late_ns);
                self.scheduled
                    .push(on_its_way(at_ns, &port, bytes, To::Plugin));
            }
            self.arrived_at_device()?;
            if passed.reset {
                self.reset(&port)?;
            }
            if is_cut {
                self.pull()?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Hands over at once what needs no time.
    fn arrived_at_device(&mut self) -> Result<(), Trouble> {
        let now_ns = self.now_ns;
        let mut due = Vec::new();
        self.scheduled.retain_mut(|word| {
            let is_due = word.to == To::Device && word.at_ns <= now_ns;
            if is_due {
                let bytes = std::mem::take(&mut word.bytes);
                due.push((std::mem::take(&mut word.port), bytes));
            }
            !is_due
        });
        for (port, bytes) in due {
            self.hear_from_plugin(&port, &bytes)?;
        }
        Ok(())
    }

    fn pull(&mut self) -> Result<(), Trouble> {
        let now_us = self.now_us();
        if let Some(line) = &mut self.line {
            line.cut = None;
            line.trace.note(now_us, "the cable is pulled");
        }
        self.unplug()?;
        self.nudge();
        Ok(())
    }

    /// Puts a word of the device on a noisy line.
    pub(crate) fn noisily(&mut self, at_ns: u64, word: &Word) {
        let waits = self.waits.iter().map(|wait| wait.until_ns);
        let until_ns = waits.filter(|until| *until != u64::MAX).min();
        let timer_ns = until_ns.map(|until| until.saturating_sub(at_ns));
        let epoch_us = self.epoch_us;
        let Some(line) = &mut self.line else {
            return;
        };
        let passed = line.pass(Side::Device, &word.bytes, timer_ns);
        if passed.on != [(0, word.bytes.clone())] {
            let text = format!("the line hurts {} bytes of the device", word.bytes.len());
            line.trace.note(epoch_us + self.now_ns / 1000, text);
        }
        for (late_ns, bytes) in passed.on {
            let at_ns = line.in_turn(Side::Device, at_ns + late_ns);
            self.scheduled
                .push(on_its_way(at_ns, &word.port, bytes, To::Plugin));
        }
        if passed.reset {
            self.scheduled
                .push(on_its_way(at_ns, &word.port, Vec::new(), To::HangUp));
        }
    }

    /// A connection ends without a word of either side.
    fn reset(&mut self, port: &str) -> Result<(), Trouble> {
        for at in 0..self.wires.len() {
            if self.wires[at].name == port {
                self.end_connection(at)?;
                self.wires[at].close();
            }
        }
        self.nudge();
        Ok(())
    }

    /// Bytes arrive at the plugin, as far as the cable is not pulled meanwhile.
    pub(crate) fn arrive(
        &mut self,
        port: &str,
        bytes: &[u8],
        is_traced: bool,
    ) -> Result<Option<WaitOn>, Trouble> {
        let now_us = self.now_us();
        let Some(line) = &mut self.line else {
            return Ok(self.write(port, bytes));
        };
        if self.unplugged {
            return Ok(None);
        }
        let passes = line.until_cut(bytes.len());
        let is_cut = line.is_cut();
        if is_traced {
            let passed = &bytes[..passes];
            line.trace.bytes(now_us, port, Side::Device, passed);
        }
        let heard = self.write(port, &bytes[..passes]);
        if is_cut {
            self.pull()?;
        }
        Ok(heard)
    }

    /// Whoever never stops talking says something more.
    pub(crate) fn chatter(&mut self) {
        let next = self.scheduled.iter().map(|word| word.at_ns).min();
        let port = self.wires.iter().rev().find(|wire| wire.is_open());
        let (Some(line), Some(port)) = (&mut self.line, port) else {
            return;
        };
        if next.is_some_and(|next| next <= self.now_ns) {
            return;
        }
        if let Some((period_ns, bytes)) = line.talk() {
            let at_ns = line.in_turn(Side::Device, self.now_ns + period_ns);
            if next.is_none_or(|next| at_ns < next) {
                self.scheduled
                    .push(on_its_way(at_ns, &port.name, bytes, To::PluginFromNobody));
            }
        }
    }

    /// Makes sure that the plugin's time is ours before a call: it passed while nobody waited.
    pub(crate) fn agree_on_time(&mut self) -> Result<(), Trouble> {
        if self.line.is_none() {
            return Ok(());
        }
        self.tell(&ToRunner::Time {
            request: NO_WAIT,
            now_ns: self.now_ns,
            outcome: WaitOutcome::Woken,
        });
        self.background = self.waits.len();
        self.ponged = 0;
        self.tell(&ToRunner::Ping { nonce: AGREE });
        let real = Instant::now();
        while self.ponged != AGREE && self.ended.is_none() {
            if real.elapsed() > REAL_MAX {
                return Err(Trouble::Silent("its runner does not answer".to_owned()));
            }
            self.take(IDLE)?;
        }
        Ok(())
    }

    /// Lets the device end by itself what it is at, while no call runs.
    pub(super) fn drain(&mut self, most: Duration) -> Result<(), Trouble> {
        let most_ns = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.now_ns.saturating_add(most_ns);
        while self.now_ns < until_ns {
            while self.take(Duration::ZERO)? {}
            self.flush()?;
            let words = self.scheduled.iter().map(|word| word.at_ns);
            // Who waits in the background does so for ever.
            let Some(next) = words.chain(self.device_next_ns).min() else {
                return Ok(());
            };
            let waits = self.waits.iter().map(|wait| wait.until_ns);
            let next = waits.fold(next, u64::min);
            let had = self.waits.len();
            self.pass_to(next.min(until_ns))?;
            if self.waits.len() < had {
                // It asks for the next one at once.
                self.take(IDLE)?;
            }
        }
        Ok(())
    }

    /// Lets time pass, whatever the device does meanwhile.
    pub(super) fn quiet(&mut self, time: Duration) -> Result<(), Trouble> {
        let until_ns = self.now_ns + u64::try_from(time.as_nanos()).unwrap_or_default();
        self.drain(time)?;
        self.pass_to(until_ns)
    }

    /// What the device did so far.
    pub(super) fn books(&mut self) -> Result<Option<Vec<Booked>>, Trouble> {
        let now_us = self.now_us();
        let (said, books) = self.device.books(now_us).map_err(Trouble::Check)?;
        self.schedule(said);
        Ok(books)
    }

    /// Writes down what is no byte.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let now_us = self.now_us();
        if let Some(line) = &mut self.line {
            line.trace.note(now_us, text);
        }
    }
}

fn on_its_way(at_ns: u64, port: &str, bytes: Vec<u8>, to: To) -> Scheduled {
    Scheduled {
        at_ns,
        port: port.to_owned(),
        bytes,
        to,
    }
}
