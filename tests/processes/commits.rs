// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts what is written durably: two commits for a sale, by tap and by chip; one for what ends
//! before anything was sent; none for looking.

use crate::host::{Host, Setup};
use crate::register::{Register, sale};
use crate::wire::page;

const READER: &str = "reader-1";

async fn shop(card: &str) -> (Host, Register) {
    let host = Host::start(&Setup::automatic(1, card)).await;
    let register = host.register("till-1").await;
    (host, register)
}

async fn commits(host: &Host) -> u64 {
    let metrics = page(host, "/metrics").await.body;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("payhal_journal_commits "));
    line.unwrap().parse().unwrap()
}

/// What each of some sales takes.
async fn taken(card: &str) -> Vec<u64> {
    let (host, register) = shop(card).await;
    register
        .sell_alone(&sale("warm", 1250, READER))
        .await
        .approved();
    let mut taken = Vec::new();
    for number in 1..=5 {
        let before = commits(&host).await;
        register
            .sell_alone(&sale(&format!("k{number}"), 1250, READER))
            .await
            .approved();
        taken.push(commits(&host).await - before);
    }
    taken
}

#[tokio::test]
async fn a_tap_takes_two() {
    assert_eq!(taken("tap visa-approve").await, [2; 5]);
}

#[tokio::test]
async fn a_chip_takes_two() {
    // The answer is written with the ending, unless the chip's completion takes longer than it waits
    // for company, as on a busy machine: then there are more.
    let taken = taken("insert visa-approve").await;
    assert_eq!(taken.iter().min(), Some(&2), "{taken:?}");
}

#[tokio::test]
async fn a_decline_takes_two() {
    let (host, register) = shop("tap visa-decline").await;
    let before = commits(&host).await;
    register
        .sell_alone(&sale("k", 1250, READER))
        .await
        .answer
        .unwrap_err();
    assert_eq!(commits(&host).await - before, 2);
}

#[tokio::test]
async fn what_ends_before_the_intent_takes_one() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let before = commits(&host).await;
    let mut params = sale("k", 1250, READER);
    params.timeout_ms = Some(100);
    register.sell_alone(&params).await.answer.unwrap_err();
    assert_eq!(commits(&host).await - before, 1);
}

#[tokio::test]
async fn looking_takes_none() {
    let (host, register) = shop("tap visa-approve").await;
    let params = sale("k", 1250, READER);
    let approved = register.sell_alone(&params).await.approved();
    let before = commits(&host).await;
    register.sell_alone(&params).await.approved();
    register.get(approved.transaction_id.as_str()).await;
    register.devices().await;
    register.0.ping().await.unwrap();
    assert_eq!(commits(&host).await, before);
}
