// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client: a handle on the background task, with one method per kind of call.
//!
//! Owns typed calls and their answers. It must never retry a call itself; the task does, and only
//! where a key makes it safe.

use std::sync::Arc;
use std::time::Duration;

use payhal_protocol::batch::{BatchTotals, CloseParams, TotalsParams};
use payhal_protocol::errands::{ApduParams, ApduResult, DeviceSettings, SettingsParams};
use payhal_protocol::events::{SubscribeParams, SubscribeResult};
use payhal_protocol::ids::DeviceId;
use payhal_protocol::leases::{
    LeaseResult, ReleaseParams, ReserveParams, UnwatchParams, WatchParams,
};
use payhal_protocol::limits::MESSAGE_BYTES_MAX;
use payhal_protocol::payment::{
    AdjustParams, AuthorizeParams, BalanceParams, CaptureParams, CashAdvanceParams, RefundParams,
    ResolveParams, ResolveResult, SaleParams, SignParams, SignResult, SignatureParams,
    SignatureResult, UndoParams, VerifyParams, VoidParams,
};
use payhal_protocol::session::{HelloResult, PingParams};
use payhal_protocol::token::{
    DeleteTokenParams, ListTokensParams, ListTokensResult, RegisterTokenParams, TokenHistoryParams,
    TokenHistoryResult, UpdateTokenParams,
};
use payhal_protocol::transaction::GetParams;
use payhal_protocol::{Call, ErrorName, IdempotencyKey, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::config::{Config, Endpoint};
use crate::connection::{Command, Notification, Task, open, wait};
use crate::error::{CallError, ConnectError};
use crate::journal::Recovered;
use crate::limits::{COMMANDS_MAX, NOTIFICATIONS_MAX, RECOVER_EVERY, UPDATES_MAX};
use crate::payment::Payment;

/// A connection to a host. Clones share it; it closes when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    notifications: broadcast::Sender<Notification>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hello: HelloResult,
    config: Config,
}

impl Client {
    /// Connects with the default configuration.
    ///
    /// # Errors
    /// The host cannot be reached or refuses the session.
    pub async fn connect(endpoint: Endpoint) -> Result<Self, ConnectError> {
        Self::connect_with(endpoint, Config::default()).await
    }

    /// Connects and greets the host. Must be called within a tokio runtime, which then carries the
    /// client's one task.
    ///
    /// # Errors
    /// The host cannot be reached or refuses the session.
    pub async fn connect_with(endpoint: Endpoint, config: Config) -> Result<Self, ConnectError> {
        let (transport, hello) = open(&endpoint, &config).await?;
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let (notifications, _) = broadcast::channel(NOTIFICATIONS_MAX);
        let task = Task::new(endpoint, config.clone(), receiver, notifications.clone());
        tokio::spawn(task.run(transport));
        Ok(Self {
            commands,
            notifications,
            shared: Arc::new(Shared { hello, config }),
        })
    }

    /// A new key, to be stored before the call that uses it.
    #[must_use]
    pub fn new_key() -> IdempotencyKey {
        IdempotencyKey(uuid::Uuid::now_v7().to_string())
    }

    /// The host's answer to the first greeting.
    #[must_use]
    pub fn hello(&self) -> &HelloResult {
        &self.shared.hello
    }

    /// Calls a method by its name, with whatever params, unchecked.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<P, R>(&self, method: &str, params: &P) -> Result<R, CallError>
    where
        P: Serialize + ?Sized + Sync,
        R: DeserializeOwned,
    {
        let params = raw_params(params)?;
        let moves_money = Method::from_name(method).is_some_and(Method::moves_money);
        let key = if moves_money { key_of(&params) } else { None };
        let most = if moves_money {
            self.shared.config.payment_timeout
        } else {
            self.shared.config.call_timeout
        };
        let (answer, answered) = oneshot::channel();
        let command = Command {
            method: method.to_owned(),
            params,
            key,
            answer,
            updates: None,
        };
        self.commands
            .send(command)
            .await
            .map_err(|_| CallError::NotSent)?;
        read_answer(method, &wait(answered, most).await?)
    }

    /// Calls the method these params belong to, after checking them.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn request<P: Call + Sync>(&self, params: &P) -> Result<P::Answer, CallError> {
        params.validate().map_err(CallError::Params)?;
        self.call(P::METHOD.name(), params).await
    }

    /// Charges a card.
    pub fn sale(&self, params: &SaleParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Holds an amount on a card.
    pub fn authorize(&self, params: &AuthorizeParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Changes what is held.
    pub fn adjust(&self, params: &AdjustParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Takes what is held, all or part of it.
    pub fn capture(&self, params: &CaptureParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Gives money back.
    pub fn refund(&self, params: &RefundParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Takes a transaction back.
    pub fn void(&self, params: &VoidParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Takes a transaction back by a void or a refund, whichever the rules allow.
    pub fn undo(&self, params: &UndoParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Checks a card, and keeps it as a payment token where that is possible.
    pub fn verify(&self, params: &VerifyParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Asks what is left on a card.
    pub fn balance(&self, params: &BalanceParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Pays out cash.
    pub fn cash_advance(&self, params: &CashAdvanceParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Keeps a card as a payment token under the register's own reference; the answer has it as
    /// `kept`.
    pub fn register_token(&self, params: &RegisterTokenParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Gives a kept payment token another reference, another card or other words.
    pub fn update_token(&self, params: &UpdateTokenParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// Keeps a payment token no more.
    pub fn delete_token(&self, params: &DeleteTokenParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// The kept payment tokens, newest first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn tokens(&self, params: &ListTokensParams) -> Result<ListTokensResult, CallError> {
        self.request(params).await
    }

    /// A payment token, and everything that was done with it.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn token_history(
        &self,
        params: &TokenHistoryParams,
    ) -> Result<TokenHistoryResult, CallError> {
        self.request(params).await
    }

    /// Compares totals and closes the batch.
    pub fn close_batch(&self, params: &CloseParams) -> Payment {
        self.pay(params, &params.idempotency_key)
    }

    /// The totals of the batch so far.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn batch_totals(&self, params: &TotalsParams) -> Result<BatchTotals, CallError> {
        self.request(params).await
    }

    /// Settles an unknown outcome by a person's word.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn resolve(&self, params: &ResolveParams) -> Result<ResolveResult, CallError> {
        self.request(params).await
    }

    /// Keeps the customer's signature with an approved payment, once.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn sign(&self, params: &SignParams) -> Result<SignResult, CallError> {
        self.request(params).await
    }

    /// The signature that is kept with a payment.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn signature(&self, params: &SignatureParams) -> Result<SignatureResult, CallError> {
        self.request(params).await
    }

    /// How a device is set up, as it says itself.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn device_settings(
        &self,
        params: &SettingsParams,
    ) -> Result<DeviceSettings, CallError> {
        self.request(params).await
    }

    /// Talks with a card that does not pay, as far as the device's configuration allows.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn apdu(&self, params: &ApduParams) -> Result<ApduResult, CallError> {
        self.request(params).await
    }

    /// A reader watches for cards for this connection alone. What it sees comes as notifications:
    /// `device.card_presented`, `device.card_removed`, `device.lease_ended`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn watch(&self, params: &WatchParams) -> Result<LeaseResult, CallError> {
        self.request(params).await
    }

    /// The end of a watch before its time.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn unwatch(&self, device: impl Into<DeviceId>) -> Result<(), CallError> {
        let device = device.into();
        self.request(&UnwatchParams { device }).await.map(drop)
    }

    /// A device is kept for this connection alone.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn reserve(&self, params: &ReserveParams) -> Result<LeaseResult, CallError> {
        self.request(params).await
    }

    /// Gives back a device that was kept.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn release(&self, device: impl Into<DeviceId>) -> Result<(), CallError> {
        let device = device.into();
        self.request(&ReleaseParams { device }).await.map(drop)
    }

    /// Answers as soon as the host can.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn ping(&self) -> Result<(), CallError> {
        self.request(&PingParams {}).await.map(|_| ())
    }

    /// Subscribes to events. They come through [`Client::notifications`], which is best called
    /// first. After a lost connection the client subscribes again, from the last event it saw.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn subscribe(&self, params: &SubscribeParams) -> Result<SubscribeResult, CallError> {
        self.request(params).await
    }

    /// Everything the host says without being asked, from now on.
    #[must_use]
    pub fn notifications(&self) -> broadcast::Receiver<Notification> {
        self.notifications.subscribe()
    }

    pub(crate) fn payment_timeout(&self) -> std::time::Duration {
        self.shared.config.payment_timeout
    }

    fn pay<P: Call>(&self, params: &P, key: &IdempotencyKey) -> Payment {
        let (answer, answered) = oneshot::channel();
        let (updates, updated) = mpsc::channel(UPDATES_MAX);
        let method = P::METHOD.name();
        let checked = params.validate().map_err(CallError::Params);
        let ready = checked.and_then(|()| raw_params(params));
        match ready.and_then(|params| self.remember(key, P::METHOD).map(|()| params)) {
            Ok(params) => {
                let key = Some(key.clone());
                let updates = Some(updates);
                self.hand_over(Command {
                    method: method.to_owned(),
                    params,
                    key,
                    answer,
                    updates,
                });
            }
            Err(error) => {
                // The receiver is in the handle that is returned.
                let _ = answer.send(Err(error));
            }
        }
        Payment {
            client: self.clone(),
            method,
            key: key.clone(),
            updates: updated,
            answer: answered,
        }
    }

    /// Before anything is sent.
    fn remember(&self, key: &IdempotencyKey, method: Method) -> Result<(), CallError> {
        let journal = self.shared.config.journal.as_deref();
        journal.map_or(Ok(()), |journal| {
            journal.remember(key, method).map_err(CallError::Journal)
        })
    }

    /// Once the outcome is known. A journal that cannot forget merely asks once more.
    pub(crate) fn forget(&self, key: &IdempotencyKey) {
        if let Some(journal) = self.shared.config.journal.as_deref() {
            let _ = journal.forget(key);
        }
    }

    /// What became of payments, as after a restart: those of `keys`, or of the journal. Asks only,
    /// sends no payment; what runs or is unknown is looked at again for `wait`.
    ///
    /// # Errors
    /// The journal cannot be read, or the host cannot be asked.
    pub async fn recover(
        &self,
        keys: Option<&[IdempotencyKey]>,
        wait: Duration,
    ) -> Result<Vec<Recovered>, CallError> {
        let keys = match (keys, self.shared.config.journal.as_deref()) {
            (Some(keys), _) => keys.to_vec(),
            (None, Some(journal)) => journal.pending().map_err(CallError::Journal)?,
            (None, None) => Vec::new(),
        };
        let deadline = Instant::now() + wait;
        let mut found = Vec::new();
        for key in keys {
            let mut one = self.look(&key).await?;
            while !one.settled() && Instant::now() < deadline {
                sleep(RECOVER_EVERY).await;
                one = self.look(&key).await?;
            }
            if one.settled() {
                self.forget(&key);
            }
            found.push(one);
        }
        Ok(found)
    }

    async fn look(&self, key: &IdempotencyKey) -> Result<Recovered, CallError> {
        let params = GetParams {
            transaction_id: None,
            idempotency_key: Some(key.clone()),
        };
        match self.request(&params).await {
            Ok(view) => Ok(Recovered::of(key.clone(), view)),
            Err(error) if error.name() == Some(ErrorName::TransactionNotFound) => {
                Ok(Recovered::without_a_view(key.clone(), true))
            }
            Err(error) if error.name() == Some(ErrorName::OutcomeUnknown) => {
                Ok(Recovered::without_a_view(key.clone(), false))
            }
            Err(error) => Err(error),
        }
    }

    fn hand_over(&self, command: Command) {
        use mpsc::error::TrySendError;
        let (command, error) = match self.commands.try_send(command) {
            Ok(()) => return,
            Err(TrySendError::Full(command)) => (command, CallError::TooMany(COMMANDS_MAX)),
            Err(TrySendError::Closed(command)) => (command, CallError::NotSent),
        };
        let _ = command.answer.send(Err(error));
    }
}

fn raw_params<P: Serialize + ?Sized>(params: &P) -> Result<Box<RawValue>, CallError> {
    // Envelope, id and method take less than this beside the params.
    const ENVELOPE_BYTES_MAX: usize = 256;
    let limit = MESSAGE_BYTES_MAX - ENVELOPE_BYTES_MAX;
    match to_raw_value(params).and_then(one_line) {
        Ok(raw) if raw.get().len() <= limit => Ok(raw),
        Ok(_) => Err(CallError::TooLarge(limit)),
        Err(source) => Err(CallError::Answer {
            method: "params".to_owned(),
            source,
        }),
    }
}

/// A caller's own JSON may hold line breaks, which end a message on the Unix socket.
fn one_line(raw: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    if raw.get().contains(['\n', '\r']) {
        return to_raw_value(&serde_json::from_str::<serde_json::Value>(raw.get())?);
    }
    Ok(raw)
}

fn key_of(params: &RawValue) -> Option<IdempotencyKey> {
    #[derive(Deserialize)]
    struct Keyed {
        idempotency_key: IdempotencyKey,
    }
    serde_json::from_str::<Keyed>(params.get())
        .ok()
        .map(|keyed| keyed.idempotency_key)
}

pub(crate) fn read_answer<R: DeserializeOwned>(
    method: &str,
    raw: &RawValue,
) -> Result<R, CallError> {
    serde_json::from_str(raw.get()).map_err(|source| CallError::Answer {
        method: method.to_owned(),
        source,
    })
}
