// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words for progress and for how a payment ended.
//!
//! It must never say "failed" or "declined" of an outcome nobody knows.

use super::amount;
use super::exit::{self, Exit};
use super::screen::word;
use payhal_client::CallError;
use payhal_protocol::batch::BatchTotals;
use payhal_protocol::error::ErrorOutcome;
use payhal_protocol::payment::{Approved, ApprovedOutcome, ForwardingState};
use payhal_protocol::progress::Progress;
use payhal_protocol::transaction::ResolutionState;
use payhal_protocol::{ErrorData, ErrorName, ErrorObject, IdempotencyKey, MoneyMoved};
use std::time::Duration;

/// JSON-RPC's first code for a client's own errors: the call never reached a host.
const NOT_SENT_CODE: i32 = -32_000;

/// One line of something that happened, with the time since the call was made.
pub(super) fn step(since: Duration, text: &str) -> String {
    format!(
        "{:>4}.{:03} s  {text}",
        since.as_secs(),
        since.subsec_millis()
    )
}

/// One line of progress.
pub(super) fn progress(since: Duration, progress: &Progress) -> String {
    step(since, &progress.text)
}

/// The exit code of an approval.
pub(super) fn exit(approved: &Approved) -> Exit {
    if approved.partial {
        Exit::Partial
    } else {
        Exit::Ok
    }
}

/// What became of a sale that was accepted offline.
fn became(state: ForwardingState) -> &'static str {
    match state {
        ForwardingState::Waiting => "to be forwarded when the gateway is back",
        ForwardingState::Approved => "forwarded, and taken",
        ForwardingState::Declined => "forwarded, and NOT TAKEN: the money is lost",
        ForwardingState::Withdrawn => "not forwarded: nothing was charged",
        ForwardingState::NeedsOperator => "cannot be forwarded: a person must look",
    }
}

/// One line that says what was approved.
pub(super) fn approved(approved: &Approved) -> String {
    if let Some(batch) = &approved.batch {
        return format!("Closed.\n{}", totals(batch));
    }
    let amounts = &approved.amounts;
    let charged = amounts.approved.as_ref().unwrap_or(&amounts.requested);
    let mut parts = Vec::new();
    if charged.minor > 0 {
        parts.push(amount::show(charged));
    }
    if let Some(balance) = &approved.balance {
        parts.push(format!("balance {}", amount::show(balance)));
    }
    for (name, part) in [("tip", &amounts.tip), ("surcharge", &amounts.surcharge)] {
        if let Some(part) = part.as_ref().filter(|part| part.minor > 0) {
            parts.push(format!("{name} {}", amount::show(part)));
        }
    }
    if let Some(dcc) = &amounts.dcc {
        parts.push(format!("charged as {}", amount::converted(dcc)));
    }
    if approved.partial {
        parts.push(match charged.minor < amounts.requested.minor {
            true => format!("LESS THAN THE {} ASKED", amount::show(&amounts.requested)),
            // With what card and customer added it was more.
            false => "LESS THAN WAS ASKED".to_owned(),
        });
    }
    if let Some(card) = &approved.card {
        parts.push(format!(
            "{} {} {}",
            card.scheme,
            card.masked_pan,
            word(&card.entry)
        ));
    }
    parts.extend(
        approved
            .approval_code
            .as_ref()
            .map(|code| format!("approval {code}")),
    );
    if let Some(undo) = &approved.undo {
        parts.push(format!("by {}: {}", word(&undo.did), word(&undo.rule)));
    }
    if let Some(token) = &approved.token {
        parts.push(format!("token {token}"));
    }
    if let Some(forwarding) = &approved.forwarding {
        parts.push(became(forwarding.state).to_owned());
    }
    if let Some(kept) = &approved.kept {
        let what = ["kept", "no longer kept"][usize::from(kept.deleted)];
        parts.push(format!("{what} as `{}`", kept.reference));
    }
    if approved.collection.is_some() {
        parts.push("offline, not yet collected".to_owned());
    }
    if approved.signature_required {
        parts.push("signature required".to_owned());
    }
    if approved.replayed {
        parts.push("answered before".to_owned());
    }
    if parts.is_empty() {
        return "Approved".to_owned();
    }
    let head = match approved.outcome {
        ApprovedOutcome::Approved => "Approved",
        ApprovedOutcome::AcceptedOffline => "Accepted offline",
    };
    format!("{head}: {}", parts.join(", "))
}

/// The totals of a batch, a line for each currency.
pub(super) fn totals(totals: &BatchTotals) -> String {
    let rows = totals.totals.iter().map(|row| {
        format!(
            "  {} sales {}, {} refunds {}",
            row.sales,
            amount::minor(row.sales_minor, &row.currency),
            row.refunds,
            amount::minor(row.refunds_minor, &row.currency)
        )
    });
    let lost = totals.collected.iter().filter(|one| !one.accepted);
    let lost = lost.map(|one| format!("  {} WAS REFUSED WHEN COLLECTED", one.transaction_id));
    let head = std::iter::once(format!("Batch {}", totals.batch));
    head.chain(rows).chain(lost).collect::<Vec<_>>().join("\n")
}

/// Lines that say why a payment was not approved, and what may be done.
pub(super) fn refused(error: &CallError, key: &IdempotencyKey) -> String {
    let Some(object) = error.rpc() else {
        return unanswered(error, key);
    };
    let name = object
        .name()
        .map_or_else(String::new, |name| format!(" ({name})"));
    let mut lines = vec![format!("{}{name}", object.message)];
    if let Some(details) = object.data.as_deref() {
        lines.extend(reasons(details));
    }
    if !object.data.as_deref().is_some_and(is_reversing) {
        lines.push(next(error, key));
    } else if !object.message.contains("taken back") {
        lines.push("Whatever was charged is being taken back.".to_owned());
    }
    lines.join("\n")
}

fn unanswered(error: &CallError, key: &IdempotencyKey) -> String {
    if error.outcome_unknown() {
        let words = ErrorName::OutcomeUnknown.row().message;
        return format!("{words}: {error}\n{}", next(error, key));
    }
    format!("This call moved no money: {error}")
}

fn reasons(details: &ErrorData) -> Vec<String> {
    let mut lines = Vec::new();
    match (&details.response_code, &details.response_text) {
        (Some(code), Some(text)) => lines.push(format!("  response     {code} {text}")),
        (Some(code), None) => lines.push(format!("  response     {code}")),
        (None, Some(text)) => lines.push(format!("  response     {text}")),
        (None, None) => {}
    }
    lines.extend(
        details
            .detail
            .as_ref()
            .map(|detail| format!("  detail       {detail}")),
    );
    let resolution = details.resolution.as_ref();
    lines.extend(resolution.map(|resolution| {
        let text = resolution.text.clone().unwrap_or_default();
        format!("  resolution   {} {text}", word(&resolution.state))
            .trim_end()
            .to_owned()
    }));
    lines.extend(details.busy.as_ref().map(|busy| {
        let owner = busy
            .register
            .as_ref()
            .map_or("another register", |owner| owner.as_str());
        format!("  busy with    {owner}, since {}", busy.since)
    }));
    lines.extend(
        details
            .unresolved
            .iter()
            .map(|id| format!("  unresolved   {id}")),
    );
    lines.extend(
        details
            .transaction_id
            .as_ref()
            .map(|id| format!("  transaction  {id}")),
    );
    if let (Some(ResolutionState::NeedsOperator), Some(id)) = (
        resolution.map(|resolution| resolution.state),
        &details.transaction_id,
    ) {
        let say = format!("payhal resolve {id} --outcome approved|failed --evidence TEXT");
        lines
            .push("A person compares with the terminal's or gateway's own list, then says:".into());
        lines.push(format!("  {say}"));
    }
    lines
}

/// It ended, and the host sees to the rest.
fn is_reversing(details: &ErrorData) -> bool {
    details.money_moved == MoneyMoved::Reversing && details.outcome != ErrorOutcome::Unknown
}

/// What the person at the terminal may do.
fn next(error: &CallError, key: &IdempotencyKey) -> String {
    match exit::of_payment(error) {
        Exit::Unknown => format!(
            "Money may have moved. Do not charge again: the same command with `--key {key}` asks \
             for this payment."
        ),
        Exit::Later => format!("This call moved no money. Try again with `--key {key}`."),
        Exit::AskOperator => "This call moved no money. Look at the unresolved transaction first \
             (`payhal get`), then name it with `--despite` to charge in spite of it."
            .to_owned(),
        _ => "This call moved no money.".to_owned(),
    }
}

/// The error as the register API writes it; one of the client's own made to look alike.
pub(super) fn error_object(error: &CallError, key: &IdempotencyKey) -> ErrorObject {
    if let Some(object) = error.rpc() {
        return object.clone();
    }
    if !error.outcome_unknown() {
        return ErrorObject {
            code: NOT_SENT_CODE,
            message: error.to_string(),
            data: None,
        };
    }
    let mut object = ErrorObject::named(ErrorName::OutcomeUnknown).with_detail(error.to_string());
    if let Some(details) = object.data.as_deref_mut() {
        details.idempotency_key = Some(key.clone());
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_protocol::Amount;

    fn rpc(name: ErrorName) -> CallError {
        CallError::Rpc(Box::new(ErrorObject::named(name)))
    }

    fn approval(extra: &str) -> Approved {
        let text = format!(
            r#"{{"transaction_id":"t","idempotency_key":"k","outcome":"approved",
                "amounts":{{"requested":{{"minor":1250,"currency":"EUR"}},
                            "approved":{{"minor":625,"currency":"EUR"}}}},
                "approval_code":"123456","receipts":{{"merchant":"","customer":""}},
                "signature_required":false,"at":"2026-11-21T12:00:00Z","replayed":false{extra}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn progress_is_one_line_with_its_time() {
        let text = r#"{"transaction_id":"t","idempotency_key":"k","request_id":1,"seq":2,
            "stage":"waiting_for_card","text":"Present card","at":"2026-11-21T12:00:00Z"}"#;
        let told: Progress = serde_json::from_str(text).unwrap();
        assert_eq!(
            progress(Duration::from_millis(12), &told),
            "   0.012 s  Present card"
        );
        assert_eq!(
            progress(Duration::from_millis(61_005), &told),
            "  61.005 s  Present card"
        );
    }

    #[test]
    fn a_partial_approval_is_not_taken_for_a_full_one() {
        let part = approval(r#","partial":true"#);
        assert!(approved(&part).contains("6.25 EUR, LESS THAN THE 12.50 EUR ASKED"));
        assert_eq!(exit(&part), Exit::Partial);
        let whole = approval(r#","partial":false"#);
        assert_eq!(approved(&whole), "Approved: 6.25 EUR, approval 123456");
        assert_eq!(exit(&whole), Exit::Ok);
    }

    #[test]
    fn what_was_added_on_the_way_is_told() {
        let mut raised = approval(r#","partial":true"#);
        raised.amounts.tip = Some(Amount::new(100, "EUR"));
        raised.amounts.surcharge = Some(Amount::new(0, "EUR"));
        raised.amounts.approved = Some(Amount::new(1300, "EUR"));
        let text = approved(&raised);
        assert!(
            text.contains("13.00 EUR, tip 1.00 EUR, LESS THAN WAS ASKED"),
            "{text}"
        );
        assert!(!text.contains("surcharge"), "{text}");
    }

    #[test]
    fn an_unknown_outcome_names_its_key_and_never_says_no() {
        let key = IdempotencyKey::from("key-7");
        for error in [rpc(ErrorName::OutcomeUnknown), CallError::ConnectionLost] {
            let text = refused(&error, &key);
            assert!(text.contains("--key key-7"), "{text}");
            assert!(
                !text.contains("no money") && !text.contains("not charged"),
                "{text}"
            );
            let object = error_object(&error, &key);
            assert_eq!(object.name(), Some(ErrorName::OutcomeUnknown));
        }
    }

    #[test]
    fn a_decline_says_that_no_money_moved() {
        let key = IdempotencyKey::from("key-7");
        let mut object = ErrorObject::named(ErrorName::Declined);
        let details = object.data.as_deref_mut().unwrap();
        details.response_code = Some("51".to_owned());
        details.response_text = Some("Insufficient funds".to_owned());
        let text = refused(&CallError::Rpc(Box::new(object)), &key);
        assert!(text.starts_with("Declined (DECLINED)"), "{text}");
        assert!(text.contains("51 Insufficient funds"), "{text}");
        assert!(text.ends_with("This call moved no money."), "{text}");
    }

    #[test]
    fn a_reversal_is_not_said_to_have_moved_nothing() {
        let mut object = ErrorObject::named(ErrorName::Cancelled);
        object.data.as_deref_mut().unwrap().money_moved = MoneyMoved::Reversing;
        let text = refused(
            &CallError::Rpc(Box::new(object)),
            &IdempotencyKey::from("k"),
        );
        assert!(text.ends_with("is being taken back."), "{text}");
        assert!(!text.contains("no money"), "{text}");
        let mut told = ErrorObject::named(ErrorName::Cancelled);
        told.data.as_deref_mut().unwrap().money_moved = MoneyMoved::Reversing;
        told.message = "Cancelled. Whatever was charged is being taken back".to_owned();
        let told = CallError::Rpc(Box::new(told));
        let text = refused(&told, &IdempotencyKey::from("k"));
        assert_eq!(text.matches("taken back").count(), 1, "{text}");
    }

    #[test]
    fn what_was_never_sent_has_no_outcome() {
        let object = error_object(&CallError::NotSent, &IdempotencyKey::from("k"));
        assert_eq!((object.code, object.data), (NOT_SENT_CODE, None));
    }
}
