// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames to bytes and back, without any socket.
//!
//! Owns the wire form: a little-endian `u32` length, then that many bytes of postcard. Usable from
//! a blocking thread and from an async task alike.
//!
//! Must never panic on received bytes, never read past a frame and never allocate more than a
//! frame's length plus a constant.

use crate::limits::{BUFFER_BYTES_KEPT, FRAME_BYTES_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;

const PREFIX_BYTES: usize = 4;

/// Smallest space offered to a read: most frames fit, so one read takes one frame.
const READ_BYTES_MIN: usize = 2048;

/// Why bytes are not a frame, or a frame cannot become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is beyond the bound.
    #[error("a frame of {length} bytes exceeds the bound of {FRAME_BYTES_MAX}")]
    TooLong { length: usize },
    /// The bytes are no frame of the expected kind.
    #[error("a frame of {length} bytes cannot be decoded; daemon and runner may be built apart")]
    Malformed { length: usize },
    /// The frame was decoded, but bytes remained.
    #[error("a frame of {length} bytes has {extra} bytes too many")]
    Trailing { length: usize, extra: usize },
}

/// Appends the wire form of `frame` to `bytes`.
///
/// # Errors
///
/// Fails when the frame is too long; `bytes` is then as before.
pub fn encode_into<T: Serialize>(frame: &T, bytes: &mut Vec<u8>) -> Result<(), FrameError> {
    let before = bytes.len();
    bytes.extend_from_slice(&[0; PREFIX_BYTES]);
    let sink = Appender {
        bytes: std::mem::take(bytes),
    };
    // Appending to a vector cannot fail, so only a type that cannot be serialized would.
    *bytes = postcard::serialize_with_flavor(frame, sink).expect("frames are plain data");
    let length = bytes.len() - before - PREFIX_BYTES;
    if length > FRAME_BYTES_MAX {
        bytes.truncate(before);
        return Err(FrameError::TooLong { length });
    }
    let prefix = u32::try_from(length).expect("the bound fits a u32");
    bytes[before..before + PREFIX_BYTES].copy_from_slice(&prefix.to_le_bytes());
    Ok(())
}

/// The wire form of `frame`, to be written in one go.
///
/// # Errors
///
/// Fails when the frame is too long.
pub fn encode<T: Serialize>(frame: &T) -> Result<Vec<u8>, FrameError> {
    let mut bytes = Vec::with_capacity(256);
    encode_into(frame, &mut bytes)?;
    Ok(bytes)
}

/// postcard's way to append to a vector that already holds something.
struct Appender {
    bytes: Vec<u8>,
}

impl postcard::ser_flavors::Flavor for Appender {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.bytes.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.bytes)
    }
}

fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, FrameError> {
    let length = frame.len();
    let (decoded, rest) = postcard::take_from_bytes(frame)
        .map_err(|_: postcard::Error| FrameError::Malformed { length })?;
    match rest.len() {
        0 => Ok(decoded),
        extra => Err(FrameError::Trailing { length, extra }),
    }
}

/// Received bytes on their way to becoming frames.
///
/// Read into [`space`](Self::space), say how much with [`filled`](Self::filled), then take frames
/// with [`next_frame`](Self::next_frame) until there is none. After an error the stream is lost.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameBuffer {
    /// An empty buffer that holds no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to read to; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.bytes.len() > BUFFER_BYTES_KEPT {
                self.bytes.truncate(BUFFER_BYTES_KEPT);
                self.bytes.shrink_to_fit();
            }
        }
        let held = self.end - self.start;
        let missing = match self.length() {
            Some(length) => (PREFIX_BYTES + length.min(FRAME_BYTES_MAX)).saturating_sub(held),
            None => 0,
        };
        let wanted = missing.max(READ_BYTES_MIN);
        if self.bytes.len() - self.end < wanted {
            self.bytes.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = held;
            if self.bytes.len() < held + wanted {
                self.bytes.resize(held + wanted, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// Says that `count` bytes were read into the [`space`](Self::space).
    ///
    /// # Panics
    ///
    /// When that is more than the space had.
    pub fn filled(&mut self, count: usize) {
        assert!(
            count <= self.bytes.len() - self.end,
            "more was read than there was space"
        );
        self.end += count;
    }

    /// Takes the next complete frame.
    ///
    /// # Errors
    ///
    /// Fails when the bytes are no frame of this kind, or the announced length is too long; the
    /// latter as soon as it is announced.
    pub fn next_frame<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(length) = self.length() else {
            return Ok(None);
        };
        if length > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { length });
        }
        let from = self.start + PREFIX_BYTES;
        if self.end < from + length {
            return Ok(None);
        }
        let frame = decode(&self.bytes[from..from + length])?;
        self.start = from + length;
        Ok(Some(frame))
    }

    /// Whether a frame has begun and not ended; at the end of a stream it was cut off.
    pub fn is_partial(&self) -> bool {
        self.start != self.end
    }

    /// Announced length of the first frame, if its prefix is complete.
    fn length(&self) -> Option<usize> {
        let held = &self.bytes[self.start..self.end];
        let prefix = held.first_chunk::<PREFIX_BYTES>()?;
        Some(u32::from_le_bytes(*prefix) as usize)
    }
}
