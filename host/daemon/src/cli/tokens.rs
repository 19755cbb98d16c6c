// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kept payment tokens on the command line: register, update, delete, list, history.

use super::args::ClientArgs;
use super::connect::connect;
use super::exit::{Exit, Failure};
use super::look;
use super::pay::{begin, key, timeout_ms};
use super::payment_args::PaymentArgs;
use super::screen::{say, say_json, table, tell};
use clap::{Args, Subcommand};
use payhal_protocol::token::{
    DeleteTokenParams, ListTokensParams, RegisterTokenParams, TokenHistoryParams, TokenView,
    UpdateTokenParams,
};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Keep a card as a payment token under a reference of your own
    Register(RegisterArgs),
    /// Give a kept token another reference, or another card
    Update(UpdateArgs),
    /// Keep a token no more
    Delete(DeleteArgs),
    /// List the kept tokens, newest first
    List(ListArgs),
    /// Show a token and everything that was done with it
    History(HistoryArgs),
}

#[derive(Args, Debug)]
pub(super) struct RegisterArgs {
    /// The number of the customer or the contract
    name: String,
    /// The earlier payment or check whose token is kept, instead of a card
    #[arg(long, value_name = "TRANSACTION")]
    from: Option<String>,
    /// The reader [default: the host chooses]
    #[arg(long)]
    device: Option<String>,
    /// The gateway [default: the host chooses]
    #[arg(long)]
    gateway: Option<String>,
    #[command(flatten)]
    payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct UpdateArgs {
    /// The token's reference
    name: String,
    /// Its new reference
    #[arg(long, value_name = "REFERENCE")]
    rename: Option<String>,
    /// A new card is presented
    #[arg(long, conflicts_with = "from")]
    new_card: bool,
    /// The earlier payment or check whose token takes its place
    #[arg(long, value_name = "TRANSACTION")]
    from: Option<String>,
    /// The reader [default: the host chooses]
    #[arg(long, conflicts_with = "from")]
    device: Option<String>,
    #[command(flatten)]
    payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct DeleteArgs {
    /// The token's reference
    name: String,
    #[command(flatten)]
    payment: PaymentArgs,
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Only those of this gateway
    #[arg(long)]
    gateway: Option<String>,
    /// How many, 1 to 100
    #[arg(long, default_value_t = payhal_protocol::limits::LIST_LIMIT_DEFAULT)]
    limit: u32,
    /// Go on where the last page ended
    #[arg(long)]
    cursor: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args, Debug)]
pub(super) struct HistoryArgs {
    /// The token's reference, or its id
    name: String,
    /// How many, 1 to 100
    #[arg(long, default_value_t = payhal_protocol::limits::LIST_LIMIT_DEFAULT)]
    limit: u32,
    /// Go on where the last page ended
    #[arg(long)]
    cursor: Option<String>,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Does what `payhal token` says.
pub(super) async fn run(command: &TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Register(args) => register(args).await,
        TokenCommand::Update(args) => update(args).await,
        TokenCommand::Delete(args) => delete(args).await,
        TokenCommand::List(args) => list(args).await,
        TokenCommand::History(args) => history(args).await,
    }
}

async fn register(args: &RegisterArgs) -> Result<Exit, Failure> {
    let mut params = RegisterTokenParams::new(key(&args.payment), args.name.as_str());
    params.transaction_id = args.from.as_deref().map(Into::into);
    params.device = args.device.as_deref().map(Into::into);
    params.gateway = args.gateway.as_deref().map(Into::into);
    params.timeout_ms = timeout_ms(&args.payment)?;
    begin(&args.payment, &params.idempotency_key, |client| {
        client.register_token(&params)
    })
    .await
}

async fn update(args: &UpdateArgs) -> Result<Exit, Failure> {
    let mut params = UpdateTokenParams::of(key(&args.payment), args.name.as_str());
    params.new_reference.clone_from(&args.rename);
    params.new_card = args.new_card || args.device.is_some();
    params.transaction_id = args.from.as_deref().map(Into::into);
    params.device = args.device.as_deref().map(Into::into);
    params.timeout_ms = timeout_ms(&args.payment)?;
    begin(&args.payment, &params.idempotency_key, |client| {
        client.update_token(&params)
    })
    .await
}

async fn delete(args: &DeleteArgs) -> Result<Exit, Failure> {
    let params = DeleteTokenParams::of(key(&args.payment), args.name.as_str());
    begin(&args.payment, &params.idempotency_key, |client| {
        client.delete_token(&params)
    })
    .await
}

async fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let params = ListTokensParams {
        gateway: args.gateway.as_deref().map(Into::into),
        cursor: args.cursor.clone(),
        limit: Some(args.limit),
        ..ListTokensParams::default()
    };
    let answer = connect(&args.client).await?.tokens(&params).await?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = answer.tokens.iter().map(row).collect();
    if rows.is_empty() {
        tell("no card is kept");
        return Ok(Exit::Ok);
    }
    let header = [
        "SINCE",
        "REFERENCE",
        "CARD",
        "GATEWAY",
        "REGISTER",
        "TOKEN ID",
    ];
    say(&table(header, &rows));
    more(answer.cursor.as_deref());
    Ok(Exit::Ok)
}

async fn history(args: &HistoryArgs) -> Result<Exit, Failure> {
    let client = connect(&args.client).await?;
    let mut params = TokenHistoryParams {
        cursor: args.cursor.clone(),
        limit: Some(args.limit),
        ..TokenHistoryParams::of(args.name.as_str())
    };
    // References and ids look alike, so a name that is no reference may be an id.
    let mut answer = client.token_history(&params).await;
    if answer.is_err() && args.name.parse::<uuid::Uuid>().is_ok() {
        params.reference = None;
        params.token_id = Some(args.name.as_str().into());
        answer = client.token_history(&params).await;
    }
    let answer = answer?;
    if args.json {
        say_json(&answer);
        return Ok(Exit::Ok);
    }
    let token = &answer.token;
    let state = if token.deleted { "deleted" } else { "kept" };
    say(&format!(
        "{} {state}, {} at {}",
        token.reference,
        card(token),
        token.gateway
    ));
    say(&look::transactions_table(&answer.transactions));
    more(answer.cursor.as_deref());
    Ok(Exit::Ok)
}

fn more(cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        tell(&format!("there are more: --cursor {cursor}"));
    }
}

fn row(token: &TokenView) -> [String; 6] {
    [
        look::seconds(&token.created_at).to_owned(),
        token.reference.clone(),
        card(token),
        token.gateway.to_string(),
        token.register.to_string(),
        token.token_id.to_string(),
    ]
}

fn card(token: &TokenView) -> String {
    let card = token.card.as_ref();
    card.map_or_else(String::new, |card| {
        format!("{} {}", card.scheme, card.masked_pan)
    })
}
