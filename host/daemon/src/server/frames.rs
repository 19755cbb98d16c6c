// SPDX-License-Identifier: MIT OR Apache-2.0
//! The WebSocket library's settings, what its errors mean on the wire, and how a socket is closed.
//!
//! Knows frames and nothing of what is in them. The conformance tests run over exactly this.

use super::limits::{
    CLOSE_LINGER, READ_BUFFER_BYTES, SEND_TIMEOUT, WRITE_BUFFER_BYTES, WRITE_BUFFER_BYTES_MAX,
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use futures_util::SinkExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use payhal_protocol::limits::CLOSE_TOO_LARGE;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Error;

/// The subprotocol a client may ask for.
const SUBPROTOCOL: &str = "payhal.v1";

/// Close code of RFC 6455 for a frame that must not be.
const CLOSE_PROTOCOL_ERROR: u16 = 1002;

/// Close code of RFC 6455 for text that is not UTF-8.
const CLOSE_NOT_UTF8: u16 = 1007;

/// Sets up an upgrade. No extension is taken, compression least of all: it would tell lengths of
/// secrets and let a small message become a large one.
pub(super) fn configured(upgrade: WebSocketUpgrade, message_bytes_max: usize) -> WebSocketUpgrade {
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        // What is sent together leaves together: everything is flushed by whoever sends it.
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX.max(2 * message_bytes_max))
        .max_message_size(message_bytes_max)
        .max_frame_size(message_bytes_max)
}

/// How a connection is closed after this error of reading; none if there is nobody left.
pub(super) fn close_of(error: axum::Error) -> Option<(u16, &'static str)> {
    match error.into_inner().downcast_ref::<Error>()? {
        Error::Capacity(_) => Some((CLOSE_TOO_LARGE, "a message has at most 256 KiB")),
        Error::Utf8(_) => Some((CLOSE_NOT_UTF8, "text is UTF-8")),
        Error::Protocol(_) => Some((CLOSE_PROTOCOL_ERROR, "this is not WebSocket")),
        _ => None,
    }
}

/// Says goodbye, and listens for a moment: a close with words unread would take the goodbye away
/// from who it is for.
pub(super) async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    // The other side may be gone already.
    if in_time(socket.send(Message::Close(Some(frame)))).await {
        let rest = async { while let Some(Ok(_)) = socket.recv().await {} };
        tokio::time::timeout(CLOSE_LINGER, rest).await.ok();
    }
}

/// Lets what is still on its way out go, the answer to the other side's goodbye above all.
pub(super) async fn part(socket: &mut WebSocket) {
    let flushed = SinkExt::<Message>::flush(socket);
    tokio::time::timeout(CLOSE_LINGER, flushed).await.ok();
}

/// Whether it was sent. A peer that takes nothing for so long is gone, whatever its socket says.
pub(super) async fn in_time(sending: impl Future<Output = Result<(), axum::Error>>) -> bool {
    matches!(
        tokio::time::timeout(SEND_TIMEOUT, sending).await,
        Ok(Ok(()))
    )
}

/// Sends every message back, with longer messages than the product takes.
pub(crate) async fn echo(listener: TcpListener) -> std::io::Result<()> {
    const ECHO_BYTES_MAX: usize = 64 * 1024 * 1024;
    let upgrade = async |upgrade: WebSocketUpgrade| -> Response {
        configured(upgrade, ECHO_BYTES_MAX).on_upgrade(send_back)
    };
    let router = axum::Router::new().route("/", get(upgrade));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        let served = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(served);
    }
}

async fn send_back(mut socket: WebSocket) {
    loop {
        match socket.recv().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if !in_time(socket.send(message)).await {
                    return;
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => {
                if let Some((code, reason)) = close_of(error) {
                    close(&mut socket, code, reason).await;
                }
                return;
            }
            Some(Ok(Message::Close(_))) | None => return part(&mut socket).await,
        }
    }
}
