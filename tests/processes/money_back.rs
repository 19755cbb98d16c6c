// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that refunds and voids give back what was paid and never more, whatever the order.

use crate::host::{Host, Setup};
use crate::register::{Played, Register, Sale, sale};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::{RefundParams, VoidParams};
use payhal_client::protocol::transaction::{ReceiptFormat, ReceiptParams};
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved, Retry};

const READER: &str = "reader-1";

async fn paid(minor: i64) -> (Host, Register, String) {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    let approved = register
        .sell_alone(&sale("sale", minor, READER))
        .await
        .approved();
    (host, register, approved.transaction_id.to_string())
}

async fn refund(register: &Register, key: &str, of: &str, minor: i64) -> Played {
    let params = RefundParams::of(key, of, Amount::new(minor, "EUR"));
    Sale::new(register.0.refund(&params)).end().await
}

async fn void(register: &Register, key: &str, of: &str) -> Played {
    Sale::new(register.0.void(&VoidParams::of(key, of)))
        .end()
        .await
}

#[tokio::test]
async fn refunds_in_parts_and_never_more_than_was_paid() {
    let (host, register, paid) = paid(1250).await;
    let first = refund(&register, "r1", &paid, 500).await.approved();
    assert_eq!(first.amounts.approved.unwrap().minor, 500);
    let too_much = refund(&register, "r2", &paid, 751).await;
    too_much
        .refused(ErrorName::NotAllowed, Failed)
        .says(MoneyMoved::No, Retry::Never);
    refund(&register, "r2", &paid, 750).await.approved();
    let nothing_left = refund(&register, "r3", &paid, 1).await;
    nothing_left
        .refused(ErrorName::NotAllowed, Failed)
        .says(MoneyMoved::No, Retry::Never);
    let again = refund(&register, "r1", &paid, 500).await.approved();
    assert!(again.replayed && again.transaction_id == first.transaction_id);
    host.ledger().assert(&[
        ("sale", "approved", 1250),
        ("refund", "approved", 500),
        ("refund", "approved", 750),
    ]);
}

#[tokio::test]
async fn refunds_at_the_same_time_share_what_was_paid() {
    let (host, register, paid) = paid(1000).await;
    let keys: Vec<String> = (0..8).map(|number| format!("r{number}")).collect();
    let all = keys.iter().map(|key| refund(&register, key, &paid, 300));
    let played = futures_util::future::join_all(all).await;
    let approved = played.iter().filter(|played| played.answer.is_ok()).count();
    assert_eq!(approved, 3, "{played:#?}");
    let refunds = host
        .ledger()
        .lines()
        .into_iter()
        .filter(|line| line.kind == "refund");
    assert_eq!(refunds.map(|line| line.amount_minor).sum::<i64>(), 900);
}

#[tokio::test]
async fn a_void_takes_all_back_and_nothing_can_follow() {
    let (host, register, paid) = paid(1250).await;
    void(&register, "v1", &paid).await.approved();
    for (key, played) in [
        ("r1", refund(&register, "r1", &paid, 100).await),
        ("v2", void(&register, "v2", &paid).await),
    ] {
        let details = played
            .refused(ErrorName::NotAllowed, Failed)
            .says(MoneyMoved::No, Retry::Never);
        assert_eq!(details.idempotency_key.unwrap().as_str(), key);
    }
    host.ledger()
        .assert(&[("sale", "voided", 1250), ("void", "approved", 1250)]);
}

#[tokio::test]
async fn a_lost_reply_to_a_refund_is_found_by_inquiry() {
    let (host, register, paid) = paid(1250).await;
    register
        .fault(crate::host::GATEWAY, "lose_reply", "modify", 0)
        .await;
    refund(&register, "r1", &paid, 400).await.approved();
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("refund", "approved", 400)]);
}

#[tokio::test]
async fn a_refund_remembers_its_parent_over_a_restart() {
    let (host, register, paid) = paid(1250).await;
    refund(&register, "r1", &paid, 1000).await.approved();
    drop(register);
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let too_much = refund(&register, "r2", &paid, 251).await;
    too_much.refused(ErrorName::NotAllowed, Failed);
    refund(&register, "r2", &paid, 250).await.approved();
    assert_eq!(host.ledger().lines().len(), 3);
}

#[tokio::test]
async fn what_was_never_sold_cannot_be_given_back() {
    let (host, register, _) = paid(1250).await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    let played = refund(&register, "r1", unknown, 100).await;
    played
        .refused(ErrorName::TransactionNotFound, Failed)
        .says(MoneyMoved::No, Retry::Never);
    assert_eq!(host.ledger().lines().len(), 1);
}

#[tokio::test]
async fn a_receipt_can_be_printed_again_and_only_of_an_approval() {
    let (_host, register, paid) = paid(1250).await;
    for format in [
        ReceiptFormat::Text,
        ReceiptFormat::Json,
        ReceiptFormat::Html,
    ] {
        let params = ReceiptParams {
            transaction_id: paid.as_str().into(),
            copy: payhal_client::protocol::transaction::ReceiptCopy::Customer,
            format,
            columns: None,
            reprint: None,
        };
        let receipt = register.0.request(&params).await.unwrap();
        assert!(
            receipt.content.to_string().contains("1111"),
            "{:?}",
            receipt.content
        );
    }
}
