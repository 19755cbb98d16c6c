// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands and replies of gateway connectors.

use super::currency::{conversion_in, currency_offered, offer_currency, offer_out};
use super::lists::lists;
use super::{
    Encoded, SealedRead, abilities_in, acceptor_out, amounts_out, entry_out, json, parse,
    purpose_out, reconcile, totals_in, wire_out,
};
use crate::supervisor::along::Along;
use payhal_engine::device::Purpose;
use payhal_engine::gateway::{
    CardSource, Change, Decision, Extras, Finding, GatewayAnswer, GatewayCommand,
    GatewayParameters, GatewayReply, Original, Recipient, Report, ReversalReason, Wire,
};
use payhal_engine::ids::{Acceptor, GatewayId, Opaque};
use payhal_engine::money::{Amounts, Currency};
use payhal_messages as m;
use payhal_messages::call::{Failure, Refusal, Sent, Status, method};
use std::sync::Arc;

/// A gateway command as its connector gets it; `None` when the sealed read is not ours. `along`:
/// what was kept for it.
pub(in crate::supervisor) fn gateway_command(
    command: &GatewayCommand,
    along: Option<Along>,
) -> Option<Encoded> {
    Some(match command {
        GatewayCommand::Prepare {
            wire,
            purpose,
            amounts,
        } => (method::PREPARE, prepare(wire, *purpose, amounts)),
        GatewayCommand::OfferCurrency { .. } => offer_currency(command)?,
        GatewayCommand::Authorize {
            wire,
            purpose,
            amounts,
            card,
            merchant_reference,
            installments,
            voice_code,
            keep_card,
            dcc,
        } => {
            let authorize = m::gateway::Authorize {
                wire: wire_out(wire),
                purpose: purpose_out(*purpose),
                amounts: amounts_out(amounts),
                card: card_source(card)?,
                merchant_reference: merchant_reference.as_ref().map(ToString::to_string),
                installments: *installments,
                voice_code: voice_code.as_ref().map(ToString::to_string),
                keep_card: *keep_card,
                dcc: dcc.as_ref().map(offer_out),
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
        GatewayCommand::VoiceApproval {
            wire,
            amounts,
            code,
        } => (method::MODIFY, voice_approval(wire, amounts, code)),
        GatewayCommand::Reconcile { wire, close } => (method::RECONCILE, reconcile(wire, *close)),
        GatewayCommand::Report { wire, report } => {
            (method::REPORT, json(&report_out(wire, report)?))
        }
        GatewayCommand::Forward { .. } => (method::FORWARD, json(&forward(command, along)?)),
        GatewayCommand::ForgetToken { acceptor, token } => {
            (method::FORGET_TOKEN, forget_token(acceptor, token))
        }
        GatewayCommand::Inquire { wire } => (method::INQUIRE, inquire(wire)),
        GatewayCommand::Reverse {
            wire,
            amounts,
            reason,
            with_number: _,
        } => {
            let number = match along {
                Some(Along::Number(number)) => Some(number),
                _ => None,
            };
            (method::REVERSE, reverse(wire, amounts, *reason, number))
        }
    })
}

fn inquire(wire: &Wire) -> Vec<u8> {
    let wire = wire_out(wire);
    json(&m::gateway::Inquire { wire })
}

fn prepare(wire: &Wire, purpose: Purpose, amounts: &Amounts) -> Vec<u8> {
    json(&m::gateway::Prepare {
        wire: wire_out(wire),
        purpose: purpose_out(purpose),
        amounts: amounts_out(amounts),
    })
}

fn forget_token(acceptor: &Acceptor, token: &str) -> Vec<u8> {
    json(&m::gateway::ForgetToken {
        acceptor: acceptor_out(acceptor),
        token: token.to_owned(),
    })
}

/// `None` when the sealed read is not ours, or does not come along.
fn forward(command: &GatewayCommand, along: Option<Along>) -> Option<m::gateway::Forward> {
    let GatewayCommand::Forward {
        wire,
        purpose,
        amounts,
        device,
        read_id,
        entry,
        accepted_at_micros,
        tags,
        merchant_reference,
    } = command
    else {
        return None;
    };
    let Some(Along::Read(kept)) = along else {
        return None;
    };
    let read: SealedRead = serde_json::from_slice(&kept).ok()?;
    let tags = tags.as_deref().map(serde_json::from_str).transpose().ok()?;
    Some(m::gateway::Forward {
        wire: wire_out(wire),
        purpose: purpose_out(*purpose),
        amounts: amounts_out(amounts),
        card: m::gateway::ReadCard {
            device: device.to_string(),
            read_id: read_id.to_string(),
            entry: entry_out(*entry),
            sealed: read.sealed,
            tags: read.tags,
        },
        accepted_at_micros: *accepted_at_micros,
        tags: tags.unwrap_or_default(),
        merchant_reference: merchant_reference.as_ref().map(ToString::to_string),
    })
}

fn reverse(
    wire: &Wire,
    amounts: &Amounts,
    reason: ReversalReason,
    number: Option<m::gateway::SealedNumber>,
) -> Vec<u8> {
    json(&m::gateway::Reverse {
        wire: wire_out(wire),
        amounts: amounts_out(amounts),
        reason: reversal_reason(reason),
        number,
    })
}

fn reversal_reason(reason: ReversalReason) -> m::gateway::ReversalReason {
    match reason {
        ReversalReason::NoAnswer => m::gateway::ReversalReason::NoAnswer,
        ReversalReason::CardRefused => m::gateway::ReversalReason::CardRefused,
        ReversalReason::CompletionLost => m::gateway::ReversalReason::CompletionLost,
        ReversalReason::HostRestarted => m::gateway::ReversalReason::HostRestarted,
    }
}

/// `None` when the sealed read is not ours.
fn card_source(card: &CardSource) -> Option<m::gateway::CardSource> {
    Some(match card {
        CardSource::Read {
            device,
            read_id,
            entry,
            sealed,
        } => {
            let read: SealedRead = serde_json::from_slice(&sealed.0).ok()?;
            m::gateway::CardSource::Read(m::gateway::ReadCard {
                device: device.to_string(),
                read_id: read_id.to_string(),
                entry: entry_out(*entry),
                sealed: read.sealed,
                tags: read.tags,
            })
        }
        CardSource::Token(token) => m::gateway::CardSource::Token {
            token: token.to_string(),
        },
    })
}

fn voice_approval(wire: &Wire, amounts: &Amounts, code: &str) -> Vec<u8> {
    json(&m::gateway::Modify {
        wire: wire_out(wire),
        original: m::gateway::Original::Wire {
            wire: wire_out(wire),
        },
        change: m::gateway::Change::VoiceApproval { code: code.into() },
        amounts: amounts_out(amounts),
    })
}

/// `None` when it is no JSON: it was written by another version.
fn report_out(wire: &Wire, report: &Report) -> Option<m::gateway::Report> {
    Some(match report {
        Report::Advice { tags } => m::gateway::Report::Advice {
            wire: wire_out(wire),
            tags: serde_json::from_str(tags).ok()?,
        },
        Report::NotifyOrder { amounts, order } => m::gateway::Report::NotifyOrder {
            wire: wire_out(wire),
            amounts: amounts_out(amounts),
            order: order.to_string(),
        },
    })
}

fn modify(
    wire: &Wire,
    original: &Original,
    change: Change,
    amounts: &Amounts,
) -> m::gateway::Modify {
    m::gateway::Modify {
        wire: wire_out(wire),
        original: match original {
            Original::Wire(wire) => m::gateway::Original::Wire {
                wire: wire_out(wire),
            },
            Original::Receipt(receipt) => m::gateway::Original::Receipt {
                reference: receipt.reference.as_ref().map(ToString::to_string),
                rrn: receipt.rrn.as_ref().map(ToString::to_string),
                at_micros: receipt.at_micros,
                amount_minor: receipt.amount_minor,
            },
        },
        change: match change {
            Change::Capture => m::gateway::Change::Capture,
            Change::Adjust => m::gateway::Change::Adjust,
            Change::Refund => m::gateway::Change::Refund,
            Change::Void => m::gateway::Change::Void,
        },
        amounts: amounts_out(amounts),
    }
}

/// A connector's reply to a gateway command.
pub(in crate::supervisor) fn gateway_reply(
    method: &str,
    status: i32,
    payload: &[u8],
) -> GatewayReply {
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
                reason: failure.to_string().into(),
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
        extras: Extras::default(),
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
        method::OFFER_CURRENCY => currency_offered(payload)?,
        method::AUTHORIZE | method::FORWARD | method::MODIFY => {
            GatewayReply::Answered(Box::new(answer_in(parse(payload)?)))
        }
        method::INQUIRE => GatewayReply::Found(match parse(payload)? {
            m::gateway::Finding::Answered { answer } => {
                Finding::Answered(Box::new(answer_in(answer)))
            }
            m::gateway::Finding::Reversed => Finding::Reversed,
            m::gateway::Finding::Pending => Finding::Pending,
            m::gateway::Finding::NotFound => Finding::NotFound,
            m::gateway::Finding::Reconciled { totals } => {
                Finding::Reconciled(Box::new(totals_in(totals)?))
            }
        }),
        method::RECONCILE => GatewayReply::Reconciled(Box::new(totals_in(parse(payload)?)?)),
        method::REPORT | method::FORGET_TOKEN => GatewayReply::Reported,
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
            m::gateway::Decision::Referred => Decision::Referred,
        },
        response_code: answer.response_code.into(),
        response_text: answer.response_text.map(Into::into),
        approved_minor: answer.approved_minor,
        approval_code: answer.approval_code.map(Into::into),
        rrn: answer.rrn.map(Into::into),
        signature_required: answer.signature_required,
        issuer: Opaque(json(&answer.issuer)),
        extras: Extras {
            token: answer.token.map(Into::into),
            balance_minor: answer.balance_minor,
            dcc: answer.dcc.and_then(conversion_in).map(Box::new),
            ..Extras::default()
        },
    }
}

/// What a connector answered to `open`, with what its manifest says.
pub(in crate::supervisor) fn parameters(
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
            certificates: opened
                .recipient
                .certificates
                .iter()
                .cloned()
                .map(Opaque)
                .collect(),
        },
        inquiry: abilities.is_some_and(|abilities| abilities.inquiry),
        in_flight_per_acceptor: abilities.and_then(|abilities| abilities.in_flight_per_acceptor),
        reversal_before_next: abilities.is_some_and(|abilities| abilities.reversal_before_next),
        reversal_needs_number: abilities.is_some_and(|abilities| abilities.reversal_needs_pan),
        can: abilities_in(abilities.map_or(&[], |abilities| &abilities.can)),
        live: opened.live,
        opens: match &opened.opens[..] {
            [] => vec![m::card::HPKE_SCHEME.into()],
            opens => opens.iter().map(|scheme| scheme.as_str().into()).collect(),
        },
        lists: lists(gateway, opened.settings.as_ref()),
    }
}
