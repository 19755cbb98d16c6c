// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where the register API's types and the engine's vocabulary meet.

use payhal_engine::answer as e;
use payhal_engine::card;
use payhal_engine::ids::{DeviceId, GatewayId, IdempotencyKey, TransactionId};
use payhal_engine::money::{Amount, Amounts, Currency};
use payhal_engine::prompt::{Prompt, PromptKind, PromptKinds};
use payhal_engine::request::{Kind, MoneyRequest, Response, Terms, Which};
use payhal_protocol as p;
use payhal_protocol::error::{
    Busy, ErrorData, ErrorName, ErrorObject, ErrorOutcome, MoneyMoved, Retry,
};
use payhal_protocol::params::FieldError;
use payhal_protocol::payment::{
    Acceptor, Approved, ApprovedOutcome, CancelState, Receipts, RefundParams, SaleParams,
    VoidParams,
};
use payhal_protocol::progress::{PromptOption, RespondParams, Stage};
use payhal_protocol::session::HelloParams;
use payhal_protocol::transaction::{CardView, Cvm, EntryMode, Resolution, ResolutionState};
use std::str::FromStr;
use uuid::Uuid;

/// RFC 3339 in UTC.
pub(super) fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .unwrap_or_default()
        .to_string()
}

/// Microseconds since 1970 UTC from RFC 3339.
pub(super) fn micros(field: &str, text: &str) -> Result<i64, FieldError> {
    let parsed = jiff::Timestamp::from_str(text);
    let must = "must be a time of RFC 3339, as 2026-11-21T12:00:00Z";
    Ok(parsed
        .map_err(|_| FieldError::new(field, must))?
        .as_microsecond())
}

fn amount_in(field: &str, amount: &p::money::Amount) -> Result<Amount, FieldError> {
    let currency = Currency::from_code(&amount.currency).ok_or_else(|| {
        FieldError::amount(
            format!("{field}.currency"),
            "must be an ISO 4217 currency code",
        )
    })?;
    Ok(Amount {
        minor: amount.minor,
        currency,
    })
}

pub(super) fn amount_out(minor: i64, currency: Currency) -> p::money::Amount {
    p::money::Amount::new(minor, currency.code())
}

/// A transaction id as a register writes it.
pub(super) fn transaction_id(
    field: &str,
    id: &p::ids::TransactionId,
) -> Result<TransactionId, FieldError> {
    let parsed = Uuid::parse_str(id.as_str());
    Ok(TransactionId(parsed.map_err(|_| {
        FieldError::new(field, "must be a transaction id")
    })?))
}

fn despite(ids: &[p::ids::TransactionId]) -> Result<Vec<TransactionId>, FieldError> {
    ids.iter().map(|id| transaction_id("despite", id)).collect()
}

/// Names one transaction.
pub(super) fn which(
    id: Option<&p::ids::TransactionId>,
    key: Option<&p::ids::IdempotencyKey>,
) -> Result<Which, FieldError> {
    match (id, key) {
        (Some(id), _) => Ok(Which::Transaction(transaction_id("transaction_id", id)?)),
        (None, Some(key)) => Ok(Which::Key(key.as_str().into())),
        (None, None) => Err(FieldError::new("transaction_id", "must be given")),
    }
}

/// A sale as the engine gets it.
pub(super) fn sale(params: &SaleParams) -> Result<MoneyRequest, FieldError> {
    let unsupported = [
        ("allow_offline", params.allow_offline),
        ("installments", params.installments.is_some()),
        ("entry", params.entry.is_some()),
        ("voice_approval", params.voice_approval.is_some()),
        ("card", params.card.is_some()),
        (
            "cashback",
            params.cashback.as_ref().is_some_and(|part| part.minor > 0),
        ),
    ];
    if let Some((field, _)) = unsupported.into_iter().find(|(_, given)| *given) {
        return Err(FieldError::new(
            field,
            "must be left out: this host does not offer it yet",
        ));
    }
    let total = amount_in("amount", &params.amount)?;
    let part = |amount: &Option<p::money::Amount>| amount.as_ref().map(|amount| amount.minor);
    let amount_max = params.amount_max.as_ref();
    Ok(MoneyRequest {
        key: key(&params.idempotency_key),
        kind: Kind::Sale,
        amounts: Some(Amounts {
            total,
            tip_minor: part(&params.tip),
            surcharge_minor: part(&params.surcharge),
            cashback_minor: part(&params.cashback),
        }),
        amount_max: amount_max
            .map(|most| amount_in("amount_max", most))
            .transpose()?,
        device: params.device.as_ref().map(|id| DeviceId::from(id.as_str())),
        gateway: params
            .gateway
            .as_ref()
            .map(|id| GatewayId::from(id.as_str())),
        timeout_ms: params.timeout_ms,
        reference: params.reference.as_deref().map(Into::into),
        despite: despite(&params.despite)?,
        order: order(params),
        terms: Terms::default(),
    })
}

/// Basket, customer and custom fields, verbatim.
fn order(params: &SaleParams) -> Option<std::sync::Arc<str>> {
    if params.basket.is_empty() && params.customer.is_empty() && params.custom.is_empty() {
        return None;
    }
    let order = serde_json::json!({
        "basket": params.basket,
        "customer": params.customer,
        "custom": params.custom,
    });
    Some(order.to_string().into())
}

fn key(key: &p::ids::IdempotencyKey) -> IdempotencyKey {
    key.as_str().into()
}

/// A refund as the engine gets it.
pub(super) fn refund(params: &RefundParams) -> Result<MoneyRequest, FieldError> {
    if params.original.is_some() {
        let must = "must be left out: this host refunds its own transactions only";
        return Err(FieldError::new("original", must));
    }
    let Some(original) = &params.transaction_id else {
        let must = "must name the transaction to give back from";
        return Err(FieldError::new("transaction_id", must));
    };
    let original = transaction_id("transaction_id", original)?;
    let total = amount_in("amount", &params.amount)?;
    let custom = (!params.custom.is_empty()).then(|| {
        serde_json::json!({ "custom": params.custom })
            .to_string()
            .into()
    });
    Ok(MoneyRequest {
        key: key(&params.idempotency_key),
        kind: Kind::Refund { original },
        amounts: Some(Amounts {
            total,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        }),
        amount_max: None,
        device: params.device.as_ref().map(|id| DeviceId::from(id.as_str())),
        gateway: params
            .gateway
            .as_ref()
            .map(|id| GatewayId::from(id.as_str())),
        timeout_ms: params.timeout_ms,
        reference: params.reference.as_deref().map(Into::into),
        despite: despite(&params.despite)?,
        order: custom,
        terms: Terms::default(),
    })
}

/// A void as the engine gets it.
pub(super) fn void(params: &VoidParams) -> Result<MoneyRequest, FieldError> {
    let original = transaction_id("transaction_id", &params.transaction_id)?;
    let custom = (!params.custom.is_empty()).then(|| {
        serde_json::json!({ "custom": params.custom })
            .to_string()
            .into()
    });
    Ok(MoneyRequest {
        key: key(&params.idempotency_key),
        kind: Kind::Void { original },
        amounts: None,
        amount_max: None,
        device: None,
        gateway: None,
        timeout_ms: params.timeout_ms,
        reference: params.reference.as_deref().map(Into::into),
        despite: Vec::new(),
        order: custom,
        terms: Terms::default(),
    })
}

/// An approval as its register is told.
pub(super) fn approved(approved: &e::Approved, receipts: Receipts, replayed: bool) -> Approved {
    Approved {
        transaction_id: approved.transaction_id.to_string().into(),
        idempotency_key: approved.key.to_string().into(),
        outcome: ApprovedOutcome::Approved,
        amounts: amounts(&approved.requested, Some(approved.approved_minor)),
        partial: approved.partial,
        approval_code: approved.approval_code.as_ref().map(ToString::to_string),
        response_code: Some(approved.response_code.to_string()),
        rrn: approved.rrn.as_ref().map(ToString::to_string),
        stan: approved.stan.map(|stan| format!("{stan:06}")),
        card: approved
            .card
            .as_ref()
            .and_then(|face| card_view(face, approved.entry)),
        cvm: approved.cvm.map(cvm),
        receipts,
        signature_required: approved.signature_required,
        gateway: approved.gateway.as_ref().map(|id| id.to_string().into()),
        device: approved.device.as_ref().map(|id| id.to_string().into()),
        acceptor: approved.acceptor.as_ref().map(|acceptor| Acceptor {
            merchant_id: acceptor.merchant.to_string(),
            terminal_id: acceptor.terminal.to_string(),
        }),
        at: rfc3339(approved.at_micros),
        replayed,
    }
}

/// Requested and approved amounts.
pub(super) fn amounts(requested: &Amounts, approved_minor: Option<i64>) -> p::transaction::Amounts {
    let currency = requested.total.currency;
    let part = |minor: Option<i64>| minor.map(|minor| amount_out(minor, currency));
    p::transaction::Amounts {
        requested: amount_out(requested.total.minor, currency),
        approved: part(approved_minor),
        tip: part(requested.tip_minor),
        surcharge: part(requested.surcharge_minor),
        cashback: part(requested.cashback_minor),
    }
}

/// The card as it may be shown.
pub(super) fn card_view(face: &card::CardFace, entry: Option<card::Entry>) -> Option<CardView> {
    Some(CardView {
        masked_pan: face.masked_pan.to_string(),
        scheme: face.scheme.to_string(),
        entry: match entry? {
            card::Entry::Chip => EntryMode::Chip,
            card::Entry::Contactless => EntryMode::Contactless,
            card::Entry::Stripe => EntryMode::Stripe,
            card::Entry::Manual => EntryMode::Manual,
        },
        application: face.application.as_ref().map(ToString::to_string),
        token: None,
    })
}

fn cvm(cvm: card::Cvm) -> Cvm {
    match cvm {
        card::Cvm::None => Cvm::None,
        card::Cvm::OnlinePin => Cvm::PinOnline,
        card::Cvm::OfflinePin => Cvm::PinOffline,
        card::Cvm::OnDevice => Cvm::OnDevice,
        card::Cvm::Signature => Cvm::Signature,
    }
}

/// A refusal's name in the error table.
pub(super) fn error_name(reason: &e::Reason) -> ErrorName {
    match reason {
        e::Reason::RateLimited => ErrorName::RateLimited,
        e::Reason::DeviceNotFound => ErrorName::DeviceNotFound,
        e::Reason::DeviceBusy { .. } => ErrorName::DeviceBusy,
        e::Reason::DeviceUnavailable => ErrorName::DeviceUnavailable,
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
pub(super) fn refused(refused: &e::Refused, replayed: bool) -> ErrorObject {
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
                transaction_id,
            } => Some(Busy {
                register: Some(owner.to_string().into()),
                transaction_id: transaction_id.map(|id| id.to_string().into()),
                since: rfc3339(*since_micros),
            }),
            _ => None,
        },
        unresolved: match &refused.reason {
            e::Reason::UnresolvedTransaction { transaction_id } => {
                vec![transaction_id.to_string().into()]
            }
            _ => Vec::new(),
        },
        replayed,
        detail: refused.detail.as_ref().map(ToString::to_string),
        ..ErrorData::named(name)
    }));
    object
}

/// Whether money moved, as far as a refusal says.
pub(super) fn money_moved(refused: &e::Refused) -> MoneyMoved {
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
        (_, Some(text)) => format!("{table}: {text}"),
        (_, None) => table.to_owned(),
    };
    if refused.reversing {
        message.push_str(". Whatever was charged is being taken back");
    }
    message
}

/// What the host does next.
pub(super) fn resolution(resolution: &e::Resolution) -> Resolution {
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

/// A stage as registers know it.
pub(super) fn stage(stage: e::Stage) -> Stage {
    match stage {
        e::Stage::Accepted => Stage::Accepted,
        e::Stage::WaitingForCard => Stage::WaitingForCard,
        e::Stage::CardInserted => Stage::CardInserted,
        e::Stage::CardTapped => Stage::CardTapped,
        e::Stage::CardSwiped => Stage::CardSwiped,
        e::Stage::ApplicationSelection => Stage::ApplicationSelection,
        e::Stage::PinEntry => Stage::PinEntry,
        e::Stage::Reading => Stage::Reading,
        e::Stage::Authorizing => Stage::Authorizing,
        e::Stage::RemoveCard => Stage::RemoveCard,
        e::Stage::Signature => Stage::Signature,
        e::Stage::Completing => Stage::Completing,
        e::Stage::Reversing => Stage::Reversing,
    }
}

/// Every kind of question that can come up.
const PROMPTS: [PromptKind; 5] = [
    PromptKind::ChooseApplication,
    PromptKind::ConfirmSignature,
    PromptKind::EnterText,
    PromptKind::ConfirmPartial,
    PromptKind::VoiceApproval,
];

/// The questions a register said it can show, as far as they can come up.
pub(super) fn prompt_kinds(hello: &HelloParams) -> PromptKinds {
    let shown = PROMPTS
        .into_iter()
        .filter(|kind| hello.shows(prompt_kind(*kind)));
    shown.fold(PromptKinds::default(), PromptKinds::with)
}

fn prompt_kind(kind: PromptKind) -> p::progress::PromptKind {
    match kind {
        PromptKind::ChooseApplication => p::progress::PromptKind::ChooseApplication,
        PromptKind::ConfirmSignature => p::progress::PromptKind::ConfirmSignature,
        PromptKind::EnterText => p::progress::PromptKind::EnterText,
        PromptKind::ConfirmPartial => p::progress::PromptKind::ConfirmPartial,
        PromptKind::VoiceApproval => p::progress::PromptKind::VoiceApproval,
    }
}

/// A question as its register is asked. The id of an option is its place, from 1.
pub(super) fn prompt(prompt: &Prompt) -> p::progress::Prompt {
    let choices = prompt.choices.iter().enumerate();
    let default = match prompt.kind {
        PromptKind::ChooseApplication => "cancel",
        PromptKind::ConfirmSignature | PromptKind::ConfirmPartial => "reverse",
        PromptKind::VoiceApproval => "decline",
        PromptKind::EnterText => "empty",
    };
    p::progress::Prompt {
        prompt_id: prompt.prompt_id.to_string().into(),
        transaction_id: prompt.prompt_id.transaction.to_string().into(),
        idempotency_key: prompt.key.to_string().into(),
        kind: prompt_kind(prompt.kind),
        text: prompt.text.to_string(),
        options: choices
            .map(|(place, label)| PromptOption {
                id: (place + 1).to_string(),
                label: label.to_string(),
            })
            .collect(),
        amount: prompt.amount.as_ref().map(|amount| amount_out(amount.minor, amount.currency)),
        expires_at: rfc3339(prompt.expires_at_micros),
        default: default.to_owned(),
    }
}

/// An answer to a question, as the engine gets it.
pub(super) fn response(params: RespondParams) -> Response {
    let place = |id: String| id.parse::<usize>().ok()?.checked_sub(1);
    Response {
        accepted: params.accepted,
        chosen: params.choice.and_then(place),
        text: params.text.map(Into::into),
    }
}

/// The state of a cancel.
pub(super) fn cancel_state(state: e::CancelState) -> CancelState {
    match state {
        e::CancelState::Cancelling => CancelState::Cancelling,
        e::CancelState::Cancelled => CancelState::Cancelled,
        e::CancelState::TooLate => CancelState::TooLate,
        e::CancelState::Finished => CancelState::Finished,
        e::CancelState::NotFound => CancelState::NotFound,
    }
}
