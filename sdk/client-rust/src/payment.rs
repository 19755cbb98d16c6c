// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running call that moves money: what happens meanwhile, and its one answer.
//!
//! Owns the handle. It must never cancel by being dropped: dropping only stops listening.

use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use payhal_protocol::IdempotencyKey;
use payhal_protocol::payment::{Approved, CancelParams, CancelResult};
use payhal_protocol::progress::{Progress, Prompt};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::client::{Client, read_answer};
use crate::connection::wait;
use crate::error::CallError;

/// What the host says before it answers.
#[derive(Clone, Debug)]
pub enum Update {
    /// How far it has come.
    Progress(Progress),
    /// A question, answered with [`Client::request`] and `RespondParams`.
    Prompt(Prompt),
}

/// A running call. Await it for its answer; read it as a stream for what happens meanwhile.
#[derive(Debug)]
#[must_use = "the answer says whether the customer paid"]
pub struct Payment {
    pub(crate) client: Client,
    pub(crate) method: &'static str,
    pub(crate) key: IdempotencyKey,
    pub(crate) updates: mpsc::Receiver<Update>,
    pub(crate) answer: oneshot::Receiver<Result<Box<RawValue>, CallError>>,
}

impl Payment {
    /// The key of the call.
    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// The next progress or prompt; nothing once the answer is there.
    pub async fn next(&mut self) -> Option<Update> {
        self.updates.recv().await
    }

    /// Asks the host to stop it. The call still gets its own answer, which may be an approval.
    ///
    /// # Errors
    /// The cancel itself could not be sent or was refused.
    pub async fn cancel(&self) -> Result<CancelResult, CallError> {
        let params = CancelParams {
            idempotency_key: Some(self.key.clone()),
            transaction_id: None,
        };
        self.client.request(&params).await
    }

    /// The one answer.
    ///
    /// # Errors
    /// Anything but an approval; see [`CallError::outcome_unknown`].
    pub async fn answer(self) -> Result<Approved, CallError> {
        let raw = wait(self.answer, self.client.payment_timeout()).await;
        let answer = raw.and_then(|raw| read_answer(self.method, &raw));
        if !answer.as_ref().is_err_and(CallError::outcome_unknown) {
            self.client.forget(&self.key);
        }
        answer
    }
}

impl Stream for Payment {
    type Item = Update;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Update>> {
        self.updates.poll_recv(context)
    }
}

impl IntoFuture for Payment {
    type Output = Result<Approved, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.answer())
    }
}
