// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every stock client must see, whatever library speaks: the same calls, the same answers.

use std::panic::AssertUnwindSafe;

use serde_json::{Value, json};

use crate::world::{Answer, Refused, Sale, World, new_key};

macro_rules! scenarios {
    ($world:ident: $($title:literal => $scenario:ident,)*) => {{
        let mut good = true;
        $(good &= report($title, run_one(&$world, $scenario(&$world)).await);)*
        good
    }};
}

pub async fn run(url: &str) -> bool {
    let world = World::meet(url).await;
    scenarios! { world:
        "a greeting" => a_greeting,
        "a sale: progress with increasing seq, then one result" => a_sale,
        "its ids come back as it made them" => ids,
        "an unknown method" => unknown_method,
        "bad params: the field is named" => bad_params,
        "a question of the host" => a_question,
        "a decline: outcome, money and retry in the error" => a_decline,
        "a cancel while waiting for the card" => a_cancel,
        "a time-out" => a_time_out,
        "a busy device" => a_busy_device,
        "the same key again: the same answer; another body: refused" => the_same_key,
        "a lost gateway reply, tapped: asked for, approved, charged once" => lost_tapped,
        "a lost gateway reply, chip: reversed, and told so" => lost_chip,
    }
}

/// A failed assertion is one scenario's, not the run's.
async fn run_one(world: &World, scenario: impl Future<Output = String>) -> Option<String> {
    world.idle().await;
    let mut scenario = std::pin::pin!(scenario);
    std::future::poll_fn(move |context| {
        let step = std::panic::catch_unwind(AssertUnwindSafe(|| scenario.as_mut().poll(context)));
        match step {
            Ok(step) => step.map(Some),
            Err(_) => std::task::Poll::Ready(None),
        }
    })
    .await
}

fn report(title: &str, word: Option<String>) -> bool {
    match word {
        Some(word) => {
            println!("ok jsonrpsee: {title} = {word}");
            true
        }
        None => {
            println!("not ok jsonrpsee: {title}");
            false
        }
    }
}

fn yes() -> String {
    "yes".to_owned()
}

fn refused(
    answer: Answer,
    code: i64,
    name: &str,
    outcome: &str,
    moved: &str,
    retry: &str,
) -> Value {
    let Refused { code: seen, fields } = answer.expect_err(name);
    let told = (
        &fields["name"],
        &fields["outcome"],
        &fields["money_moved"],
        &fields["retry"],
    );
    assert_eq!(
        (seen, told),
        (
            code,
            (&json!(name), &json!(outcome), &json!(moved), &json!(retry))
        )
    );
    fields
}

async fn plain_sale(world: &World) -> (Value, Value) {
    let sale = world.begin(json!({}));
    world.present(&sale, "tap", "visa-approve").await;
    let Sale {
        key,
        params,
        answer,
    } = sale;
    let result = answer.await.expect("no panic").expect("approved");
    // An answered question behind it: had anything come after the answer, it would be here by now.
    world.wire.ask("device.list", json!({})).await;
    let steps = world
        .progress
        .all(|step| step["idempotency_key"] == key.as_str());
    assert_eq!(
        (&result["outcome"], &result["replayed"]),
        (&json!("approved"), &json!(false))
    );
    assert_eq!(result["amounts"]["approved"], params["amount"]);
    assert!(
        steps.len() >= 3 && steps[0]["stage"] == "accepted",
        "{steps:?}"
    );
    assert!(
        steps.is_sorted_by(|one, next| one["seq"].as_i64() < next["seq"].as_i64()),
        "{steps:?}"
    );
    (params, result)
}

async fn a_greeting(world: &World) -> String {
    assert_eq!(
        (&world.greeting["state"], &world.greeting["protocol"]),
        (&json!("open"), &json!(1))
    );
    world.wire.ask("session.ping", json!({})).await;
    yes()
}

async fn a_sale(world: &World) -> String {
    plain_sale(world).await;
    yes()
}

async fn ids(world: &World) -> String {
    let (params, _) = plain_sale(world).await;
    let step = world
        .progress
        .first(|step| step["idempotency_key"] == params["idempotency_key"])
        .await;
    assert!(step["request_id"].is_u64(), "{step}");
    "0, 1, …".to_owned()
}

async fn unknown_method(world: &World) -> String {
    let error = world
        .wire
        .call("payment.steal", json!({}))
        .await
        .expect_err("unknown");
    assert_eq!(
        (error.code, &error.fields["name"]),
        (-32601, &json!("METHOD_NOT_FOUND"))
    );
    yes()
}

async fn bad_params(world: &World) -> String {
    let bad =
        json!({"idempotency_key": new_key(), "amount": {"minor": "a lot", "currency": "EUR"}});
    let error = world.wire.call("payment.sale", bad).await.expect_err("bad");
    let told = (&error.fields["field"], &error.fields["money_moved"]);
    assert_eq!(
        (error.code, told),
        (-32602, (&json!("amount.minor"), &json!("no")))
    );
    yes()
}

async fn a_question(world: &World) -> String {
    let sale = world.begin(json!({}));
    world.present(&sale, "insert", "mastercard-signature").await;
    let prompt = world
        .prompts
        .first(|prompt| prompt["idempotency_key"] == sale.key.as_str())
        .await;
    assert_eq!(prompt["kind"], "confirm_signature");
    world
        .wire
        .ask(
            "payment.respond",
            json!({"prompt_id": prompt["prompt_id"], "accepted": true}),
        )
        .await;
    let result = sale.end().await.expect("approved");
    assert_eq!(
        (&result["outcome"], &result["cvm"]),
        (&json!("approved"), &json!("signature"))
    );
    world
        .simulate(&world.reader, json!({"action": "reset"}))
        .await;
    "by call".to_owned()
}

async fn a_decline(world: &World) -> String {
    let sale = world.begin(json!({}));
    world.present(&sale, "tap", "visa-decline").await;
    let fields = refused(
        sale.end().await,
        3001,
        "DECLINED",
        "declined",
        "no",
        "new_key",
    );
    assert_eq!(fields["response_code"], "51");
    yes()
}

async fn a_cancel(world: &World) -> String {
    let sale = world.begin(json!({}));
    world.stage(&sale, "waiting_for_card").await;
    let asked = world
        .wire
        .ask("payment.cancel", json!({"idempotency_key": sale.key}))
        .await;
    assert!(
        asked["state"] == "cancelling" || asked["state"] == "cancelled",
        "{asked}"
    );
    refused(
        sale.end().await,
        3002,
        "CANCELLED",
        "cancelled",
        "no",
        "new_key",
    );
    yes()
}

async fn a_time_out(world: &World) -> String {
    let sale = world.begin(json!({"timeout_ms": 200}));
    refused(
        sale.end().await,
        3003,
        "TIMED_OUT",
        "failed",
        "no",
        "new_key",
    );
    yes()
}

async fn a_busy_device(world: &World) -> String {
    let first = world.begin(json!({}));
    world.stage(&first, "waiting_for_card").await;
    let second = world.begin(json!({})).end().await;
    let fields = refused(second, 2002, "DEVICE_BUSY", "failed", "no", "same_key");
    assert!(fields["retry_after_ms"].as_i64() > Some(0), "{fields}");
    world
        .simulate(
            &world.reader,
            json!({"action": "tap", "card": "visa-approve"}),
        )
        .await;
    assert_eq!(first.end().await.expect("approved")["outcome"], "approved");
    yes()
}

async fn the_same_key(world: &World) -> String {
    let (params, mut result) = plain_sale(world).await;
    let other = world.begin(json!({"idempotency_key": params["idempotency_key"]}));
    refused(
        other.end().await,
        3005,
        "KEY_REUSED",
        "failed",
        "no",
        "never",
    );
    let repeated = world.wire.ask("payment.sale", params).await;
    result["replayed"] = json!(true);
    assert_eq!(repeated, result);
    yes()
}

async fn lost_tapped(world: &World) -> String {
    // The first inquiry is lost too, so that the payment stays open long enough to be tried again.
    for at in ["authorize", "inquire"] {
        let fault = json!({"action": "fault", "fault": "lose_reply", "at": at, "count": 1});
        world.simulate(&world.gateway, fault).await;
    }
    let sale = world.begin(json!({}));
    world.present(&sale, "tap", "visa-approve").await;
    let view = loop {
        // Each question is answered before the next is asked.
        let view = world
            .wire
            .ask("payment.get", json!({"idempotency_key": sale.key}))
            .await;
        if view["outcome"] == "unknown" || view.get("resolution").is_some() {
            break view;
        }
        assert_eq!(view["outcome"], "running");
    };
    let again = world
        .begin(json!({"amount": sale.params["amount"]}))
        .end()
        .await;
    let fields = refused(
        again,
        3012,
        "UNRESOLVED_TRANSACTION",
        "failed",
        "no",
        "ask_operator",
    );
    assert_eq!(fields["unresolved"], json!([view["transaction_id"]]));
    let params = sale.params.clone();
    assert_eq!(sale.end().await.expect("approved")["outcome"], "approved");
    assert_eq!(world.charged(&params).await, 1);
    yes()
}

async fn lost_chip(world: &World) -> String {
    world
        .wire
        .ask("events.subscribe", json!({"topics": ["payment.resolved"]}))
        .await;
    let fault = json!({"action": "fault", "fault": "lose_reply", "at": "authorize", "count": 1});
    world.simulate(&world.gateway, fault).await;
    let sale = world.begin(json!({}));
    world.present(&sale, "insert", "visa-approve").await;
    let params = sale.params.clone();
    let fields = refused(
        sale.end().await,
        3003,
        "TIMED_OUT",
        "failed",
        "reversing",
        "new_key",
    );
    let event = world
        .resolved
        .first(|event| event["transaction"]["transaction_id"] == fields["transaction_id"])
        .await;
    let told = (
        &event["transaction"]["outcome"],
        &event["transaction"]["money_moved"],
    );
    assert_eq!(told, (&json!("failed"), &json!("no")));
    assert_eq!(world.charged(&params).await, 0);
    world
        .simulate(&world.reader, json!({"action": "reset"}))
        .await;
    yes()
}
