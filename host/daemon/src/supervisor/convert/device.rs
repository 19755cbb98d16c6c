// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands and replies of readers and terminals.

use super::currency::{confirm_currency, conversion_in, currency_chosen, offer_out};
use super::read::card_read;
use super::{
    Encoded, abilities_in, amounts_out, entry_in, entry_out, json, parse, purpose_out, reconcile,
    totals_in,
};
use crate::supervisor::limits::{PROMPT_CHARS_MAX, PROMPT_CHOICES_MAX, SETTINGS_BYTES_MAX};
use payhal_engine::answer::{PinEvent, Stage};
use payhal_engine::card::{CardFace, Cvm, Entry};
use payhal_engine::device::{
    CardRefusal, DeviceAbilities, DeviceCommand, DeviceReply, Inquiry, IssuerAnswer,
    TerminalOutcome, TerminalReversal,
};
use payhal_engine::errands::Errand;
use payhal_engine::gateway::{Decision, Extras, GatewayAnswer, Recipient};
use payhal_engine::ids::Opaque;
use payhal_engine::pricing::TipOffer;
use payhal_engine::prompt::{DevicePrompt, PromptAnswer, PromptKind};
use payhal_engine::protection::{Protection, Sealing};
use payhal_messages as m;
use payhal_messages::call::{Failure, Refusal, Sent, Status, method};
use std::sync::Arc;

/// A device command as its plugin gets it.
pub(in crate::supervisor) fn device_command(
    device: &str,
    entries: &[Entry],
    command: &DeviceCommand,
) -> Encoded {
    match command {
        DeviceCommand::Present {
            transaction_id,
            purpose,
            amounts,
            estimated,
            timeout_ms,
            entries: wanted,
            total_minor_max,
            again,
            tips,
        } => {
            let present = m::reader::Present {
                transaction_id: transaction_id.to_string(),
                purpose: purpose_out(*purpose),
                amounts: amounts_out(amounts),
                estimated: *estimated,
                entries: ways(entries, wanted),
                total_minor_max: *total_minor_max,
                again: *again,
                tip_choices: tips.iter().map(tip_choice).collect(),
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
            seal_number,
            offline,
            dcc,
        } => {
            let authorize = m::reader::AuthorizeCard {
                transaction_id: transaction_id.to_string(),
                presentation_id: presentation_id.to_string(),
                device: device.to_owned(),
                purpose: purpose_out(*purpose),
                amounts: amounts_out(amounts),
                recipient: recipient_out(recipient),
                online_pin: pin_policy(*offline),
                seal_number: *seal_number,
                dcc: dcc.as_ref().map(offer_out),
            };
            (method::AUTHORIZE_CARD, json(&authorize))
        }
        DeviceCommand::Complete {
            transaction_id,
            presentation_id,
            answer,
            offline,
        } => {
            let complete = m::reader::Complete {
                transaction_id: transaction_id.to_string(),
                presentation_id: presentation_id.to_string(),
                answer: issuer_answer(answer),
                offline: *offline,
            };
            (method::COMPLETE, json(&complete))
        }
        DeviceCommand::ConfirmCurrency { .. } => confirm_currency(command),
        DeviceCommand::Show { lines } => (method::SHOW, show(lines)),
        DeviceCommand::Errand { .. } => errand(command),
        DeviceCommand::Pay { .. }
        | DeviceCommand::Reconcile { .. }
        | DeviceCommand::Inquire { .. }
        | DeviceCommand::Reverse { .. } => terminal_command(command),
    }
}

fn pin_policy(offline: bool) -> m::reader::PinPolicy {
    match offline {
        true => m::reader::PinPolicy::Never,
        false => m::reader::PinPolicy::ByCard,
    }
}

/// Of the ways that a reader has, those that are wanted; all, where none is named.
fn ways(has: &[Entry], wanted: &[Entry]) -> Vec<m::card::Entry> {
    let meant = |entry: &&Entry| wanted.is_empty() || wanted.contains(entry);
    has.iter()
        .filter(meant)
        .map(|entry| entry_out(*entry))
        .collect()
}

fn show(lines: &[String]) -> Vec<u8> {
    json(&m::reader::Show {
        lines: lines.to_vec(),
        beep: true,
    })
}

fn tip_choice(offer: &TipOffer) -> m::reader::TipChoice {
    m::reader::TipChoice {
        label: offer.label.to_string(),
        minor: offer.minor,
    }
}

/// An errand as its plugin gets it, with the card that is meant.
fn errand(command: &DeviceCommand) -> Encoded {
    let DeviceCommand::Errand {
        errand,
        command,
        presentation_id,
    } = command
    else {
        return (method::SHOW, show(&[]));
    };
    let apdu = presentation_id.as_ref().and_then(|id| {
        let apdu: m::device::Apdu = serde_json::from_slice(&command.0).ok()?;
        let presentation_id = Some(id.to_string());
        Some(json(&m::device::Apdu {
            presentation_id,
            ..apdu
        }))
    });
    let payload = apdu.unwrap_or_else(|| command.0.clone());
    (name_of(*errand), payload)
}

fn name_of(errand: Errand) -> &'static str {
    match errand {
        Errand::Settings => method::SETTINGS,
        Errand::Apdu => method::APDU,
    }
}

fn recipient_out(recipient: &Recipient) -> m::card::Recipient {
    let certificates = recipient.certificates.iter();
    m::card::Recipient {
        gateway: recipient.gateway.to_string(),
        key_id: recipient.key_id.to_string(),
        public_key: recipient.public_key.0.clone(),
        certificates: certificates
            .map(|certificate| certificate.0.clone())
            .collect(),
    }
}

fn terminal_command(command: &DeviceCommand) -> Encoded {
    match command {
        DeviceCommand::Pay {
            transaction_id,
            stan,
            purpose,
            amounts,
            total_minor_max,
            original,
        } => {
            let pay = m::terminal::Pay {
                transaction_id: transaction_id.to_string(),
                stan: *stan,
                purpose: purpose_out(*purpose),
                amounts: amounts_out(amounts),
                total_minor_max: *total_minor_max,
                original: original
                    .as_ref()
                    .map(|original| m::terminal::OriginalPayment {
                        transaction_id: original.transaction_id.to_string(),
                        stan: original.stan,
                        reference: original.reference.as_ref().map(ToString::to_string),
                    }),
            };
            (method::PAY, json(&pay))
        }
        DeviceCommand::Reconcile { wire, close } => (method::RECONCILE, reconcile(wire, *close)),
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
pub(in crate::supervisor) fn device_reply(
    device: &str,
    method: &str,
    status: i32,
    payload: &[u8],
) -> DeviceReply {
    match Status::from_code(status) {
        Some(Status::Ok) => ok_reply(device, method, payload),
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
                reason: failure.to_string().into(),
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

fn ok_reply(device: &str, method: &str, payload: &[u8]) -> DeviceReply {
    let reply = match method {
        method::PRESENT => {
            parse(payload).map(|reply: m::reader::Presentation| DeviceReply::Presented {
                presentation_id: reply.presentation_id.into(),
                entry: entry_in(reply.entry),
                card: card_in(reply.card),
                tip_minor: reply.tip_minor,
            })
        }
        method::AUTHORIZE_CARD => parse(payload).and_then(|read| card_read(device, read)),
        method::CONFIRM_CURRENCY => currency_chosen(payload),
        method::COMPLETE => {
            parse(payload).map(|reply: m::reader::CompletionRead| DeviceReply::Completed {
                accepted: reply.accepted,
                tags: Opaque(json(&reply.tags)),
            })
        }
        method::SHOW => Ok(DeviceReply::Shown),
        method::SETTINGS => parse(payload).and_then(|told| settings(&told)),
        method::APDU => parse(payload).map(|reply: m::device::ApduReply| done(&reply)),
        method::PAY => parse(payload).map(|reply| DeviceReply::Paid(Box::new(terminal_in(reply)))),
        method::INQUIRE => parse(payload).map(|reply| match reply {
            m::terminal::TerminalFinding::Ended { outcome } => {
                DeviceReply::Paid(Box::new(terminal_in(outcome)))
            }
            m::terminal::TerminalFinding::Running => DeviceReply::Running,
            m::terminal::TerminalFinding::NotFound => DeviceReply::NotFound,
        }),
        method::RECONCILE => parse(payload)
            .and_then(totals_in)
            .map(|totals| DeviceReply::Reconciled(Box::new(totals))),
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

/// What is more than a device can mean is a fault.
fn settings(settings: &m::device::DeviceSettings) -> Result<DeviceReply, Arc<str>> {
    let reply = json(settings);
    match reply.len() <= SETTINGS_BYTES_MAX {
        true => Ok(DeviceReply::Done(Opaque(reply))),
        false => Err("the settings are more than 32 KiB".into()),
    }
}

/// Only what the method answers goes on.
fn done(reply: &m::device::ApduReply) -> DeviceReply {
    DeviceReply::Done(Opaque(json(reply)))
}

fn terminal_in(outcome: m::terminal::TerminalOutcome) -> TerminalOutcome {
    TerminalOutcome {
        answer: GatewayAnswer {
            decision: if outcome.approved {
                Decision::Approved
            } else {
                Decision::Declined
            },
            response_code: outcome.response_code.into(),
            response_text: outcome.response_text.map(Into::into),
            approved_minor: outcome.approved_minor,
            approval_code: outcome.approval_code.map(Into::into),
            rrn: outcome.rrn.map(Into::into),
            signature_required: false,
            issuer: Opaque::default(),
            extras: Extras {
                token: outcome.token.map(Into::into),
                stored: None,
                balance_minor: outcome.balance_minor,
                tip_minor: outcome.tip_minor,
                dcc: outcome.dcc.and_then(conversion_in).map(Box::new),
                surcharge_minor: outcome.surcharge_minor,
                reference: outcome.reference.map(Into::into),
                offline: outcome.offline,
                totals: None,
            },
        },
        entry: outcome.entry.map(entry_in),
        cvm: outcome.cvm.map(cvm_in),
        card: outcome.card.map(card_in),
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

/// How a device protects what it reads, by its manifest and by what it says of itself.
pub(in crate::supervisor) fn protection(
    manifest: &m::manifest::Manifest,
    sealing: Option<&m::reader::Sealing>,
) -> Protection {
    Protection {
        simulated: manifest.simulated,
        sealing: sealing.map(|sealing| Sealing {
            scheme: sealing.scheme.as_str().into(),
            software: sealing.software,
            test_keys: sealing.test_keys,
        }),
    }
}

/// What a manifest says a device can do; `None` for a gateway.
pub(in crate::supervisor) fn abilities(
    manifest: &m::manifest::Manifest,
) -> Option<DeviceAbilities> {
    if let Some(reader) = &manifest.reader {
        let entries = reader
            .entries
            .iter()
            .map(|entry| entry_in(*entry))
            .collect();
        let tip = reader.tip;
        return Some(DeviceAbilities::Reader {
            entries,
            tip,
            offline: reader.offline,
            dcc: reader.dcc,
        });
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
            can: abilities_in(&terminal.can),
        })
}

pub(super) fn cvm_in(cvm: m::card::Cvm) -> Cvm {
    match cvm {
        m::card::Cvm::None => Cvm::None,
        m::card::Cvm::OnlinePin => Cvm::OnlinePin,
        m::card::Cvm::OfflinePin => Cvm::OfflinePin,
        m::card::Cvm::OnDevice => Cvm::OnDevice,
        m::card::Cvm::Signature => Cvm::Signature,
    }
}

/// Whether it has the form of ISO 3166-1 alpha-2.
fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn card_in(card: m::card::CardFace) -> CardFace {
    CardFace {
        masked_pan: card.masked_pan.into(),
        scheme: card.scheme.into(),
        application: card.application.map(Into::into),
        aid: card.aid.map(Into::into),
        country: card.country.filter(|code| is_country(code)).map(Into::into),
        expiry: card
            .expiry
            .filter(|expiry| is_month(expiry))
            .map(Into::into),
    }
}

/// `MMYY`; anything else is left out.
fn is_month(text: &str) -> bool {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && ("01"..="12").contains(&&text[..2])
}

/// A plugin's question as the engine gets it; what is too long for a register is cut.
pub(in crate::supervisor) fn prompt(prompt: &m::prompt::Prompt) -> DevicePrompt {
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
pub(in crate::supervisor) fn prompt_answer(answer: PromptAnswer) -> Vec<u8> {
    json(&match answer {
        PromptAnswer::Confirmed(yes) => m::prompt::PromptAnswer::Confirmed { yes },
        PromptAnswer::Chosen(index) => m::prompt::PromptAnswer::Chosen { index },
        PromptAnswer::Text(text) => m::prompt::PromptAnswer::Text {
            text: text.to_string(),
        },
        // Of the host's own questions, which no plugin asks.
        PromptAnswer::Amounts(_) | PromptAnswer::None => m::prompt::PromptAnswer::None,
    })
}

/// What happened at a keypad as the engine tells it.
pub(in crate::supervisor) fn pin_event(event: m::prompt::PinEvent) -> PinEvent {
    match event {
        m::prompt::PinEvent::Started => PinEvent::Started,
        m::prompt::PinEvent::Added => PinEvent::Added,
        m::prompt::PinEvent::Removed => PinEvent::Removed,
        m::prompt::PinEvent::Finished => PinEvent::Finished,
    }
}

/// A plugin's stage as the engine tells it.
pub(in crate::supervisor) fn stage(stage: m::prompt::Stage) -> Stage {
    match stage {
        m::prompt::Stage::WaitingForCard => Stage::WaitingForCard,
        m::prompt::Stage::CardInserted => Stage::CardInserted,
        m::prompt::Stage::CardTapped => Stage::CardTapped,
        m::prompt::Stage::CardSwiped => Stage::CardSwiped,
        m::prompt::Stage::ApplicationSelection => Stage::ApplicationSelection,
        m::prompt::Stage::PinEntry => Stage::PinEntry,
        m::prompt::Stage::ExpiryEntry => Stage::ExpiryEntry,
        m::prompt::Stage::Reading => Stage::Reading,
        m::prompt::Stage::Authorizing => Stage::Authorizing,
        m::prompt::Stage::RemoveCard => Stage::RemoveCard,
        m::prompt::Stage::Signature => Stage::Signature,
        m::prompt::Stage::Completing => Stage::Completing,
    }
}
