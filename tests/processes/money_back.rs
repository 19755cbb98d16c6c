// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that refunds and voids give back what was paid and never more, whatever the order.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Played, Register, Sale, approved, eur, not_allowed, sale};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::{Original, RefundParams, VoidParams};
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

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
    let params = RefundParams::of(key, of, eur(minor));
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
    register.fault(GATEWAY, "lose_reply", "modify", 0).await;
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

/// A sale that another host of this merchant made, as its receipt tells of it.
async fn elsewhere() -> (Host, Register, Original) {
    let setup = Setup::readers(1).acceptor("shop", "one");
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    let planted = [
        ("merchant", "shop".into()),
        ("amount_minor", 900.into()),
        ("currency", "EUR".into()),
        ("reference", "there-17".into()),
        ("rrn", "000000000017".into()),
        // 2026-11-02T09:15:00Z
        ("at_micros", 1_793_610_900_000_000_i64.into()),
    ];
    register.act(GATEWAY, "plant_sale", &planted).await;
    let receipt = Original {
        gateway: GATEWAY.into(),
        reference: None,
        rrn: Some("000000000017".to_owned()),
        at: "2026-11-02T10:15:00+01:00".to_owned(),
        amount: eur(900),
    };
    (host, register, receipt)
}

fn by_receipt(key: &str, receipt: &Original, minor: i64) -> RefundParams {
    let mut params = RefundParams::new(key, eur(minor));
    params.original = Some(receipt.clone());
    params
}

#[tokio::test]
async fn what_only_a_receipt_tells_of_is_given_back_and_no_more() {
    let (host, register, by_rrn) = elsewhere().await;
    let by_reference = Original {
        reference: Some("there-17".to_owned()),
        rrn: None,
        ..by_rrn.clone()
    };
    let client = &register.0;
    let first = approved(client.refund(&by_receipt("a", &by_rrn, 400))).await;
    assert_eq!(first.amounts.approved, Some(eur(400)));
    assert_eq!(first.device, None, "no card is needed");
    not_allowed(client.refund(&by_receipt("b", &by_rrn, 501))).await;
    // The gateway knows that both names are of one sale, and so does it after a restart.
    let other_name = Sale::new(client.refund(&by_receipt("c", &by_reference, 501)));
    let other_name = other_name.end().await;
    other_name.refused(ErrorName::GatewayRejected, Failed);
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let again = approved(register.0.refund(&by_receipt("a", &by_rrn, 400))).await;
    assert!(again.replayed);
    let late = Sale::new(register.0.refund(&by_receipt("d", &by_rrn, 501)));
    late.end().await.answer.unwrap_err();
    approved(register.0.refund(&by_receipt("e", &by_reference, 500))).await;
    let ledger = host.ledger();
    let given = ledger.lines().into_iter();
    let given = given.filter(|line| line.kind == "refund" && line.state == "approved");
    assert_eq!(given.map(|line| line.amount_minor).sum::<i64>(), 900);
}

#[tokio::test]
async fn a_receipt_that_is_like_no_sale_gives_nothing_back() {
    let (host, register, receipt) = elsewhere().await;
    let (mut amount, mut day, mut number) = (receipt.clone(), receipt.clone(), receipt);
    amount.amount = eur(901);
    day.at = "2026-11-05T09:15:00Z".to_owned();
    number.rrn = Some("000000000018".to_owned());
    for (key, wrong) in [("a", amount), ("b", day), ("c", number)] {
        let played = Sale::new(register.0.refund(&by_receipt(key, &wrong, 100)));
        let refused = played.end().await;
        let refused = refused.refused(ErrorName::GatewayRejected, Failed);
        let told = refused.says(MoneyMoved::No, Retry::NewKey);
        assert_eq!(told.response_code.as_deref(), Some("25"));
    }
    let ledger = host.ledger();
    assert!(ledger.lines().iter().all(|line| line.amount_minor != 100));
}

#[tokio::test]
async fn a_lost_reply_to_a_refund_by_receipt_gives_back_once() {
    let (host, register, receipt) = elsewhere().await;
    register.fault(GATEWAY, "lose_reply", "modify", 0).await;
    approved(register.0.refund(&by_receipt("a", &receipt, 900))).await;
    not_allowed(register.0.refund(&by_receipt("b", &receipt, 1))).await;
    let ledger = host.ledger();
    let refunds = ledger.lines().into_iter();
    assert_eq!(refunds.filter(|line| line.kind == "refund").count(), 1);
}

#[tokio::test]
async fn a_refund_to_a_card_that_nobody_answers_for_is_found_or_taken_back() {
    let (host, register, _) = paid(1250).await;
    register.fault(GATEWAY, "lose_reply", "authorize", 0).await;
    let mut params = RefundParams::new("r", eur(300));
    params.device = Some(READER.into());
    let mut watch = register.watch().await;
    let played = Sale::new(register.0.refund(&params)).end().await;
    let stands = played.answer.is_ok();
    if !stands {
        let id = played.refused(ErrorName::TimedOut, Failed).transaction();
        watch.resolved(&id).await;
    }
    let last = host.ledger().lines().pop().unwrap();
    assert_eq!(
        (last.kind.as_str(), last.state.as_str() == "approved"),
        ("refund", stands)
    );
}
