// SPDX-License-Identifier: MIT OR Apache-2.0
//! The line: sends a packet until it is acknowledged, receives one until it is whole, and ends
//! what the pinpad is doing.
//!
//! Owns every wait and every repeat. Must never wait but through the host, and never for ever.

use super::frame::{ACK, CAN, Deframer, EOT, NAK, Step, frame};
use super::limits::{ANSWER_MIN, CANCELS, RECEPTIONS, SENDS, TALK_MAX, Timers};
use super::wire::WireError;
use payhal_plugin::{Context, PluginError, Port};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What went wrong on the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The call was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// Nothing was acknowledged, or by something that is no acknowledgement.
    #[error("get a packet acknowledged by the pinpad")]
    NotAcknowledged,
    /// The pinpad found every repeat broken.
    #[error("send a packet that the pinpad finds whole")]
    Refused,
    /// No answer came.
    #[error("get an answer from the pinpad in time")]
    Silent,
    /// Every repeat came broken.
    #[error("receive a whole packet from the pinpad")]
    Broken,
    /// The device talks and talks.
    #[error("make sense of a pinpad that never stops talking")]
    Talks,
    /// CAN was not answered.
    #[error("find a pinpad that answers")]
    NoEnd,
    /// What was to be sent is no packet.
    #[error("send to the pinpad: {0}")]
    Wire(#[from] WireError),
    /// The port broke.
    #[error("{0}")]
    Port(PluginError),
}

impl From<PluginError> for LinkError {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Cancelled => Self::Cancelled,
            other => Self::Port(other),
        }
    }
}

impl From<LinkError> for PluginError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Cancelled => Self::Cancelled,
            LinkError::Port(inner) => inner,
            LinkError::Wire(_) => Self::not_sent(error.to_string()),
            other => Self::maybe_sent(other.to_string()),
        }
    }
}

/// How long to wait for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as the protocol gives a pinpad that waits for nobody.
    Quick,
    /// As long as the call may take: somebody has to do something.
    Deadline,
}

/// What came instead of silence.
#[derive(PartialEq, Eq)]
enum Came {
    Whole(Zeroizing<Vec<u8>>),
    Broken,
    /// A byte that begins no packet.
    Stray,
}

/// Reads of what a pinpad said before it is told to stop: a packet takes nine.
const STALE_READS_MAX: usize = 16;

/// The line to a pinpad.
#[derive(Debug)]
pub(crate) struct Link {
    port: Port,
    timers: Timers,
    deframer: Deframer,
    heard: Heard,
}

/// What was read and not looked at yet, and how much it was in all.
#[derive(Debug)]
struct Heard {
    bytes: Zeroizing<[u8; 256]>,
    from: usize,
    to: usize,
    /// Since the exchange began.
    count: usize,
}

impl Heard {
    fn new() -> Self {
        Self {
            bytes: Zeroizing::new([0; 256]),
            from: 0,
            to: 0,
            count: 0,
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes[self.from..self.to].first().copied()?;
        self.from += 1;
        Some(byte)
    }

    fn forget(&mut self) {
        self.from = self.to;
    }

    fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Result<usize, PluginError>,
    ) -> Result<(), LinkError> {
        let count = read(&mut self.bytes[..])?;
        (self.from, self.to) = (0, count);
        self.count += count;
        match self.count > TALK_MAX {
            true => Err(LinkError::Talks),
            false => Ok(()),
        }
    }
}

impl Link {
    pub(crate) fn new(port: Port, timers: Timers) -> Self {
        Self {
            port,
            timers,
            deframer: Deframer::new(),
            heard: Heard::new(),
        }
    }

    /// Sends `packet` until the pinpad has it.
    pub(crate) fn send(&mut self, packet: &[u8], context: &Context) -> Result<(), LinkError> {
        let bytes = Zeroizing::new(frame(packet)?);
        context.check_cancelled()?;
        self.heard.count = 0;
        self.discard(context)?;
        for _ in 0..SENDS {
            self.write(&bytes)?;
            match self.byte(self.timers.acknowledgement, context)? {
                Some(ACK) => return Ok(()),
                Some(NAK) => {}
                Some(_) | None => return Err(LinkError::NotAcknowledged),
            }
        }
        Err(LinkError::Refused)
    }

    /// The next packet, asked for again while it comes broken.
    pub(crate) fn receive(
        &mut self,
        patience: Patience,
        context: &Context,
    ) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        let mut until = self.answered_by(patience, context);
        let mut attempt = 1;
        loop {
            let came = self.packet(until, context)?;
            if let Came::Whole(packet) = came {
                return Ok(packet);
            }
            let more = self.until_silence(context)?;
            if came == Came::Stray && 1 + more < ANSWER_MIN {
                continue;
            }
            if attempt == RECEPTIONS {
                return Err(LinkError::Broken);
            }
            attempt += 1;
            self.write(&[NAK])?;
            until = self.answered_by(patience, context);
        }
    }

    /// Ends whatever the pinpad does. Heeds neither deadline nor cancellation: a pinpad that went
    /// on waiting for a card would take the next one that comes by.
    pub(crate) fn end(&mut self, context: &Context) -> Result<(), LinkError> {
        self.heard.count = 0;
        for attempt in 0..CANCELS {
            self.heard.forget();
            self.deframer.reset();
            self.throw_away(context)?;
            self.write(&[CAN])?;
            // All of them together end soon after a deadline: a host does not wait for long.
            let wait = self.timers.end / if attempt == 0 { 1 } else { 2 };
            let ended = self.heard_end(wait, context)?;
            self.heard.forget();
            if ended {
                return Ok(());
            }
        }
        Err(LinkError::NoEnd)
    }

    /// What lies there already answers an earlier CAN, or nothing.
    fn throw_away(&mut self, context: &Context) -> Result<(), LinkError> {
        for _ in 0..STALE_READS_MAX {
            let (port, before, now) = (&self.port, self.heard.count, context.now());
            self.heard
                .fill(|bytes| context.read_although_cancelled(port, bytes, now))?;
            self.heard.forget();
            if self.heard.count == before {
                break;
            }
        }
        Ok(())
    }

    /// Waits for EOT. Within a packet that was on its way the same byte is none.
    fn heard_end(&mut self, wait: Duration, context: &Context) -> Result<bool, LinkError> {
        let until = context.now() + wait;
        loop {
            while let Some(byte) = self.heard.next() {
                if self.deframer.push(byte) == Step::Outside(EOT) {
                    return Ok(true);
                }
            }
            let (port, before) = (&self.port, self.heard.count);
            self.heard
                .fill(|bytes| context.read_although_cancelled(port, bytes, until))?;
            if self.heard.count == before || context.now() >= until {
                return Ok(false);
            }
        }
    }

    fn answered_by(&self, patience: Patience, context: &Context) -> Instant {
        let deadline = context.deadline();
        match patience {
            Patience::Quick => deadline.min(context.now() + self.timers.answer),
            Patience::Deadline => deadline,
        }
    }

    fn packet(&mut self, begun_by: Instant, context: &Context) -> Result<Came, LinkError> {
        self.deframer.reset();
        let mut until = begun_by;
        loop {
            let Some(byte) = self.byte_until(until, context)? else {
                return match self.deframer.inside() {
                    true => Ok(Came::Broken),
                    false => Err(LinkError::Silent),
                };
            };
            match self.deframer.push(byte) {
                Step::More => {
                    until = context.deadline().min(context.now() + self.timers.between);
                }
                Step::Whole => return Ok(Came::Whole(self.deframer.take())),
                Step::Broken => return Ok(Came::Broken),
                Step::Outside(_) => return Ok(Came::Stray),
            }
        }
    }

    /// Reads on until nothing more comes; how much it was.
    fn until_silence(&mut self, context: &Context) -> Result<usize, LinkError> {
        let patience = context.now() + self.timers.talk;
        let mut count = 0;
        while self.byte(self.timers.silence, context)?.is_some() {
            count += 1;
            if context.now() >= patience {
                return Err(LinkError::Talks);
            }
        }
        Ok(count)
    }

    /// Forgets what came before anybody was asked.
    fn discard(&mut self, context: &Context) -> Result<(), LinkError> {
        self.heard.forget();
        while self.byte_until(context.now(), context)?.is_some() {
            self.heard.forget();
        }
        Ok(())
    }

    fn byte(&mut self, wait: Duration, context: &Context) -> Result<Option<u8>, LinkError> {
        let until = context.deadline().min(context.now() + wait);
        self.byte_until(until, context)
    }

    fn byte_until(&mut self, until: Instant, context: &Context) -> Result<Option<u8>, LinkError> {
        if let Some(byte) = self.heard.next() {
            return Ok(Some(byte));
        }
        let port = &self.port;
        self.heard.fill(|bytes| context.read(port, bytes, until))?;
        Ok(self.heard.next())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), LinkError> {
        self.port.write(bytes).map_err(PluginError::from)?;
        Ok(())
    }
}
