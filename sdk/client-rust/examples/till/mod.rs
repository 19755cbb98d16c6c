// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the samples share: the till they play, and how it prints an end.
//!
//! The first argument of a sample is the host's address. PAYHAL_REGISTER names the register,
//! PAYHAL_FOLDER where it keeps its pairing and its journal.
#![expect(clippy::print_stdout, reason = "a sample prints")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use payhal_client::protocol::device::{DeviceKind, DeviceListParams, SimulateParams};
use payhal_client::protocol::payment::Approved;
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::session::AccessState;
use payhal_client::protocol::{Amount, ErrorName};
use payhal_client::{
    CallError, Client, Config, ConnectError, Endpoint, JournalFile, PairingFile, Payment, Update,
    WhyUnpaired, pair,
};
use serde::Serialize;
use serde_json::json;

pub(crate) type Failure = Box<dyn Error>;

/// The test card that is held to a virtual reader.
const CARD: &str = "visa-approve";

fn variable(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

/// Connects, and pairs first if this till never was.
pub(crate) async fn connect() -> Result<Client, Failure> {
    let folder = PathBuf::from(variable("PAYHAL_FOLDER", "."));
    let address = std::env::args().nth(1);
    let endpoint = address.map_or_else(Endpoint::local, |address| Endpoint::url(&address));
    let config = Config::new("sample", "1")
        .register(variable("PAYHAL_REGISTER", "sample"))
        .store(PairingFile::new(folder.join("payhal-pairing.json")))
        .journal(JournalFile::open(folder.join("payhal-journal.jsonl"))?);
    match Client::connect_with(endpoint.clone(), config.clone()).await {
        Err(ConnectError::Unpaired(WhyUnpaired::Never)) => {}
        connected => return Ok(connected?),
    }
    let show = |number: &str| println!("number: {number}");
    pair(&endpoint, &config, "Sample", show).await?;
    Ok(Client::connect_with(endpoint, config).await?)
}

/// Whether this is a demonstration, where everything is simulated and nothing needs a proof.
pub(crate) fn is_demonstration(client: &Client) -> bool {
    client.hello().state == AccessState::Open
}

/// Prints the key and each step, and answers how it ended.
pub(crate) async fn outcome_of(
    client: &Client,
    payment: Payment,
    at: impl FnMut(Stage),
) -> Result<&'static str, Failure> {
    match watch(client, payment, at).await? {
        Ok(approved) => {
            let amount = approved.amounts.approved.as_ref();
            println!("approved {}", amount.map_or_else(String::new, money));
            println!("transaction: {}", approved.transaction_id);
            Ok("approved")
        }
        Err(error) => {
            println!("error: {error}");
            Ok(outcome(&error))
        }
    }
}

/// Reads a payment to its end. In a demonstration it also holds a card to the virtual reader;
/// elsewhere a person does.
pub(crate) async fn watch(
    client: &Client,
    mut payment: Payment,
    mut at: impl FnMut(Stage),
) -> Result<Result<Approved, CallError>, Failure> {
    println!("key: {}", payment.key());
    while let Some(update) = payment.next().await {
        let Update::Progress(step) = update else {
            continue;
        };
        if step.stage == Stage::WaitingForCard && is_demonstration(client) {
            tap(client).await?;
        }
        println!("progress: {}", word(&step.stage)?);
        at(step.stage);
    }
    Ok(payment.answer().await)
}

/// A stage or an outcome as it is written on the wire.
pub(crate) fn word(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::from_value(serde_json::to_value(value)?)?)
}

async fn tap(client: &Client) -> Result<(), Failure> {
    let listed = client.request(&DeviceListParams {}).await?;
    let mut readers = listed.devices.into_iter();
    let reader = readers.find(|device| device.simulated && device.kind == DeviceKind::Reader);
    let reader = reader.ok_or("no virtual reader")?;
    let tap = json!({"device": reader.id, "action": "tap", "card": CARD});
    let tap: SimulateParams = serde_json::from_value(tap)?;
    client.request(&tap).await?;
    Ok(())
}

/// How a call ended that was not approved. What is unknown is never called failed.
fn outcome(error: &CallError) -> &'static str {
    if error.outcome_unknown() {
        return "unknown";
    }
    match error.name() {
        Some(ErrorName::Declined) => "declined",
        Some(ErrorName::Cancelled) => "cancelled",
        _ => "failed",
    }
}

/// "12.50 EUR", without a float in between. The samples sell in euros, which have cents.
fn money(amount: &Amount) -> String {
    format!("{}.{:02} EUR", amount.minor / 100, amount.minor % 100)
}

/// The last line, and the exit code: 0 approved, 2 unknown, 1 anything else.
pub(crate) fn end(outcome: &str) -> ExitCode {
    println!("outcome: {outcome}");
    match outcome {
        "approved" => ExitCode::SUCCESS,
        "unknown" => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
