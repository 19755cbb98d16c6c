// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal pay` and `payhal batch`: one call with a key, watched to its end.
//!
//! The key is told before anything is sent. Ctrl-C asks the host to cancel and still waits for the
//! answer; a second one stops waiting, and never says that nothing moved.

use super::connect::{connect, connect_showing};
use super::exit::{self, Exit, Failure};
use super::payment_args::{
    AdjustArgs, AuthorizeArgs, BatchCommand, CaptureArgs, CardArgs, CashArgs, EntryWay, PayCommand,
    PaymentArgs, RefundArgs, RefundReceiptArgs, SaleArgs, VoidArgs,
};
use super::questions::Desk;
use super::screen::{say, say_json, tell};
use super::waiting::Waiting;
use super::{amount, outcome};
use payhal_client::{Client, Payment, Update};
use payhal_protocol::batch::{CloseParams, TotalsParams};
use payhal_protocol::limits::TIMEOUT_MS_MAX;
use payhal_protocol::payment::{
    AdjustParams, Approved, AuthorizeParams, BalanceParams, CaptureParams, CardToken,
    CashAdvanceParams, OnlinePolicy, Original, RefundParams, SaleParams, UndoParams, VerifyParams,
    VoiceApproval, VoidParams,
};
use payhal_protocol::progress::{Progress, Prompt, RespondParams};
use payhal_protocol::transaction::EntryMode;
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

/// Does what `payhal pay` says.
pub(super) async fn pay(command: &PayCommand) -> Result<Exit, Failure> {
    match command {
        PayCommand::Sale(args) => sale(args).await,
        PayCommand::Authorize(args) => authorize(args).await,
        PayCommand::Capture(args) => capture(args).await,
        PayCommand::Adjust(args) => adjust(args).await,
        PayCommand::Refund(args) => refund(args).await,
        PayCommand::RefundUnreferenced(args) => {
            let amount = total(&args.amount, &args.currency)?;
            let mut params = RefundParams::new(key(&args.payment), amount);
            params.device = args.device.as_deref().map(Into::into);
            params.gateway = args.gateway.as_deref().map(Into::into);
            params.card = token(args.token.as_deref(), args.kept.as_deref());
            give_back(params, &args.payment).await
        }
        PayCommand::RefundReceipt(args) => refund_receipt(args).await,
        PayCommand::Void(args) => void(args).await,
        PayCommand::Undo(args) => undo(args).await,
        PayCommand::Verify(args) => verify(args).await,
        PayCommand::Balance(args) => balance(args).await,
        PayCommand::CashAdvance(args) => cash_advance(args).await,
    }
}

/// Charges a card.
pub(super) async fn sale(args: &SaleArgs) -> Result<Exit, Failure> {
    let charge = &args.charge;
    let amount = total(&charge.amount, &charge.currency)?;
    let mut params = SaleParams::new(key(&args.payment), amount);
    if charge.estimated {
        params.estimated_amount = params.amount.take();
        params.amount_timeout_ms = charge.amount_timeout.map(|seconds| seconds * 1_000);
    }
    params.device = charge.device.as_deref().map(Into::into);
    params.gateway = charge.gateway.as_deref().map(Into::into);
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    params.despite = ids(&charge.despite);
    params.allow_offline = args.allow_offline;
    params.cashback = part(args.cashback.as_deref(), &charge.currency)?;
    params.tip = part(charge.tip.as_deref(), &charge.currency)?;
    params.bypass_surcharge = charge.bypass_surcharge;
    params.surcharge = part(charge.surcharge.as_deref(), &charge.currency)?;
    params.amount_max = part(charge.amount_max.as_deref(), &charge.currency)?;
    params.installments = charge.installments;
    params.entry = entry(&charge.entry);
    params.online = charge.online_always.then_some(OnlinePolicy::Always);
    params.voice_approval = charge.voice_code.clone().map(|code| VoiceApproval { code });
    params.card = token(charge.token.as_deref(), charge.kept.as_deref());
    params.keep_as.clone_from(&charge.keep_as);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.sale(&params)
    })
    .await
}

async fn authorize(args: &AuthorizeArgs) -> Result<Exit, Failure> {
    let charge = &args.charge;
    let amount = total(&charge.amount, &charge.currency)?;
    let mut params = AuthorizeParams::new(key(&args.payment), amount);
    if charge.estimated {
        params.estimated_amount = params.amount.take();
        params.amount_timeout_ms = charge.amount_timeout.map(|seconds| seconds * 1_000);
    }
    params.device = charge.device.as_deref().map(Into::into);
    params.gateway = charge.gateway.as_deref().map(Into::into);
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    params.despite = ids(&charge.despite);
    params.tip = part(charge.tip.as_deref(), &charge.currency)?;
    params.bypass_surcharge = charge.bypass_surcharge;
    params.surcharge = part(charge.surcharge.as_deref(), &charge.currency)?;
    params.amount_max = part(charge.amount_max.as_deref(), &charge.currency)?;
    params.installments = charge.installments;
    params.entry = entry(&charge.entry);
    params.online = charge.online_always.then_some(OnlinePolicy::Always);
    params.voice_approval = charge.voice_code.clone().map(|code| VoiceApproval { code });
    params.card = token(charge.token.as_deref(), charge.kept.as_deref());
    params.keep_as.clone_from(&charge.keep_as);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.authorize(&params)
    })
    .await
}

async fn capture(args: &CaptureArgs) -> Result<Exit, Failure> {
    let amount = total(&args.amount, &args.currency)?;
    let transaction = args.transaction.as_str();
    let mut params = CaptureParams::of(key(&args.payment), transaction, amount);
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.capture(&params)
    })
    .await
}

async fn adjust(args: &AdjustArgs) -> Result<Exit, Failure> {
    let amount = total(&args.amount, &args.currency)?;
    let transaction = args.transaction.as_str();
    let mut params = AdjustParams::of(key(&args.payment), transaction, amount);
    params.tip = part(args.tip.as_deref(), &args.currency)?;
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.adjust(&params)
    })
    .await
}

async fn undo(args: &VoidArgs) -> Result<Exit, Failure> {
    let mut params = UndoParams::of(key(&args.payment), args.transaction.as_str());
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.undo(&params)
    })
    .await
}

async fn verify(args: &CardArgs) -> Result<Exit, Failure> {
    let mut params = VerifyParams::new(key(&args.payment));
    params.device = args.device.as_deref().map(Into::into);
    params.gateway = args.gateway.as_deref().map(Into::into);
    params.card = token(args.token.as_deref(), args.kept.as_deref());
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.verify(&params)
    })
    .await
}

async fn balance(args: &CardArgs) -> Result<Exit, Failure> {
    let mut params = BalanceParams::new(key(&args.payment));
    params.device = args.device.as_deref().map(Into::into);
    params.gateway = args.gateway.as_deref().map(Into::into);
    params.card = token(args.token.as_deref(), args.kept.as_deref());
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.balance(&params)
    })
    .await
}

/// Gives money back.
pub(super) async fn refund(args: &RefundArgs) -> Result<Exit, Failure> {
    let amount = total(&args.amount, &args.currency)?;
    let mut params = RefundParams::of(key(&args.payment), args.transaction.as_str(), amount);
    params.despite = ids(&args.despite);
    give_back(params, &args.payment).await
}

async fn refund_receipt(args: &RefundReceiptArgs) -> Result<Exit, Failure> {
    let amount = total(&args.amount, &args.currency)?;
    let mut params = RefundParams::new(key(&args.payment), amount);
    params.device = args.device.as_deref().map(Into::into);
    params.original = Some(Original {
        gateway: args.gateway.as_str().into(),
        reference: args.original_reference.clone(),
        rrn: args.rrn.clone(),
        at: args.at.clone(),
        amount: total(&args.of, &args.currency)?,
    });
    give_back(params, &args.payment).await
}

async fn give_back(mut params: RefundParams, payment: &PaymentArgs) -> Result<Exit, Failure> {
    params.timeout_ms = timeout_ms(payment)?;
    params.reference.clone_from(&payment.reference);
    begin(payment, &params.idempotency_key, |client| {
        client.refund(&params)
    })
    .await
}

/// Takes a transaction back.
pub(super) async fn void(args: &VoidArgs) -> Result<Exit, Failure> {
    let mut params = VoidParams::of(key(&args.payment), args.transaction.as_str());
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    begin(&args.payment, &params.idempotency_key, |client| {
        client.void(&params)
    })
    .await
}

async fn cash_advance(args: &CashArgs) -> Result<Exit, Failure> {
    let amount = total(&args.amount, &args.currency)?;
    let mut params = CashAdvanceParams::new(key(&args.payment), amount);
    params.card = token(args.token.as_deref(), args.kept.as_deref());
    params.device = args.device.as_deref().map(Into::into);
    params.gateway = args.gateway.as_deref().map(Into::into);
    params.timeout_ms = timeout_ms(&args.payment)?;
    params.reference.clone_from(&args.payment.reference);
    let key = &params.idempotency_key;
    begin(&args.payment, key, |client| client.cash_advance(&params)).await
}

/// Does what `payhal batch` says.
pub(super) async fn batch(command: &BatchCommand) -> Result<Exit, Failure> {
    match command {
        BatchCommand::Totals {
            whose,
            json,
            client,
        } => {
            let params = TotalsParams {
                device: whose.device.as_deref().map(Into::into),
                gateway: whose.gateway.as_deref().map(Into::into),
            };
            let totals = connect(client).await?.batch_totals(&params).await?;
            if *json {
                say_json(&totals);
            } else {
                say(&outcome::totals(&totals));
            }
            Ok(Exit::Ok)
        }
        BatchCommand::Close {
            whose,
            despite,
            payment,
        } => {
            let mut params = CloseParams::new(key(payment));
            params.device = whose.device.as_deref().map(Into::into);
            params.gateway = whose.gateway.as_deref().map(Into::into);
            params.timeout_ms = timeout_ms(payment)?;
            params.reference.clone_from(&payment.reference);
            params.despite = ids(despite);
            begin(payment, &params.idempotency_key, |client| {
                client.close_batch(&params)
            })
            .await
        }
    }
}

/// The key is told first; then it begins, and is watched to its end.
pub(super) async fn begin(
    args: &PaymentArgs,
    key: &IdempotencyKey,
    call: impl FnOnce(&Client) -> Payment,
) -> Result<Exit, Failure> {
    let desk = Desk::new(args.accept_partial, args.json);
    let client = connect_showing(&args.client, &desk.kinds()).await?;
    tell_key(key);
    watch(&client, call(&client), desk, args.json).await
}

/// What stands for a card.
fn token(itself: Option<&str>, kept: Option<&str>) -> Option<CardToken> {
    itself.map(CardToken::of).or(kept.map(CardToken::referred))
}

fn part(text: Option<&str>, currency: &str) -> Result<Option<Amount>, Failure> {
    text.map(|text| total(text, currency)).transpose()
}

fn entry(ways: &[EntryWay]) -> Option<Vec<EntryMode>> {
    let ways: Vec<EntryMode> = ways
        .iter()
        .map(|way| match way {
            EntryWay::Chip => EntryMode::Chip,
            EntryWay::Contactless => EntryMode::Contactless,
            EntryWay::Stripe => EntryMode::Stripe,
            EntryWay::Manual => EntryMode::Manual,
        })
        .collect();
    (!ways.is_empty()).then_some(ways)
}

pub(super) fn key(args: &PaymentArgs) -> IdempotencyKey {
    args.key
        .as_deref()
        .map_or_else(Client::new_key, IdempotencyKey::from)
}

fn total(text: &str, currency: &str) -> Result<Amount, Failure> {
    amount::parse(text, currency).map_err(|error| Failure::new(Exit::Usage, error))
}

pub(super) fn timeout_ms(args: &PaymentArgs) -> Result<Option<u64>, Failure> {
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

async fn watch(
    client: &Client,
    mut payment: Payment,
    mut desk: Desk,
    json: bool,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let key = payment.key().clone();
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("failed to listen for Ctrl-C: {error}"),
        )
    })?;
    let mut cancelled = false;
    let mut waiting = Waiting::default();
    loop {
        tokio::select! {
            update = payment.next() => match update {
                Some(update) => {
                    show(started, &update, json);
                    if let (Update::Progress(progress), false) = (&update, json) {
                        waiting.moved(client, progress);
                    }
                    if let Update::Prompt(prompt) = update
                        && let Some(answer) = desk.ask(prompt)
                    {
                        respond(client, answer);
                    }
                }
                None => break,
            },
            answer = desk.answer() => respond(client, answer),
            _ = interrupts.recv() => {
                if cancelled {
                    return Ok(leave(&key, json));
                }
                cancelled = true;
                waiting.over();
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
        (Update::Prompt(prompt), true) => say_json(&Line::Prompt(prompt)),
        // Whoever is asked is told.
        (Update::Prompt(_), false) => {}
    }
}

/// Tells the host what was answered; the payment says what came of it.
fn respond(client: &Client, answer: RespondParams) {
    let client = client.clone();
    tokio::spawn(async move {
        if let Err(error) = client.request(&answer).await {
            tell(&format!("the answer was not taken: {error}"));
        }
    });
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
