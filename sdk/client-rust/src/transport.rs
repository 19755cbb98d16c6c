// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two ways to carry messages: WebSocket text frames, and lines on a Unix socket.
//!
//! Owns framing and its bounds. It must never look into a message.

use futures_util::{SinkExt, StreamExt};
use payhal_protocol::limits::MESSAGE_BYTES_MAX;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use crate::config::Endpoint;
use crate::error::ConnectError;
use crate::limits::READ_BUFFER_BYTES;

#[cfg(unix)]
type Lines = tokio_util::codec::Framed<tokio::net::UnixStream, tokio_util::codec::LinesCodec>;

/// An open way to the host.
#[derive(Debug)]
pub(crate) enum Transport {
    Ws(Box<WebSocketStream<TcpStream>>),
    #[cfg(unix)]
    Unix(Box<Lines>),
}

/// The way is gone; why does not matter to a caller, who connects again.
#[derive(Debug)]
pub(crate) struct Lost;

impl Transport {
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Self, ConnectError> {
        match endpoint {
            Endpoint::Ws(address) => open_ws(address).await,
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path);
                let stream = stream.await.map_err(ConnectError::Unreachable)?;
                let codec = tokio_util::codec::LinesCodec::new_with_max_length(MESSAGE_BYTES_MAX);
                Ok(Self::Unix(Box::new(Lines::new(stream, codec))))
            }
        }
    }

    /// Takes a message; it may stay in a buffer until [`Transport::flush`].
    pub(crate) async fn feed(&mut self, text: &str) -> Result<(), Lost> {
        match self {
            Self::Ws(stream) => stream.feed(Message::text(text)).await.map_err(|_| Lost),
            #[cfg(unix)]
            Self::Unix(lines) => lines.feed(text).await.map_err(|_| Lost),
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        match self {
            Self::Ws(stream) => stream.flush().await.map_err(|_| Lost),
            #[cfg(unix)]
            Self::Unix(lines) => SinkExt::<&str>::flush(lines.as_mut())
                .await
                .map_err(|_| Lost),
        }
    }

    /// The next message. Nothing is lost if this is dropped before it is ready.
    pub(crate) async fn receive(&mut self) -> Result<String, Lost> {
        match self {
            Self::Ws(stream) => loop {
                match stream.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_) | Err(_)) | None => return Err(Lost),
                }
            },
            #[cfg(unix)]
            Self::Unix(lines) => match lines.next().await {
                Some(Ok(line)) => Ok(line),
                Some(Err(_)) | None => Err(Lost),
            },
        }
    }

    /// Says good-bye where the way has a word for it.
    pub(crate) async fn close(mut self) {
        if let Self::Ws(stream) = &mut self {
            // The host notices the end of the stream just as well.
            let _ = stream.close().await;
        }
    }
}

async fn open_ws(address: &str) -> Result<Transport, ConnectError> {
    let bad = || ConnectError::Address(address.to_owned());
    let request = address.into_client_request().map_err(|_| bad())?;
    let uri = request.uri();
    if uri.scheme_str() != Some("ws") {
        return Err(bad());
    }
    let host = uri.host().ok_or_else(bad)?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = uri.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host.as_str(), port)).await;
    let stream = stream.map_err(ConnectError::Unreachable)?;
    // Small messages in both directions: waiting to fill a segment only adds delay.
    stream
        .set_nodelay(true)
        .map_err(ConnectError::Unreachable)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (stream, _) = opened.map_err(|error| ConnectError::WebSocket(Box::new(error)))?;
    Ok(Transport::Ws(Box::new(stream)))
}
