// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal demo`: the host with a simulated device and gateway, and one sale on it as a register sees it.
//!
//! It names no plugin: what is simulated and installed takes part.

use super::args::DemoArgs;
use super::exit::{self, Exit, Failure, PLUGINS_ADVICE};
use super::screen::say;
use super::{amount, outcome, serve};
use crate::access::Mode;
use crate::config::{Config, Overrides};
use crate::host::Host;
use crate::plugins::{Plugins, Sources, discover};
use payhal_client::{CallError, Client, Endpoint, Notification, Payment, Update};
use payhal_messages::manifest::Kind;
use payhal_protocol::device::{DeviceListParams, DeviceState, SimulateParams, SimulateResult};
use payhal_protocol::events::{SubscribeParams, Topic};
use payhal_protocol::gateway::{GatewayListParams, GatewayState};
use payhal_protocol::payment::{Approved, SaleParams};
use payhal_protocol::progress::Stage;
use payhal_protocol::{Amount, DeviceId};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;

/// What is sold.
const PRICE_MINOR: i64 = 1_250;
const CURRENCY: &str = "EUR";
/// The test card that is held to the reader.
const CARD: &str = "visa-approve";
/// Longest wait for the plugins; they need a few milliseconds.
const READY_MAX: Duration = Duration::from_secs(20);

/// Runs the demonstration.
pub(super) async fn demo(args: &DemoArgs) -> Result<Exit, Failure> {
    let (state, _temporary) = state(args)?;
    let overrides = Overrides {
        state: Some(state),
        access: Mode::Open,
        // What it shows is simulated, and whoever shows it has built it or installed it.
        allow_unsigned: true,
        ..args.host.overrides()
    };
    let mut config = Config::load(&overrides)?;
    // A demonstration has no money and no cards to protect, and runs everywhere.
    config.allow_incomplete_sandbox = true;
    let plugins = discover(&Sources::of(&config));
    serve::warn_of_broken(&plugins);
    complete(&plugins, &config)?;
    config.add_simulated(&plugins);
    let host = Host::start(config).await?;
    serve::warn_of_open_access();
    if args.serve_only {
        serve::ready(&host);
        host.until_stopped().await;
        return Ok(Exit::Ok);
    }
    let sold = tokio::select! {
        sold = sell(host.addresses().plain) => sold,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Cancelled),
    };
    if args.once || !matches!(sold, Ok(Exit::Ok)) {
        host.stop().await;
        return sold;
    }
    invite(host.addresses().plain);
    host.until_stopped().await;
    Ok(Exit::Ok)
}

/// The named state folder, or one that is gone afterwards.
fn state(args: &DemoArgs) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    if let Some(state) = &args.host.place.state {
        return Ok((state.clone(), None));
    }
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix("payhal-demo-")
        .permissions(std::fs::Permissions::from_mode(0o700));
    let folder = builder.tempdir().map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("failed to make a temporary folder: {error}"),
        )
    })?;
    Ok((folder.path().to_owned(), Some(folder)))
}

/// Without a simulated device and a simulated gateway there is nothing to show.
fn complete(plugins: &Plugins, config: &Config) -> Result<(), Failure> {
    let simulated = |gateway: bool| {
        plugins.found.values().any(|plugin| {
            plugin.manifest.simulated && (plugin.manifest.kind == Kind::Gateway) == gateway
        })
    };
    if simulated(true) && simulated(false) {
        return Ok(());
    }
    let folders: Vec<_> = config
        .plugins
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let text = format!(
        "the simulated device and gateway are not installed (looked in {})",
        folders.join(", ")
    );
    Err(Failure::new(Exit::PluginsMissing, text).advise(PLUGINS_ADVICE))
}

/// One sale over WebSocket, told step by step.
async fn sell(address: SocketAddr) -> Result<Exit, Failure> {
    let started = Instant::now();
    let step = |text: &str| say(&outcome::step(started.elapsed(), text));
    let url = format!("ws://{address}{}", payhal_protocol::WEBSOCKET_PATH);
    let config = payhal_client::Config::new("payhal-demo", env!("CARGO_PKG_VERSION"));
    let client = Client::connect_with(Endpoint::Ws(url.clone()), config.register("demo")).await?;
    step(&format!("register connected to {url}"));
    let device = tokio::time::timeout(READY_MAX, ready(&client))
        .await
        .map_err(|_| {
            Failure::new(Exit::Failed, "the plugins did not get ready in time")
                .advise("PAYHAL_LOG=debug shows what they do.")
        })??;
    step(&format!("device {device} is ready"));
    let price = Amount::new(PRICE_MINOR, CURRENCY);
    let mut sale = SaleParams::new(Client::new_key(), price.clone());
    sale.device = Some(device.clone());
    step(&format!(
        "payment.sale {}, key {}",
        amount::show(&price),
        sale.idempotency_key
    ));
    let key = sale.idempotency_key.clone();
    match follow(&client, client.sale(&sale), &device, started).await? {
        Ok(approved) => {
            show_approved(&approved, started);
            Ok(outcome::exit(&approved))
        }
        Err(error) => Err(Failure::new(
            exit::of_payment(&error),
            outcome::refused(&error, &key),
        )),
    }
}

/// Waits until a simulated device and a gateway are ready, and names the device.
async fn ready(client: &Client) -> Result<DeviceId, Failure> {
    let mut changes = client.notifications();
    let topics = Some(vec![Topic::DeviceChanged, Topic::GatewayChanged]);
    client
        .subscribe(&SubscribeParams {
            since_seq: None,
            topics,
        })
        .await?;
    loop {
        let devices = client.request(&DeviceListParams {}).await?.devices;
        let device = devices
            .into_iter()
            .find(|device| device.simulated && device.state == DeviceState::Ready);
        let gateways = client.request(&GatewayListParams {}).await?.gateways;
        let gateway = gateways
            .iter()
            .any(|gateway| gateway.state == GatewayState::Ready);
        if let (Some(device), true) = (device, gateway) {
            return Ok(device.id);
        }
        next_change(&mut changes).await?;
    }
}

async fn next_change(changes: &mut Receiver<Notification>) -> Result<(), Failure> {
    use tokio::sync::broadcast::error::RecvError;
    match changes.recv().await {
        // What was missed is in the lists, which are read anew.
        Ok(_) | Err(RecvError::Lagged(_)) => Ok(()),
        Err(RecvError::Closed) => Err(Failure::new(Exit::Failed, "the host is gone")),
    }
}

type Tap = JoinHandle<Result<SimulateResult, CallError>>;

/// Watches the sale and holds the card to the reader once it asks for one.
async fn follow(
    client: &Client,
    mut payment: Payment,
    device: &DeviceId,
    started: Instant,
) -> Result<Result<Approved, CallError>, Failure> {
    let mut shown = false;
    let mut tap: Option<Tap> = None;
    loop {
        tokio::select! {
            update = payment.next() => match update {
                None => break,
                Some(Update::Progress(progress)) => {
                    say(&outcome::progress(started.elapsed(), &progress));
                    if progress.stage == Stage::WaitingForCard && !shown {
                        shown = true;
                        let text = format!("customer taps {CARD}");
                        say(&outcome::step(started.elapsed(), &text));
                        tap = Some(hold_card(client, device));
                    }
                }
                Some(Update::Prompt(prompt)) => {
                    say(&outcome::step(started.elapsed(), &prompt.text));
                }
            },
            tapped = taken(&mut tap) => {
                tap = None;
                tapped?;
            }
        }
    }
    Ok(payment.answer().await)
}

/// Whether the reader took the card. Never ends while no card is shown.
async fn taken(tap: &mut Option<Tap>) -> Result<(), Failure> {
    match tap {
        None => std::future::pending().await,
        Some(tap) => match tap.await {
            Ok(Err(error)) => Err(error.into()),
            // The sale goes on; if it was stopped, so was this.
            Ok(Ok(_)) | Err(_) => Ok(()),
        },
    }
}

fn hold_card(client: &Client, device: &DeviceId) -> Tap {
    let client = client.clone();
    let mut params = SimulateParams::new("tap").with("card", CARD);
    params.device = Some(device.clone());
    tokio::spawn(async move { client.request(&params).await })
}

fn show_approved(approved: &Approved, started: Instant) {
    say(&outcome::step(started.elapsed(), "answered"));
    say("");
    say(&framed(&approved.receipts.customer));
    say("");
    say(&outcome::approved(approved));
}

/// A receipt between two edges, as wide as its widest line.
fn framed(receipt: &str) -> String {
    let width = |line: &str| line.chars().count();
    let widest = receipt.lines().map(width).max().unwrap_or(0);
    let line = |line: &str| format!("    | {line:<widest$} |");
    receipt.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// How to go on by hand.
fn invite(address: SocketAddr) {
    let usual = address.port() == crate::config::PORT;
    let url = if usual {
        String::new()
    } else {
        format!(" --url ws://{address}{}", payhal_protocol::WEBSOCKET_PATH)
    };
    let program = std::env::args_os().next().map_or_else(
        || "payhal".to_owned(),
        |program| PathBuf::from(program).display().to_string(),
    );
    say("");
    say(&format!("Console:  http://{address}/"));
    say("Or in two other terminals:");
    say(&format!("  {program} sale 12.50 EUR{url}"));
    say(&format!("  {program} reader tap {CARD}{url}"));
    say("Ctrl-C ends it.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_a_receipt_are_straight() {
        let edges = framed("  TOTAL 12.50 EUR\n\n   copy");
        let widths: Vec<usize> = edges.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [25, 25, 25], "{edges}");
    }
}
