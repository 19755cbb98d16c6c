// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals: names of the error table, and the cashier's sentence.

use super::rfc3339;
use payhal_engine::answer as e;
use payhal_protocol::error::{
    Busy, ErrorData, ErrorName, ErrorObject, ErrorOutcome, MoneyMoved, Retry,
};
use payhal_protocol::transaction::{Resolution, ResolutionState};

/// A refusal's name in the error table.
fn error_name(reason: &e::Reason) -> ErrorName {
    match reason {
        e::Reason::RateLimited => ErrorName::RateLimited,
        e::Reason::DeviceNotFound => ErrorName::DeviceNotFound,
        e::Reason::DeviceBusy { .. } => ErrorName::DeviceBusy,
        e::Reason::DeviceUnavailable | e::Reason::NeverBegun => ErrorName::DeviceUnavailable,
        e::Reason::DeviceUnsupported => ErrorName::DeviceUnsupported,
        e::Reason::Declined => ErrorName::Declined,
        e::Reason::Cancelled => ErrorName::Cancelled,
        e::Reason::TimedOut => ErrorName::TimedOut,
        e::Reason::NothingSent => ErrorName::GatewayUnavailable,
        e::Reason::OutcomeUnknown => ErrorName::OutcomeUnknown,
        e::Reason::KeyReused => ErrorName::KeyReused,
        e::Reason::TransactionNotFound => ErrorName::TransactionNotFound,
        e::Reason::AmountInvalid => ErrorName::AmountInvalid,
        e::Reason::NotAllowed => ErrorName::NotAllowed,
        e::Reason::CardError => ErrorName::CardError,
        e::Reason::GatewayUnavailable => ErrorName::GatewayUnavailable,
        e::Reason::GatewayRejected => ErrorName::GatewayRejected,
        e::Reason::UnresolvedTransaction { .. } => ErrorName::UnresolvedTransaction,
        e::Reason::PluginFailed => ErrorName::PluginFailed,
        e::Reason::JournalUnavailable => ErrorName::JournalUnavailable,
        e::Reason::HostStopping => ErrorName::HostStopping,
    }
}

/// A refusal as its register is told.
pub(in crate::server) fn refused(refused: &e::Refused, replayed: bool) -> ErrorObject {
    let name = error_name(&refused.reason);
    let mut object = ErrorObject::named(name);
    object.message = message(refused, &object.message);
    object.data = Some(Box::new(ErrorData {
        transaction_id: refused.transaction_id.map(|id| id.to_string().into()),
        idempotency_key: refused.key.as_ref().map(|key| key.to_string().into()),
        outcome: match refused.reason.outcome() {
            e::Outcome::Declined => ErrorOutcome::Declined,
            e::Outcome::Cancelled => ErrorOutcome::Cancelled,
            e::Outcome::Unknown => ErrorOutcome::Unknown,
            e::Outcome::Failed | e::Outcome::Approved => ErrorOutcome::Failed,
        },
        money_moved: money_moved(refused),
        retry: match refused.reason.retry() {
            e::Retry::SameKey => Retry::SameKey,
            e::Retry::NewKey => Retry::NewKey,
            e::Retry::Never => Retry::Never,
            e::Retry::AskOperator => Retry::AskOperator,
        },
        retry_after_ms: refused.retry_after_ms,
        response_code: refused.response_code.as_ref().map(ToString::to_string),
        response_text: refused.response_text.as_ref().map(ToString::to_string),
        resolution: refused.resolution.as_ref().map(resolution),
        busy: match &refused.reason {
            e::Reason::DeviceBusy {
                owner,
                since_micros,
                until_micros,
                transaction_id,
            } => Some(Busy {
                register: Some(owner.to_string().into()),
                transaction_id: transaction_id.map(|id| id.to_string().into()),
                since: rfc3339(*since_micros),
                until: until_micros.map(rfc3339),
            }),
            _ => None,
        },
        unresolved: match &refused.reason {
            e::Reason::UnresolvedTransaction { transaction_id } => match &*refused.unresolved {
                [] => vec![transaction_id.to_string().into()],
                all => all.iter().map(|id| id.to_string().into()).collect(),
            },
            _ => Vec::new(),
        },
        replayed,
        detail: refused.detail.as_ref().map(ToString::to_string),
        ..ErrorData::named(name)
    }));
    object
}

/// Whether money moved, as far as a refusal says.
fn money_moved(refused: &e::Refused) -> MoneyMoved {
    match (refused.reversing, refused.reason.outcome()) {
        (true, _) => MoneyMoved::Reversing,
        (false, e::Outcome::Unknown) => MoneyMoved::Unknown,
        (false, _) => MoneyMoved::No,
    }
}

/// The sentence for the cashier: the other side's words where it spoke, and what happens to the
/// money.
fn message(refused: &e::Refused, table: &str) -> String {
    let mut message = match (&refused.reason, &refused.response_text) {
        (e::Reason::TimedOut, _) if refused.reversing => {
            "The payment service did not answer".to_owned()
        }
        (e::Reason::TimedOut, _) if refused.detail.as_deref() == Some(e::NOTHING_MOVED) => {
            "Nothing was charged, as a person found".to_owned()
        }
        (
            e::Reason::DeviceBusy {
                until_micros: Some(_),
                ..
            },
            _,
        ) => "The device is kept for another register".to_owned(),
        (e::Reason::NeverBegun, _) => "The device did not begin. Nothing was charged".to_owned(),
        (_, Some(text)) => format!("{table}: {text}"),
        (_, None) => table.to_owned(),
    };
    if refused.reversing {
        message.push_str(". Whatever was charged is being taken back");
    }
    message
}

/// What the host does next.
pub(in crate::server) fn resolution(resolution: &e::Resolution) -> Resolution {
    let (state, text) = match resolution.state {
        e::ResolutionState::Resolving => (
            ResolutionState::Resolving,
            "The payment service is asked what became of it.",
        ),
        e::ResolutionState::Reversing => (
            ResolutionState::Reversing,
            "Whatever was charged is being taken back.",
        ),
        e::ResolutionState::NeedsOperator => (
            ResolutionState::NeedsOperator,
            "A person must look at this payment.",
        ),
    };
    Resolution {
        state,
        next_at: resolution.next_at_micros.map(rfc3339),
        text: Some(text.to_owned()),
    }
}
