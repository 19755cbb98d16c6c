// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls with a key: checked, handed to the engine, and answered once with everything a register
//! needs to go on.

use super::calls::{now, text};
use super::convert;
use super::receipt::{Papers, Source};
use super::session::{Session, Taken};
use payhal_engine::answer::{Answer, Approved, Reason, Refused};
use payhal_engine::forwarding::Forwarding;
use payhal_engine::ids::TransactionId;
use payhal_engine::request::{Kind, MoneyRequest, Request, Which};
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::params::{FieldError, Validate, decode};
use payhal_protocol::payment;
use payhal_protocol::rpc::Id;
use payhal_protocol::transaction::ReceiptCopy;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Progress on the way, one answer.
pub(super) fn call<P: DeserializeOwned + Validate>(
    session: &Arc<Session>,
    id: Id,
    params: Option<&RawValue>,
    convert: impl FnOnce(&P) -> Result<MoneyRequest, FieldError>,
) -> Taken {
    let request = decode::<P>(params)
        .map_err(ErrorObject::from)
        .and_then(|params| convert(&params).map_err(Into::into));
    let request = match request {
        Ok(request) => request,
        Err(error) => return now::<(), _>(&id, Err::<(), ErrorObject>(error)),
    };
    let asking = Arc::clone(session);
    let answer_to = id.clone();
    session.running(id, async move {
        let result = asking.pay(request, &answer_to).await;
        asking.outgoing.send(text(&answer_to, result));
    })
}

/// The refusal, with the key of what it refuses.
fn naming(request: &MoneyRequest, mut error: ErrorObject) -> ErrorObject {
    if let Some(details) = error.data.as_deref_mut() {
        details.idempotency_key = Some(request.key.to_string().into());
    }
    error
}

impl Session {
    async fn pay(&self, request: MoneyRequest, id: &Id) -> Result<payment::Approved, ErrorObject> {
        let asked = request.clone();
        match self.check(&request).await {
            Ok(()) => self.asks(&request),
            Err(error) if !self.was_taken(&request).await? => return Err(naming(&request, error)),
            Err(_) => {}
        }
        let request = Request::Money(Box::new(request));
        match self.ask(request, Some(id)).await {
            Some(Answer::Approved {
                approved,
                replayed,
                forwarding,
            }) => {
                let became = forwarding.as_deref();
                Ok(self.approval(&asked, &approved, replayed, became).await)
            }
            Some(Answer::Refused { refused, replayed }) => {
                let mut error = convert::refused(&refused, replayed);
                if let Some(details) = error.data.as_deref_mut() {
                    details.receipt = self.receipt_of(&refused).await;
                }
                Err(error)
            }
            // The host ends without having told: the key finds the outcome after its restart.
            _ => Err(ErrorObject::named(ErrorName::OutcomeUnknown)
                .with_detail("the host stopped; send the same call again")),
        }
    }

    async fn check(&self, request: &MoneyRequest) -> Result<(), ErrorObject> {
        self.check_money(request)?;
        match request.kind {
            Kind::Undo { original } => self.check_undo(original).await,
            _ => Ok(()),
        }
    }

    /// Whether this key was taken before. Rights are for what begins: who may no longer begin it is
    /// still told how it ends, and not that no money moved.
    async fn was_taken(&self, request: &MoneyRequest) -> Result<bool, ErrorObject> {
        if self.shared.journal.outlived(&request.key) {
            return Ok(true);
        }
        let key = || Which::Key(request.key.clone());
        // The journal first: what it reads is read in order, so that a request which came before
        // this one is with the engine by then.
        let found = match self.recorded(key()).await {
            Ok(_) => self.transaction(key()).await,
            Err(error) => Err(error),
        };
        let known = found.map_err(|_| {
            let unread = "the journal cannot be read; send the same call again";
            naming(
                request,
                ErrorObject::named(ErrorName::OutcomeUnknown).with_detail(unread),
            )
        })?;
        Ok(known.is_some())
    }

    async fn approval(
        &self,
        request: &MoneyRequest,
        approved: &Approved,
        replayed: bool,
        became: Option<&Forwarding>,
    ) -> payment::Approved {
        // What an undo became is in its record; every other call is what it was asked to be.
        let (kind, rule) = match request.kind {
            Kind::Undo { .. } => self.undone(approved.transaction_id).await,
            kind => (kind, None),
        };
        let source = Source::approved(kind, approved, Some(request));
        let receipts = Papers::new(&self.shared.merchant).both(&source);
        let undo = convert::undone(&kind, rule);
        convert::approved(approved, receipts, undo, replayed, became)
    }

    async fn undone(&self, id: TransactionId) -> (Kind, Option<payhal_engine::request::UndoRule>) {
        let unread = Kind::Undo { original: id };
        match self.recorded(Which::Transaction(id)).await {
            Ok(Some(view)) => {
                let request = super::views::request_of(&view);
                let rule = request.and_then(|request| request.terms.undo);
                (view.summary.kind, rule)
            }
            _ => (unread, None),
        }
    }

    /// The customer's proof that a card which was presented was not charged.
    async fn receipt_of(&self, refused: &Refused) -> Option<String> {
        let due =
            matches!(refused.reason, Reason::Declined | Reason::CardError) || refused.reversing;
        let id = refused.transaction_id.filter(|_| due)?;
        let view = self.recorded(Which::Transaction(id)).await.ok()??;
        let source = Source::recorded(&view)?;
        Some(Papers::new(&self.shared.merchant).text(&source, ReceiptCopy::Customer))
    }
}
