// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signatures that are kept with payments. Never shown to another register than the payment is.

use super::convert;
use super::session::Session;
use payhal_engine::answer::Answer;
use payhal_engine::request::{Request, Sign, Which};
use payhal_journal::View;
use payhal_protocol::error::{ErrorName, ErrorObject};
use payhal_protocol::payment::{
    SignParams, SignResult, Signature, SignatureParams, SignatureResult,
};
use std::sync::Arc;

/// Keeps one that came after its payment.
pub(super) async fn sign(
    session: Arc<Session>,
    params: SignParams,
) -> Result<SignResult, ErrorObject> {
    let sign = Sign {
        transaction_id: convert::transaction_id("transaction_id", &params.transaction_id)?,
        signature: convert::signature(&params.signature),
    };
    match session.ask(Request::Sign(Box::new(sign)), None).await {
        Some(Answer::Signed { at_micros }) => Ok(SignResult {
            transaction_id: params.transaction_id,
            signed_at: convert::rfc3339(at_micros),
        }),
        Some(Answer::Refused { refused, replayed }) => {
            let error = convert::refused(&refused, replayed);
            Err(match (error.name(), &refused.detail) {
                (Some(ErrorName::NotAllowed), Some(why)) => error.with_message(why.to_string()),
                _ => error,
            })
        }
        _ => Err(ErrorObject::named(ErrorName::HostStopping)),
    }
}

/// Gives one back.
pub(super) async fn signature(
    session: Arc<Session>,
    params: SignatureParams,
) -> Result<SignatureResult, ErrorObject> {
    let id = convert::transaction_id("transaction_id", &params.transaction_id)?;
    let view = session.recorded_own(Which::Transaction(id)).await?;
    let gone = || ErrorObject::named(ErrorName::TransactionNotFound);
    let view = view.ok_or_else(gone)?;
    let (signature, at_micros) = kept(&view).ok_or_else(|| {
        ErrorObject::named(ErrorName::NotAllowed)
            .with_message("No signature is kept with this payment")
    })?;
    Ok(SignatureResult {
        transaction_id: params.transaction_id,
        signature,
        signed_at: convert::rfc3339(at_micros),
    })
}

/// The signature that is kept with a payment, and since when, in microseconds since 1970 UTC.
pub(super) fn kept(view: &View) -> Option<(Signature, i64)> {
    view.records.iter().find_map(|record| {
        let read = serde_json::from_str(record.fact.signature()?).ok()?;
        Some((read, record.at_micros))
    })
}
