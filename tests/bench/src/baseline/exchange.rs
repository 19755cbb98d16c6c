// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON over a socket pair: a length, then the text. One write a message, one read where it fits.

use crate::Failure;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest message; a baseline talks to nobody it does not know.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// What is asked.
#[derive(Deserialize)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    #[serde(borrow)]
    pub(crate) params: &'a RawValue,
}

#[derive(Serialize)]
struct Asked<'a, P> {
    method: &'a str,
    params: &'a P,
}

fn message<T: Serialize>(value: &T) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value)?;
    let length = u32::try_from(bytes.len() - 4)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

fn checked(prefix: [u8; 4]) -> Result<usize, Failure> {
    let length = usize::try_from(u32::from_le_bytes(prefix))?;
    if length > MESSAGE_BYTES_MAX {
        return Err("a message of a baseline is too long".into());
    }
    Ok(length)
}

/// A blocking end.
#[derive(Debug)]
pub(crate) struct Blocking {
    reader: BufReader<UnixStream>,
    message: Vec<u8>,
}

impl Blocking {
    pub(crate) fn new(socket: UnixStream) -> Self {
        Self {
            reader: BufReader::with_capacity(4096, socket),
            message: Vec::new(),
        }
    }

    /// The next message, or `None` at the end. An end that was killed may leave replies unread.
    pub(crate) fn receive(&mut self) -> Result<Option<&[u8]>, Failure> {
        let mut prefix = [0; 4];
        match self.reader.read_exact(&mut prefix) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ) =>
            {
                return Ok(None);
            }
            read => read?,
        }
        self.message.resize(checked(prefix)?, 0);
        self.reader.read_exact(&mut self.message)?;
        Ok(Some(&self.message))
    }

    /// Sends one message.
    pub(crate) fn send<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        Ok(self.reader.get_mut().write_all(&message(value)?)?)
    }

    /// Asks, and waits for nothing.
    pub(crate) fn request<P: Serialize>(
        &mut self,
        method: &str,
        params: &P,
    ) -> Result<(), Failure> {
        self.send(&Asked { method, params })
    }

    /// Asks and waits for the reply.
    pub(crate) fn ask<P: Serialize>(&mut self, method: &str, params: &P) -> Result<&[u8], Failure> {
        self.request(method, params)?;
        self.receive()?
            .ok_or_else(|| "a baseline's plugin ended".into())
    }
}

/// An asynchronous end.
pub(super) struct Async {
    stream: tokio::io::BufReader<tokio::net::UnixStream>,
    message: Vec<u8>,
}

impl Async {
    pub(super) fn new(socket: UnixStream) -> Result<Self, Failure> {
        socket.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(socket)?;
        Ok(Self {
            stream: tokio::io::BufReader::with_capacity(4096, stream),
            message: Vec::new(),
        })
    }

    /// Asks and waits for the reply, read as what it is.
    pub(super) async fn ask<'a, P: Serialize, R: Deserialize<'a>>(
        &'a mut self,
        method: &str,
        params: &P,
    ) -> Result<R, Failure> {
        let asked = message(&Asked { method, params })?;
        self.stream.get_mut().write_all(&asked).await?;
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).await?;
        self.message.resize(checked(prefix)?, 0);
        self.stream.read_exact(&mut self.message).await?;
        Ok(serde_json::from_slice(&self.message)?)
    }
}
