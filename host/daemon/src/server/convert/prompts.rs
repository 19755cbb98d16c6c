// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens while a call runs: stages, questions and their answers, the state of a cancel.

use super::requests::total;
use super::{amount_out, rfc3339};
use payhal_engine::answer as e;
use payhal_engine::prompt::{Prompt, PromptKind, PromptKinds};
use payhal_engine::request::Response;
use payhal_protocol as p;
use payhal_protocol::params::FieldError;
use payhal_protocol::payment::CancelState;
use payhal_protocol::progress::{PinEvent, PromptOption, RespondParams, Stage};
use payhal_protocol::session::HelloParams;

/// A stage as registers know it.
pub(in crate::server) fn stage(stage: e::Stage) -> Stage {
    match stage {
        e::Stage::Accepted => Stage::Accepted,
        e::Stage::WaitingForCard => Stage::WaitingForCard,
        e::Stage::CardInserted => Stage::CardInserted,
        e::Stage::CardTapped => Stage::CardTapped,
        e::Stage::CardSwiped => Stage::CardSwiped,
        e::Stage::ApplicationSelection => Stage::ApplicationSelection,
        e::Stage::PinEntry => Stage::PinEntry,
        e::Stage::ExpiryEntry => Stage::ExpiryEntry,
        e::Stage::Reading => Stage::Reading,
        e::Stage::Authorizing => Stage::Authorizing,
        e::Stage::RemoveCard => Stage::RemoveCard,
        e::Stage::Signature => Stage::Signature,
        e::Stage::Completing => Stage::Completing,
        e::Stage::Reversing => Stage::Reversing,
    }
}

/// What happened at the keypad, as registers know it.
pub(in crate::server) fn pin_event(event: e::PinEvent) -> PinEvent {
    match event {
        e::PinEvent::Started => PinEvent::Started,
        e::PinEvent::Added => PinEvent::Added,
        e::PinEvent::Removed => PinEvent::Removed,
        e::PinEvent::Finished => PinEvent::Finished,
    }
}

/// Every kind of question that can come up.
const PROMPTS: [PromptKind; 8] = [
    PromptKind::ChooseApplication,
    PromptKind::ConfirmSignature,
    PromptKind::EnterText,
    PromptKind::ConfirmPartial,
    PromptKind::ConfirmSurcharge,
    PromptKind::ConfirmCurrency,
    PromptKind::VoiceApproval,
    PromptKind::SetAmount,
];

/// The questions a register said it can show, as far as they can come up.
pub(in crate::server) fn prompt_kinds(hello: &HelloParams) -> PromptKinds {
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
        PromptKind::ConfirmSurcharge => p::progress::PromptKind::ConfirmSurcharge,
        PromptKind::ConfirmCurrency => p::progress::PromptKind::ConfirmCurrency,
        PromptKind::VoiceApproval => p::progress::PromptKind::VoiceApproval,
        PromptKind::SetAmount => p::progress::PromptKind::SetAmount,
    }
}

/// A question as its register is asked. The id of an option is its place, from 1.
pub(in crate::server) fn prompt(prompt: &Prompt) -> p::progress::Prompt {
    let choices = prompt.choices.iter().enumerate();
    let default = match prompt.kind {
        PromptKind::ChooseApplication | PromptKind::ConfirmSurcharge | PromptKind::SetAmount => {
            "cancel"
        }
        PromptKind::ConfirmSignature | PromptKind::ConfirmPartial => "reverse",
        PromptKind::VoiceApproval => "decline",
        PromptKind::ConfirmCurrency => "proceed",
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
        amount: prompt
            .amount
            .map(|amount| amount_out(amount.minor, amount.currency)),
        expires_at: rfc3339(prompt.expires_at_micros),
        default: default.to_owned(),
    }
}

/// An answer to a question, as the engine gets it.
pub(in crate::server) fn response(params: RespondParams) -> Result<Response, FieldError> {
    let place = |id: String| id.parse::<usize>().ok()?.checked_sub(1);
    let parts = [&params.tip, &params.surcharge, &params.cashback].map(Option::as_ref);
    let amounts = params.amount.as_ref().map(|amount| total(amount, parts));
    Ok(Response {
        accepted: params.accepted,
        amounts: amounts.transpose()?,
        chosen: params.choice.and_then(place),
        text: params.text.map(Into::into),
        signature: params.signature.as_deref().map(super::signature),
    })
}

/// The state of a cancel.
pub(in crate::server) fn cancel_state(state: e::CancelState) -> CancelState {
    match state {
        e::CancelState::Cancelling => CancelState::Cancelling,
        e::CancelState::Cancelled => CancelState::Cancelled,
        e::CancelState::TooLate => CancelState::TooLate,
        e::CancelState::Finished => CancelState::Finished,
        e::CancelState::NotFound => CancelState::NotFound,
    }
}
