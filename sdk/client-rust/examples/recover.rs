// SPDX-License-Identifier: MIT OR Apache-2.0
//! A till that dies in the middle of a sale of 15.90 EUR, and asks when it is back:
//! cargo run -p payhal-client --example recover [ws://127.0.0.1:7425/v1/ws]
//!
//! With `--die` behind the address it plays only the first part: it stands
//! still once the card was asked for.
#![expect(clippy::print_stdout, reason = "a sample prints")]

#[path = "till/mod.rs"]
mod till;

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use payhal_client::Client;
use payhal_client::protocol::Amount;
use payhal_client::protocol::payment::SaleParams;
use payhal_client::protocol::progress::Stage;

const DIE: &str = "--die";

/// Stands still once the card was asked for, until it is killed.
async fn stand_still() -> Result<ExitCode, till::Failure> {
    let client = till::connect().await?;
    let params = SaleParams::new(Client::new_key(), Amount::new(1590, "EUR"));
    let sale = client.sale(&params);
    let still = |stage| {
        if stage == Stage::WaitingForCard {
            loop {
                std::thread::park();
            }
        }
    };
    let outcome = till::outcome_of(&client, sale, still).await?;
    Err(format!("it ended before the card was asked for: {outcome}").into())
}

/// Starts another till and kills it: nothing is left of it but what it wrote to its journal.
fn die(arguments: &[String]) -> Result<(), till::Failure> {
    let mut first = Command::new(std::env::current_exe()?);
    let first = first.args(arguments).arg(DIE).stdout(Stdio::piped());
    let mut first = first.spawn()?;
    let said = first.stdout.take().ok_or("no output")?;
    for line in BufReader::new(said).lines() {
        let line = line?;
        println!("{line}");
        if line == "progress: waiting_for_card" {
            first.kill()?;
        }
    }
    first.wait()?;
    println!("died: SIGKILL");
    Ok(())
}

async fn come_back() -> Result<ExitCode, till::Failure> {
    let client = till::connect().await?;
    // The journal has each payment whose end this till did not come to. Nothing is charged by asking.
    let found = client.recover(None, Duration::from_secs(60)).await?;
    let mut last = "nothing to recover".to_owned();
    for one in found {
        last = till::word(&one.outcome)?;
        println!("recovered: {} {last}", one.key);
    }
    Ok(till::end(&last))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, till::Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == DIE) {
        return stand_still().await;
    }
    die(&arguments)?;
    come_back().await
}
