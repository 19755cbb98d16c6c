// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that each kind of call does what it says, from the register's words to the gateway's
//! ledger and back.

use crate::host::{Host, Setup};
use crate::register::{Register, Sale, approved, eur, sale};
use payhal_client::CallError;
use payhal_client::protocol::error::ErrorOutcome::{Declined, Failed};
use payhal_client::protocol::payment::{
    AuthorizeParams, BalanceParams, CardToken, CashAdvanceParams, RefundParams, SaleParams,
    UndoDone, UndoParams, UndoRule, VerifyParams,
};
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::registers::Limits;
use payhal_client::protocol::session::Permission;
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved, Retry};
use serde_json::Value;

const READER: &str = "reader-1";

async fn counter() -> (Host, Register) {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    (host, register)
}

#[tokio::test]
async fn an_undo_says_which_rule_it_used() {
    let (_host, register) = counter().await;
    let client = &register.0;
    let whole = register
        .sell_alone(&sale("s1", 700, READER))
        .await
        .approved();
    let undone = approved(client.undo(&UndoParams::of("u1", whole.transaction_id))).await;
    let undo = undone.undo.unwrap();
    assert_eq!((undo.did, undo.rule), (UndoDone::Void, UndoRule::BatchOpen));
    let part = register
        .sell_alone(&sale("s2", 700, READER))
        .await
        .approved();
    let refund = RefundParams::of("r", part.transaction_id.clone(), eur(200));
    approved(client.refund(&refund)).await;
    let rest = UndoParams::of("u2", part.transaction_id);
    let undone = approved(client.undo(&rest)).await;
    let undo = undone.undo.unwrap();
    assert_eq!(
        (undo.did, undo.rule),
        (UndoDone::Refund, UndoRule::PartlyRefunded)
    );
    assert_eq!(undone.amounts.approved, Some(eur(500)));
    let again = approved(client.undo(&rest)).await;
    assert!(again.replayed && again.undo == undone.undo);
}

#[tokio::test]
async fn a_checked_card_pays_later_by_its_token() {
    let (host, register) = counter().await;
    let mut check = VerifyParams::new("v");
    check.device = Some(READER.into());
    let token = approved(register.0.verify(&check)).await.token.unwrap();
    let by_token = |key: &str, minor, token: &str| {
        let mut params = sale(key, minor, READER);
        params.device = None;
        params.card = Some(CardToken::of(token));
        params
    };
    // No card is asked for, also after the host has lived another life.
    let host = host.kill_and_restart().await;
    let register = host.register("till-1").await;
    let played = register.sell_alone(&by_token("s", 900, &token)).await;
    assert!(!played.stages().contains(&Stage::WaitingForCard));
    let paid = played.approved();
    assert_eq!(paid.amounts.approved, Some(eur(900)));
    assert_eq!(paid.device, None);
    assert!(!paid.receipts.merchant.contains(&token));
    approved(
        register
            .0
            .refund(&RefundParams::of("r", paid.transaction_id, eur(400))),
    )
    .await;
    let mut hold = AuthorizeParams::new("h", eur(300));
    hold.card = by_token("", 1, &token).card;
    approved(register.0.authorize(&hold)).await;
    let strange = by_token("x", 900, "tok_of_somebody_else");
    let refused = register.sell_alone(&strange).await;
    let refused = refused.refused(ErrorName::GatewayRejected, Failed);
    let told = refused.says(MoneyMoved::No, Retry::NewKey);
    assert_eq!(told.response_code.as_deref(), Some("14"));
}

#[tokio::test]
async fn a_card_that_would_be_declined_is_no_good_to_keep() {
    let host = Host::start(&Setup::automatic(1, "tap visa-decline")).await;
    let register = host.register("till-1").await;
    let check = VerifyParams::new("v");
    let refused = Sale::new(register.0.verify(&check)).end().await;
    refused.refused(ErrorName::Declined, Declined);
    let asked = approved(register.0.balance(&BalanceParams::new("b"))).await;
    assert_eq!(asked.balance, Some(eur(0)));
}

#[tokio::test]
async fn a_balance_is_told_and_cash_is_paid_out() {
    let (host, register) = counter().await;
    let asked = approved(register.0.balance(&BalanceParams::new("a"))).await;
    assert_eq!(asked.balance, Some(eur(50_000)));
    assert!(asked.receipts.customer.contains("500.00 EUR"));
    let mut cash = CashAdvanceParams::new("b", eur(4000));
    cash.device = Some(READER.into());
    let paid = approved(register.0.cash_advance(&cash)).await;
    assert_eq!(paid.amounts.approved, Some(eur(4000)));
    assert!(paid.receipts.merchant.contains("CASH ADVANCE"));
    let again = approved(register.0.cash_advance(&cash)).await;
    assert!(again.replayed && again.transaction_id == paid.transaction_id);
    host.ledger().assert(&[
        ("balance", "approved", 0),
        ("cash_advance", "approved", 4000),
    ]);
}

#[tokio::test]
async fn a_total_says_what_of_it_is_what() {
    let (host, register) = counter().await;
    let mut params = sale("k", 4500, READER);
    params.cashback = Some(eur(2000));
    params.tip = Some(eur(300));
    params.surcharge = Some(eur(50));
    params.amount_max = Some(eur(4500));
    params.installments = Some(3);
    let sold = register.sell_alone(&params).await.approved();
    let told = &sold.amounts;
    assert_eq!(
        (&told.approved, &told.cashback, &told.tip, &told.surcharge),
        (
            &Some(eur(4500)),
            &Some(eur(2000)),
            &Some(eur(300)),
            &Some(eur(50))
        )
    );
    for part in ["20.00 EUR", "3.00 EUR", "0.50 EUR"] {
        assert!(sold.receipts.customer.contains(part), "{part}");
    }
    let kept = host.ledger().rows(
        "SELECT amount_minor, tip_minor, surcharge_minor, cashback_minor, installments FROM entry",
    );
    assert_eq!(kept, [["4500", "300", "50", "2000", "3"]]);
}

type Spoil = fn(&mut SaleParams);

#[tokio::test]
async fn parts_stay_within_the_total_and_the_total_within_its_limit() {
    let (host, register) = counter().await;
    let plain = || sale("k", 1000, READER);
    let cases: [(&str, Spoil); 5] = [
        ("tip", |sale| sale.tip = Some(eur(1001))),
        ("amount_max", |sale| sale.amount_max = Some(eur(999))),
        ("installments", |sale| sale.installments = Some(0)),
        ("cashback", |sale| {
            sale.cashback = Some(eur(600));
            sale.tip = Some(eur(500));
        }),
        ("tip.currency", |sale| {
            sale.tip = Some(Amount::new(100, "USD"));
        }),
    ];
    for (field, wrong) in cases {
        let mut params = plain();
        wrong(&mut params);
        // The client would not even send it: it is the host's word that counts.
        let sent = register.0.call::<_, Value>("payment.sale", &params).await;
        let error = sent.unwrap_err();
        let told = error.rpc().unwrap().data.clone().unwrap();
        assert_eq!(told.money_moved, MoneyMoved::No, "{field}: {told:?}");
        assert_eq!(told.retry, Retry::Never, "{field}: {told:?}");
        assert!(told.field.is_some(), "{field}: {told:?}");
    }
    host.ledger().assert(&[]);
    register.sell_alone(&plain()).await.approved();
}

#[tokio::test]
async fn a_register_does_what_its_operator_allowed() {
    let limits = Limits {
        refund_max: Some(vec![eur(500)]),
        refund_unreferenced_max: Some(vec![eur(500)]),
        ..Limits::default()
    };
    let setup = Setup::automatic(1, "tap visa-approve")
        .rights("till-1", &[], limits.clone())
        .rights("till-3", &[Permission::RefundUnreferenced], limits);
    let host = Host::start(&setup).await;
    let bound = host.register("till-1").await;
    let free = host.register("till-2").await;
    let theirs = free.sell_alone(&sale("s", 900, READER)).await.approved();
    let own = bound.sell_alone(&sale("s", 900, READER)).await.approved();
    let denied = async |register: &Register, params: RefundParams| {
        let refund = Sale::new(register.0.refund(&params)).end().await;
        let told = refund.refused(ErrorName::PermissionDenied, Failed);
        assert_eq!(told.0.idempotency_key, Some(params.idempotency_key));
        told.says(MoneyMoved::No, Retry::Never)
    };
    let mut card = RefundParams::new("r1", eur(100));
    card.device = Some(READER.into());
    denied(&bound, card.clone()).await;
    denied(
        &bound,
        RefundParams::of("r2", own.transaction_id.clone(), eur(501)),
    )
    .await;
    approved(
        bound
            .0
            .refund(&RefundParams::of("r3", own.transaction_id, eur(500))),
    )
    .await;
    approved(free.0.refund(&card)).await;
    // One that may give back to any card still has its limit.
    let limited = host.register("till-3").await;
    let mut much = card.clone();
    much.amount = eur(501);
    let told = denied(&limited, much.clone()).await;
    assert!(told.detail.unwrap().contains("refund_unreferenced_max"));
    much.amount = Amount::new(100, "USD");
    denied(&limited, much).await;
    let back = approved(limited.0.refund(&card)).await;
    assert!(back.receipts.customer.contains("REFUND"));
    let refunds = host.ledger().lines().into_iter();
    let refunds = refunds.filter(|line| line.kind == "refund");
    assert_eq!(
        refunds.map(|line| line.amount_minor).collect::<Vec<_>>(),
        [500, 100, 100]
    );
    let look = payhal_client::protocol::transaction::GetParams {
        transaction_id: Some(theirs.transaction_id),
        idempotency_key: None,
    };
    let hidden: CallError = bound.0.request(&look).await.unwrap_err();
    assert_eq!(hidden.name(), Some(ErrorName::TransactionNotFound));
    assert!(free.0.request(&look).await.is_ok());
    assert!(host.operator().await.0.request(&look).await.is_ok());
}
