// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that one key is one charge: sent twice, from two connections at once, after a crash and
//! after an orderly end. The answer is the same each time.

use crate::host::{Host, Setup};
use crate::register::{Register, sale};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::Approved;
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved, Retry};
use std::collections::BTreeSet;

const READER: &str = "reader-1";

async fn automatic() -> (Host, Register) {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    (host, register)
}

#[track_caller]
fn assert_replay(first: &Approved, again: &Approved) {
    assert!(!first.replayed && again.replayed);
    let expected = Approved {
        replayed: true,
        ..first.clone()
    };
    assert_eq!(*again, expected);
}

#[tokio::test]
async fn the_same_call_again_gets_the_same_answer() {
    let (host, register) = automatic().await;
    let params = sale("k", 1250, READER);
    let first = register.sell_alone(&params).await.approved();
    let again = register.sell_alone(&params).await;
    assert!(again.progress.is_empty(), "a stored answer has no progress");
    assert_replay(&first, &again.approved());
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn the_same_call_on_two_connections_at_once_is_one_charge() {
    let host = Host::start(&Setup::readers(1)).await;
    let (one, two) = (host.register("till-1").await, host.register("till-1").await);
    let params = sale("k", 1250, READER);
    let (first, second) = (one.begin(&params).await, two.begin(&params).await);
    one.show(READER, "tap", "visa-approve").await;
    let (first, second) = (first.end().await, second.end().await);
    first.assert_in_order();
    second.assert_in_order();
    let (first, second) = (first.approved(), second.approved());
    assert_eq!(first, second);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn ten_connections_race_for_one_key() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let params = sale("k", 1250, READER);
    let mut registers = Vec::new();
    for _ in 0..10 {
        registers.push(host.register("till-1").await);
    }
    let all = registers
        .iter()
        .map(|register| register.sell_alone(&params));
    let played = futures_util::future::join_all(all).await;
    let transactions: BTreeSet<_> = played
        .into_iter()
        .map(|played| played.approved().transaction_id.to_string())
        .collect();
    assert_eq!(transactions.len(), 1);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn the_answer_survives_a_crash() {
    let (host, register) = automatic().await;
    let params = sale("k", 1250, READER);
    let first = register.sell_alone(&params).await.approved();
    drop(register);
    let host = host.kill_and_restart().await;
    let again = host
        .register("till-1")
        .await
        .sell_alone(&params)
        .await
        .approved();
    assert_replay(&first, &again);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn the_answer_survives_an_orderly_end() {
    let (host, register) = automatic().await;
    let params = sale("k", 1250, READER);
    let first = register.sell_alone(&params).await.approved();
    drop(register);
    let host = host.stop_and_restart().await;
    let again = host
        .register("till-1")
        .await
        .sell_alone(&params)
        .await
        .approved();
    assert_replay(&first, &again);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_decline_survives_a_crash() {
    use payhal_client::protocol::error::ErrorOutcome::Declined;
    let host = Host::start(&Setup::automatic(1, "tap visa-decline")).await;
    let params = sale("k", 1250, READER);
    let first = host.register("till-1").await.sell_alone(&params).await;
    let first = first.refused(ErrorName::Declined, Declined).0;
    let host = host.kill_and_restart().await;
    let again = host.register("till-1").await.sell_alone(&params).await;
    let again = again.refused(ErrorName::Declined, Declined).0;
    assert!(again.replayed);
    assert_eq!(again.transaction_id, first.transaction_id);
    assert_eq!(again.response_code, first.response_code);
    host.ledger().assert(&[("sale", "declined", 0)]);
}

#[tokio::test]
async fn two_registers_with_the_same_key_are_two_customers() {
    let (host, register) = automatic().await;
    let params = sale("k", 1250, READER);
    let first = register.sell_alone(&params).await.approved();
    let other = host.register("till-2").await;
    let second = other.sell_alone(&params).await.approved();
    assert!(!second.replayed);
    assert_ne!(first.transaction_id, second.transaction_id);
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("sale", "approved", 1250)]);
}

#[tokio::test]
async fn the_same_key_for_something_else_is_refused() {
    let (host, register) = automatic().await;
    register
        .sell_alone(&sale("k", 1250, READER))
        .await
        .approved();
    let mut dollars = sale("k", 1250, READER);
    dollars.amount = Some(Amount::new(1250, "USD"));
    let mut other_bill = sale("k", 1250, READER);
    other_bill.reference = Some("bill 2".to_owned());
    for other in [sale("k", 1251, READER), dollars, other_bill] {
        let played = register.sell_alone(&other).await;
        played
            .refused(ErrorName::KeyReused, Failed)
            .says(MoneyMoved::No, Retry::Never);
    }
    let mut patient = sale("k", 1250, READER);
    patient.timeout_ms = Some(20_000);
    assert!(
        register.sell_alone(&patient).await.approved().replayed,
        "time-outs are no money"
    );
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn a_dropped_connection_cancels_nothing() {
    let host = Host::start(&Setup::readers(1)).await;
    let params = sale("k", 1250, READER);
    let leaving = host.register("till-1").await;
    let selling = leaving.begin(&params).await;
    let transaction = selling.transaction_id();
    drop((selling, leaving));
    let back = host.register("till-1").await;
    back.show(READER, "tap", "visa-approve").await;
    let approved = back.sell_alone(&params).await.approved();
    assert_eq!(approved.transaction_id.as_str(), transaction);
    host.ledger().assert(&[("sale", "approved", 1250)]);
}
