// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register API over WebSocket: who knocks, how it behaves, and how it ends.

use super::Shared;
use super::arrival::{Arrival, Visitor, host_id_for};
use super::closing::{Closing, next_of};
use super::conduct::{Conduct, Due, Known, Verdict};
use super::frames::{close, close_of, configured, in_time, part};
use super::limits::RATE_RETRY_MS;
use super::outgoing::{Farewell, Outgoing, Sendings};
use super::seats::Seat;
#[cfg(feature = "failpoints")]
use super::session::what;
use super::session::{Door, Running, Session, Taken};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use payhal_failpoint::failpoint;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::limits::{CLOSE_NOT_TEXT, CLOSE_TOO_MANY_MESSAGES, MESSAGE_BYTES_MAX};
use payhal_protocol::rpc::{self, Incoming};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::{Instant, sleep_until};

/// `GET /v1/ws`.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let visitor = visitor(&arrival, &headers, &shared.identity.id);
    if arrival.seat.visit(visitor.origin.as_deref()).is_err() {
        let text = "this page has too many connections; close some of its tabs";
        return (StatusCode::TOO_MANY_REQUESTS, text).into_response();
    }
    let seat = arrival.seat;
    configured(upgrade, MESSAGE_BYTES_MAX)
        .on_upgrade(|socket| Box::pin(converse(socket, shared, visitor, seat)))
}

/// Who knocks. The headers were checked.
fn visitor(arrival: &Arrival, headers: &HeaderMap, host_id: &str) -> Visitor {
    let value = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let origin = value(header::ORIGIN);
    let own_origin = origin
        .as_ref()
        .is_some_and(|origin| arrival.names.origins.contains(origin));
    let foreign = origin.as_deref().filter(|_| !own_origin);
    Visitor {
        host_id: foreign.map_or_else(|| host_id.to_owned(), |page| host_id_for(page, host_id)),
        channel: arrival.channel.clone(),
        authority: value(header::HOST).unwrap_or_default().to_ascii_lowercase(),
        origin,
        own_origin,
        cookies: super::sign_in::cookies(headers),
    }
}

async fn converse(mut socket: WebSocket, shared: Arc<Shared>, visitor: Visitor, seat: Arc<Seat>) {
    shared.connections.fetch_add(1, Ordering::Relaxed);
    let mut conversation = Conversation::new(&shared, visitor, seat);
    match conversation.until_end(&mut socket, &shared).await {
        Some(Farewell { code, reason }) => close(&mut socket, code, reason).await,
        None => part(&mut socket).await,
    }
    shared.connections.fetch_sub(1, Ordering::Relaxed);
}

/// One WebSocket and what is known about it.
struct Conversation {
    session: Arc<Session>,
    sendings: Sendings,
    conduct: Conduct,
    seat: Arc<Seat>,
    known: Known,
}

/// Nobody is there any more.
struct Gone;

impl Conversation {
    fn new(shared: &Arc<Shared>, visitor: Visitor, seat: Arc<Seat>) -> Self {
        let (outgoing, sendings) = Outgoing::new();
        Self {
            session: Session::new(Arc::clone(shared), outgoing, Door::Web(visitor)),
            sendings,
            conduct: Conduct::new(Instant::now()),
            seat,
            known: Known::Stranger,
        }
    }

    /// How it ends; no farewell if the other side closed, or the socket broke.
    async fn until_end(
        &mut self,
        socket: &mut WebSocket,
        shared: &Arc<Shared>,
    ) -> Option<Farewell> {
        let ended = self.sendings.farewell_apart();
        tokio::pin!(ended);
        let timer = sleep_until(self.conduct.next(self.known));
        tokio::pin!(timer);
        let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
        let mut closing = shared.closing.subscribe();
        let seat = Arc::clone(&self.seat);
        loop {
            if let Err(farewell) = self.recognize() {
                return self.last_words(socket, farewell).await;
            }
            let step = tokio::select! {
                biased;
                farewell = &mut ended => return self.last_words(socket, farewell).await,
                // The session keeps a sender, so the queue cannot end.
                Some(message) = self.sendings.queue.recv() => tokio::select! {
                    sent = self.send_all(socket, message) => sent.map(|()| Vec::new()),
                    farewell = &mut ended => return Some(farewell),
                }.map_err(|Gone| None),
                received = socket.recv() => match self.heard(received) {
                    Ok(Taken::Silent) => Ok(Vec::new()),
                    Ok(Taken::Answer(text) | Taken::Malformed(text)) => {
                        self.send_all(socket, text).await.map(|()| Vec::new()).map_err(|Gone| None)
                    }
                    Ok(Taken::Running(more)) => Ok(more),
                    Err(farewell) => Err(farewell),
                },
                Some(()) = running.next(), if !running.is_empty() => Ok(Vec::new()),
                () = &mut timer => {
                    let due = self.conduct.due(self.known, Instant::now());
                    timer.as_mut().reset(self.conduct.next(self.known));
                    self.is_due(socket, due).await.map(|()| Vec::new())
                }
                () = seat.lost(), if self.known == Known::Stranger => return None,
                now = next_of(&mut closing) => {
                    self.session.announce_stop();
                    match now {
                        Closing::Closed => Err(Some(Farewell {
                            code: 1001,
                            reason: "the host is stopping",
                        })),
                        _ => Ok(Vec::new()),
                    }
                }
            };
            match step {
                Ok(more) => running.extend(more),
                Err(Some(farewell)) => return self.last_words(socket, farewell).await,
                Err(None) => return None,
            }
        }
    }

    /// Gives who has proven something its place.
    fn recognize(&mut self) -> Result<(), Farewell> {
        let known = self.session.known();
        if known == self.known {
            return Ok(());
        }
        let full = |reason| {
            move |_| Farewell {
                code: CLOSE_TOO_MANY_MESSAGES,
                reason,
            }
        };
        if known != Known::Stranger {
            let settled = self.seat.settle();
            settled.map_err(full("there are too many connections"))?;
        }
        if known == Known::Proven {
            let register = self.session.register();
            let taken = self.seat.belongs_to(&register.0);
            taken.map_err(full("this register has too many connections"))?;
        }
        self.known = known;
        Ok(())
    }

    fn heard(
        &mut self,
        received: Option<Result<Message, axum::Error>>,
    ) -> Result<Taken, Option<Farewell>> {
        self.conduct.heard(Instant::now());
        let end = |code, reason| Err(Some(Farewell { code, reason }));
        match received {
            Some(Ok(Message::Text(text))) => self.message(text.as_str()).map_err(Some),
            Some(Ok(Message::Binary(_))) => end(CLOSE_NOT_TEXT, "text frames only"),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Taken::Silent),
            Some(Err(error)) => match close_of(error) {
                Some((code, reason)) => end(code, reason),
                None => Err(None),
            },
            Some(Ok(Message::Close(_))) | None => Err(None),
        }
    }

    fn message(&mut self, text: &str) -> Result<Taken, Farewell> {
        let within_register = self.known != Known::Proven || self.seat.may_speak();
        match self.conduct.message(self.known, within_register) {
            Verdict::Take => {}
            Verdict::Refuse => return Ok(refused(text)),
            Verdict::End(farewell) => return Err(farewell),
        }
        let taken = self.session.take(text);
        if matches!(taken, Taken::Malformed(_))
            && let Some(farewell) = self.conduct.malformed()
        {
            return Err(farewell);
        }
        Ok(taken)
    }

    async fn is_due(&mut self, socket: &mut WebSocket, due: Due) -> Result<(), Option<Farewell>> {
        match due {
            Due::Nothing => Ok(()),
            Due::End(farewell) => Err(Some(farewell)),
            Due::Ping => match in_time(socket.send(Message::Ping(Vec::new().into()))).await {
                true => Ok(()),
                false => Err(None),
            },
        }
    }

    /// What was sent before the end was decided goes out, if somebody reads it.
    async fn last_words(&mut self, socket: &mut WebSocket, farewell: Farewell) -> Option<Farewell> {
        if farewell.is_patient()
            && let Ok(last) = self.sendings.queue.try_recv()
        {
            self.send_all(socket, last).await.ok();
        }
        Some(farewell)
    }

    /// One message, and with the same flush whatever else is waiting.
    async fn send_all(&mut self, socket: &mut WebSocket, message: String) -> Result<(), Gone> {
        let queue = &mut self.sendings.queue;
        let sent = in_time(async {
            failpoint!("register.write.before", what(&message));
            socket.feed(Message::Text(message.into())).await?;
            while let Some(Some(message)) = queue.recv().now_or_never() {
                failpoint!("register.write.before", what(&message));
                socket.feed(Message::Text(message.into())).await?;
            }
            SinkExt::<Message>::flush(socket).await?;
            failpoint!("register.write.after");
            Ok(())
        });
        sent.await.then_some(()).ok_or(Gone)
    }
}

/// The answer to a message that came too soon after others.
fn refused(text: &str) -> Taken {
    let id = match rpc::read(text) {
        Ok(Incoming::Call { id, .. }) => Some(id),
        Ok(Incoming::Batch(_)) => None,
        Ok(Incoming::Notification { .. } | Incoming::Answer { .. }) => return Taken::Silent,
        Err(malformed) => malformed.id,
    };
    let error = ErrorObject::named(ErrorName::RateLimited)
        .with_detail("too many messages on this connection or of this register")
        .with_retry_after(RATE_RETRY_MS);
    Taken::Answer(rpc::error_text(id.as_ref(), &error))
}
