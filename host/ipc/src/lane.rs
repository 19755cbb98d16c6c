// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocking ends of a socket that carries frames, for threads.
//!
//! Owns reading and writing whole frames: one write per frame, so that a reader wakes up once.
//! The two halves share a socket and may live on two threads.
//!
//! Must never buffer what was sent: when [`FrameWriter::send`] returns, the kernel has it.

use crate::codec::{FrameBuffer, FrameError, encode_into};
use crate::limits::BUFFER_BYTES_KEPT;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Why a frame could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The socket broke, or its time-out passed (`WouldBlock`).
    #[error("failed to use a lane: {0}")]
    Socket(#[from] std::io::Error),
    /// The other end went away in the middle of a frame.
    #[error("a lane ended in the middle of a frame")]
    CutOff,
    /// The frame came with another number of descriptors than it says.
    #[error("a frame came with {got} of its {wanted} descriptors")]
    Descriptors { got: usize, wanted: usize },
}

/// Splits a socket into its two blocking halves.
pub fn split(socket: UnixStream) -> (FrameReader, FrameWriter) {
    let socket = Arc::new(socket);
    let reader = FrameReader {
        socket: Arc::clone(&socket),
        incoming: FrameBuffer::new(),
    };
    (
        reader,
        FrameWriter {
            socket,
            outgoing: Vec::new(),
        },
    )
}

/// The receiving half.
#[derive(Debug)]
pub struct FrameReader {
    socket: Arc<UnixStream>,
    incoming: FrameBuffer,
}

impl FrameReader {
    /// The next frame, or `None` when the other end closed the socket between two frames.
    ///
    /// # Errors
    ///
    /// Fails when the socket or the frame is broken. After a time-out it may be called again.
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LaneError> {
        loop {
            if let Some(frame) = self.incoming.next_frame()? {
                return Ok(Some(frame));
            }
            match (&*self.socket).read(self.incoming.space()) {
                Ok(0) if self.incoming.is_partial() => return Err(LaneError::CutOff),
                Ok(0) => return Ok(None),
                Ok(count) => self.incoming.filled(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The socket, to poll it or to set its time-out.
    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }
}

/// The sending half.
#[derive(Debug)]
pub struct FrameWriter {
    socket: Arc<UnixStream>,
    outgoing: Vec<u8>,
}

impl FrameWriter {
    /// Sends one frame with one write.
    ///
    /// # Errors
    ///
    /// Fails when the frame is too long (nothing was sent) or the socket is broken.
    pub fn send<T: Serialize>(&mut self, frame: &T) -> Result<(), LaneError> {
        self.outgoing.clear();
        self.outgoing.shrink_to(BUFFER_BYTES_KEPT);
        encode_into(frame, &mut self.outgoing)?;
        (&*self.socket).write_all(&self.outgoing)?;
        Ok(())
    }

    /// The socket.
    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }
}
