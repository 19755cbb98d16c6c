// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what the operator grants a register counts from the next call on, on connections
//! that are open already, and that no other register has it.

use crate::host::{Host, Setup};
use crate::paired::{Desk, Peer, pair};
use serde_json::{Value, json};

fn shop() -> Setup {
    Setup::automatic(1, "tap visa-approve").paired()
}

fn name(refused: Result<Value, Value>) -> String {
    let error = refused.unwrap_err();
    error["data"]["name"].as_str().unwrap().to_owned()
}

async fn refund_unreferenced(till: &mut Peer, key: &str, minor: i64) -> Result<Value, Value> {
    let amount = json!({"minor": minor, "currency": "EUR"});
    let params = json!({"idempotency_key": key, "amount": amount, "device": "reader-1"});
    till.call("payment.refund", &params).await
}

async fn update(desk: &mut Desk, fields: Value) {
    let mut params = json!({"register_id": "till-1"});
    let fields = fields.as_object().unwrap().clone();
    params.as_object_mut().unwrap().extend(fields);
    desk.must("register.update", &params).await;
}

#[tokio::test]
async fn a_paired_register_may_take_plain_payments_and_nothing_else() {
    let host = Host::start(&shop()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    assert_eq!(till.sell("k", 1250).await.unwrap()["outcome"], "approved");
    let refused = refund_unreferenced(&mut till, "r", 100).await;
    assert_eq!(name(refused), "PERMISSION_DENIED");
    for (method, params) in [
        (
            "batch.close",
            json!({"idempotency_key": "b", "gateway": "sandbox"}),
        ),
        ("pairing.list", json!({})),
        ("register.list", json!({})),
        (
            "register.update",
            json!({"register_id": "till-1", "permissions": ["others"]}),
        ),
        ("register.unpair", json!({"register_id": "till-1"})),
        ("operator.code", json!({})),
        (
            "device.simulate",
            json!({"device": "reader-1", "action": "screen"}),
        ),
        ("audit.list", json!({})),
    ] {
        assert_eq!(
            till.refusal(method, &params).await,
            "PERMISSION_DENIED",
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_permission_counts_at_once_and_is_gone_at_once() {
    let host = Host::start(&shop()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    let mut desk = Desk::at(&host).await;
    update(&mut desk, json!({"permissions": ["refund_unreferenced"]})).await;
    refund_unreferenced(&mut till, "r", 100).await.unwrap();
    update(&mut desk, json!({"permissions": []})).await;
    let refused = refund_unreferenced(&mut till, "s", 100).await;
    assert_eq!(name(refused), "PERMISSION_DENIED");
}

#[tokio::test]
async fn selling_without_the_gateway_is_a_permission() {
    let host = Host::start(&shop()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    let amount = json!({"minor": 100, "currency": "EUR"});
    let params = |key: &str| {
        json!({"idempotency_key": key, "amount": amount, "device": "reader-1",
            "allow_offline": true})
    };
    let refused = till.call("payment.sale", &params("k")).await;
    assert_eq!(name(refused), "PERMISSION_DENIED");
    let mut desk = Desk::at(&host).await;
    update(&mut desk, json!({"permissions": ["offline"]})).await;
    // The gateway is there, so it is asked.
    let sold = till.call("payment.sale", &params("k")).await.unwrap();
    assert_eq!(sold["outcome"], "approved");
}

#[tokio::test]
async fn a_limit_counts_at_once_for_its_amounts_and_currencies() {
    let host = Host::start(&shop()).await;
    let grants = json!({
        "permissions": ["refund_unreferenced"],
        "limits": {"sale_max": [{"minor": 1000, "currency": "EUR"}]},
    });
    let (mut till, _) = pair(&host, "till-1", &grants).await;
    till.sell("k", 1000).await.unwrap();
    assert_eq!(name(till.sell("l", 1001).await), "PERMISSION_DENIED");
    let mut desk = Desk::at(&host).await;
    let limits = json!({
        "sale_max": [{"minor": 5000, "currency": "EUR"}],
        "refund_unreferenced_max": [{"minor": 100, "currency": "JPY"}],
    });
    update(&mut desk, json!({"limits": limits})).await;
    till.sell("m", 5000).await.unwrap();
    // A list without the currency is nothing in it.
    let refused = refund_unreferenced(&mut till, "r", 1).await;
    assert_eq!(name(refused), "PERMISSION_DENIED");
    update(&mut desk, json!({"limits": {}})).await;
    refund_unreferenced(&mut till, "s", 100).await.unwrap();
    till.sell("n", 500_000).await.unwrap();
}

#[tokio::test]
async fn what_it_was_allowed_to_begin_it_is_told_the_end_of() {
    let host = Host::start(&shop()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    let sold = till.sell("k", 1250).await.unwrap();
    let mut desk = Desk::at(&host).await;
    let limits = json!({"sale_max": [{"minor": 100, "currency": "EUR"}]});
    update(&mut desk, json!({"limits": limits})).await;
    // Its answer may have been lost: money moved, so nobody says that none did.
    let again = till.sell("k", 1250).await.unwrap();
    assert_eq!(again["transaction_id"], sold["transaction_id"]);
    assert_eq!(again["replayed"], true);
    assert_eq!(name(till.sell("k", 1300).await), "KEY_REUSED");
    assert_eq!(name(till.sell("l", 1250).await), "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_register_sees_its_own_transactions_until_it_may_see_others() {
    let host = Host::start(&shop()).await;
    let (mut one, _) = pair(&host, "till-1", &json!({})).await;
    let (mut other, _) = pair(&host, "till-2", &json!({})).await;
    let sold = other.sell("k", 1250).await.unwrap();
    let named = json!({"transaction_id": sold["transaction_id"]});
    assert_eq!(
        one.refusal("payment.get", &named).await,
        "TRANSACTION_NOT_FOUND"
    );
    let mut desk = Desk::at(&host).await;
    update(&mut desk, json!({"permissions": ["others"]})).await;
    let seen = one.must("payment.get", &named).await;
    assert_eq!(seen["register"], "till-2");
}
