// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register API over WebSocket.

use super::Shared;
use super::arrival::{Arrival, Visitor};
use super::closing::{Closing, next_of};
use super::limits::{READ_BUFFER_BYTES, SEND_TIMEOUT, WRITE_BUFFER_BYTES, WRITE_BUFFER_BYTES_MAX};
use super::outgoing::{Farewell, Outgoing, Sendings};
#[cfg(feature = "failpoints")]
use super::session::what;
use super::session::{Door, Running, Session, Taken};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use payhal_failpoint::failpoint;
use payhal_protocol::limits::{CLOSE_NOT_TEXT, CLOSE_TOO_LARGE, MESSAGE_BYTES_MAX};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The subprotocol a client may ask for.
const SUBPROTOCOL: &str = "payhal.v1";

/// `GET /v1/ws`.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let visitor = visitor(&arrival, &headers);
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        // What is sent together leaves together: everything is flushed by whoever sends it.
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(|socket| Box::pin(converse(socket, shared, visitor)))
}

/// Who knocks. The headers were checked.
fn visitor(arrival: &Arrival, headers: &HeaderMap) -> Visitor {
    let value = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let origin = value(header::ORIGIN);
    let own_origin = origin
        .as_ref()
        .is_some_and(|origin| arrival.names.origins.contains(origin));
    Visitor {
        channel: arrival.channel.clone(),
        authority: value(header::HOST).unwrap_or_default().to_ascii_lowercase(),
        origin,
        own_origin,
    }
}

/// Why a conversation ends.
enum End {
    /// The other side closed, or the socket broke.
    Gone,
    /// With this code and reason.
    Close(u16, &'static str),
}

async fn converse(mut socket: WebSocket, shared: Arc<Shared>, visitor: Visitor) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    let end = until_end(&mut socket, &shared, visitor).await;
    if let End::Close(code, reason) = end {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        // The other side may be gone already.
        in_time(socket.send(Message::Close(Some(frame)))).await;
    }
    shared.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn until_end(socket: &mut WebSocket, shared: &Arc<Shared>, visitor: Visitor) -> End {
    let (outgoing, mut sendings) = Outgoing::new();
    let session = Session::new(Arc::clone(shared), outgoing, Door::Web(visitor));
    let ended = sendings.farewell_apart();
    tokio::pin!(ended);
    let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
    let mut closing = shared.closing.subscribe();
    loop {
        tokio::select! {
            biased;
            farewell = &mut ended => return last_words(socket, &mut sendings, farewell).await,
            message = sendings.queue.recv() => {
                // The session keeps a sender, so the queue cannot end.
                let Some(message) = message else { return End::Gone };
                let sent = tokio::select! {
                    sent = in_time(send_all(socket, message, &mut sendings)) => sent,
                    farewell = &mut ended => return farewell.into(),
                };
                if !sent {
                    return End::Gone;
                }
            }
            received = socket.recv() => match heard(&session, received) {
                Ok(Taken::Silent) => {}
                Ok(Taken::Answer(text)) => {
                    if !in_time(send_all(socket, text, &mut sendings)).await {
                        return End::Gone;
                    }
                }
                Ok(Taken::Running(more)) => running.extend(more),
                Err(end) => return end,
            },
            Some(()) = running.next(), if !running.is_empty() => {}
            now = next_of(&mut closing) => {
                session.announce_stop();
                if now == Closing::Closed {
                    let farewell = Farewell { code: 1001, reason: "the host is stopping" };
                    return last_words(socket, &mut sendings, farewell).await;
                }
            }
        }
    }
}

impl From<Farewell> for End {
    fn from(farewell: Farewell) -> Self {
        Self::Close(farewell.code, farewell.reason)
    }
}

/// What was sent before the end was decided goes out, if somebody reads it.
async fn last_words(socket: &mut WebSocket, sendings: &mut Sendings, farewell: Farewell) -> End {
    if farewell.is_patient()
        && let Ok(last) = sendings.queue.try_recv()
    {
        in_time(send_all(socket, last, sendings)).await;
    }
    farewell.into()
}

/// Whether it was sent. A peer that takes nothing for so long is gone, whatever its socket says.
async fn in_time(sending: impl Future<Output = Result<(), axum::Error>>) -> bool {
    matches!(
        tokio::time::timeout(SEND_TIMEOUT, sending).await,
        Ok(Ok(()))
    )
}

/// One message, and with the same flush whatever else is waiting.
async fn send_all(
    socket: &mut WebSocket,
    message: String,
    sendings: &mut Sendings,
) -> Result<(), axum::Error> {
    failpoint!("register.write.before", what(&message));
    socket.feed(Message::Text(message.into())).await?;
    while let Some(Some(message)) = sendings.queue.recv().now_or_never() {
        failpoint!("register.write.before", what(&message));
        socket.feed(Message::Text(message.into())).await?;
    }
    SinkExt::<Message>::flush(socket).await?;
    failpoint!("register.write.after");
    Ok(())
}

fn heard(
    session: &Arc<Session>,
    received: Option<Result<Message, axum::Error>>,
) -> Result<Taken, End> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(session.take(text.as_str())),
        Some(Ok(Message::Binary(_))) => Err(End::Close(CLOSE_NOT_TEXT, "text frames only")),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Taken::Silent),
        Some(Err(error)) if is_too_large(&error) => {
            Err(End::Close(CLOSE_TOO_LARGE, "a message has at most 256 KiB"))
        }
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
    }
}

/// axum hides the library's error type; its words are stable enough to choose a close code by.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().contains("too long")
}
