// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records of a transaction in words, for its timeline.

use super::convert;
use crate::amount;
use payhal_engine::answer::Outcome;
use payhal_engine::gateway::{Decision, GatewayAnswer};
use payhal_engine::money::Amounts;
use payhal_engine::record::{Fact, FinalAnswer, Intent, Record};
use payhal_protocol::transaction::TimelineEntry;

const SIGNED: &str = "The customer's signature is kept with it.";

/// One record.
pub(super) fn entry(record: &Record) -> TimelineEntry {
    let (event, text) = match &record.fact {
        Fact::Intent(intent) => ("intent", about_to_ask(intent)),
        Fact::Unsent { reason } => (
            "unsent",
            format!("Nothing was sent, and the card is presented once more: {reason}"),
        ),
        Fact::Answered(answer) => ("answered", answered_words(answer)),
        Fact::Ended(ending) => {
            let mut words = ending_words(&ending.answer);
            if ending.signature.is_some() {
                words = format!("{words} {SIGNED}");
            }
            ("outcome", words)
        }
        Fact::Reversed => ("reversed", "It was taken back.".to_owned()),
        Fact::NeedsOperator { reason } => ("needs_operator", reason.to_string()),
        Fact::Reported { known: true } => (
            "reported",
            "The payment service was told of the order or the chip's last word.".to_owned(),
        ),
        Fact::Reported { known: false } => (
            "reported",
            "The payment service could not be told of the order or the chip's last word."
                .to_owned(),
        ),
        Fact::Collected { accepted: true, .. } => (
            "collected",
            "The terminal has delivered the offline approval.".to_owned(),
        ),
        Fact::Collected {
            accepted: false, ..
        } => (
            "collected",
            "The issuer did not take the offline approval: the money is lost.".to_owned(),
        ),
        Fact::Signed { .. } => ("signed", SIGNED.to_owned()),
        Fact::Forwarding { .. } => (
            "forwarding",
            "The payment service is told of it.".to_owned(),
        ),
        Fact::Forwarded { answer } => ("forwarded", forwarded_words(answer)),
        Fact::Withdrawn { by, .. } => (
            "withdrawn",
            format!("It was taken back by {by} before it was forwarded: nothing was charged."),
        ),
        Fact::Resolved(resolved) => (
            "resolved",
            format!(
                "{} settled it as {}: {}",
                resolved.operator,
                match resolved.outcome {
                    Outcome::Approved => "approved",
                    _ => "failed",
                },
                resolved.evidence
            ),
        ),
    };
    TimelineEntry {
        at: convert::rfc3339(record.at_micros),
        event: event.to_owned(),
        text,
        durable: true,
    }
}

fn answered_words(answer: &GatewayAnswer) -> String {
    let text = answer.response_text.as_ref();
    let text = text.map(|text| format!(" ({text})")).unwrap_or_default();
    format!("Answered: {}{text}.", answer.response_code)
}

fn forwarded_words(answer: &GatewayAnswer) -> String {
    let code = &answer.response_code;
    match answer.decision {
        Decision::Approved => format!("The payment service has taken it: {code}."),
        _ => format!("The issuer did not take it: {code}. The money is lost."),
    }
}

fn about_to_ask(intent: &Intent) -> String {
    let kind = intent.request.kind.name().replace('_', " ");
    let whom = match (&intent.gateway, &intent.device) {
        (Some(gateway), _) => gateway.to_string(),
        (None, Some(terminal)) => format!("the terminal {terminal}"),
        (None, None) => "the terminal".to_owned(),
    };
    let Amounts { total, .. } = intent.amounts;
    match total.minor {
        0 => format!("About to ask {whom}: {kind}."),
        minor => {
            let amount = amount::minor(minor, total.currency.code());
            let own = intent.dcc.as_ref().map(|offer| offer.conversion.amount);
            let own = own.map(|own| amount::minor(own.minor, own.currency.code()));
            let own = own.map_or_else(String::new, |own| format!(", charged as {own}"));
            format!("About to ask {whom}: {kind} of {amount}{own}.")
        }
    }
}

fn ending_words(answer: &FinalAnswer) -> String {
    match answer {
        FinalAnswer::Approved(approved) => match approved.approved_minor {
            0 => "Approved.".to_owned(),
            minor => {
                let code = approved.requested.total.currency.code();
                format!("Approved: {}.", amount::minor(minor, code))
            }
        },
        FinalAnswer::Refused(refused) => format!("{}.", convert::refused(refused, false).message),
    }
}
