// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal journal`: looks into the journal's file, with the host running or not, and keeps it. It
//! resolves nothing.

mod keep;
mod open;

pub(super) use keep::{adopt, backup, export, prune};
pub(super) use open::open;

use super::amount;
use super::args::JournalArgs;
use super::connect::state_folder;
use super::exit::{Exit, Failure};
use super::screen::{say, say_json, word};
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::TransactionId;
use payhal_engine::record::{Ending, Fact, FinalAnswer, Record};
use payhal_engine::request::Kind;
use payhal_journal::{Summary, View};
use payhal_protocol::Amount;
use serde_json::{Value, json};
use std::path::PathBuf;

fn path(args: &JournalArgs) -> Result<PathBuf, Failure> {
    Ok(state_folder(&args.place)?.join("journal.sqlite"))
}

/// Everything recorded of one transaction.
pub(super) fn show(transaction: &str, args: &JournalArgs) -> Result<Exit, Failure> {
    let id = uuid::Uuid::parse_str(transaction)
        .map(TransactionId)
        .map_err(|_| {
            Failure::new(
                Exit::Usage,
                "a transaction is named by its UUID, as `payhal list` shows it",
            )
        })?;
    let Some(view) = payhal_journal::show(path(args)?, &RecallBy::Transaction(id))? else {
        return Err(Failure::new(
            Exit::Failed,
            "the journal holds no such transaction",
        ));
    };
    if args.json {
        let changes = view.changes.iter().map(|change| change.transaction_id);
        say_json(&json!({
            "transaction": line(&view.summary),
            "records": view.records,
            "changed_by": changes.collect::<Vec<_>>(),
        }));
    } else {
        say(&words(&view));
    }
    Ok(Exit::Ok)
}

/// Whether all of it is as it was written.
pub(super) fn verify(args: &JournalArgs) -> Result<Exit, Failure> {
    let report = payhal_journal::verify(path(args)?)?;
    if args.json {
        say_json(&json!({
            "records": report.records,
            "transactions": report.transactions,
            "open": report.open,
            "pruned": report.pruned,
            "audits": report.audit.entries,
            "audits_pruned": report.audit.pruned,
            "epochs": report.epochs.iter().map(epoch_object).collect::<Vec<_>>(),
            "damage": report.damage.as_deref(),
        }));
    } else {
        say(&format!(
            "{} records of {} transactions read, {} open; {} were pruned; {} audit entries read",
            report.records, report.transactions, report.open, report.pruned, report.audit.entries
        ));
        for began in report.epochs.iter().skip(1) {
            say(&open::epoch(began));
        }
    }
    match report.damage {
        None => Ok(Exit::Ok),
        Some(damage) => Err(Failure::new(
            Exit::Journal,
            format!("the journal is damaged: {damage}"),
        )
        .advise("Keep a copy of its folder before anything else.")),
    }
}

fn epoch_object(began: &payhal_journal::EpochBegan) -> Value {
    json!({
        "number": began.epoch.number,
        "began_micros": began.epoch.began_micros,
        "position": began.position,
        "reason": began.reason.to_string(),
    })
}

fn money(minor: i64, currency: payhal_engine::money::Currency) -> String {
    amount::show(&Amount::new(minor, currency.code()))
}

fn kind(kind: &Kind) -> &'static str {
    kind.name()
}

/// How it stands, in one word.
fn state(summary: &Summary) -> String {
    match &summary.outcome {
        _ if summary.needs_operator => "needs_operator".to_owned(),
        _ if summary.reversing => "reversing".to_owned(),
        _ if summary.reversed => "reversed".to_owned(),
        Some(outcome) => word(outcome),
        None => "unknown".to_owned(),
    }
}

fn line(summary: &Summary) -> Value {
    json!({
        "transaction_id": summary.transaction_id,
        "register": summary.scope.register,
        "idempotency_key": summary.key,
        "kind": kind(&summary.kind),
        "state": state(summary),
        "amount": summary.amount,
        "approved_minor": summary.approved_minor,
        "reference": summary.reference.as_deref(),
        "device": summary.device,
        "gateway": summary.gateway,
        "started_at_micros": summary.started_at_micros,
        "ended_at_micros": summary.ended_at_micros,
    })
}

fn words(view: &View) -> String {
    let summary = &view.summary;
    let amount = summary
        .amount
        .map(|amount| money(amount.minor, amount.currency));
    let mut lines = vec![
        format!("{} {}", kind(&summary.kind), summary.transaction_id),
        format!("{} {}", state(summary), amount.unwrap_or_default())
            .trim_end()
            .to_owned(),
        format!("register {}, key {}", summary.scope.register, summary.key),
    ];
    lines.extend(view.records.iter().map(record));
    let changes = view.changes.iter();
    lines.extend(changes.map(|change| format!("changed by {}", change.transaction_id)));
    lines.join("\n")
}

fn record(record: &Record) -> String {
    let at = jiff::Timestamp::from_microsecond(record.at_micros).unwrap_or_default();
    let text = match &record.fact {
        Fact::Intent(intent) => {
            let total = intent.amounts.total;
            let asked = intent
                .gateway
                .as_ref()
                .map_or("the terminal", |gateway| &*gateway.0);
            format!(
                "intent    {} at {asked}, STAN {:06}, reference {}",
                money(total.minor, total.currency),
                intent.wire.stan,
                intent.wire.reference
            )
        }
        Fact::Unsent { reason } => format!("nothing was sent: {reason}"),
        Fact::Answered(answer) => format!(
            "answered  {} {}",
            answer.response_code,
            answer.response_text.as_deref().unwrap_or_default()
        ),
        Fact::Ended(ending) => outcome(ending),
        Fact::Reversed => "reversed".to_owned(),
        Fact::NeedsOperator { reason } => format!("needs a person: {reason}"),
        Fact::Reported { known: true } => "reported".to_owned(),
        Fact::Reported { known: false } => "report given up".to_owned(),
        Fact::Signed { .. } => "signed".to_owned(),
        Fact::Collected { accepted, by } => {
            let word = if *accepted { "collected" } else { "not taken" };
            format!("{word} by batch close {by}")
        }
        Fact::Forwarding { wire } => format!(
            "forwarding, STAN {:06}, reference {}",
            wire.stan, wire.reference
        ),
        Fact::Forwarded { answer } => format!(
            "forwarded {} {}",
            answer.response_code,
            answer.response_text.as_deref().unwrap_or_default()
        ),
        Fact::Withdrawn { by, .. } => format!("withdrawn by {by}"),
        Fact::Resolved(resolved) => format!(
            "resolved  {} by {}: {}",
            word(&resolved.outcome),
            resolved.operator,
            resolved.evidence
        ),
    };
    format!("{at}  {text}").trim_end().to_owned()
}

fn outcome(ending: &Ending) -> String {
    match &ending.answer {
        FinalAnswer::Approved(approved) => format!(
            "outcome   approved {}, {}{}",
            money(approved.approved_minor, approved.requested.total.currency),
            approved
                .approval_code
                .as_deref()
                .unwrap_or("no approval code"),
            ending.signature.as_ref().map_or("", |_| ", signed")
        ),
        FinalAnswer::Refused(refused) => {
            let reason = serde_json::to_value(&refused.reason).unwrap_or_default();
            format!(
                "outcome   {}, {} {}",
                word(&refused.reason.outcome()),
                reason.as_str().unwrap_or("refused"),
                if ending.reversal.is_some() {
                    "(to be reversed)"
                } else {
                    ""
                }
            )
        }
    }
}
