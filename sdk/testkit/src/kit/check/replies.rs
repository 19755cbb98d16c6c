// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether what a plugin says has the form that the messages prescribe.
//!
//! Must never repeat a payload's content: it may hold what nobody should print.

use super::session::Reply;
use payhal_messages::call::{Failure, Refusal, Status, emission, method};
use payhal_messages::currency::{CurrencyChoice, CurrencyOffered};
use payhal_messages::device::ApduReply;
use payhal_messages::gateway::{Answer, Finding, Parameters, Prepared, Reversal, Totals};
use payhal_messages::manifest::Kind;
use payhal_messages::prompt::{DeviceChange, Progress, Prompt};
use payhal_messages::reader::{CardRead, CompletionRead, Identity, Presentation};
use payhal_messages::terminal::{TerminalFinding, TerminalOutcome};
use payhal_messages::update::UpdateBegun;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn is<T: DeserializeOwned>(payload: &[u8], name: &str) -> Result<(), String> {
    serde_json::from_slice::<T>(payload)
        .map(|_| ())
        .map_err(|error| format!("it is no {name}: {}", flaw(&error)))
}

/// What is wrong, without quoting any of it.
fn flaw(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let missing = said.strip_prefix("missing field `");
    match missing.and_then(|rest| rest.split('`').next()) {
        Some(member) => format!("`{member}` is missing"),
        None => match error.classify() {
            serde_json::error::Category::Data => {
                format!("a wrong value at column {}", error.column())
            }
            _ => format!("no JSON at column {}", error.column()),
        },
    }
}

/// The status of a reply.
pub(crate) fn status(reply: &Reply) -> Option<Status> {
    Status::from_code(reply.status)
}

/// A reply in words.
pub(crate) fn words(reply: &Reply) -> String {
    match status(reply) {
        Some(Status::Failed) => match serde_json::from_slice::<Failure>(&reply.payload) {
            Ok(failure) => format!("FAILED (failed to {})", failure.reason),
            Err(_) => "FAILED without a Failure".to_owned(),
        },
        Some(Status::Refused) => match serde_json::from_slice::<Refusal>(&reply.payload) {
            Ok(refusal) => format!("REFUSED ({}: {})", refusal.code, refusal.text),
            Err(_) => "REFUSED without a Refusal".to_owned(),
        },
        Some(Status::Ok) => "OK".to_owned(),
        Some(Status::Unsupported) => "UNSUPPORTED".to_owned(),
        Some(Status::Cancelled) => "CANCELLED".to_owned(),
        None => format!("the unknown status {}", reply.status),
    }
}

/// The payload of an OK.
pub(crate) fn value(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.payload).unwrap_or(Value::Null)
}

/// Whether a reply has the form that its method and status prescribe.
pub(crate) fn form(kind: Kind, method: &str, reply: &Reply) -> Result<(), String> {
    let payload = reply.payload.as_slice();
    match status(reply) {
        Some(Status::Ok) => ok_form(kind, method, payload),
        Some(Status::Refused) => is::<Refusal>(payload, "Refusal"),
        Some(Status::Failed) => is::<Failure>(payload, "Failure"),
        Some(Status::Unsupported | Status::Cancelled) if payload.is_empty() => Ok(()),
        Some(Status::Unsupported | Status::Cancelled) => {
            Err(format!("{} has no payload, and it has one", words(reply)))
        }
        None => Err(words(reply)),
    }
}

fn ok_form(kind: Kind, name: &str, payload: &[u8]) -> Result<(), String> {
    match (kind, name) {
        (Kind::Reader | Kind::Terminal, method::IDENTIFY) => is::<Identity>(payload, "Identity"),
        (Kind::Reader, method::PRESENT) => is::<Presentation>(payload, "Presentation"),
        (Kind::Reader, method::CONFIRM_CURRENCY) => is::<CurrencyChoice>(payload, "CurrencyChoice"),
        (Kind::Reader, method::AUTHORIZE_CARD) => is::<CardRead>(payload, "CardRead"),
        (Kind::Reader, method::COMPLETE) => is::<CompletionRead>(payload, "CompletionRead"),
        (Kind::Terminal, method::PAY) => is::<TerminalOutcome>(payload, "TerminalOutcome"),
        (Kind::Terminal, method::INQUIRE) => is::<TerminalFinding>(payload, "TerminalFinding"),
        (_, method::REVERSE) => is::<Reversal>(payload, "Reversal"),
        (_, method::RECONCILE) => is::<Totals>(payload, "Totals"),
        (Kind::Gateway, method::OPEN) => is::<Parameters>(payload, "Parameters"),
        (Kind::Gateway, method::OFFER_CURRENCY) => {
            is::<CurrencyOffered>(payload, "CurrencyOffered")
        }
        (Kind::Gateway, method::PREPARE) => is::<Prepared>(payload, "Prepared"),
        (Kind::Gateway, method::AUTHORIZE | method::FORWARD | method::MODIFY) => {
            is::<Answer>(payload, "Answer")
        }
        (Kind::Gateway, method::INQUIRE) => is::<Finding>(payload, "Finding"),
        (Kind::Reader, method::APDU) => is::<ApduReply>(payload, "ApduReply"),
        (_, method::UPDATE_BEGIN) => is::<UpdateBegun>(payload, "UpdateBegun"),
        _ => is::<Value>(payload, "JSON"),
    }
}

/// Whether an emission has the form of its kind.
pub(crate) fn emission(kind: u32, payload: &[u8]) -> Result<(), String> {
    match kind {
        emission::PROGRESS => is::<Progress>(payload, "Progress"),
        emission::PROMPT => is::<Prompt>(payload, "Prompt"),
        emission::CHANGE => is::<DeviceChange>(payload, "DeviceChange"),
        other => Err(format!("the kind {other} is unknown")),
    }
}

/// The id of a prompt, if this is one.
pub(crate) fn prompt_id(kind: u32, payload: &[u8]) -> Option<u64> {
    let prompt: Prompt = serde_json::from_slice(payload).ok()?;
    (kind == emission::PROMPT).then_some(prompt.prompt_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: i32, payload: &str) -> Reply {
        Reply {
            status,
            payload: payload.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_wrong_form_is_told_by_its_member_and_not_by_its_content() {
        let wrong = reply(0, r#"{"serial_number":"4111111111111111"}"#);
        let said = form(Kind::Reader, method::IDENTIFY, &wrong).unwrap_err();
        assert_eq!(said, "it is no Identity: `model` is missing");
        assert!(
            form(
                Kind::Reader,
                method::IDENTIFY,
                &reply(0, r#"{"model":"x"}"#)
            )
            .is_ok()
        );
    }

    #[test]
    fn statuses_have_their_payloads() {
        for (status, payload, right) in [
            (1, r#"{"code":"no_card","text":"No card."}"#, true),
            (1, "{}", false),
            (2, r#"{"sent":"no","reason":"open the port"}"#, true),
            (2, r#"{"sent":"perhaps","reason":"x"}"#, false),
            (3, "", true),
            (3, "{}", false),
            (4, "", true),
            (7, "", false),
        ] {
            let formed = form(Kind::Reader, "present", &reply(status, payload)).is_ok();
            assert_eq!(formed, right, "{status} {payload}");
        }
    }
}
