// SPDX-License-Identifier: MIT OR Apache-2.0
//! A session with a pinpad: opened, negotiated, opened again when it was lost, closed.
//!
//! Owns which packets are sealed, and whether a command may be sent a second time. Must never go
//! on in the clear where a secure session was asked for.

use super::blocks::Reply;
use super::commands::Command;
use super::commands::clx::{Close, Farewell};
use super::commands::gix::{Inquire, Pinpad};
use super::commands::opn::Open;
use super::limits::Timers;
use super::link::{Link, LinkError, Patience};
use super::secure::{SessionKey, host_key};
use super::status::{Class, Status};
use super::wire::{WireError, from_latin};
use payhal_plugin::{Context, PluginError, Port};
use zeroize::Zeroizing;

/// How a session is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether everything after OPN is encrypted.
    pub(crate) secure: bool,
    pub(crate) timers: Timers,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            secure: true,
            timers: Timers::STANDARD,
        }
    }
}

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u8,
    pub(crate) minor: u8,
}

impl Version {
    /// The oldest that this plugin speaks.
    pub(crate) const OLDEST: Self = Self {
        major: 2,
        minor: 12,
    };
    /// The newest that this plugin speaks; a newer pinpad speaks it as well.
    pub(crate) const NEWEST: Self = Self {
        major: 2,
        minor: 20,
    };

    fn read(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        let two_digits = minor.len() == 2 && minor.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            major: major.parse().ok()?,
            minor: two_digits.then(|| minor.parse().ok())??,
        })
    }

    /// What both sides speak.
    pub(crate) fn negotiated(text: &str) -> Option<Self> {
        let theirs = Self::read(text)?;
        let speaks = theirs >= Self::OLDEST && theirs.major == Self::NEWEST.major;
        speaks.then(|| theirs.min(Self::NEWEST))
    }
}

/// What the pinpad shows while it does a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Two lines, without the spaces around them.
    pub(crate) lines: [String; 2],
}

impl Notice {
    const ID: [u8; 3] = *b"NTM";

    fn read(blocks: &[u8]) -> Result<Self, WireError> {
        let content = super::blocks::only(blocks)?;
        match content.split_at_checked(16) {
            Some((first, second)) if second.len() == 16 => Ok(Self {
                lines: [first, second].map(|line| from_latin(line).trim().to_owned()),
            }),
            _ => Err(WireError::Malformed("notice")),
        }
    }
}

/// Where the session stands.
enum State {
    /// To be opened before the next command.
    Lost,
    Clear,
    Sealed(SessionKey),
}

/// How an exchange ended that was not answered as it should be.
enum Lost {
    /// The pinpad does not hold the session any more; the command was not done.
    NotDone(Status),
    /// Nobody said that the command came through; the pinpad was told to stop.
    Unheard(PluginError),
    /// It may have been done.
    Perhaps(PluginError),
}

impl From<WireError> for Lost {
    fn from(error: WireError) -> Self {
        Self::Perhaps(PluginError::maybe_sent(format!(
            "understand the pinpad: {error}"
        )))
    }
}

/// A session with a pinpad.
pub(crate) struct Session {
    link: Link,
    options: Options,
    state: State,
    pinpad: Pinpad,
    version: Version,
}

impl Session {
    /// Opens a session: ends what the pinpad does, opens, asks who it is.
    pub(crate) fn open(
        port: Port,
        options: Options,
        context: &Context,
    ) -> Result<Self, PluginError> {
        let mut session = Self {
            link: Link::new(port, options.timers),
            options,
            state: State::Lost,
            pinpad: Pinpad::default(),
            version: Version::OLDEST,
        };
        session.reopen(context)?;
        session.pinpad = match session.command(&Inquire, context)? {
            Ok(pinpad) => pinpad,
            Err(status) => {
                return Err(PluginError::not_sent(format!(
                    "learn who the pinpad is: {status}"
                )));
            }
        };
        let spoken = &session.pinpad.specification;
        session.version = Version::negotiated(spoken).ok_or_else(|| {
            PluginError::not_sent(format!(
                "find a version of the protocol that both speak: the pinpad says \"{spoken}\", \
                 this plugin speaks 2.12 to 2.20"
            ))
        })?;
        Ok(session)
    }

    /// Who the pinpad is.
    pub(crate) fn pinpad(&self) -> &Pinpad {
        &self.pinpad
    }

    /// What both sides speak.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether everything is encrypted on the wire right now.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.state, State::Sealed(_))
    }

    /// Sends a command and reads its answer: done, or the status that says why not. A session that
    /// was lost is opened again; the command is repeated only where that cannot do harm.
    pub(crate) fn command<C: Command>(
        &mut self,
        command: &C,
        context: &Context,
    ) -> Result<Result<C::Answer, Status>, PluginError> {
        self.command_noting(command, context, &mut |_| ())
    }

    /// The same, and tells what the pinpad shows meanwhile.
    pub(crate) fn command_noting<C: Command>(
        &mut self,
        command: &C,
        context: &Context,
        noting: &mut dyn FnMut(&Notice),
    ) -> Result<Result<C::Answer, Status>, PluginError> {
        let mut again = C::STANDS_ALONE;
        loop {
            if matches!(self.state, State::Lost) {
                if !again && !C::STANDS_ALONE {
                    return Err(PluginError::not_sent(
                        "go on with a card whose session was lost",
                    ));
                }
                self.reopen(context)?;
            }
            match self.exchange(command, context, noting) {
                Ok(settled) => return Ok(settled),
                Err(Lost::NotDone(_) | Lost::Unheard(_)) if again => again = false,
                Err(Lost::NotDone(status)) if C::STANDS_ALONE => return Ok(Err(status)),
                Err(Lost::NotDone(status)) => {
                    return Err(PluginError::not_sent(format!(
                        "keep the session with the pinpad: {status}"
                    )));
                }
                Err(Lost::Unheard(error) | Lost::Perhaps(error)) => return Err(error),
            }
        }
    }

    /// Ends the session; the pinpad goes on showing `farewell`.
    pub(crate) fn close(
        &mut self,
        farewell: Farewell,
        context: &Context,
    ) -> Result<(), PluginError> {
        if matches!(self.state, State::Lost) {
            return Ok(());
        }
        let closed = self.exchange(&Close { farewell }, context, &mut |_| ());
        // Whatever it said: nothing is sent under this key any more.
        self.state = State::Lost;
        match closed {
            Ok(Ok(())) | Err(Lost::NotDone(_)) => Ok(()),
            Ok(Err(status)) => Err(PluginError::maybe_sent(format!("close: {status}"))),
            Err(Lost::Unheard(error) | Lost::Perhaps(error)) => Err(error),
        }
    }

    /// Opens from whatever state the pinpad is in.
    fn reopen(&mut self, context: &Context) -> Result<(), PluginError> {
        self.state = State::Lost;
        context.check_cancelled()?;
        self.link.end(context)?;
        let secure = self.options.secure;
        let refused = |status: Status| {
            PluginError::not_sent(match secure {
                true => format!("open a secure session with the pinpad: {status}"),
                false => format!("open a session with the pinpad: {status}"),
            })
        };
        if !secure {
            self.opening(&Open, context)?.map_err(refused)?;
            self.state = State::Clear;
            return Ok(());
        }
        let key = host_key().ok_or_else(|| PluginError::not_sent("make an RSA key"))?;
        let encrypted = self.opening(&key.command(), context)?.map_err(refused)?;
        let opened = key.open(&encrypted).map_err(|error| {
            PluginError::not_sent(format!("open a secure session with the pinpad: {error}"))
        })?;
        self.state = State::Sealed(opened);
        Ok(())
    }

    /// OPN, which is in the clear in either direction.
    fn opening<C: Command>(
        &mut self,
        command: &C,
        context: &Context,
    ) -> Result<Result<C::Answer, Status>, PluginError> {
        let asked = self.packet_of(command).and_then(|clear| {
            self.link.send(&clear, context)?;
            self.link.receive(Patience::Quick, context)
        });
        let packet = asked.map_err(|error| self.ended(error, context))?;
        let read = Reply::read(&packet).and_then(|reply| match reply.id {
            id if id == C::ID => command.settle(&reply),
            id if &id == b"ERR" => Ok(Err(reply.status)),
            _ => Err(WireError::OtherCommand),
        });
        read.map_err(|error| PluginError::not_sent(format!("understand the pinpad: {error}")))
    }

    fn packet_of<C: Command>(&self, command: &C) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        let blocks = Zeroizing::new(command.blocks()?);
        let mut clear = Zeroizing::new(Vec::with_capacity(3 + blocks.len()));
        clear.extend(C::ID);
        clear.extend(&*blocks);
        Ok(clear)
    }

    /// One command and its answer.
    fn exchange<C: Command>(
        &mut self,
        command: &C,
        context: &Context,
        noting: &mut dyn FnMut(&Notice),
    ) -> Result<Result<C::Answer, Status>, Lost> {
        let clear = self
            .packet_of(command)
            .map_err(|error| Lost::Perhaps(error.into()))?;
        let sent = match &self.state {
            State::Sealed(key) => key.seal(&clear).map_err(LinkError::from),
            State::Clear | State::Lost => Ok(clear.to_vec()),
        };
        let sent = Zeroizing::new(sent.map_err(|error| Lost::Perhaps(error.into()))?);
        match self.link.send(&sent, context) {
            Ok(()) => {}
            Err(error @ (LinkError::NotAcknowledged | LinkError::Refused)) => {
                let error = self.ended(error, context);
                // Whoever does not even say that it stopped is not asked a second time.
                return Err(match self.state {
                    State::Lost => Lost::Perhaps(error),
                    State::Clear | State::Sealed(_) => Lost::Unheard(error),
                });
            }
            Err(error) => return Err(Lost::Perhaps(self.ended(error, context))),
        }
        let patience = match C::WAITS {
            true => Patience::Deadline,
            false => Patience::Quick,
        };
        loop {
            let received = self.link.receive(patience, context);
            let packet = match received {
                Ok(packet) => packet,
                Err(error) => return Err(Lost::Perhaps(self.ended(error, context))),
            };
            let answered = self.answer(command, &packet, noting);
            match answered {
                Ok(Some(settled)) => return Ok(settled),
                Ok(None) => {}
                Err(lost) => {
                    // Nothing it says can be believed now, neither in nor out of an envelope.
                    self.state = State::Lost;
                    if matches!(lost, Lost::Perhaps(_)) {
                        // Best effort: the next command ends it again.
                        let _ = self.link.end(context);
                    }
                    return Err(lost);
                }
            }
        }
    }

    /// Reads one packet; `None` for a notice.
    fn answer<C: Command>(
        &self,
        command: &C,
        packet: &[u8],
        noting: &mut dyn FnMut(&Notice),
    ) -> Result<Option<Result<C::Answer, Status>>, Lost> {
        let (opened, is_clear) = match (&self.state, packet.first()) {
            (State::Sealed(key), Some(&super::frame::DC2)) => (key.open(packet)?, false),
            _ => (Zeroizing::new(packet.to_vec()), true),
        };
        let reply = Reply::read(&opened)?;
        let is_error = &reply.id == b"ERR";
        let ends_session = matches!(&C::ID, b"CLX" | b"CLO");
        if is_clear && self.is_sealed() && !is_error && !ends_session {
            return Err(WireError::Malformed("envelope").into());
        }
        // A command that needs nothing before it was not ready only where there is no session.
        let is_lost = reply.status.class() == Class::Session
            && (C::STANDS_ALONE || reply.status != Status::INVCALL);
        if is_error || is_lost {
            return Err(Lost::NotDone(reply.status));
        }
        if reply.id == Notice::ID {
            noting(&Notice::read(reply.blocks)?);
            return Ok(None);
        }
        if reply.id != C::ID {
            return Err(WireError::OtherCommand.into());
        }
        Ok(Some(command.settle(&reply)?))
    }

    /// After trouble on the line the pinpad is asked to stop what it does; where it does not say
    /// so, the session is opened again before the next command.
    fn ended(&mut self, error: LinkError, context: &Context) -> PluginError {
        if !matches!(error, LinkError::Wire(_)) && self.link.end(context).is_err() {
            self.state = State::Lost;
        }
        error.into()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("sealed", &self.is_sealed())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
