// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal device settings` and `payhal device apdu`: what a device does beside paying.

use crate::cli::args::PlaceArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::operator;
use crate::cli::screen::{say, say_json};
use clap::Args;
use payhal_protocol::errands::{ApduParams, ApduResult, DeviceSettings, SettingsParams};

#[derive(Args, Debug)]
pub(in crate::cli) struct SettingsArgs {
    /// The device, by its name in the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct ApduArgs {
    /// The device, by its name in the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The application of the card, hex
    #[arg(value_name = "AID")]
    aid: String,
    /// Commands, hex, said in this order
    #[arg(value_name = "COMMAND")]
    commands: Vec<String>,
    /// How long to wait for the card
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    seconds: u64,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(in crate::cli) async fn settings(args: &SettingsArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let params = SettingsParams {
        device: args.name.as_str().into(),
    };
    let told = client.request(&params).await?;
    match args.json {
        true => say_json(&told),
        false => lines(&told).iter().for_each(|line| say(line)),
    }
    Ok(Exit::Ok)
}

pub(in crate::cli) async fn apdu(args: &ApduArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let params = ApduParams {
        device: args.name.as_str().into(),
        aid: args.aid.clone(),
        commands: args.commands.clone(),
        timeout_ms: Some(args.seconds.saturating_mul(1_000)),
        presentation_id: None,
    };
    let said: ApduResult = client.request(&params).await?;
    if args.json {
        say_json(&said);
    } else {
        say(&format!("selection  {}", said.selected));
        for (command, response) in args.commands.iter().zip(&said.responses) {
            say(&format!("{command}  {response}"));
        }
    }
    Ok(Exit::Ok)
}

fn lines(told: &DeviceSettings) -> Vec<String> {
    let mut lines = Vec::new();
    let mut put = |name: &str, value: String| lines.push(format!("{name:<24} {value}"));
    if !told.currencies.is_empty() {
        put("currencies", told.currencies.join(", "));
    }
    put("features", told.features.join(", "));
    for (name, limit) in &told.limits {
        put(name, limit.to_string());
    }
    for (name, ms) in &told.timeouts_ms {
        put(&format!("{name}, time-out"), format!("{ms} ms"));
    }
    for key in &told.keys {
        let there = match key.present {
            Some(true) => "present",
            Some(false) => "missing",
            None => "not told",
        };
        let check = key
            .check_value
            .iter()
            .map(|value| format!(", check value {value}"));
        let check: String = check.collect();
        put(
            &format!("key {} ({})", key.slot, key.purpose),
            format!("{there}{check}"),
        );
    }
    for (name, version) in &told.tables {
        put(&format!("table {name}"), version.clone());
    }
    for (name, value) in &told.other {
        put(name, value.clone());
    }
    lines
}
