// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that each kind of call does what it says, from the register's words to the gateway's
//! ledger and back.

use crate::host::{Host, Setup};
use crate::register::{Register, Sale, sale};
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::payment::{
    Approved, AuthorizeParams, CaptureParams, CardToken, RefundParams, UndoDone, UndoParams,
    UndoRule, VerifyParams,
};
use payhal_client::protocol::{Amount, ErrorName, MoneyMoved, Retry};
use payhal_client::{CallError, Payment};
use serde_json::Value;
use serde_json::value::RawValue;

const READER: &str = "reader-1";

async fn counter() -> (Host, Register) {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    (host, register)
}

async fn approved(payment: Payment) -> Approved {
    Sale::new(payment).end().await.approved()
}

fn eur(minor: i64) -> Amount {
    Amount::new(minor, "EUR")
}

#[tokio::test]
async fn a_hold_is_captured_in_parts_and_never_beyond_it() {
    let (_host, register) = counter().await;
    let client = &register.0;
    let mut hold = AuthorizeParams::new("a", eur(5000));
    hold.device = Some(READER.into());
    let held = approved(client.authorize(&hold)).await.transaction_id;
    let capture = |key: &str, minor| CaptureParams::of(key, held.clone(), eur(minor));
    approved(client.capture(&capture("c1", 2000))).await;
    approved(client.capture(&capture("c2", 3000))).await;
    let beyond = Sale::new(client.capture(&capture("c3", 1))).end().await;
    let _told = beyond.refused(ErrorName::NotAllowed, Failed);
    let shown = register.get(held.as_str()).await;
    let captured = shown.changes.iter().filter(|change| change.counts);
    assert_eq!(
        captured.map(|change| change.amount.minor).sum::<i64>(),
        5000
    );
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
    let (_host, register) = counter().await;
    let mut check = VerifyParams::new("v");
    check.device = Some(READER.into());
    let token = approved(register.0.verify(&check)).await.token.unwrap();
    let mut later = sale("s", 900, READER);
    later.device = None;
    later.card = Some(CardToken {
        token: token.clone(),
    });
    let paid = approved(register.0.sale(&later)).await;
    assert_eq!(paid.amounts.approved, Some(eur(900)));
    assert!(!paid.receipts.merchant.contains(&token));
}

#[tokio::test]
async fn what_a_register_keeps_comes_back_to_the_letter() {
    let (_host, register) = counter().await;
    let custom = r#"{"z":1.50,"a":[ 1,  2 ],"z":"\u00e9"}"#;
    let basket = r#"[{"own":true,"name":"Tea","amount":{"minor":1250,"currency":"EUR"}}]"#;
    let params = format!(
        r#"{{"idempotency_key":"k","amount":{{"minor":1250,"currency":"EUR"}},"device":"{READER}","custom":{custom},"basket":{basket}}}"#
    );
    let params = RawValue::from_string(params).unwrap();
    let sold: Value = register.0.call("payment.sale", &params).await.unwrap();
    let shown = register.get(sold["transaction_id"].as_str().unwrap()).await;
    assert_eq!(shown.custom.text(), Some(custom));
    assert_eq!(shown.basket.text(), Some(basket));
}

#[tokio::test]
async fn a_register_does_what_its_operator_allowed() {
    let setup = Setup::automatic(1, "tap visa-approve");
    let folder = tempfile::tempdir().unwrap();
    let rights = "\n[registers.till-1]\nmay = []\nrefund_max = [\"5.00 EUR\"]\n";
    std::fs::write(folder.path().join("shop.toml"), setup.text() + rights).unwrap();
    let host = Host::start_in(folder).await;
    let bound = host.register("till-1").await;
    let free = host.register("till-2").await;
    free.until_all_ready().await;
    let theirs = free.sell_alone(&sale("s", 900, READER)).await.approved();
    let own = bound.sell_alone(&sale("s", 900, READER)).await.approved();
    let denied = async |register: &Register, params: RefundParams| {
        let refund = Sale::new(register.0.refund(&params)).end().await;
        let told = refund.refused(ErrorName::PermissionDenied, Failed);
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
    let look = payhal_client::protocol::transaction::GetParams {
        transaction_id: Some(theirs.transaction_id),
        idempotency_key: None,
    };
    let hidden: CallError = bound.0.request(&look).await.unwrap_err();
    assert_eq!(hidden.name(), Some(ErrorName::TransactionNotFound));
    assert!(free.0.request(&look).await.is_ok());
    assert!(host.operator().await.0.request(&look).await.is_ok());
}
