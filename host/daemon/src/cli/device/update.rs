// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal device update`: new firmware or configuration for a device, and how far it is.
//!
//! The host has the file when this is told to start; whoever leaves then stops nothing.

use crate::cli::args::PlaceArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::operator;
use crate::cli::screen::{say, say_json, tell};
use clap::Args;
use payhal_protocol::update::{
    UpdateAction, UpdateKind, UpdateParams, UpdateResult, UpdateState, UpdateView,
};
use std::path::PathBuf;
use std::time::Duration;

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// What is said to who was left by the host.
const GOES_ON: &str = "The host goes on with it by itself; without FILE this tells how it fares.";

#[derive(Args, Debug)]
pub(in crate::cli) struct UpdateArgs {
    /// The device, by its name in the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// The file; without one, how the last update fares
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file holds settings and no program
    #[arg(long, requires = "file")]
    configuration: bool,
    /// What the file's SHA-256 must be, as its maker tells it
    #[arg(long, value_name = "HEX", requires = "file")]
    sha256: Option<String>,
    /// Give up what the device was to take
    #[arg(long, conflicts_with = "file")]
    abort: bool,
    /// The answer as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(in crate::cli) async fn update(args: &UpdateArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let ask = |action| UpdateParams {
        device: args.name.as_str().into(),
        action,
    };
    let mut told = client.request(&ask(action(args)?)).await?;
    let mut last = None;
    while args.file.is_some() && goes_on(&told) {
        let line = told.update.as_ref().map(words);
        if line != last && !args.json {
            line.iter().for_each(|line| tell(line));
        }
        last = line;
        tokio::time::sleep(ASK_EVERY).await;
        let asked = client.request(&ask(UpdateAction::Status)).await;
        told = asked.map_err(|error| Failure::from(error).advise(GOES_ON))?;
    }
    if args.json {
        say_json(&told);
    } else {
        say(&told
            .update
            .as_ref()
            .map_or("there was no update".to_owned(), words));
    }
    let state = told.update.map(|update| update.state);
    match state {
        Some(UpdateState::Refused) => Ok(Exit::Failed),
        _ => Ok(Exit::Ok),
    }
}

fn action(args: &UpdateArgs) -> Result<UpdateAction, Failure> {
    let Some(file) = &args.file else {
        return Ok(match args.abort {
            true => UpdateAction::Abort,
            false => UpdateAction::Status,
        });
    };
    let whole = std::fs::canonicalize(file).map_err(|error| {
        let text = format!("failed to find {}: {error}", file.display());
        Failure::new(Exit::Usage, text)
    })?;
    Ok(UpdateAction::Start {
        kind: match args.configuration {
            true => UpdateKind::Configuration,
            false => UpdateKind::Firmware,
        },
        file: whole.to_string_lossy().into_owned(),
        sha256: args.sha256.clone(),
    })
}

fn goes_on(told: &UpdateResult) -> bool {
    let state = told.update.as_ref().map(|update| update.state);
    matches!(state, Some(UpdateState::Waiting | UpdateState::Running))
}

fn words(update: &UpdateView) -> String {
    let name = &update.name;
    let percent = update.done_bytes.saturating_mul(100) / update.bytes.max(1);
    match update.state {
        UpdateState::Waiting => format!("{name} waits until the device is there"),
        UpdateState::Running => format!("{name}: {percent} %"),
        UpdateState::Done => match (&update.firmware_before, &update.firmware) {
            (Some(before), Some(now)) => {
                format!("the device works with {name}; firmware before: {before}, now: {now}")
            }
            _ => format!("the device works with {name}"),
        },
        UpdateState::Refused => {
            let why = update.why.as_deref().unwrap_or("it did not say why");
            format!("{name} was refused: {why}")
        }
        UpdateState::Aborted => format!("{name} was given up"),
    }
}
