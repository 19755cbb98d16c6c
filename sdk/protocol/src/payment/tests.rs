// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds of the calls, each by the name of its field.

use super::*;
use crate::batch::CloseParams;
use crate::limits::CUSTOM_BYTES_MAX;
use crate::params::Validate;
use serde::Serialize;
use serde_json::{Map, Value};

fn eur(minor: i64) -> Amount {
    Amount::new(minor, "EUR")
}

fn sale() -> SaleParams {
    SaleParams::new("key-1", eur(1250))
}

fn field(params: &impl Validate) -> String {
    params.validate().unwrap_err().field
}

fn free(name: &str, text: String) -> Free {
    let object = Map::from_iter([(name.to_owned(), Value::String(text))]);
    Free::of(&object).unwrap()
}

#[test]
fn a_plain_call_is_valid_and_small() {
    fn plain(params: &(impl Validate + Serialize), text: &str) {
        params.validate().unwrap();
        assert_eq!(serde_json::to_string(params).unwrap(), text);
    }
    const MONEY: &str = r#"{"idempotency_key":"k","amount":{"minor":1250,"currency":"EUR"}}"#;
    const CHANGE: &str =
        r#"{"idempotency_key":"k","transaction_id":"t","amount":{"minor":1250,"currency":"EUR"}}"#;
    const NAMED: &str = r#"{"idempotency_key":"k","transaction_id":"t"}"#;
    const KEY: &str = r#"{"idempotency_key":"k"}"#;
    plain(&SaleParams::new("k", eur(1250)), MONEY);
    plain(&AuthorizeParams::new("k", eur(1250)), MONEY);
    plain(&CashAdvanceParams::new("k", eur(1250)), MONEY);
    plain(&RefundParams::new("k", eur(1250)), MONEY);
    plain(&CaptureParams::of("k", "t", eur(1250)), CHANGE);
    plain(&AdjustParams::of("k", "t", eur(1250)), CHANGE);
    plain(&VoidParams::of("k", "t"), NAMED);
    plain(&UndoParams::of("k", "t"), NAMED);
    plain(&VerifyParams::new("k"), KEY);
    plain(&BalanceParams::new("k"), KEY);
    plain(&CloseParams::new("k"), KEY);
}

#[test]
fn an_amount_or_an_estimate_of_one_is_given() {
    let estimated = || SaleParams::estimated("k", eur(8000));
    estimated().validate().unwrap();
    type Spoil = fn(&mut SaleParams);
    let cases: [(&str, Spoil); 8] = [
        ("estimated_amount", |p| p.amount = Some(eur(1))),
        ("amount", |p| p.estimated_amount = None),
        ("estimated_amount.minor", |p| {
            p.estimated_amount = Some(eur(0))
        }),
        ("amount_max.minor", |p| p.amount_max = Some(eur(7999))),
        ("tip", |p| p.tip = Some(eur(1))),
        ("cashback", |p| p.cashback = Some(eur(1))),
        ("amount_timeout_ms", |p| p.amount_timeout_ms = Some(900_001)),
        ("allow_offline", |p| p.allow_offline = true),
    ];
    for (name, spoil) in cases {
        let mut params = estimated();
        spoil(&mut params);
        assert_eq!(field(&params), name);
    }
    let mut known = sale();
    known.amount_timeout_ms = Some(1_000);
    assert_eq!(field(&known), "amount_timeout_ms");
    let mut held = AuthorizeParams::new("k", eur(1));
    held.estimated_amount = held.amount.take();
    held.validate().unwrap();
}

#[test]
fn every_bound_names_its_field() {
    type Spoil = fn(&mut SaleParams);
    let cases: [(&str, Spoil); 14] = [
        ("idempotency_key", |p| p.idempotency_key = "".into()),
        ("amount.minor", |p| p.amount = Some(eur(0))),
        ("amount_max.minor", |p| p.amount_max = Some(eur(1249))),
        ("tip.currency", |p| p.tip = Some(Amount::new(1, "USD"))),
        ("device", |p| p.device = Some("".into())),
        ("timeout_ms", |p| p.timeout_ms = Some(1)),
        ("reference", |p| p.reference = Some("a\nb".into())),
        ("despite", |p| p.despite = vec!["t".into(); 17]),
        ("entry", |p| p.entry = Some(Vec::new())),
        ("entry", |p| p.entry = Some(vec![EntryMode::Token])),
        ("installments", |p| p.installments = Some(0)),
        ("custom", |p| {
            p.custom = free("k", "x".repeat(CUSTOM_BYTES_MAX))
        }),
        ("customer", |p| {
            p.customer = free("k", "x".repeat(CUSTOM_BYTES_MAX))
        }),
        ("amount.minor", |p| {
            p.tip = Some(eur(700));
            p.cashback = Some(eur(700));
        }),
    ];
    for (name, spoil) in cases {
        let mut params = sale();
        spoil(&mut params);
        assert_eq!(field(&params), name);
    }
}

#[test]
fn custom_may_fill_its_limit() {
    let mut params = sale();
    let room = CUSTOM_BYTES_MAX - r#"{"k":""}"#.len();
    params.custom = free("k", "x".repeat(room));
    assert!(params.validate().is_ok());
}

#[test]
fn a_basket_line_may_give_back_and_names_its_place() {
    let line = |minor| BasketLine {
        name: "Tea".to_owned(),
        amount: eur(minor),
        quantity: None,
        product_reference: None,
        serial: None,
        tax: None,
    };
    let mut params = sale();
    params.basket = Basket::of(&vec![line(300), line(-50)]).unwrap();
    assert!(params.validate().is_ok());
    params.basket = Basket::of(&vec![line(300), line(i64::MAX)]).unwrap();
    assert_eq!(field(&params), "basket[1].amount.minor");
    params.basket = Basket::of(&vec![line(1); 501]).unwrap();
    assert_eq!(field(&params), "basket");
}

#[test]
fn a_refund_fits_into_its_original() {
    let original = |amount| Original {
        gateway: "g".into(),
        reference: None,
        rrn: Some("000000000001".into()),
        at: "2026-11-02T09:15:00Z".into(),
        amount,
    };
    let mut params = RefundParams::new("k", eur(500));
    params.original = Some(original(eur(500)));
    assert!(params.validate().is_ok());
    params.original = Some(original(eur(499)));
    assert_eq!(field(&params), "amount.minor");
    params.original = Some(original(Amount::new(500, "USD")));
    assert_eq!(field(&params), "amount.currency");
    params.original = Some(original(eur(500)));
    params.gateway = Some("other".into());
    assert_eq!(field(&params), "gateway");
    params.transaction_id = Some("t".into());
    assert_eq!(field(&params), "original");
}

#[test]
fn a_transaction_has_one_name() {
    assert_eq!(field(&CancelParams::default()), "transaction_id");
    let both = CancelParams {
        idempotency_key: Some("k".into()),
        transaction_id: Some("t".into()),
    };
    assert_eq!(field(&both), "transaction_id");
}
