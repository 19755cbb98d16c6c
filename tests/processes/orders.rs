// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a gateway hears of the chip's completion and of the order behind a payment, to the
//! letter, however often it must be told and whatever dies meanwhile; and that nobody waits for it.

use crate::host::{GATEWAY, Host, Setup, soon};
use crate::register::{Register, sale};
use serde_json::Value;
use serde_json::value::RawValue;

const READER: &str = "reader-1";
const BASKET: &str =
    r#"[ {"own":1.50,"name":"T\u00e9","amount":{"currency":"EUR","minor":1250},"own":2} ]"#;
const CUSTOMER: &str = r#"{"name":"Ann","points":[ 1, 2 ]}"#;
const CUSTOM: &str = r#"{"z":1,"a":1e2,"z":3}"#;

/// A sale with everything a register may keep with it.
async fn sell(register: &Register, key: &str) -> String {
    let params = format!(
        r#"{{"idempotency_key":"{key}","amount":{{"minor":1250,"currency":"EUR"}},"device":"{READER}","basket":{BASKET},"customer":{CUSTOMER},"custom":{CUSTOM}}}"#
    );
    let params = RawValue::from_string(params).unwrap();
    let sold: Value = soon("an answer", register.0.call("payment.sale", &params))
        .await
        .unwrap();
    sold["transaction_id"].as_str().unwrap().to_owned()
}

/// The whole order as one JSON object of the register's own texts.
fn order() -> String {
    format!(r#"{{"basket":{BASKET},"customer":{CUSTOMER},"custom":{CUSTOM}}}"#)
}

/// What the gateway was told of a transaction: kind, body, how often.
fn told(host: &Host, transaction: &str) -> Vec<Vec<String>> {
    let query = format!(
        "SELECT kind, body, times FROM report WHERE transaction_id = '{transaction}' ORDER BY kind"
    );
    host.ledger().rows(&query)
}

/// Waits until the gateway was told that many things.
async fn until_told(host: &Host, transaction: &str, things: usize) -> Vec<Vec<String>> {
    let operator = host.operator().await;
    soon("the gateway's knowledge", async {
        loop {
            let told = told(host, transaction);
            if told.len() >= things {
                return told;
            }
            operator.act(GATEWAY, "faults", &[]).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_order_reaches_the_gateway_to_the_letter() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    let id = sell(&register, "k").await;
    let told = until_told(&host, &id, 1).await;
    assert_eq!((&*told[0][0], &*told[0][1]), ("notify_order", &*order()));
    let shown = register.get(&id).await;
    assert_eq!(shown.basket.text(), Some(BASKET));
    assert_eq!(shown.customer.text(), Some(CUSTOMER));
    assert_eq!(shown.custom.text(), Some(CUSTOM));
}

#[tokio::test]
async fn a_decline_tells_of_no_order() {
    let host = Host::start(&Setup::automatic(1, "tap visa-decline")).await;
    let register = host.register("till-1").await;
    let params = serde_json::json!({
        "idempotency_key": "k", "amount": {"minor": 1250, "currency": "EUR"}, "custom": {"a": 1},
    });
    let declined: Result<Value, _> = register.0.call("payment.sale", &params).await;
    declined.unwrap_err();
    // What the gateway is told goes in order: the next one's order comes after.
    let host = host.stop_and_restart().await;
    assert!(host.ledger().rows("SELECT kind FROM report").is_empty());
}

#[tokio::test]
async fn what_is_owed_to_the_gateway_outlives_the_host() {
    let host = Host::start(&Setup::automatic(1, "insert visa-approve")).await;
    let register = host.register("till-1").await;
    let rest = [
        ("fault", Value::from("go_away")),
        ("at", "report".into()),
        ("count", 1000.into()),
    ];
    register.act(GATEWAY, "fault", &rest).await;
    let ids = [sell(&register, "a").await, sell(&register, "b").await];
    assert!(host.ledger().rows("SELECT kind FROM report").is_empty());
    drop(register);
    let host = host.kill_and_restart().await;
    for id in ids {
        let told = until_told(&host, &id, 2).await;
        assert_eq!(
            (told[0][0].as_str(), told[1][0].as_str()),
            ("advice", "notify_order")
        );
        // The tags of a completed chip: the certificate of the transaction is among them.
        assert!(told[0][1].to_ascii_lowercase().contains("9f26"), "{told:?}");
        assert_eq!(told[1][1], order());
    }
}

#[tokio::test]
async fn a_report_whose_reply_is_lost_is_made_again_and_holds_up_nobody() {
    let host = Host::start(&Setup::automatic(1, "tap visa-approve")).await;
    let register = host.register("till-1").await;
    for _ in 0..2 {
        register.fault(GATEWAY, "lose_reply", "report", 0).await;
    }
    let id = sell(&register, "a").await;
    let next = register.sell_alone(&sale("b", 700, READER)).await;
    next.approved();
    let times = soon("the third report", async {
        loop {
            let told = until_told(&host, &id, 1).await;
            if told[0][2] == "3" {
                return told;
            }
        }
    });
    assert_eq!(times.await[0][1], order());
}
