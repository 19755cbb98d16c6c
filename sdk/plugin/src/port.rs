// SPDX-License-Identifier: MIT OR Apache-2.0
//! A port: the only way a device plugin reaches its device.
//!
//! Owns reading with a deadline and writing whole messages. Must never open a device: the host
//! does, and hands the open descriptor over.

use crate::clock::{Clock, SystemClock, Woken};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{Error, ErrorKind, PipeReader, Read, Result, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// What a port is made of; tests bring their own.
pub trait Line: Send + Sync + std::fmt::Debug {
    /// Reads what is there, waiting until `until` for the first byte. 0 means that none came.
    /// Returns early, with 0, when `stop` becomes readable.
    ///
    /// # Errors
    ///
    /// Fails with `UnexpectedEof` when the other side hung up, and as the system says otherwise.
    fn read(&self, bytes: &mut [u8], until: Instant, stop: Option<&PipeReader>) -> Result<usize>;

    /// The same within the call `token`, which the host may wake. Not for tests' own lines.
    ///
    /// # Errors
    ///
    /// As [`Line::read`].
    #[doc(hidden)]
    fn read_in_call(
        &self,
        bytes: &mut [u8],
        until: Instant,
        stop: Option<&PipeReader>,
        token: u64,
    ) -> Result<usize> {
        let _ = token;
        self.read(bytes, until, stop)
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    ///
    /// Fails as the system says.
    fn write(&self, bytes: &[u8]) -> Result<()>;

    /// The open file behind it, for an SDK that insists on one (USB).
    fn file(&self) -> Option<&File> {
        None
    }
}

/// An open port. Clones share it.
#[derive(Debug, Clone)]
pub struct Port {
    line: Arc<dyn Line>,
}

impl Port {
    /// A port over any line.
    pub fn new(line: impl Line + 'static) -> Self {
        Self {
            line: Arc::new(line),
        }
    }

    /// A port over a descriptor, on the machine's clock.
    pub fn from_descriptor(descriptor: OwnedFd) -> Self {
        Self::on_clock(descriptor, Arc::new(SystemClock))
    }

    /// A port over a descriptor.
    pub(crate) fn on_clock(descriptor: OwnedFd, clock: Arc<dyn Clock>) -> Self {
        Self::new(Descriptor {
            file: File::from(descriptor),
            clock,
        })
    }

    /// Reads what is there, waiting until `until` for the first byte; 0 means that none came.
    /// [`Context::read`](crate::Context::read) does the same and heeds cancellation.
    ///
    /// # Errors
    ///
    /// Fails with `UnexpectedEof` when the other side hung up.
    pub fn read(&self, bytes: &mut [u8], until: Instant) -> Result<usize> {
        self.line.read(bytes, until, None)
    }

    /// Writes all of `bytes` in one go.
    ///
    /// # Errors
    ///
    /// Fails as the system says.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.line.write(bytes)
    }

    /// The open file behind the port, for an SDK that insists on one (USB).
    pub fn file(&self) -> Option<&File> {
        self.line.file()
    }

    pub(crate) fn read_or_stop(
        &self,
        bytes: &mut [u8],
        until: Instant,
        stop: Option<&PipeReader>,
        token: u64,
    ) -> Result<usize> {
        self.line.read_in_call(bytes, until, stop, token)
    }
}

#[derive(Debug)]
struct Descriptor {
    file: File,
    clock: Arc<dyn Clock>,
}

/// Whether the call behind `stop` was cancelled.
fn is_stopped(stop: Option<&PipeReader>) -> bool {
    let Some(stop) = stop else {
        return false;
    };
    let mut looks = [PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN)];
    let no_time = rustix::event::Timespec::default();
    matches!(poll(&mut looks, Some(&no_time)), Ok(count) if count > 0)
}

impl Descriptor {
    fn read_until(
        &self,
        bytes: &mut [u8],
        until: Instant,
        stop: Option<&PipeReader>,
        token: u64,
    ) -> Result<usize> {
        loop {
            let file = self.file.as_fd();
            match self.clock.wait_readable(token, file, until, stop)? {
                Woken::Timeout => return Ok(0),
                Woken::Perhaps if is_stopped(stop) || self.clock.now() >= until => return Ok(0),
                Woken::Perhaps => continue,
                Woken::Ready => {}
            }
            match (&self.file).read(bytes) {
                Ok(0) => return Err(Error::from(ErrorKind::UnexpectedEof)),
                Err(error) if is_transient(&error) => {}
                other => return other,
            }
        }
    }
}

impl Line for Descriptor {
    fn read(&self, bytes: &mut [u8], until: Instant, stop: Option<&PipeReader>) -> Result<usize> {
        self.read_until(bytes, until, stop, 0)
    }

    fn read_in_call(
        &self,
        bytes: &mut [u8],
        until: Instant,
        stop: Option<&PipeReader>,
        token: u64,
    ) -> Result<usize> {
        self.read_until(bytes, until, stop, token)
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match (&self.file).write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut waits = [PollFd::new(&self.file, PollFlags::OUT)];
                    rustix::io::retry_on_intr(|| poll(&mut waits, None))?;
                }
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}
