// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal sale`, `refund` and `void`: one call that moves money, watched to its end.
//!
//! The key is told before anything is sent. Ctrl-C asks the host to cancel and still waits for the
//! answer; a second one stops waiting, and never says that nothing moved.

use super::args::{PaymentArgs, RefundArgs, SaleArgs, VoidArgs};
use super::connect::connect;
use super::exit::{self, Exit, Failure};
use super::screen::{say, say_json, tell};
use super::{amount, outcome};
use payhal_client::{Client, Payment, Update};
use payhal_protocol::limits::TIMEOUT_MS_MAX;
use payhal_protocol::payment::{Approved, RefundParams, SaleParams, VoidParams};
use payhal_protocol::progress::{Progress, Prompt};
use payhal_protocol::{Amount, ErrorObject, IdempotencyKey, TransactionId};
use serde::Serialize;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What `--json` prints, one on each line.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Progress(&'a Progress),
    Prompt(&'a Prompt),
    Result(&'a Approved),
    Error(&'a ErrorObject),
}

/// Charges a card.
pub(super) async fn sale(args: &SaleArgs) -> Result<Exit, Failure> {
    let mut params = SaleParams::new(key(&args.payment), total(&args.amount, &args.currency)?);
    params.device = args.device.as_deref().map(Into::into);
    params.gateway = args.gateway.as_deref().map(Into::into);
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    params.despite = ids(&args.despite);
    let client = connect(&args.payment.client).await?;
    tell_key(&params.idempotency_key);
    watch(client.sale(&params), args.payment.json).await
}

/// Gives money back.
pub(super) async fn refund(args: &RefundArgs) -> Result<Exit, Failure> {
    let amount = total(&args.amount, &args.currency)?;
    let mut params = RefundParams::of(key(&args.payment), args.transaction.as_str(), amount);
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    params.despite = ids(&args.despite);
    let client = connect(&args.payment.client).await?;
    tell_key(&params.idempotency_key);
    watch(client.refund(&params), args.payment.json).await
}

/// Takes a transaction back.
pub(super) async fn void(args: &VoidArgs) -> Result<Exit, Failure> {
    let mut params = VoidParams::of(key(&args.payment), args.transaction.as_str());
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    let client = connect(&args.payment.client).await?;
    tell_key(&params.idempotency_key);
    watch(client.void(&params), args.payment.json).await
}

fn key(args: &PaymentArgs) -> IdempotencyKey {
    args.key
        .as_deref()
        .map_or_else(Client::new_key, IdempotencyKey::from)
}

fn total(text: &str, currency: &str) -> Result<Amount, Failure> {
    amount::parse(text, currency).map_err(|error| Failure::new(Exit::Usage, error))
}

fn timeout_ms(args: &PaymentArgs) -> Result<Option<u64>, Failure> {
    let most = TIMEOUT_MS_MAX / 1_000;
    match args.timeout {
        Some(seconds) if !(1..=most).contains(&seconds) => Err(Failure::new(
            Exit::Usage,
            format!("--timeout must be from 1 to {most} seconds"),
        )),
        seconds => Ok(seconds.map(|seconds| seconds * 1_000)),
    }
}

fn ids(texts: &[String]) -> Vec<TransactionId> {
    texts
        .iter()
        .map(|text| TransactionId::from(text.as_str()))
        .collect()
}

/// If this process dies, the key is what asks for the outcome.
fn tell_key(key: &IdempotencyKey) {
    tell(&format!("key {key}"));
}

async fn watch(mut payment: Payment, json: bool) -> Result<Exit, Failure> {
    let started = Instant::now();
    let key = payment.key().clone();
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("failed to listen for Ctrl-C: {error}"),
        )
    })?;
    let mut cancelled = false;
    loop {
        tokio::select! {
            update = payment.next() => match update {
                Some(update) => show(started, &update, json),
                None => break,
            },
            _ = interrupts.recv() => {
                if cancelled {
                    return Ok(leave(&key, json));
                }
                cancelled = true;
                cancel(&payment, &mut interrupts).await;
            }
        }
    }
    let answer = tokio::select! {
        answer = payment.answer() => answer,
        _ = interrupts.recv() => return Ok(leave(&key, json)),
    };
    Ok(match answer {
        Ok(approved) => show_approved(&approved, json),
        Err(error) => {
            if json {
                say_json(&Line::Error(&outcome::error_object(&error, &key)));
            } else {
                tell(&outcome::refused(&error, &key));
            }
            exit::of_payment(&error)
        }
    })
}

fn show(started: Instant, update: &Update, json: bool) {
    match (update, json) {
        (Update::Progress(progress), true) => say_json(&Line::Progress(progress)),
        (Update::Progress(progress), false) => {
            tell(&outcome::progress(started.elapsed(), progress));
        }
        // None is declared in the greeting, so the host takes the default; tell it all the same.
        (Update::Prompt(prompt), true) => say_json(&Line::Prompt(prompt)),
        (Update::Prompt(prompt), false) => {
            tell(&outcome::step(started.elapsed(), &prompt.text));
        }
    }
}

fn show_approved(approved: &Approved, json: bool) -> Exit {
    if json {
        say_json(&Line::Result(approved));
    } else {
        say(&outcome::approved(approved));
        say(&format!("transaction {}", approved.transaction_id));
    }
    outcome::exit(approved)
}

async fn cancel(payment: &Payment, interrupts: &mut Signal) {
    tell("cancelling; Ctrl-C again stops waiting for the outcome");
    let answer = tokio::select! {
        answer = payment.cancel() => answer,
        _ = interrupts.recv() => return,
    };
    match answer {
        Ok(answer) => tell(&format!("cancel: {}", super::screen::word(&answer.state))),
        Err(error) => tell(&format!("cancel: {error}")),
    }
}

/// The payment goes on without us.
fn leave(key: &IdempotencyKey, json: bool) -> Exit {
    let error = payhal_client::CallError::Timeout;
    if json {
        say_json(&Line::Error(&outcome::error_object(&error, key)));
    } else {
        tell(&format!(
            "No longer waiting; the payment may go on. The same command with `--key {key}` asks \
             for its outcome."
        ));
    }
    Exit::Unknown
}
