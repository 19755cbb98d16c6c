// SPDX-License-Identifier: MIT OR Apache-2.0
//! One connection's conversation, whatever carries it: messages in, messages out.
//!
//! What can be answered at once is answered in the reader's own turn; everything else is a future
//! that the transport keeps and drops with the connection. Dropping it cancels no money.

use super::Shared;
use super::admission;
use super::arrival::Visitor;
use super::calls;
use super::conduct::Known;
use super::depth;
use super::limits::{BATCH_MAX, CALLS_MAX, CANCELLABLE_MAX};
use super::outgoing::{Outgoing, Sendings};
use super::presence::{Presence, Presences};
use super::questions::{self, Questions};
use crate::access::{Gate, Standing};
use crate::audit::Actor;
use crate::rights::Grant;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use payhal_engine::ids::{RegisterId, Scope};
use payhal_engine::prompt::PromptKinds;
use payhal_engine::request::Caller;
use payhal_failpoint::failpoint;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::limits::{MESSAGE_BYTES_MAX, NESTING_MAX};
use payhal_protocol::method::Method;
use payhal_protocol::rpc::{self, Id, Incoming};
use payhal_protocol::session::Permission;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A call on its way; it sends its own answer.
pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What became of a received message.
pub(super) enum Taken {
    /// Nothing to say.
    Silent,
    /// The answer.
    Answer(String),
    /// The answer to what nobody understands.
    Malformed(String),
    /// To be driven until the connection ends.
    Running(Vec<Running>),
}

/// One connection.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) outgoing: Outgoing,
    /// What it may do; shared with its batches.
    presence: Arc<Presence>,
    register: Arc<Mutex<RegisterId>>,
    /// The questions it can show.
    prompts: Arc<Mutex<PromptKinds>>,
    questions: Mutex<Questions>,
    running: AtomicUsize,
    cancellable: Mutex<HashMap<String, Arc<Notify>>>,
    /// Ends the subscription that a newer one replaces.
    pub(super) subscription: Mutex<Option<Arc<Notify>>>,
    /// It was told that the host stops, or will be as a subscriber.
    pub(super) knows_of_stop: AtomicBool,
}

/// Where a connection came in.
#[derive(Clone, Debug)]
pub(super) enum Door {
    /// A WebSocket.
    Web(Visitor),
    /// The Unix socket of this host's own user.
    Operator,
}

impl Door {
    /// Whose keys are meant before a hello.
    fn register(&self) -> &'static str {
        match self {
            Self::Web(_) => "open",
            Self::Operator => "operator",
        }
    }
}

/// Whether a message is an answer or tells something, to name a failpoint.
#[cfg(feature = "failpoints")]
pub(super) fn what(message: &str) -> &'static str {
    // Envelopes begin with the version, then say which.
    let envelope = message.get(..40).unwrap_or(message);
    if envelope.contains("\"method\"") {
        "notification"
    } else {
        "answer"
    }
}

impl Session {
    /// A connection that says for which register it speaks when it says hello; until then its keys
    /// are those of its door.
    pub(super) fn new(shared: Arc<Shared>, outgoing: Outgoing, door: Door) -> Arc<Self> {
        let register = Arc::new(Mutex::new(RegisterId::from(door.register())));
        let presence = shared.presences.enter(door, outgoing.clone());
        Arc::new(Self {
            shared,
            outgoing,
            presence,
            register,
            prompts: Arc::default(),
            questions: Mutex::default(),
            running: AtomicUsize::new(0),
            cancellable: Mutex::default(),
            subscription: Mutex::default(),
            knows_of_stop: AtomicBool::new(false),
        })
    }

    /// Its place among all connections.
    pub(super) fn presence(&self) -> &Presence {
        &self.presence
    }

    /// All connections.
    pub(super) fn presences(&self) -> &Arc<Presences> {
        &self.shared.presences
    }

    /// Who decides about access.
    pub(super) fn gate(&self) -> &Gate {
        &self.shared.presences.gate
    }

    /// What this connection may do now.
    pub(super) fn standing(&self) -> Standing {
        self.presence.standing()
    }

    /// The register this connection is scoped to.
    pub(super) fn register(&self) -> RegisterId {
        locked(&self.register).clone()
    }

    pub(super) fn set_register(&self, id: RegisterId) {
        *locked(&self.register) = id;
    }

    pub(super) fn set_prompts(&self, prompts: PromptKinds) {
        *locked(&self.prompts) = prompts;
    }

    /// What was asked of the client.
    pub(super) fn questions(&self) -> MutexGuard<'_, Questions> {
        locked(&self.questions)
    }

    /// Who asks, for the engine.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            scope: Scope {
                register: self.register(),
                generation: match self.standing() {
                    Standing::Paired { generation, .. } => generation,
                    _ => 0,
                },
            },
            others: self.grant().may(Permission::Others),
            prompts: *locked(&self.prompts),
        }
    }

    /// Who asks, for the audit.
    pub(super) fn actor(&self) -> Actor {
        let register = || self.register().to_string();
        match self.standing() {
            Standing::Socket => Actor::Socket {
                uid: rustix::process::getuid().as_raw(),
            },
            Standing::Console(_) => Actor::Console,
            Standing::Paired { register_id, .. } => Actor::Register(register_id),
            Standing::Open | Standing::Stranger => Actor::Open(register()),
        }
    }

    /// What this connection's register may do, as the operator granted it.
    pub(super) fn grant(&self) -> Grant {
        self.gate().grant(&self.standing(), &self.register().0)
    }

    /// Whose connection this is, for its bounds.
    pub(super) fn known(&self) -> Known {
        match self.standing() {
            Standing::Socket | Standing::Console(_) | Standing::Paired { .. } => Known::Proven,
            Standing::Open => Known::Open,
            Standing::Stranger if self.presence.is_pairing() => Known::Pairing,
            Standing::Stranger => Known::Stranger,
        }
    }

    /// Takes one message.
    pub(super) fn take(self: &Arc<Self>, text: &str) -> Taken {
        // Before anything parses it: what is nested without end costs a parser its stack.
        if depth::exceeds(text, NESTING_MAX) {
            let error = ErrorObject::named(ErrorName::InvalidRequest)
                .with_detail(format!("nested deeper than {NESTING_MAX}"));
            return Taken::Malformed(rpc::error_text(None, &error));
        }
        match rpc::read(text) {
            Ok(Incoming::Batch(members)) => self.take_batch(&members),
            Ok(message) => self.take_one(message, false),
            Err(malformed) => Taken::Malformed(malformed.to_text()),
        }
    }

    fn take_batch(self: &Arc<Self>, members: &[&RawValue]) -> Taken {
        if members.len() > BATCH_MAX {
            let error = ErrorObject::named(ErrorName::InvalidRequest)
                .with_detail(format!("a batch must have at most {BATCH_MAX} members"));
            return Taken::Answer(rpc::error_text(None, &error));
        }
        let (collected, answers) = Outgoing::holding(BATCH_MAX);
        let batch = self.for_batch(collected);
        let mut running = FuturesUnordered::new();
        for member in members {
            let taken = match rpc::read(member.get()) {
                Ok(Incoming::Batch(_)) => {
                    let error = ErrorObject::named(ErrorName::InvalidRequest);
                    Taken::Answer(rpc::error_text(None, &error))
                }
                Ok(message) => batch.take_one(message, true),
                Err(malformed) => Taken::Answer(malformed.to_text()),
            };
            match taken {
                Taken::Silent => {}
                Taken::Answer(text) | Taken::Malformed(text) => batch.outgoing.send(text),
                Taken::Running(more) => running.extend(more),
            }
        }
        let outgoing = self.outgoing.clone();
        Taken::Running(vec![Box::pin(async move {
            while running.next().await.is_some() {}
            if let Some(answer) = batch_answer(answers) {
                outgoing.send(answer);
            }
        })])
    }

    /// The same register, whose answers are collected.
    fn for_batch(&self, outgoing: Outgoing) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(&self.shared),
            outgoing,
            presence: Arc::clone(&self.presence),
            register: Arc::clone(&self.register),
            prompts: Arc::clone(&self.prompts),
            questions: Mutex::default(),
            running: AtomicUsize::new(0),
            cancellable: Mutex::default(),
            subscription: Mutex::default(),
            knows_of_stop: AtomicBool::new(true),
        })
    }

    fn take_one(self: &Arc<Self>, message: Incoming<'_>, batch: bool) -> Taken {
        match message {
            Incoming::Call { id, method, params } => self.call(id, &method, params, batch),
            Incoming::Notification { method, params } => {
                if method == "$/cancelRequest" {
                    self.stop_waiting(params);
                } else {
                    // A call without an id could not be answered, so it is not made.
                    tracing::debug!(method = calls::known_name(&method), "notification ignored");
                }
                Taken::Silent
            }
            Incoming::Answer { id, result } => questions::answered(self, &id, result),
            Incoming::Batch(_) => Taken::Silent,
        }
    }

    fn call(
        self: &Arc<Self>,
        id: Id,
        method: &str,
        params: Option<&RawValue>,
        batch: bool,
    ) -> Taken {
        let Some(method) = Method::from_name(method) else {
            let error = ErrorObject::named(ErrorName::MethodNotFound);
            return Taken::Answer(rpc::error_text(Some(&id), &error));
        };
        failpoint!("register.asked", method.name());
        self.shared.metrics.called(method);
        if let Err(error) = admission::check(&self.standing(), method) {
            return Taken::Answer(rpc::error_text(Some(&id), &error));
        }
        if batch && (method.moves_money() || method == Method::Subscribe) {
            let error = ErrorObject::named(ErrorName::InvalidRequest)
                .with_detail("a call that moves money or subscribes must not be in a batch");
            return Taken::Answer(rpc::error_text(Some(&id), &error));
        }
        if method.moves_money() && self.running.load(Ordering::Relaxed) >= CALLS_MAX {
            let error = ErrorObject::named(ErrorName::RateLimited)
                .with_detail(format!("{CALLS_MAX} calls of this connection are running"));
            return Taken::Answer(rpc::error_text(Some(&id), &error));
        }
        calls::start(self, id, method, params)
    }

    /// A future that counts as running and ends early when the register stops waiting for it.
    pub(super) fn running(
        self: &Arc<Self>,
        id: Id,
        call: impl Future<Output = ()> + Send + 'static,
    ) -> Taken {
        let session = Arc::clone(self);
        let enough = Arc::new(Notify::new());
        self.running.fetch_add(1, Ordering::Relaxed);
        {
            let mut cancellable = locked(&self.cancellable);
            if cancellable.len() < CANCELLABLE_MAX {
                cancellable.insert(id.as_json().to_owned(), Arc::clone(&enough));
            }
        }
        Taken::Running(vec![Box::pin(async move {
            tokio::select! {
                biased;
                () = call => {}
                () = enough.notified() => {
                    let error = ErrorObject::named(ErrorName::OutcomeUnknown).with_detail(
                        "no longer waited for, as asked; the payment goes on: see payment.get",
                    );
                    session.outgoing.send(rpc::error_text(Some(&id), &error));
                }
            }
            session.running.fetch_sub(1, Ordering::Relaxed);
            locked(&session.cancellable).remove(id.as_json());
        })])
    }

    /// "Stop waiting", never "undo the money".
    fn stop_waiting(&self, params: Option<&RawValue>) {
        #[derive(serde::Deserialize)]
        struct CancelRequest<'a> {
            #[serde(borrow)]
            id: &'a RawValue,
        }
        let named =
            params.and_then(|raw| serde_json::from_str::<CancelRequest<'_>>(raw.get()).ok());
        if let Some(CancelRequest { id }) = named
            && let Some(enough) = locked(&self.cancellable).get(id.get())
        {
            enough.notify_one();
        }
    }
}

/// JSON-RPC 2.0, section 6: one array of answers, and nothing where there is none.
fn batch_answer(mut answers: Sendings) -> Option<String> {
    let mut all = Vec::new();
    while let Ok(answer) = answers.queue.try_recv() {
        all.push(answer);
    }
    let answer = format!("[{}]", all.join(","));
    match answer.len() {
        _ if all.is_empty() => None,
        0..=MESSAGE_BYTES_MAX => Some(answer),
        _ => {
            let error = ErrorObject::named(ErrorName::InvalidRequest).with_detail(format!(
                "the answers to this batch would have more than {MESSAGE_BYTES_MAX} bytes"
            ));
            Some(rpc::error_text(None, &error))
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
