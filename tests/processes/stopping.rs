// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a host that is asked to stop leaves nobody without a word: every connection is told,
//! new money is refused, what was sent may end within its grace, the rest is taken up by the next
//! host, and no process is left behind.

use crate::host::{GATEWAY, Host, Setup, Stranger, soon};
use crate::register::{Register, sale};
use payhal_client::Notification;
use payhal_client::protocol::error::ErrorOutcome::{Failed, Unknown};
use payhal_client::protocol::events::{HostStopping, SubscribeParams, Topic};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;

const READER: &str = "reader-1";

/// A host whose patience is short, with a sale that the gateway takes this long to answer.
async fn authorizing(grace_ms: u64, answer_ms: u64) -> (Host, Register, crate::register::Sale) {
    let setup = Setup::readers(2).host("stop_grace_ms", &grace_ms.to_string());
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    register
        .fault(GATEWAY, "delay", "authorize", answer_ms)
        .await;
    let mut selling = register.begin(&sale("k", 1250, READER)).await;
    register.show(READER, "tap", "visa-approve").await;
    selling.until(Stage::Authorizing).await;
    (host, register, selling)
}

async fn told(news: &mut Receiver<Notification>) -> HostStopping {
    soon("host.stopping", async {
        loop {
            let event = news.recv().await.unwrap();
            if *event.method == *Topic::HostStopping.as_str() {
                return event.parse().unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn every_connection_is_told_once_subscribed_or_not() {
    let (host, register, selling) = authorizing(10_000, 300).await;
    let operator = host.operator().await;
    let elsewhere = host.register("till-2").await;
    let all = SubscribeParams::default();
    elsewhere.0.subscribe(&all).await.unwrap();
    let mut news = [&register, &operator, &elsewhere].map(|one| one.0.notifications());
    let (stopped, played) = tokio::join!(host.stop(), selling.end());
    assert!(stopped.0.success());
    played.approved();
    for one in &mut news {
        assert_eq!(told(one).await.grace_ms, 10_000);
        let mut more = std::iter::from_fn(|| one.try_recv().ok());
        let again = more.any(|event| *event.method == *Topic::HostStopping.as_str());
        assert!(!again, "one connection was told twice");
    }
}

#[tokio::test]
async fn what_was_sent_ends_and_new_money_is_refused_meanwhile() {
    let (host, register, selling) = authorizing(20_000, 1_000).await;
    let other = host.register("till-2").await;
    let mut news = other.0.notifications();
    let runners = [READER, "reader-2", GATEWAY].map(|name| Stranger::of(host.runner(name)));
    let refused = async {
        told(&mut news).await;
        let played = other.sell_alone(&sale("new", 700, "reader-2")).await;
        played
            .refused(ErrorName::HostStopping, Failed)
            .says(MoneyMoved::No, Retry::SameKey);
    };
    let ((status, folder), played, ()) = tokio::join!(host.stop(), selling.end(), refused);
    assert_eq!(status.code(), Some(0));
    played.approved();
    drop((register, other));
    for runner in &runners {
        runner.assert_ends();
    }
    let ledger = crate::ledger::Ledger::in_folder(
        &crate::host::state_of(folder.path())
            .join("instances")
            .join(GATEWAY),
    );
    ledger.assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn what_takes_longer_is_unknown_and_the_next_host_ends_it() {
    let (host, register, selling) = authorizing(300, 60_000).await;
    let transaction = selling.transaction_id();
    let begun = Instant::now();
    let (stopped, played) = tokio::join!(host.stop(), selling.end());
    let (status, folder) = stopped;
    assert_eq!(status.code(), Some(0), "it stops in order whatever is open");
    // The grace, and the time plugins have to end.
    assert!(begun.elapsed() < Duration::from_secs(10));
    let refused = played.refused(ErrorName::OutcomeUnknown, Unknown);
    assert_eq!(refused.transaction(), transaction);
    refused.says(MoneyMoved::Unknown, Retry::SameKey);
    drop(register);
    let host = Host::start_in(folder).await;
    let register = host.register("till-1").await;
    let mut watch = register.watch().await;
    let params = sale("k", 1250, READER);
    let refused = loop {
        let played = register.sell_alone(&params).await;
        match &played.answer {
            Err(error) if error.outcome_unknown() => {
                watch.next().await;
            }
            _ => break played.refused(ErrorName::TimedOut, Failed),
        }
    };
    assert_eq!(refused.transaction(), transaction);
    assert!(host.ledger().charges().is_empty());
}

#[tokio::test]
async fn an_idle_host_stops_at_once() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let mut news = register.0.notifications();
    let begun = Instant::now();
    let (status, _folder) = host.stop().await;
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
    told(&mut news).await;
}

#[tokio::test]
async fn a_second_signal_changes_nothing() {
    let (host, _register, selling) = authorizing(20_000, 500).await;
    host.ask_to_stop();
    host.ask_to_stop();
    let (stopped, played) = tokio::join!(host.stop(), selling.end());
    assert_eq!(stopped.0.code(), Some(0));
    played.approved();
}
