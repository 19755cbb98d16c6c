// SPDX-License-Identifier: MIT OR Apache-2.0
//! The serial line: bids, frames, their acknowledgement and their repetition.
//!
//! A bid may be repeated, and a frame that was refused. A frame that may have been taken is never
//! written again.

use crate::error::{before_sending, line_lost, no_answer, not_understood};
use crate::limits::{BID_PAUSE, FAREWELL, HANDSHAKE, HEARD_MAX, READ_BYTES, STALE, TRIES};
use crate::wire::serial::{ACK, ENQ, EOT, Ear, NAK, Word};
use payhal_messages::prompt::DeviceChange;
use payhal_plugin::{Context, Level, PluginError, Port};
use std::collections::VecDeque;
use std::time::Instant;
use zeroize::{Zeroize as _, Zeroizing};

/// Whether a cancel ends a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cancel {
    Heeded,
    Ignored,
}

/// What to do with a frame.
pub(crate) enum Verdict<T> {
    /// It is the awaited one.
    Ours(T),
    /// It belongs to another request.
    Stale,
    /// It is no answer at all.
    Nonsense,
}

/// The line to one terminal.
#[derive(Debug)]
pub(crate) struct Line {
    port: Port,
    ear: Ear,
    /// Read, and not heard yet.
    pending: VecDeque<u8>,
    /// Characters of this call.
    heard: usize,
    /// When this call must have ended.
    limit: Instant,
}

impl Line {
    pub(crate) fn new(port: Port, now: Instant) -> Self {
        Self {
            port,
            ear: Ear::default(),
            pending: VecDeque::with_capacity(READ_BYTES),
            heard: 0,
            limit: now,
        }
    }

    /// Bids, and leaves it at that: somebody is there.
    pub(crate) fn greet(&mut self, limit: Instant, context: &Context) -> Result<(), PluginError> {
        self.limit = limit;
        self.bid(context)?;
        self.say(EOT, context)
    }

    /// Brings a frame to the terminal. Up to the frame itself it can be cancelled.
    pub(crate) fn send(
        &mut self,
        frame: &[u8],
        limit: Instant,
        context: &Context,
    ) -> Result<(), PluginError> {
        self.limit = limit;
        self.bid(context)?;
        if context.cancelled() {
            self.give_up(context);
            return Err(PluginError::Cancelled);
        }
        self.deliver(frame, context)?;
        self.say(EOT, context)
    }

    /// Ends a turn in which nothing was said.
    fn give_up(&mut self, context: &Context) {
        // The turn ends by itself, too, only later.
        let _ = self.say(EOT, context);
    }

    /// Gets the terminal's attention. Nothing has been asked for yet, whatever goes wrong.
    fn bid(&mut self, context: &Context) -> Result<(), PluginError> {
        self.heard = 0;
        self.ear.reset();
        self.ear.let_in = false;
        self.clear(context).map_err(before_sending)?;
        for _ in 0..TRIES {
            context.check_cancelled()?;
            if context.now() >= self.limit {
                break;
            }
            self.say(ENQ, context).map_err(before_sending)?;
            match self.permission(context) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(PluginError::Cancelled) => {
                    self.give_up(context);
                    return Err(PluginError::Cancelled);
                }
                Err(error) => return Err(before_sending(error)),
            }
        }
        let what = "get the terminal's attention: it does not answer a bid";
        Err(PluginError::not_sent(what))
    }

    /// Whether the terminal lets us speak.
    fn permission(&mut self, context: &Context) -> Result<bool, PluginError> {
        let until = context.now() + HANDSHAKE;
        loop {
            match self.word(until, Cancel::Heeded, context)? {
                Some(Word::Ack) => return Ok(true),
                // Both bid: the terminal's word goes first, whatever it is about.
                Some(Word::Enq) => {
                    self.hear_out(context)?;
                    return Ok(false);
                }
                Some(Word::Nak) => {
                    // It is busy, or heard something else: the same at once says no more.
                    context.sleep(BID_PAUSE)?;
                    return Ok(false);
                }
                None => return Ok(false),
                Some(Word::Eot | Word::Frame(_) | Word::Broken) => {}
            }
        }
    }

    /// What was said before this call is about something else.
    fn clear(&mut self, context: &Context) -> Result<(), PluginError> {
        let now = context.now();
        while let Some(word) = self.word(now, Cancel::Heeded, context)? {
            if word == Word::Enq {
                self.hear_out(context)?;
            }
        }
        Ok(())
    }

    /// Takes an answer that nobody waits for any more, so that the terminal is free again.
    fn hear_out(&mut self, context: &Context) -> Result<(), PluginError> {
        let forgotten = |_: &[u8]| Verdict::<()>::Stale;
        let until = context.now() + STALE;
        match self.receive(until, true, forgotten, context) {
            Ok(_) => Ok(()),
            // It will bid again, or not.
            Err(PluginError::Failed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes the frame until it is taken, or may have been.
    fn deliver(&mut self, frame: &[u8], context: &Context) -> Result<(), PluginError> {
        for _ in 0..TRIES {
            self.write(frame, context)?;
            let until = context.now() + HANDSHAKE;
            match self.word(until, Cancel::Ignored, context)? {
                Some(Word::Nak) => {}
                Some(Word::Ack) => return Ok(()),
                // Its word may have been lost, and it may already have more to say.
                word => {
                    context.log(Level::Warn, "the terminal did not acknowledge the request");
                    if word == Some(Word::Enq) {
                        self.pending.push_front(ENQ);
                    }
                    return Ok(());
                }
            }
        }
        self.give_up(context);
        let what = "make the terminal understand the request: check speed, bits and parity";
        Err(PluginError::not_sent(what))
    }

    /// Waits for the terminal's own turn, and for the frame in it that is ours.
    pub(crate) fn answer<T>(
        &mut self,
        judge: impl FnMut(&[u8]) -> Verdict<T>,
        context: &Context,
    ) -> Result<T, PluginError> {
        match self.receive(self.limit, false, judge, context)? {
            Some(answer) => Ok(answer),
            None => Err(no_answer()),
        }
    }

    /// Hears the terminal out. `bidden`: it has bid already, and one turn is all that is heard.
    fn receive<T>(
        &mut self,
        until: Instant,
        bidden: bool,
        mut judge: impl FnMut(&[u8]) -> Verdict<T>,
        context: &Context,
    ) -> Result<Option<T>, PluginError> {
        let mut refused = 0;
        if bidden {
            self.let_in(context)?;
        }
        while let Some(word) = self.word(until, Cancel::Ignored, context)? {
            let spoilt = match word {
                Word::Enq => self.let_in(context).map(|()| false)?,
                Word::Frame(fields) => match judge(&Zeroizing::new(fields)) {
                    Verdict::Ours(answer) => {
                        self.say(ACK, context)?;
                        self.farewell(context);
                        return Ok(Some(answer));
                    }
                    Verdict::Stale => {
                        context.log(Level::Warn, "an answer to an earlier request is dropped");
                        self.say(ACK, context).map(|()| false)?
                    }
                    Verdict::Nonsense => true,
                },
                Word::Eot if bidden => return Ok(None),
                Word::Eot => {
                    self.ear.let_in = false;
                    refused = 0;
                    false
                }
                // Noise that looked like a frame before the terminal bid is nothing to answer.
                Word::Broken => self.ear.let_in,
                Word::Ack | Word::Nak => false,
            };
            if spoilt {
                refused += 1;
                if refused > TRIES {
                    return Err(not_understood());
                }
                self.say(NAK, context)?;
            }
        }
        Ok(None)
    }

    fn let_in(&mut self, context: &Context) -> Result<(), PluginError> {
        self.ear.let_in = true;
        self.say(ACK, context)
    }

    /// The answer is here; the terminal may not know it yet.
    fn farewell(&mut self, context: &Context) {
        let until = context.now() + FAREWELL;
        while let Ok(Some(word)) = self.word(until, Cancel::Ignored, context) {
            let said = match word {
                Word::Eot => break,
                Word::Enq | Word::Frame(_) => self.say(ACK, context),
                Word::Broken => self.say(NAK, context),
                Word::Ack | Word::Nak => Ok(()),
            };
            if said.is_err() {
                break;
            }
        }
        self.ear.let_in = false;
    }

    fn say(&mut self, byte: u8, context: &Context) -> Result<(), PluginError> {
        self.write(&[byte], context)
    }

    fn write(&mut self, bytes: &[u8], context: &Context) -> Result<(), PluginError> {
        self.port.write(bytes).map_err(|_| lost(context))
    }

    /// The next word, or that none came until then. A frame that stops amid is broken.
    fn word(
        &mut self,
        until: Instant,
        cancel: Cancel,
        context: &Context,
    ) -> Result<Option<Word>, PluginError> {
        let until = until.min(self.limit);
        let mut over = false;
        loop {
            while let Some(byte) = self.pending.pop_front() {
                if let Some(word) = self.ear.hear(byte) {
                    return Ok(Some(word));
                }
            }
            if over {
                return Ok(None);
            }
            let limit = match self.ear.amid() {
                true => until.min(context.now() + HANDSHAKE),
                false => until,
            };
            if self.read(limit, cancel, context)? == 0 {
                let broken = self.ear.amid();
                self.ear.reset();
                return Ok(broken.then_some(Word::Broken));
            }
            // A line that never falls silent must not keep us either.
            over = context.now() >= until;
        }
    }

    fn read(
        &mut self,
        until: Instant,
        cancel: Cancel,
        context: &Context,
    ) -> Result<usize, PluginError> {
        let mut bytes = [0; READ_BYTES];
        let read = match cancel {
            Cancel::Heeded => context.read(&self.port, &mut bytes, until),
            Cancel::Ignored => context.read_although_cancelled(&self.port, &mut bytes, until),
        };
        let count = match read {
            Err(PluginError::Failed(_)) => return Err(lost(context)),
            read => read?,
        };
        self.pending.extend(&bytes[..count]);
        bytes.zeroize();
        self.heard += count;
        match self.heard > HEARD_MAX {
            true => Err(not_understood()),
            false => Ok(count),
        }
    }
}

/// The port has ended, and says so once more to whoever looks after devices.
fn lost(context: &Context) -> PluginError {
    context.change(&DeviceChange::Detached {
        reason: "the line to the terminal broke".to_owned(),
    });
    line_lost()
}
