// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal journal open`: what has not come to rest, why, and what the host does next and when. The
//! list is the file's; a host that runs is asked about each of its lines.

use super::{kind, line, money, path, state};
use crate::cli::args::JournalArgs;
use crate::cli::connect::by_socket;
use crate::cli::exit::{Exit, Failure};
use crate::cli::look::seconds;
use crate::cli::screen::{say, say_json, tell, word};
use crate::host::VAULT;
use crate::vault;
use payhal_client::Client;
use payhal_engine::effect::RecallBy;
use payhal_engine::ids::Kept;
use payhal_engine::record::Fact;
use payhal_journal::{EpochBegan, Summary};
use payhal_protocol::transaction::{GetParams, ResolutionState, TransactionView};
use serde_json::json;
use std::path::Path;

/// What is to be said of one transaction.
struct Unresolved {
    summary: Summary,
    why: String,
    next: String,
    next_at: Option<String>,
    /// Whether the host said so.
    live: bool,
}

/// Lists them, oldest first.
pub(in crate::cli) async fn open(args: &JournalArgs) -> Result<Exit, Failure> {
    let file = path(args)?;
    let found = payhal_journal::open_transactions(&file)?;
    let epochs = payhal_journal::epochs(&file)?;
    let host = match found.is_empty() {
        true => None,
        false => by_socket(&args.place).await,
    };
    let mut all = Vec::with_capacity(found.len());
    for summary in found {
        let live = match &host {
            Some(host) => ask(host, &summary).await,
            None => None,
        };
        all.push(match live {
            Some(view) => said_by_host(summary, &view, &file)?,
            None => said_by_file(summary, &file)?,
        });
    }
    // A folder that cannot be read is a state that has none yet, or somebody else's.
    let numbers = vault::count(&file.with_file_name(VAULT), Kept::Number).unwrap_or(0);
    if args.json {
        say_json(&json!({
            "host": host.is_some(),
            "epoch": epochs.last().map(|began| began.epoch.number),
            "transactions": all.iter().map(object).collect::<Vec<_>>(),
            "numbers_kept": numbers,
        }));
        return Ok(Exit::Ok);
    }
    if let Some(later) = epochs.last().filter(|began| began.epoch.number > 0) {
        tell(&epoch(later));
    }
    if numbers > 0 {
        tell(&format!(
            "{numbers} sealed card numbers wait in the vault for their reversals"
        ));
    }
    if all.is_empty() {
        tell("nothing is open");
        return Ok(Exit::Ok);
    }
    if host.is_none() {
        tell("no host answers; this is what its journal says");
    }
    say(&all.iter().map(words).collect::<Vec<_>>().join("\n"));
    Ok(Exit::Ok)
}

/// An epoch, for people.
pub(super) fn epoch(began: &EpochBegan) -> String {
    let at = jiff::Timestamp::from_microsecond(began.epoch.began_micros).unwrap_or_default();
    format!(
        "epoch {} since {}, after record {}: {}",
        began.epoch.number,
        seconds(&at.to_string()),
        began.position,
        began.reason
    )
}

async fn ask(host: &Client, summary: &Summary) -> Option<TransactionView> {
    let params = GetParams {
        transaction_id: Some(summary.transaction_id.to_string().into()),
        idempotency_key: None,
    };
    // A host that cannot say leaves it to the file.
    host.request(&params).await.ok()
}

fn said_by_host(
    summary: Summary,
    view: &TransactionView,
    file: &Path,
) -> Result<Unresolved, Failure> {
    let mut said = said_by_file(summary, file)?;
    said.live = true;
    match &view.resolution {
        Some(resolution) => {
            if let Some(text) = &resolution.text
                && resolution.state != ResolutionState::NeedsOperator
            {
                said.why.clone_from(text);
            }
            said.next = match resolution.state {
                ResolutionState::Resolving => "the host asks again",
                ResolutionState::Reversing => "the host asks again to undo it",
                ResolutionState::NeedsOperator => NEXT_OPERATOR,
                _ => "it has come to rest meanwhile",
            }
            .to_owned();
            said.next_at.clone_from(&resolution.next_at);
        }
        None => {
            said.why = match &view.stage {
                Some(stage) => format!("it is running: {}", word(stage)),
                None => "it is running".to_owned(),
            };
            said.next = "it ends by itself".to_owned();
        }
    }
    Ok(said)
}

const NEXT_OPERATOR: &str = "the host waits for a person: compare with the gateway or terminal, then \
                             say it with `payhal resolve`";

fn said_by_file(summary: Summary, file: &Path) -> Result<Unresolved, Failure> {
    let (why, next) = if summary.needs_operator {
        (reason(&summary, file)?, NEXT_OPERATOR)
    } else if summary.reversing {
        (
            "it is to be undone, and nobody has acknowledged that".to_owned(),
            "the host asks again to undo it, at once when it starts",
        )
    } else if summary.outcome.is_none() {
        (
            "it was announced, and its outcome is not in the journal".to_owned(),
            "the host asks the gateway or terminal, or undoes it, at once when it starts",
        )
    } else {
        (
            "the other side must still be told of its outcome".to_owned(),
            "the host tells it again, at once when it starts",
        )
    };
    Ok(Unresolved {
        summary,
        why,
        next: next.to_owned(),
        next_at: None,
        live: false,
    })
}

/// Why a person is needed, as the engine recorded it.
fn reason(summary: &Summary, file: &Path) -> Result<String, Failure> {
    let view = payhal_journal::show(file, &RecallBy::Transaction(summary.transaction_id))?;
    let records = view.map(|view| view.records).unwrap_or_default();
    let reason = records.iter().rev().find_map(|record| match &record.fact {
        Fact::NeedsOperator { reason } => Some(reason.to_string()),
        _ => None,
    });
    Ok(reason.unwrap_or_else(|| "nobody can say automatically".to_owned()))
}

fn object(said: &Unresolved) -> serde_json::Value {
    let mut object = line(&said.summary);
    object["why"] = said.why.as_str().into();
    object["next"] = said.next.as_str().into();
    object["next_at"] = said.next_at.as_deref().into();
    object["live"] = said.live.into();
    object
}

fn words(said: &Unresolved) -> String {
    let Unresolved { summary, .. } = said;
    let at = jiff::Timestamp::from_microsecond(summary.started_at_micros).unwrap_or_default();
    let amount = summary
        .amount
        .map(|amount| money(amount.minor, amount.currency));
    let next_at = said.next_at.as_deref().map(|at| format!(" at {at}"));
    format!(
        "{}  {}  {} {}, {}\n    register {}, key {}\n    why   {}\n    next  {}{}",
        seconds(&at.to_string()),
        summary.transaction_id,
        kind(&summary.kind),
        amount.unwrap_or_default(),
        state(summary),
        summary.scope.register,
        summary.key,
        said.why,
        said.next,
        next_at.unwrap_or_default(),
    )
}
