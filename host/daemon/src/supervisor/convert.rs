// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one place where plugin messages and the engine's vocabulary meet.

use super::limits::{PROMPT_CHARS_MAX, PROMPT_CHOICES_MAX};
use payhal_engine::answer::Stage;
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::device::{
    CardRefusal, DeviceAbilities, DeviceCommand, DeviceReply, Inquiry, IssuerAnswer, Purpose,
    TerminalOutcome, TerminalReversal,
};
use payhal_engine::gateway::{
    Change, Decision, Finding, GatewayAnswer, GatewayCommand, GatewayParameters, GatewayReply,
    Recipient, ReversalReason, Wire,
};
use payhal_engine::ids::{GatewayId, Opaque};
use payhal_engine::money::{Amounts, Currency};
use payhal_engine::prompt::{DevicePrompt, PromptAnswer, PromptKind};
use payhal_messages as m;
use payhal_messages::call::{Failure, Refusal, Sent, Status, method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A method's name and the JSON of its command.
pub(super) type Encoded = (&'static str, Vec<u8>);

/// What the gateway alone may read of a card read; the engine carries it unread.
#[derive(Serialize, Deserialize)]
struct SealedRead {
    sealed: m::card::Sealed,
    tags: BTreeMap<String, String>,
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("messages are plain JSON")
}

/// A device command as its plugin gets it.
pub(super) fn device_command(device: &str, entries: &[Entry], command: &DeviceCommand) -> Encoded {
    match command {
        DeviceCommand::Present {
            transaction_id,
            purpose,
            amounts,
            timeout_ms,
        } => {
            let present = m::reader::Present {
                transaction_id: transaction_id.to_string(),
                purpose: purpose_out(*purpose),
                amounts: amounts_out(amounts),
                entries: entries.iter().map(|entry| entry_out(*entry)).collect(),
                timeout_ms: *timeout_ms,
            };
            (method::PRESENT, json(&present))
        }
        DeviceCommand::AuthorizeCard {
            transaction_id,
            presentation_id,
            purpose,
            amounts,
            recipient,
        } => {
            let authorize = m::reader::AuthorizeCard {
                transaction_id: transaction_id.to_string(),
                presentation_id: presentation_id.to_string(),
                device: device.to_owned(),
                purpose: purpose_out(*purpose),
                amounts: amounts_out(amounts),
                recipient: m::card::Recipient {
                    gateway: recipient.gateway.to_string(),
                    key_id: recipient.key_id.to_string(),
                    public_key: recipient.public_key.0.clone(),
                },
                online_pin: m::reader::PinPolicy::ByCard,
            };
            (method::AUTHORIZE_CARD, json(&authorize))
        }
        DeviceCommand::Complete {
            transaction_id,
            presentation_id,
            answer,
        } => {
            let complete = m::reader::Complete {
                transaction_id: transaction_id.to_string(),
                presentation_id: presentation_id.to_string(),
                answer: issuer_answer(answer),
            };
            (method::COMPLETE, json(&complete))
        }
        DeviceCommand::Show { lines } => {
            let show = m::reader::Show {
                lines: lines.clone(),
                beep: true,
            };
            (method::SHOW, json(&show))
        }
        DeviceCommand::Pay { .. }
        | DeviceCommand::Inquire { .. }
        | DeviceCommand::Reverse { .. } => terminal_command(command),
    }
}

fn terminal_command(command: &DeviceCommand) -> Encoded {
    match command {
        DeviceCommand::Pay {
            transaction_id,
            stan,
            amounts,
        } => {
            let pay = m::terminal::Pay {
                transaction_id: transaction_id.to_string(),
                stan: *stan,
                purpose: m::money::Purpose::Sale,
                amounts: amounts_out(amounts),
            };
            (method::PAY, json(&pay))
        }
        DeviceCommand::Inquire {
            transaction_id,
            stan,
        } => {
            let inquire = m::terminal::InquireTerminal {
                transaction_id: transaction_id.to_string(),
                stan: *stan,
            };
            (method::INQUIRE, json(&inquire))
        }
        DeviceCommand::Reverse {
            transaction_id,
            reference,
            amounts,
        } => {
            let reverse = m::terminal::ReverseTerminal {
                transaction_id: transaction_id.to_string(),
                reference: reference.as_ref().map(ToString::to_string),
                amounts: amounts_out(amounts),
            };
            (method::REVERSE, json(&reverse))
        }
        _ => unreachable!("reader commands are encoded by device_command"),
    }
}

fn issuer_answer(answer: &IssuerAnswer) -> m::reader::IssuerAnswer {
    let tags = |issuer: &Opaque| serde_json::from_slice(&issuer.0).unwrap_or_default();
    match answer {
        IssuerAnswer::Approved {
            response_code,
            issuer,
        } => m::reader::IssuerAnswer::Approved {
            response_code: response_code.to_string(),
            issuer: tags(issuer),
        },
        IssuerAnswer::Declined {
            response_code,
            issuer,
        } => m::reader::IssuerAnswer::Declined {
            response_code: response_code.to_string(),
            issuer: tags(issuer),
        },
        IssuerAnswer::NoAnswer => m::reader::IssuerAnswer::NoAnswer,
    }
}

/// A plugin's reply to a device command.
pub(super) fn device_reply(method: &str, status: i32, payload: &[u8]) -> DeviceReply {
    match Status::from_code(status) {
        Some(Status::Ok) => ok_reply(method, payload),
        Some(Status::Refused) => match parse::<Refusal>(payload) {
            Ok(refusal) => DeviceReply::Refused {
                refusal: card_refusal(&refusal.code),
                text: refusal.text.into(),
            },
            Err(reason) => garbage(reason),
        },
        Some(Status::Failed) => match parse::<Failure>(payload) {
            Ok(failure) => DeviceReply::Failed {
                effect_possible: failure.sent == Sent::Maybe,
                reason: failure.reason.into(),
            },
            Err(reason) => garbage(reason),
        },
        Some(Status::Unsupported) => DeviceReply::Unsupported,
        Some(Status::Cancelled) => DeviceReply::Cancelled,
        None => garbage(format!("{status} is no status").into()),
    }
}

fn garbage(reason: Arc<str>) -> DeviceReply {
    DeviceReply::Failed {
        effect_possible: true,
        reason,
    }
}

fn ok_reply(method: &str, payload: &[u8]) -> DeviceReply {
    let reply = match method {
        method::PRESENT => {
            parse(payload).map(|reply: m::reader::Presentation| DeviceReply::Presented {
                presentation_id: reply.presentation_id.into(),
                entry: entry_in(reply.entry),
                card: card_in(reply.card),
            })
        }
        method::AUTHORIZE_CARD => parse(payload).map(card_read),
        method::COMPLETE => {
            parse(payload).map(|reply: m::reader::CompletionRead| DeviceReply::Completed {
                accepted: reply.accepted,
                tags: Opaque(json(&reply.tags)),
            })
        }
        method::SHOW => Ok(DeviceReply::Shown),
        method::PAY => parse(payload).map(|reply| DeviceReply::Paid(Box::new(terminal_in(reply)))),
        method::INQUIRE => parse(payload).map(|reply| match reply {
            m::terminal::TerminalFinding::Ended { outcome } => {
                DeviceReply::Paid(Box::new(terminal_in(outcome)))
            }
            m::terminal::TerminalFinding::Running => DeviceReply::Running,
            m::terminal::TerminalFinding::NotFound => DeviceReply::NotFound,
        }),
        method::REVERSE => parse(payload).map(|reply| match reply {
            m::gateway::Reversal::Reversed => DeviceReply::Reversed,
            m::gateway::Reversal::Refused { response_text, .. } => DeviceReply::Refused {
                refusal: CardRefusal::Other,
                text: response_text.into(),
            },
        }),
        _ => Err("a reply to an unknown method".into()),
    };
    reply.unwrap_or_else(garbage)
}

fn card_read(read: m::reader::CardRead) -> DeviceReply {
    DeviceReply::CardAuthorized {
        read_id: read.read_id.into(),
        sealed: Opaque(json(&SealedRead {
            sealed: read.sealed,
            tags: read.tags,
        })),
        entry: entry_in(read.entry),
        cvm: cvm_in(read.cvm),
        completion_owed: read.completion_owed,
    }
}

/// A reply that is no JSON of the method. The error tells where, never what.
pub(super) fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Arc<str>> {
    serde_json::from_slice(payload).map_err(|error| {
        format!(
            "the plugin's reply of {} bytes is not what the method answers (column {})",
            payload.len(),
            error.column()
        )
        .into()
    })
}

/// A gateway command as its connector gets it; `None` when the sealed read is not ours.
pub(super) fn gateway_command(command: &GatewayCommand) -> Option<Encoded> {
    Some(match command {
        GatewayCommand::Prepare { wire, amounts } => {
            let prepare = m::gateway::Prepare {
                wire: wire_out(wire),
                purpose: m::money::Purpose::Sale,
                amounts: amounts_out(amounts),
            };
            (method::PREPARE, json(&prepare))
        }
        GatewayCommand::Authorize {
            wire,
            amounts,
            device,
            read_id,
            entry,
            sealed,
            merchant_reference,
        } => {
            let read: SealedRead = serde_json::from_slice(&sealed.0).ok()?;
            let authorize = m::gateway::Authorize {
                wire: wire_out(wire),
                purpose: m::money::Purpose::Sale,
                amounts: amounts_out(amounts),
                device: device.to_string(),
                read_id: read_id.to_string(),
                entry: entry_out(*entry),
                sealed: read.sealed,
                tags: read.tags,
                merchant_reference: merchant_reference.as_ref().map(ToString::to_string),
            };
            (method::AUTHORIZE, json(&authorize))
        }
        GatewayCommand::Modify {
            wire,
            original,
            change,
            amounts,
        } => (
            method::MODIFY,
            json(&modify(wire, original, *change, amounts)),
        ),
        GatewayCommand::Inquire { wire } => (
            method::INQUIRE,
            json(&m::gateway::Inquire {
                wire: wire_out(wire),
            }),
        ),
        GatewayCommand::Reverse {
            wire,
            amounts,
            reason,
        } => {
            let reverse = m::gateway::Reverse {
                wire: wire_out(wire),
                amounts: amounts_out(amounts),
                reason: match reason {
                    ReversalReason::NoAnswer => m::gateway::ReversalReason::NoAnswer,
                    ReversalReason::CardRefused => m::gateway::ReversalReason::CardRefused,
                    ReversalReason::CompletionLost => m::gateway::ReversalReason::CompletionLost,
                    ReversalReason::HostRestarted => m::gateway::ReversalReason::HostRestarted,
                },
            };
            (method::REVERSE, json(&reverse))
        }
    })
}

fn modify(wire: &Wire, original: &Wire, change: Change, amounts: &Amounts) -> m::gateway::Modify {
    m::gateway::Modify {
        wire: wire_out(wire),
        original: wire_out(original),
        change: match change {
            Change::Refund => m::gateway::Change::Refund,
            Change::Void => m::gateway::Change::Void,
        },
        amounts: amounts_out(amounts),
    }
}

/// A connector's reply to a gateway command.
pub(super) fn gateway_reply(method: &str, status: i32, payload: &[u8]) -> GatewayReply {
    let broken = |reason: Arc<str>| GatewayReply::Failed { sent: true, reason };
    match Status::from_code(status) {
        Some(Status::Ok) => ok_gateway_reply(method, payload).unwrap_or_else(broken),
        Some(Status::Refused) => match parse::<Refusal>(payload) {
            Ok(refusal) => GatewayReply::Answered(Box::new(rejected(refusal))),
            Err(reason) => broken(reason),
        },
        Some(Status::Failed) => match parse::<Failure>(payload) {
            Ok(failure) => GatewayReply::Failed {
                sent: failure.sent == Sent::Maybe,
                reason: failure.reason.into(),
            },
            Err(reason) => broken(reason),
        },
        Some(Status::Unsupported) => GatewayReply::Unsupported,
        Some(Status::Cancelled) => GatewayReply::Failed {
            sent: false,
            reason: "the call was cancelled".into(),
        },
        None => broken(format!("{status} is no status").into()),
    }
}

fn rejected(refusal: Refusal) -> GatewayAnswer {
    GatewayAnswer {
        decision: Decision::Rejected,
        response_code: refusal.code.into(),
        response_text: Some(refusal.text.into()),
        approved_minor: None,
        approval_code: None,
        rrn: None,
        signature_required: false,
        issuer: Opaque::default(),
    }
}

fn ok_gateway_reply(method: &str, payload: &[u8]) -> Result<GatewayReply, Arc<str>> {
    Ok(match method {
        method::PREPARE => {
            let prepared: m::gateway::Prepared = parse(payload)?;
            GatewayReply::Prepared {
                reference: prepared.reference.into(),
            }
        }
        method::AUTHORIZE | method::MODIFY => {
            GatewayReply::Answered(Box::new(answer_in(parse(payload)?)))
        }
        method::INQUIRE => GatewayReply::Found(match parse(payload)? {
            m::gateway::Finding::Answered { answer } => {
                Finding::Answered(Box::new(answer_in(answer)))
            }
            m::gateway::Finding::Reversed => Finding::Reversed,
            m::gateway::Finding::Pending => Finding::Pending,
            m::gateway::Finding::NotFound => Finding::NotFound,
        }),
        method::REVERSE => match parse(payload)? {
            m::gateway::Reversal::Reversed => GatewayReply::Reversed,
            m::gateway::Reversal::Refused {
                response_code,
                response_text,
            } => GatewayReply::ReversalRefused {
                response_code: response_code.into(),
                response_text: response_text.into(),
            },
        },
        _ => return Err("a reply to an unknown method".into()),
    })
}

fn answer_in(answer: m::gateway::Answer) -> GatewayAnswer {
    GatewayAnswer {
        decision: match answer.decision {
            m::gateway::Decision::Approved => Decision::Approved,
            m::gateway::Decision::Declined => Decision::Declined,
            m::gateway::Decision::Rejected => Decision::Rejected,
        },
        response_code: answer.response_code.into(),
        response_text: answer.response_text.map(Into::into),
        approved_minor: answer.approved_minor,
        approval_code: answer.approval_code.map(Into::into),
        rrn: answer.rrn.map(Into::into),
        signature_required: answer.signature_required,
        issuer: Opaque(json(&answer.issuer)),
    }
}

/// What a connector answered to `open`, with what its manifest says.
pub(super) fn parameters(
    gateway: &GatewayId,
    opened: &m::gateway::Parameters,
    abilities: Option<&m::manifest::GatewayAbilities>,
) -> GatewayParameters {
    let currencies = opened
        .currencies
        .iter()
        .filter_map(|code| Currency::from_code(code));
    GatewayParameters {
        currencies: currencies.collect(),
        recipient: Recipient {
            gateway: gateway.clone(),
            key_id: opened.recipient.key_id.as_str().into(),
            public_key: Opaque(opened.recipient.public_key.clone()),
        },
        inquiry: abilities.is_some_and(|abilities| abilities.inquiry),
        in_flight_per_acceptor: abilities.and_then(|abilities| abilities.in_flight_per_acceptor),
        reversal_before_next: abilities.is_some_and(|abilities| abilities.reversal_before_next),
    }
}

/// What a manifest says a device can do; `None` for a gateway.
pub(super) fn abilities(manifest: &m::manifest::Manifest) -> Option<DeviceAbilities> {
    if let Some(reader) = &manifest.reader {
        let entries = reader
            .entries
            .iter()
            .map(|entry| entry_in(*entry))
            .collect();
        return Some(DeviceAbilities::Reader { entries });
    }
    manifest
        .terminal
        .as_ref()
        .map(|terminal| DeviceAbilities::Terminal {
            inquiry: match terminal.inquiry {
                m::manifest::Inquiry::ById => Inquiry::ById,
                m::manifest::Inquiry::LastOnly => Inquiry::LastOnly,
                m::manifest::Inquiry::None => Inquiry::None,
            },
            reversal: match terminal.reversal {
                m::manifest::TerminalReversal::ByReference => TerminalReversal::ByReference,
                m::manifest::TerminalReversal::NeedsCard => TerminalReversal::NeedsCard,
                m::manifest::TerminalReversal::None => TerminalReversal::None,
            },
        })
}

fn terminal_in(outcome: m::terminal::TerminalOutcome) -> TerminalOutcome {
    TerminalOutcome {
        approved: outcome.approved,
        response_code: outcome.response_code.into(),
        response_text: outcome.response_text.map(Into::into),
        approved_minor: outcome.approved_minor,
        approval_code: outcome.approval_code.map(Into::into),
        reference: outcome.reference.map(Into::into),
        entry: outcome.entry.map(entry_in),
        cvm: outcome.cvm.map(cvm_in),
        card: outcome.card.map(card_in),
        offline: outcome.offline,
    }
}

fn wire_out(wire: &Wire) -> m::gateway::Wire {
    m::gateway::Wire {
        transaction_id: wire.transaction_id.to_string(),
        stan: wire.stan,
        at_micros: wire.at_micros,
        acceptor: m::gateway::Acceptor {
            merchant: wire.acceptor.merchant.to_string(),
            terminal: wire.acceptor.terminal.to_string(),
        },
        reference: wire.reference.to_string(),
    }
}

fn amounts_out(amounts: &Amounts) -> m::money::Amounts {
    m::money::Amounts {
        currency: amounts.total.currency.code().to_owned(),
        total_minor: amounts.total.minor,
        tip_minor: amounts.tip_minor,
        surcharge_minor: amounts.surcharge_minor,
        cashback_minor: amounts.cashback_minor,
    }
}

fn purpose_out(purpose: Purpose) -> m::money::Purpose {
    match purpose {
        Purpose::Sale => m::money::Purpose::Sale,
    }
}

fn entry_out(entry: Entry) -> m::card::Entry {
    match entry {
        Entry::Chip => m::card::Entry::Chip,
        Entry::Contactless => m::card::Entry::Contactless,
        Entry::Stripe => m::card::Entry::Stripe,
        Entry::Manual => m::card::Entry::Manual,
    }
}

fn entry_in(entry: m::card::Entry) -> Entry {
    match entry {
        m::card::Entry::Chip => Entry::Chip,
        m::card::Entry::Contactless => Entry::Contactless,
        m::card::Entry::Stripe => Entry::Stripe,
        m::card::Entry::Manual => Entry::Manual,
    }
}

fn cvm_in(cvm: m::card::Cvm) -> Cvm {
    match cvm {
        m::card::Cvm::None => Cvm::None,
        m::card::Cvm::OnlinePin => Cvm::OnlinePin,
        m::card::Cvm::OfflinePin => Cvm::OfflinePin,
        m::card::Cvm::OnDevice => Cvm::OnDevice,
        m::card::Cvm::Signature => Cvm::Signature,
    }
}

fn card_in(card: m::card::CardFace) -> CardFace {
    CardFace {
        masked_pan: card.masked_pan.into(),
        scheme: card.scheme.into(),
        application: card.application.map(Into::into),
        aid: card.aid.map(Into::into),
    }
}

fn card_refusal(code: &str) -> CardRefusal {
    match code {
        "card_expired" => CardRefusal::CardExpired,
        "card_unreadable" => CardRefusal::CardUnreadable,
        "card_removed" => CardRefusal::CardRemoved,
        "cancelled_on_device" => CardRefusal::CancelledOnDevice,
        "no_card" => CardRefusal::NoCard,
        "not_accepted" => CardRefusal::NotAccepted,
        "pin_failed" => CardRefusal::PinFailed,
        _ => CardRefusal::Other,
    }
}

/// A plugin's question as the engine gets it; what is too long for a register is cut.
pub(super) fn prompt(prompt: &m::prompt::Prompt) -> DevicePrompt {
    let cut = |text: &str| -> Arc<str> {
        let cut: String = text.chars().take(PROMPT_CHARS_MAX).collect();
        cut.into()
    };
    let choices = prompt.choices.iter().take(PROMPT_CHOICES_MAX);
    DevicePrompt {
        number: prompt.prompt_id,
        kind: match prompt.kind {
            m::prompt::PromptKind::ChooseApplication => PromptKind::ChooseApplication,
            m::prompt::PromptKind::ConfirmSignature => PromptKind::ConfirmSignature,
            m::prompt::PromptKind::EnterText => PromptKind::EnterText,
        },
        text: cut(&prompt.text),
        choices: choices.map(|choice| cut(choice)).collect(),
        timeout_ms: prompt.timeout_ms,
    }
}

/// The answer as its plugin gets it.
pub(super) fn prompt_answer(answer: PromptAnswer) -> Vec<u8> {
    json(&match answer {
        PromptAnswer::Confirmed(yes) => m::prompt::PromptAnswer::Confirmed { yes },
        PromptAnswer::Chosen(index) => m::prompt::PromptAnswer::Chosen { index },
        PromptAnswer::Text(text) => m::prompt::PromptAnswer::Text {
            text: text.to_string(),
        },
        PromptAnswer::None => m::prompt::PromptAnswer::None,
    })
}

/// A plugin's stage as the engine tells it.
pub(super) fn stage(stage: m::prompt::Stage) -> Stage {
    match stage {
        m::prompt::Stage::WaitingForCard => Stage::WaitingForCard,
        m::prompt::Stage::CardInserted => Stage::CardInserted,
        m::prompt::Stage::CardTapped => Stage::CardTapped,
        m::prompt::Stage::CardSwiped => Stage::CardSwiped,
        m::prompt::Stage::ApplicationSelection => Stage::ApplicationSelection,
        m::prompt::Stage::PinEntry => Stage::PinEntry,
        m::prompt::Stage::Reading => Stage::Reading,
        m::prompt::Stage::Authorizing => Stage::Authorizing,
        m::prompt::Stage::RemoveCard => Stage::RemoveCard,
        m::prompt::Stage::Signature => Stage::Signature,
        m::prompt::Stage::Completing => Stage::Completing,
    }
}
