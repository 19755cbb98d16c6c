// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what subscribers are told: transactions as they move, devices as they fall and rise,
//! reversals when they have come to their end, and after a break everything that was missed.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Watch, sale};
use payhal_client::protocol::MoneyMoved;
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::events::{DeviceChanged, PaymentChanged, SubscribeParams, Topic};
use payhal_client::protocol::transaction::TransactionOutcome;

const READER: &str = "reader-1";

/// Waits until a device was told to be in this state.
async fn told_state(watch: &mut Watch, state: DeviceState) -> u64 {
    loop {
        let event: DeviceChanged = watch.next_of(Topic::DeviceChanged).await.parse().unwrap();
        if event.device.state == state {
            assert_eq!(event.device.id.as_str(), READER);
            return event.seq;
        }
    }
}

#[tokio::test]
async fn a_transaction_is_told_until_its_end() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let back_office = host.register("back-office").await;
    let mut watch = back_office.watch().await;
    let approved = register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await
        .approved();
    loop {
        let event: PaymentChanged = watch.next_of(Topic::PaymentChanged).await.parse().unwrap();
        assert_eq!(event.transaction.transaction_id, approved.transaction_id);
        if event.transaction.outcome == TransactionOutcome::Approved {
            assert_eq!(event.transaction.money_moved, MoneyMoved::Yes);
            return;
        }
    }
}

#[tokio::test]
async fn a_device_is_told_to_fall_and_to_rise() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let mut watch = register.watch().await;
    host.kill_runner(READER);
    let failed = told_state(&mut watch, DeviceState::Failed).await;
    let ready = told_state(&mut watch, DeviceState::Ready).await;
    assert!(failed < ready);
}

#[tokio::test]
async fn a_reversal_is_told_when_it_is_done() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let mut watch = register.watch().await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    let played = register
        .sell(&sale("k", 1250, READER), "insert", "visa-approve")
        .await;
    let error = played.answer.unwrap_err();
    let transaction = error
        .rpc()
        .unwrap()
        .data
        .clone()
        .unwrap()
        .transaction_id
        .unwrap();
    let resolved = watch.resolved(transaction.as_str()).await;
    assert_eq!(resolved.money_moved, MoneyMoved::No);
    assert_eq!(resolved.outcome, TransactionOutcome::Failed);
    host.ledger().assert(&[("sale", "reversed", 1250)]);
}

#[tokio::test]
async fn what_was_missed_is_told_again() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let first = register
        .0
        .subscribe(&SubscribeParams::default())
        .await
        .unwrap();
    let approved = register
        .sell(&sale("k", 1250, READER), "tap", "visa-approve")
        .await
        .approved();
    let late = host.register("back-office").await;
    let mut news = late.0.notifications();
    let params = SubscribeParams {
        since_seq: Some(first.seq),
        topics: Some(vec![Topic::PaymentChanged]),
    };
    let subscribed = late.0.subscribe(&params).await.unwrap();
    assert!(subscribed.seq > first.seq && !subscribed.missed);
    let told = crate::host::soon("what was missed", news.recv())
        .await
        .unwrap();
    let told: PaymentChanged = told.parse().unwrap();
    assert!(told.seq > first.seq);
    assert_eq!(told.transaction.transaction_id, approved.transaction_id);
}

#[tokio::test]
async fn numbers_of_another_life_are_said_to_be_missed() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let params = SubscribeParams {
        since_seq: Some(1_000_000),
        topics: None,
    };
    assert!(register.0.subscribe(&params).await.unwrap().missed);
}

#[tokio::test]
async fn an_orderly_end_is_announced() {
    let host = Host::start(&Setup::readers(1)).await;
    let register = host.register("till-1").await;
    let mut watch = register.watch().await;
    let (stopped, event) = tokio::join!(host.stop(), watch.next_of(Topic::HostStopping));
    assert!(stopped.0.success());
    assert_eq!(&*event.method, "host.stopping");
}
