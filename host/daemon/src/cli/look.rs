// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands that look, and the one that stops: devices, gateways, transactions, receipts, cancel.

use super::amount;
use super::args::{Copy, Format, ListArgs, NamedArgs, ReceiptArgs};
use super::connect::connect;
use super::exit::{Exit, Failure};
use super::list_args::{OfflineState, TransactionsArgs};
use super::screen::{say, say_json, table, tell, word};
use payhal_client::{CallError, Client};
use payhal_protocol::device::{DeviceKind, DeviceListParams, DeviceSummary};
use payhal_protocol::gateway::{GatewayListParams, OfflineLimit};
use payhal_protocol::payment::{CancelParams, CancelState, Forwarding, ForwardingState};
use payhal_protocol::transaction::{
    AmountSought, Amounts, GetParams, ListParams, ReceiptCopy, ReceiptFormat, ReceiptParams,
    Resolution, TransactionOutcome, TransactionView,
};
use payhal_protocol::{Amount, ErrorName};

/// Every device.
pub(super) async fn devices(args: &ListArgs) -> Result<Exit, Failure> {
    let answer = connect(&args.client)
        .await?
        .request(&DeviceListParams {})
        .await?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = answer
        .devices
        .iter()
        .map(|device| {
            [
                device.id.to_string(),
                word(&device.kind),
                word(&device.state),
                device.model.clone().unwrap_or_else(|| device.name.clone()),
                device.connection.clone(),
                match device.kind {
                    DeviceKind::Terminal => "whole payments".to_owned(),
                    _ => device.capabilities.join(" "),
                },
                lease(device)
                    .or_else(|| device.state_text.clone())
                    .unwrap_or_default(),
            ]
        })
        .collect();
    if rows.is_empty() {
        tell("no device is configured");
    } else {
        let header = ["DEVICE", "KIND", "STATE", "MODEL", "CONNECTION", "CAN", ""];
        say(&table(header, &rows));
    }
    Ok(Exit::Ok)
}

/// Whose a device is for a while.
fn lease(device: &DeviceSummary) -> Option<String> {
    let lease = device.lease.as_ref()?;
    let whose = lease.register_id.as_ref();
    let whose = whose.map_or_else(|| "a register".to_owned(), ToString::to_string);
    let what = if lease.watching {
        "watches for"
    } else {
        "is kept for"
    };
    Some(format!("{what} {whose} until {}", lease.until))
}

/// Every gateway.
pub(super) async fn gateways(args: &ListArgs) -> Result<Exit, Failure> {
    let answer = connect(&args.client)
        .await?
        .request(&GatewayListParams {})
        .await?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = answer
        .gateways
        .iter()
        .map(|gateway| {
            [
                gateway.id.to_string(),
                word(&gateway.state),
                gateway.name.clone(),
                gateway.currencies.join(" "),
                gateway.state_text.clone().unwrap_or_default(),
            ]
        })
        .collect();
    if rows.is_empty() {
        tell("no gateway is configured");
    } else {
        say(&table(
            ["GATEWAY", "STATE", "NAME", "CURRENCIES", ""],
            &rows,
        ));
    }
    for gateway in &answer.gateways {
        for limit in &gateway.offline {
            say(&format!(
                "to be forwarded to {}: {}",
                gateway.id,
                room(limit)
            ));
        }
    }
    Ok(Exit::Ok)
}

/// What of a limit is used: `2 of 3 sales, 19.50 EUR of 100.00 EUR, the oldest for 1 of 24 hours`.
fn room(limit: &OfflineLimit) -> String {
    let hours = |ms: u64| ms / 3_600_000;
    let mut words = vec![
        format!("{} of {} sales", limit.count, limit.count_max),
        format!(
            "{} of {}",
            amount::show(&limit.total),
            amount::show(&limit.total_max)
        ),
    ];
    words.extend(limit.oldest_ms.map(|oldest| {
        let (oldest, most) = (hours(oldest), hours(limit.age_max_ms));
        format!("the oldest for {oldest} of {most} hours")
    }));
    words.push(format!("each up to {}", amount::show(&limit.amount_max)));
    words.extend(
        limit
            .register
            .as_ref()
            .map(|register| format!("only of {register}")),
    );
    if limit.every_gateway {
        words.push("all gateways together".to_owned());
    }
    if limit.full() {
        words.push("no more is accepted".to_owned());
    }
    words.join(", ")
}

/// Stops what is still running. The cancelled call still has its own answer.
pub(super) async fn cancel(args: &NamedArgs) -> Result<Exit, Failure> {
    let client = connect(&args.client).await?;
    let by_id = CancelParams {
        transaction_id: Some(args.name.as_str().into()),
        idempotency_key: None,
    };
    let mut answer = client.request(&by_id).await;
    let unknown = matches!(&answer, Ok(answer) if answer.state == CancelState::NotFound);
    if unknown || answer.as_ref().is_err_and(is_no_transaction) {
        let by_key = CancelParams {
            transaction_id: None,
            idempotency_key: Some(args.name.as_str().into()),
        };
        answer = client.request(&by_key).await;
    }
    let answer = answer?;
    if args.json {
        say_json(&answer);
    } else {
        say(&word(&answer.state));
    }
    Ok(match answer.state {
        CancelState::Cancelling | CancelState::Cancelled => Exit::Ok,
        CancelState::TooLate | CancelState::Finished | CancelState::NotFound => Exit::Failed,
    })
}

/// Ids and keys look alike, so a name that is no transaction's may be a key.
fn is_no_transaction(error: &CallError) -> bool {
    matches!(
        error.name(),
        Some(ErrorName::TransactionNotFound | ErrorName::InvalidParams)
    )
}

/// One transaction.
pub(super) async fn transaction(args: &NamedArgs) -> Result<Exit, Failure> {
    let client = connect(&args.client).await?;
    let view = find(&client, &args.name).await?;
    if args.json {
        say_json(&view);
    } else {
        say(&details(&view));
    }
    Ok(Exit::Ok)
}

async fn find(client: &Client, name: &str) -> Result<TransactionView, CallError> {
    let by_id = GetParams {
        transaction_id: Some(name.into()),
        idempotency_key: None,
    };
    match client.request(&by_id).await {
        Err(error) if is_no_transaction(&error) => {
            let by_key = GetParams {
                transaction_id: None,
                idempotency_key: Some(name.into()),
            };
            client.request(&by_key).await
        }
        answer => answer,
    }
}

fn resolution(resolution: &Resolution) -> String {
    let text = resolution.text.clone().unwrap_or_default();
    let next = resolution.next_at.as_ref();
    let next = next.map_or_else(String::new, |at| format!(" Next at {at}."));
    let shown = format!("{} {text}{next}", word(&resolution.state));
    shown.trim_end().to_owned()
}

/// What only some kinds have.
fn rarer(view: &TransactionView) -> [(&'static str, Option<String>); 6] {
    [
        ("balance", view.balance.as_ref().map(amount::show)),
        ("token", view.token.clone()),
        ("collection", view.collection.as_ref().map(word)),
        ("offline", view.forwarding.as_ref().map(forwarding)),
        (
            "undone by",
            view.undo
                .as_ref()
                .map(|undo| format!("{}, {}", word(&undo.did), word(&undo.rule))),
        ),
        (
            "settled by",
            view.resolved
                .as_ref()
                .map(|resolved| format!("{}: {}", resolved.operator, resolved.evidence)),
        ),
    ]
}

fn forwarding(forwarding: &Forwarding) -> String {
    let answer = [&forwarding.response_code, &forwarding.response_text];
    let mut words = vec![word(&forwarding.state)];
    words.extend(answer.into_iter().flatten().cloned());
    words.extend(
        forwarding
            .next_at
            .as_ref()
            .map(|at| format!("next attempt {at}")),
    );
    words.join(", ")
}

fn details(view: &TransactionView) -> String {
    let text = |text: &Option<String>| text.clone();
    let rows = [
        ("transaction", Some(view.transaction_id.to_string())),
        ("key", Some(view.idempotency_key.to_string())),
        ("register", Some(view.register.to_string())),
        ("kind", Some(word(&view.kind))),
        ("outcome", Some(word(&view.outcome))),
        ("money moved", Some(word(&view.money_moved))),
        ("requested", shown(&view.amounts.requested)),
        ("approved", view.amounts.approved.as_ref().map(amount::show)),
        ("of it tip", view.amounts.tip.as_ref().map(amount::show)),
        (
            "of it surcharge",
            view.amounts.surcharge.as_ref().map(amount::show),
        ),
        (
            "in the card's currency",
            view.amounts.dcc.as_ref().map(amount::converted),
        ),
        ("device", view.device.as_ref().map(ToString::to_string)),
        ("gateway", view.gateway.as_ref().map(ToString::to_string)),
        (
            "card",
            view.card
                .as_ref()
                .map(|card| format!("{} {} {}", card.scheme, card.masked_pan, word(&card.entry))),
        ),
        ("approval code", text(&view.approval_code)),
        ("stage", view.stage.as_ref().map(word)),
        ("reference", text(&view.reference)),
        (
            "of transaction",
            view.parent.as_ref().map(ToString::to_string),
        ),
        (
            "error",
            view.error
                .as_ref()
                .map(|error| format!("{} ({})", error.message, error.name)),
        ),
        ("resolution", view.resolution.as_ref().map(resolution)),
        ("started", Some(view.started_at.clone())),
        ("ended", text(&view.ended_at)),
    ];
    let rows = rows
        .into_iter()
        .chain(rarer(view))
        .filter_map(|(label, value)| Some((label, value?)));
    let mut lines: Vec<String> = rows
        .map(|(label, value)| format!("{label:<15} {value}"))
        .collect();
    lines.extend(view.changes.iter().map(|change| {
        let standing = if change.counts {
            ""
        } else {
            ", does not stand"
        };
        let amount = amount::show(&change.amount);
        format!(
            "{:<15} {} {amount}{standing}",
            word(&change.kind),
            change.transaction_id
        )
    }));
    lines.extend(
        view.timeline
            .iter()
            .map(|entry| format!("{}  {}", entry.at, entry.text)),
    );
    lines.join("\n")
}

/// An amount, unless there is none: XXX is ISO 4217's "no currency".
fn shown(amount: &Amount) -> Option<String> {
    (amount.currency != "XXX").then(|| amount::show(amount))
}

/// Transactions, newest first.
pub(super) async fn transactions(args: &TransactionsArgs) -> Result<Exit, Failure> {
    let params = ListParams {
        amount: sought(args.amount.as_deref())?,
        outcome: args.outcome.as_deref().and_then(outcome),
        last_four: args.last_four.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        open: args.open.then_some(true),
        forwarding: args.offline.map(|state| match state {
            OfflineState::Waiting => ForwardingState::Waiting,
            OfflineState::Lost => ForwardingState::Declined,
            OfflineState::NeedsOperator => ForwardingState::NeedsOperator,
            OfflineState::Taken => ForwardingState::Approved,
            OfflineState::Withdrawn => ForwardingState::Withdrawn,
        }),
        register: None,
        text: args.text.clone(),
        cursor: args.cursor.clone(),
        limit: Some(args.limit),
    };
    let answer = connect(&args.client).await?.request(&params).await?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    if answer.transactions.is_empty() {
        tell("no transaction");
        return Ok(Exit::Ok);
    }
    say(&transactions_table(&answer.transactions));
    if let Some(cursor) = &answer.cursor {
        tell(&format!("there are more: --cursor {cursor}"));
    }
    Ok(Exit::Ok)
}

/// The two words of an amount.
fn sought(words: Option<&[String]>) -> Result<Option<AmountSought>, Failure> {
    let Some([text, currency]) = words else {
        return Ok(None);
    };
    let amount = amount::parse(text, currency);
    let amount = amount.map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(Some(AmountSought {
        minor: amount.minor,
        currency: Some(amount.currency),
    }))
}

/// By its name in the API.
fn outcome(name: &str) -> Option<TransactionOutcome> {
    serde_json::from_value(name.into()).ok()
}

/// Transactions, a line each.
pub(super) fn transactions_table(transactions: &[TransactionView]) -> String {
    let header = [
        "STARTED",
        "TRANSACTION",
        "KIND",
        "OUTCOME",
        "AMOUNT",
        "REFERENCE",
    ];
    let rows: Vec<_> = transactions.iter().map(row).collect();
    table(header, &rows)
}

fn row(view: &TransactionView) -> [String; 6] {
    let amounts = &view.amounts;
    [
        seconds(&view.started_at).to_owned(),
        view.transaction_id.to_string(),
        word(&view.kind),
        word(&view.outcome),
        charged(amounts),
        view.reference.clone().unwrap_or_default(),
    ]
}

/// What was charged, with the card's own currency where it was that.
fn charged(amounts: &Amounts) -> String {
    let shop = shown(amounts.approved.as_ref().unwrap_or(&amounts.requested)).unwrap_or_default();
    match &amounts.dcc {
        Some(dcc) => format!("{shop} = {}", amount::show(&dcc.amount)),
        None => shop,
    }
}

/// A time without its fraction of a second.
pub(super) fn seconds(at: &str) -> &str {
    at.split('.').next().unwrap_or(at).trim_end_matches('Z')
}

/// A receipt.
pub(super) async fn receipt(args: &ReceiptArgs) -> Result<Exit, Failure> {
    let params = ReceiptParams {
        transaction_id: args.transaction.as_str().into(),
        copy: match args.copy {
            Copy::Merchant => ReceiptCopy::Merchant,
            Copy::Customer => ReceiptCopy::Customer,
        },
        format: match args.format {
            Format::Text => ReceiptFormat::Text,
            Format::Json => ReceiptFormat::Json,
            Format::Html => ReceiptFormat::Html,
        },
        columns: args.columns,
        reprint: args.first.then_some(false),
    };
    let receipt = connect(&args.client).await?.request(&params).await?;
    match receipt.content.as_str() {
        Some(text) => say(text),
        None => say_json(&receipt.content),
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::super::list_args::OUTCOMES;
    use super::*;

    #[test]
    fn every_outcome_of_the_command_line_is_one_of_the_api() {
        assert!(OUTCOMES.iter().all(|name| outcome(name).is_some()));
    }

    #[test]
    fn times_lose_their_fractions() {
        assert_eq!(
            seconds("2026-11-21T12:00:00.123456Z"),
            "2026-11-21T12:00:00"
        );
        assert_eq!(seconds("2026-11-21T12:00:00Z"), "2026-11-21T12:00:00");
    }
}
