// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames that come with open descriptors (`SCM_RIGHTS`).
//!
//! Owns sending descriptors along with bytes, and a reader that keeps them in the order of the
//! frames they came with. Only the daemon sends descriptors, so only the runner reads this way.
//!
//! Must never leak a descriptor into another program (all are received close-on-exec) nor hold
//! more than one frame may bring.

use crate::codec::{FrameBuffer, encode_into};
use crate::lane::LaneError;
use crate::limits::DESCRIPTORS_MAX;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Sends `bytes` with `descriptors`, once. Returns how many bytes went; the descriptors went with
/// the first of them. On a non-blocking socket it may fail with `WouldBlock`, having sent nothing.
///
/// # Errors
///
/// Fails as `sendmsg` does, and with more than [`DESCRIPTORS_MAX`] descriptors.
pub fn send_some(
    socket: impl AsFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> std::io::Result<usize> {
    // Padding of the control message would let one or two more through.
    if descriptors.len() > DESCRIPTORS_MAX {
        return Err(std::io::Error::from(Errno::TOOBIG));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(std::io::Error::from(Errno::TOOBIG));
    }
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(
            &socket,
            &[IoSlice::new(bytes)],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(sent)
}

/// Sends one frame with its descriptors on a blocking socket.
///
/// # Errors
///
/// Fails when the frame is too long (nothing was sent) or the socket is broken.
pub fn send_frame<T: Serialize>(
    socket: &UnixStream,
    frame: &T,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), LaneError> {
    let mut bytes = Vec::new();
    encode_into(frame, &mut bytes)?;
    let sent = send_some(socket, &bytes, descriptors)?;
    let mut rest = socket;
    rest.write_all(&bytes[sent..])?;
    Ok(())
}

/// Reads frames and the descriptors they come with.
#[derive(Debug)]
pub struct ControlReader {
    socket: UnixStream,
    incoming: FrameBuffer,
    descriptors: VecDeque<OwnedFd>,
}

impl ControlReader {
    /// Reads from `socket`.
    pub fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            incoming: FrameBuffer::new(),
            descriptors: VecDeque::new(),
        }
    }

    /// The next frame, or `None` when the other end closed the socket between two frames.
    ///
    /// # Errors
    ///
    /// Fails when the socket or the frame is broken, or too many descriptors came.
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LaneError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(Some(frame));
            }
            if self.read_once()? == 0 {
                return match self.incoming.is_partial() {
                    true => Err(LaneError::CutOff),
                    false => Ok(None),
                };
            }
        }
    }

    /// A frame that was already read, without touching the socket. Whoever polls the socket must
    /// drain this first.
    ///
    /// # Errors
    ///
    /// Fails when the frame is broken.
    pub fn buffered<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LaneError> {
        Ok(self.incoming.next_frame()?)
    }

    /// Reads once; returns 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// Fails when the socket is broken or too many descriptors came.
    pub fn read_once(&mut self) -> Result<usize, LaneError> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let socket = &self.socket;
        let into = &mut [IoSliceMut::new(self.incoming.space())];
        let message = rustix::io::retry_on_intr(|| {
            recvmsg(socket, into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })
        .map_err(std::io::Error::from)?;
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = part {
                self.descriptors.extend(received);
            }
        }
        let held = self.descriptors.len();
        if message.flags.contains(ReturnFlags::CTRUNC) || held > DESCRIPTORS_MAX {
            return Err(LaneError::Descriptors {
                got: held,
                wanted: DESCRIPTORS_MAX,
            });
        }
        self.incoming.filled(message.bytes);
        Ok(message.bytes)
    }

    /// Takes the descriptors of the frame that was just received.
    ///
    /// # Errors
    ///
    /// Fails when fewer came.
    pub fn descriptors(&mut self, wanted: usize) -> Result<Vec<OwnedFd>, LaneError> {
        let got = self.descriptors.len();
        if got < wanted {
            return Err(LaneError::Descriptors { got, wanted });
        }
        Ok(self.descriptors.drain(..wanted).collect())
    }

    /// The socket, to poll it or to set its time-out.
    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }
}
