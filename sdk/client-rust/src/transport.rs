// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two ways to carry messages: WebSocket text frames, and lines on a Unix socket.
//!
//! Owns framing and its bounds. It must never look into a message.

use futures_util::{SinkExt, StreamExt};
use payhal_protocol::limits::MESSAGE_BYTES_MAX;
use payhal_protocol::pairing::channel;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::HOST;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};

use crate::config::{Endpoint, Trust};
use crate::error::ConnectError;
use crate::limits::READ_BUFFER_BYTES;
use crate::tls;

#[cfg(unix)]
type Lines = tokio_util::codec::Framed<tokio::net::UnixStream, tokio_util::codec::LinesCodec>;

/// An open way to the host.
#[derive(Debug)]
pub(crate) enum Transport {
    Ws(Box<WebSocketStream<TcpStream>>, String),
    /// The third is the SHA-256 of the certificate that was shown.
    Wss(Box<WebSocketStream<TlsStream<TcpStream>>>, String, String),
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
            Endpoint::Wss(address, trust) => open_wss(address, trust).await,
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
            Self::Ws(stream, _) => stream.feed(Message::text(text)).await.map_err(|_| Lost),
            Self::Wss(stream, ..) => stream.feed(Message::text(text)).await.map_err(|_| Lost),
            #[cfg(unix)]
            Self::Unix(lines) => lines.feed(text).await.map_err(|_| Lost),
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        match self {
            Self::Ws(stream, _) => stream.flush().await.map_err(|_| Lost),
            Self::Wss(stream, ..) => stream.flush().await.map_err(|_| Lost),
            #[cfg(unix)]
            Self::Unix(lines) => SinkExt::<&str>::flush(lines.as_mut())
                .await
                .map_err(|_| Lost),
        }
    }

    /// The next message. Nothing is lost if this is dropped before it is ready.
    pub(crate) async fn receive(&mut self) -> Result<String, Lost> {
        match self {
            Self::Ws(stream, _) => text_of(stream).await,
            Self::Wss(stream, ..) => text_of(stream).await,
            #[cfg(unix)]
            Self::Unix(lines) => match lines.next().await {
                Some(Ok(line)) => Ok(line),
                Some(Err(_)) | None => Err(Lost),
            },
        }
    }

    /// Says good-bye where the way has a word for it.
    pub(crate) async fn close(mut self) {
        // The host notices the end of the stream just as well.
        let _ = match &mut self {
            Self::Ws(stream, _) => stream.close().await,
            Self::Wss(stream, ..) => stream.close().await,
            #[cfg(unix)]
            Self::Unix(_) => Ok(()),
        };
    }

    /// Whether proofs are needed: the socket's owner is known to the host by the system.
    pub(crate) fn is_remote(&self) -> bool {
        !matches!(self, Self::Unix(_))
    }

    /// Host and port as they were dialled, which is what the `Host` header says.
    pub(crate) fn authority(&self) -> &str {
        match self {
            Self::Ws(_, authority) | Self::Wss(_, authority, _) => authority,
            #[cfg(unix)]
            Self::Unix(_) => "",
        }
    }

    /// SHA-256 of the certificate that was shown, where there is TLS.
    pub(crate) fn certificate(&self) -> Option<&str> {
        match self {
            Self::Wss(_, _, certificate) => Some(certificate),
            _ => None,
        }
    }

    /// What proofs are bound to.
    pub(crate) fn channel(&self) -> String {
        channel(self.certificate())
    }
}

async fn text_of<S>(stream: &mut WebSocketStream<S>) -> Result<String, Lost>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_) | Err(_)) | None => return Err(Lost),
        }
    }
}

/// An address taken apart.
struct Dialled {
    request: Request,
    host: String,
    port: u16,
    authority: String,
}

/// Takes apart an address of this scheme.
fn dialled(address: &str, scheme: &str, own_port: u16) -> Result<Dialled, ConnectError> {
    let bad = || ConnectError::Address(address.to_owned());
    let mut request = address.into_client_request().map_err(|_| bad())?;
    let uri = request.uri();
    if uri.scheme_str() != Some(scheme) {
        return Err(bad());
    }
    let name = uri.host().ok_or_else(bad)?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(own_port);
    let authority = if port == own_port {
        name.clone()
    } else {
        format!("{name}:{port}")
    };
    // Proofs are over this text, so the header says just that.
    let header = authority.parse().map_err(|_| bad())?;
    request.headers_mut().insert(HOST, header);
    let host = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    Ok(Dialled {
        request,
        host,
        port,
        authority,
    })
}

async fn connect(to: &Dialled) -> Result<TcpStream, ConnectError> {
    let stream = TcpStream::connect((to.host.as_str(), to.port)).await;
    let stream = stream.map_err(ConnectError::Unreachable)?;
    // Small messages in both directions: waiting to fill a segment only adds delay.
    stream
        .set_nodelay(true)
        .map_err(ConnectError::Unreachable)?;
    Ok(stream)
}

async fn upgrade<S>(request: Request, stream: S) -> Result<Box<WebSocketStream<S>>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (stream, _) = opened.map_err(|error| ConnectError::WebSocket(Box::new(error)))?;
    Ok(Box::new(stream))
}

async fn open_ws(address: &str) -> Result<Transport, ConnectError> {
    let to = dialled(address, "ws", 80)?;
    let stream = connect(&to).await?;
    let stream = upgrade(to.request, stream).await?;
    Ok(Transport::Ws(stream, to.authority))
}

async fn open_wss(address: &str, trust: &Trust) -> Result<Transport, ConnectError> {
    let to = dialled(address, "wss", 443)?;
    let stream = connect(&to).await?;
    let (stream, certificate) = tls::connect(stream, &to.host, trust).await?;
    let stream = upgrade(to.request, stream).await?;
    Ok(Transport::Wss(stream, to.authority, certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_what_the_host_header_says() {
        for (address, scheme, own, authority) in [
            ("ws://127.0.0.1:7425/v1/ws", "ws", 80, "127.0.0.1:7425"),
            ("ws://LocalHost:80/x", "ws", 80, "localhost"),
            ("wss://[::1]:7426/v1/ws", "wss", 443, "[::1]:7426"),
            ("wss://till.example/v1/ws", "wss", 443, "till.example"),
        ] {
            let to = dialled(address, scheme, own).expect("an address");
            assert_eq!(to.authority, authority);
            assert_eq!(to.request.headers()[HOST], authority);
        }
    }
}
