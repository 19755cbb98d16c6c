// SPDX-License-Identifier: MIT OR Apache-2.0
//! The background task: one connection at a time, every open call, and what happens when the
//! connection is lost.
//!
//! Owns which calls wait and which are sent again: calls with a key, word for word as they were
//! sent first. It must never send a call without a key twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use payhal_protocol::events::{SubscribeParams, SubscribeResult};
use payhal_protocol::progress::{PROGRESS, PROMPT, Progress, Prompt};
use payhal_protocol::rpc::{self, FromHost, Id};
use payhal_protocol::session::HelloResult;
use payhal_protocol::{IdempotencyKey, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::access;
use crate::backoff::Backoff;
use crate::config::{Config, Endpoint};
use crate::error::{CallError, ConnectError};
use crate::limits::{ATTEMPT_MAX, PENDING_MAX, WRITE_MAX};
use crate::payment::Update;
use crate::transport::{Lost, Transport};

/// Name of the one notification the client makes itself: after a lost connection it has subscribed
/// again, and the params are the host's `SubscribeResult`. With `missed: true` read the lists anew.
pub const RESUBSCRIBED: &str = "client.resubscribed";

/// A notification of the host, as it came.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its name, as `device.changed`.
    pub method: Arc<str>,
    /// Its params as JSON.
    pub params: Arc<str>,
}

impl Notification {
    /// Its params as the type that belongs to its name.
    ///
    /// # Errors
    /// The params are of another type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.params)
    }
}

/// What a caller hands to the task.
pub(crate) struct Command {
    pub(crate) method: String,
    pub(crate) params: Box<RawValue>,
    /// The key of a call that moves money: only such a call is ever sent again.
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) answer: oneshot::Sender<Result<Box<RawValue>, CallError>>,
    pub(crate) updates: Option<mpsc::Sender<Update>>,
}

struct Pending {
    text: String,
    key: Option<IdempotencyKey>,
    sent: bool,
    answer: oneshot::Sender<Result<Box<RawValue>, CallError>>,
    updates: Option<mpsc::Sender<Update>>,
}

impl Pending {
    fn give_up(self) {
        let error = if self.sent {
            CallError::ConnectionLost
        } else {
            CallError::NotSent
        };
        // A caller that stopped waiting needs no answer.
        let _ = self.answer.send(Err(error));
    }
}

/// What is subscribed to, so that a new connection goes on where the old one ended.
struct Subscription {
    /// The id of the call that made it.
    id: i64,
    params: SubscribeParams,
    /// The last event seen; unknown until the host has answered.
    seq: Option<u64>,
}

/// Everything the task owns beside its connection.
pub(crate) struct Task {
    endpoint: Endpoint,
    config: Config,
    commands: mpsc::Receiver<Command>,
    notifications: broadcast::Sender<Notification>,
    /// Ordered, so that calls are sent again in the order they were made.
    pending: BTreeMap<i64, Pending>,
    last_id: i64,
    subscription: Option<Subscription>,
}

/// The greeting's id; ids of calls begin after it.
const HELLO_ID: i64 = access::FIRST_ID;
/// Renews a subscription; its answer has no caller.
const RESUBSCRIBE_ID: i64 = -1;

/// Opens a connection; greets the host, and where there is a pairing proves it both ways.
pub(crate) async fn open(
    endpoint: &Endpoint,
    config: &Config,
) -> Result<(Transport, HelloResult), ConnectError> {
    let attempt = async {
        let mut transport = Transport::open(endpoint).await?;
        let hello = access::greet(&mut transport, config).await?;
        Ok((transport, hello))
    };
    timeout(ATTEMPT_MAX, attempt)
        .await
        .unwrap_or(Err(ConnectError::Timeout))
}

/// Why the task left a connection.
enum Left {
    /// The connection is gone.
    Lost,
    /// Every client handle is gone.
    Closed,
}

impl Task {
    pub(crate) fn new(
        endpoint: Endpoint,
        config: Config,
        commands: mpsc::Receiver<Command>,
        notifications: broadcast::Sender<Notification>,
    ) -> Self {
        Self {
            endpoint,
            config,
            commands,
            notifications,
            pending: BTreeMap::new(),
            last_id: HELLO_ID,
            subscription: None,
        }
    }

    /// Runs until every client handle is gone.
    pub(crate) async fn run(mut self, first: Transport) {
        let mut transport = first;
        loop {
            match self.serve(&mut transport).await {
                Left::Closed => return transport.close().await,
                Left::Lost => {}
            }
            self.fail_unkeyed();
            transport = loop {
                match self.reconnect().await {
                    Some(transport) => break transport,
                    None if self.wait_for_work().await => {}
                    None => return,
                }
            };
        }
    }

    async fn serve(&mut self, transport: &mut Transport) -> Left {
        if self.send_again(transport).await.is_err() {
            return Left::Lost;
        }
        loop {
            tokio::select! {
                received = transport.receive() => match received {
                    Ok(text) => self.take(&text),
                    Err(Lost) => return Left::Lost,
                },
                command = self.commands.recv() => {
                    let Some(command) = command else { return Left::Closed };
                    let written = timeout(WRITE_MAX, self.write(transport, command)).await;
                    if !matches!(written, Ok(Ok(()))) {
                        return Left::Lost;
                    }
                }
            }
        }
    }

    /// Writes a call, and those that queued behind it, in one go.
    async fn write(&mut self, transport: &mut Transport, first: Command) -> Result<(), Lost> {
        let mut next = Some(first);
        while let Some(command) = next {
            if let Some(pending) = self.accept(command) {
                // From here on the host may have it, whatever the transport says.
                pending.sent = true;
                transport.feed(&pending.text).await?;
            }
            next = self.commands.try_recv().ok();
        }
        transport.flush().await
    }

    /// Gives a call its id; nothing if it is refused.
    fn accept(&mut self, command: Command) -> Option<&mut Pending> {
        if self.pending.len() >= PENDING_MAX {
            self.pending
                .retain(|_, pending| !pending.answer.is_closed());
        }
        if self.pending.len() >= PENDING_MAX {
            let _ = command.answer.send(Err(CallError::TooMany(PENDING_MAX)));
            return None;
        }
        self.last_id += 1;
        let text = rpc::call_text(&Id::from(self.last_id), &command.method, &command.params);
        if command.method == Method::Subscribe.name() {
            self.remember_subscription(&command.params);
        }
        let pending = Pending {
            text,
            key: command.key,
            sent: false,
            answer: command.answer,
            updates: command.updates,
        };
        Some(self.pending.entry(self.last_id).or_insert(pending))
    }

    fn remember_subscription(&mut self, params: &RawValue) {
        if let Ok(params) = serde_json::from_str::<SubscribeParams>(params.get()) {
            let seq = params.since_seq;
            self.subscription = Some(Subscription {
                id: self.last_id,
                params,
                seq,
            });
        }
    }

    /// After a new connection: the subscription, then open calls in the order they were made.
    async fn send_again(&mut self, transport: &mut Transport) -> Result<(), Lost> {
        if let Some(Subscription {
            params,
            seq: Some(seq),
            ..
        }) = &self.subscription
        {
            let params = SubscribeParams {
                since_seq: Some(*seq),
                ..params.clone()
            };
            let id = Id::from(RESUBSCRIBE_ID);
            transport
                .feed(&rpc::call_text(&id, Method::Subscribe.name(), &params))
                .await?;
        }
        self.pending
            .retain(|_, pending| !pending.answer.is_closed());
        for pending in self.pending.values_mut() {
            pending.sent = true;
            transport.feed(&pending.text).await?;
        }
        timeout(WRITE_MAX, transport.flush())
            .await
            .unwrap_or(Err(Lost))
    }

    fn take(&mut self, text: &str) {
        match rpc::read_from_host(text) {
            Some(FromHost::Answer {
                id: Some(id),
                outcome,
            }) => {
                let Ok(number) = id.as_json().parse::<i64>() else {
                    return;
                };
                if let Ok(result) = &outcome {
                    self.subscribed(number, result.get());
                }
                let Some(pending) = self.pending.remove(&number) else {
                    return;
                };
                let outcome = outcome.map(RawValue::to_owned).map_err(CallError::Rpc);
                // A caller that stopped waiting needs no answer.
                let _ = pending.answer.send(outcome);
            }
            Some(FromHost::Notification {
                method,
                params: Some(params),
            }) => {
                self.notify(&method, params.get());
            }
            _ => {}
        }
    }

    /// Where a subscription begins, unless its call said so.
    fn subscribed(&mut self, number: i64, result: &str) {
        if number == RESUBSCRIBE_ID {
            self.spread(RESUBSCRIBED, result);
        }
        let mine = self
            .subscription
            .as_mut()
            .filter(|one| one.id == number && one.seq.is_none());
        if let (Some(one), Ok(answer)) = (mine, serde_json::from_str::<SubscribeResult>(result)) {
            one.seq = Some(answer.seq);
        }
    }

    fn notify(&mut self, method: &str, params: &str) {
        match method {
            PROGRESS => self.progress(params),
            PROMPT => self.prompt(params),
            _ => self.count(params),
        }
        self.spread(method, params);
    }

    fn spread(&self, method: &str, params: &str) {
        if self.notifications.receiver_count() > 0 {
            let notification = Notification {
                method: method.into(),
                params: params.into(),
            };
            // The last receiver may have gone meanwhile.
            let _ = self.notifications.send(notification);
        }
    }

    fn progress(&mut self, params: &str) {
        let Ok(progress) = serde_json::from_str::<Progress>(params) else {
            return;
        };
        let Ok(number) = progress.request_id.as_json().parse::<i64>() else {
            return;
        };
        let pending = self.pending.get(&number);
        if let Some(updates) = pending.and_then(|pending| pending.updates.as_ref()) {
            // Progress is for showing; a caller who does not read it must not stop the answer.
            let _ = updates.try_send(Update::Progress(progress));
        }
    }

    fn prompt(&mut self, params: &str) {
        let Ok(prompt) = serde_json::from_str::<Prompt>(params) else {
            return;
        };
        let owners = self.pending.values();
        let mut owners = owners.filter(|one| one.key.as_ref() == Some(&prompt.idempotency_key));
        if let Some(updates) = owners.find_map(|pending| pending.updates.as_ref()) {
            let _ = updates.try_send(Update::Prompt(prompt));
        }
    }

    /// Remembers the number of the latest event, to go on from it after a lost connection.
    fn count(&mut self, params: &str) {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        if let (Some(subscription), Ok(event)) = (
            &mut self.subscription,
            serde_json::from_str::<Numbered>(params),
        ) {
            subscription.seq = Some(event.seq);
        }
    }

    /// Tries until there is a connection or the time is up, in which case every call is given up.
    async fn reconnect(&mut self) -> Option<Transport> {
        let deadline = Instant::now() + self.config.reconnect_for;
        let mut backoff = Backoff::new();
        let mut refused = None;
        loop {
            let attempt = timeout_at(deadline, open(&self.endpoint, &self.config)).await;
            match attempt {
                Ok(Ok((transport, _))) => return Some(transport),
                Ok(Err(error)) if error.is_final() => {
                    refused = Some(Arc::new(error));
                    break;
                }
                Err(_) => break,
                Ok(Err(_)) => {}
            }
            let pause = backoff.next(random());
            if Instant::now() + pause >= deadline {
                break;
            }
            sleep(pause).await;
            if self.commands.is_closed() && self.pending.is_empty() {
                break;
            }
        }
        self.give_up(refused.as_ref());
        None
    }

    /// Ends every call: what was sent is unknown, what was not is told why.
    fn give_up(&mut self, refused: Option<&Arc<ConnectError>>) {
        let unsent =
            || refused.map_or(CallError::NotSent, |why| CallError::Access(Arc::clone(why)));
        for pending in std::mem::take(&mut self.pending).into_values() {
            let error = if pending.sent {
                CallError::ConnectionLost
            } else {
                unsent()
            };
            // A caller that stopped waiting needs no answer.
            let _ = pending.answer.send(Err(error));
        }
        while let Ok(command) = self.commands.try_recv() {
            let _ = command.answer.send(Err(unsent()));
        }
    }

    /// Waits for the next call, which is worth another try; false if every handle is gone.
    async fn wait_for_work(&mut self) -> bool {
        match self.commands.recv().await {
            Some(command) => {
                self.accept(command);
                true
            }
            None => false,
        }
    }

    fn fail_unkeyed(&mut self) {
        let open = std::mem::take(&mut self.pending);
        let (keyed, unkeyed): (BTreeMap<_, _>, BTreeMap<_, _>) = open
            .into_iter()
            .partition(|(_, pending)| pending.key.is_some());
        self.pending = keyed;
        unkeyed.into_values().for_each(Pending::give_up);
    }
}

/// Jitter only: without randomness the pauses are merely equal.
fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}

/// Waits for an answer, at most this long.
pub(crate) async fn wait(
    answer: oneshot::Receiver<Result<Box<RawValue>, CallError>>,
    most: Duration,
) -> Result<Box<RawValue>, CallError> {
    match timeout(most, answer).await {
        Ok(Ok(outcome)) => outcome,
        // The task ends only after every call was answered or its runtime is gone.
        Ok(Err(_)) => Err(CallError::ConnectionLost),
        Err(_) => Err(CallError::Timeout),
    }
}
