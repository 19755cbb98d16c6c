// SPDX-License-Identifier: MIT OR Apache-2.0
//! The daemon's end of a lane: whole frames over a non-blocking socket pair.

use payhal_ipc::{FrameBuffer, FrameError, encode_into};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::os::fd::OwnedFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Why a lane cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaneEnd {
    /// The runner is gone.
    #[error("the runner ended")]
    Closed,
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// More came than any runner of ours says.
    #[error("it flooded its host")]
    Flooded,
    /// It does not read what it is told.
    #[error("the runner does not read what its host says")]
    Deaf,
    /// The socket broke.
    #[error("the lane broke: {0}")]
    Socket(#[from] std::io::Error),
}

/// One end of a socket pair that carries frames.
#[derive(Debug)]
pub(super) struct Lane {
    stream: UnixStream,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
}

impl Lane {
    /// A lane and the runner's end of it.
    pub(super) fn pair() -> std::io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let lane = Self {
            stream: UnixStream::from_std(ours)?,
            incoming: FrameBuffer::new(),
            outgoing: Vec::new(),
        };
        Ok((lane, theirs.into()))
    }

    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    pub(super) async fn send<T: Serialize>(&mut self, frame: &T) -> Result<(), LaneEnd> {
        self.outgoing.clear();
        encode_into(frame, &mut self.outgoing)?;
        self.stream.write_all(&self.outgoing).await?;
        self.outgoing
            .shrink_to(payhal_ipc::limits::BUFFER_BYTES_KEPT);
        Ok(())
    }

    /// The next frame. Cancel safe: what was read stays.
    pub(super) async fn receive<T: DeserializeOwned>(&mut self) -> Result<T, LaneEnd> {
        loop {
            if let Some(frame) = self.incoming.next_frame()? {
                return Ok(frame);
            }
            match self.stream.read(self.incoming.space()).await? {
                0 => return Err(LaneEnd::Closed),
                count => self.incoming.filled(count),
            }
        }
    }
}
