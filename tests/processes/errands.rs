// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves what a device does beside paying: it tells its settings, and talks with cards that do not
//! pay as far as its own configuration and the register's rights go, never while it takes a
//! payment. And what is told of a payment on the way: keys of a PIN without which, an expiry.

use crate::host::{Host, Setup, soon};
use crate::paired::pair;
use crate::register::{Register, sale};
use payhal_client::CallError;
use payhal_client::protocol::errands::{ApduParams, ApduResult, SettingsParams};
use payhal_client::protocol::error::ErrorName;
use payhal_client::protocol::progress::PinEvent::{Added, Finished, Removed, Started};
use payhal_client::protocol::progress::Stage;
use serde_json::json;

const COUNTER: &str = "counter";
const LOYALTY: &str = "F0504159484C01";
const IDENTITY: &str = "F0504159484C02";

fn shop() -> Setup {
    let config = format!("{{ apdu = [\"{LOYALTY}\"] }}");
    Setup::readers(0).terminal(COUNTER, "virtual-reader", &config)
}

fn read_member(aid: &str) -> ApduParams {
    ApduParams {
        device: COUNTER.into(),
        aid: aid.to_owned(),
        commands: vec!["00B0000006".to_owned()],
        timeout_ms: Some(20_000),
        presentation_id: None,
    }
}

async fn talk(register: &Register, params: &ApduParams) -> Result<ApduResult, CallError> {
    soon("the card's words", register.0.request(params)).await
}

fn named(refused: Result<ApduResult, CallError>) -> (ErrorName, String) {
    let error = refused.unwrap_err();
    let object = error.rpc().unwrap();
    let data = object.data.as_ref().unwrap();
    let said = data.response_text.clone().or(data.detail.clone());
    (data.name, said.unwrap_or_default())
}

#[tokio::test]
async fn a_loyalty_card_is_read_and_a_payment_follows() {
    let host = Host::start(&shop()).await;
    let register = host.register("till-1").await;
    let params = read_member(LOYALTY);
    let (said, ()) = tokio::join!(
        talk(&register, &params),
        register.show(COUNTER, "tap", "loyalty")
    );
    let said = said.unwrap();
    assert_eq!(said.responses, ["4D454D4245529000"], "MEMBER");
    let params = sale("k", 1250, COUNTER);
    let paid = register.sell(&params, "tap", "visa-approve");
    let card = paid.await.approved().card.unwrap();
    assert_eq!(card.expiry.as_deref(), Some("1249"));
    host.ledger().assert(&[("sale", "approved", 1250)]);
}

#[tokio::test]
async fn nothing_else_is_talked_to() {
    let host = Host::start(&shop()).await;
    let register = host.register("till-1").await;
    let (name, said) = named(talk(&register, &read_member(IDENTITY)).await);
    assert_eq!(name, ErrorName::NotAllowed);
    assert!(said.contains("does not allow this application"), "{said}");
    let (name, said) = named(talk(&register, &read_member("A0000000031010")).await);
    assert_eq!(name, ErrorName::NotAllowed);
    assert!(said.contains("payment application"), "{said}");
}

#[tokio::test]
async fn a_device_on_an_errand_takes_no_payment_and_comes_back() {
    let host = Host::start(&shop()).await;
    let register = host.register("till-1").await;
    let params = read_member(LOYALTY);
    let (refused, ()) = tokio::join!(talk(&register, &params), async {
        // Once the reader waits for the card, a key is taken.
        let cancel = [("keys", "*".into())];
        let pressed = register.act(COUNTER, "keys", &cancel).await;
        assert_eq!(pressed["keys"], 1);
    });
    assert_eq!(named(refused).0, ErrorName::Cancelled);
    let params = sale("l", 1250, COUNTER);
    let paid = register.sell(&params, "tap", "visa-approve");
    assert!(paid.await.approved().approval_code.is_some());
}

#[tokio::test]
async fn a_register_needs_the_right() {
    let host = Host::start(&shop().paired()).await;
    let (mut till, _) = pair(&host, "till-1", &json!({})).await;
    let params = json!({"device": COUNTER, "aid": LOYALTY});
    let error = till.call("device.apdu", &params).await.unwrap_err();
    assert_eq!(error["data"]["name"], "PERMISSION_DENIED", "{error}");
    let told = till
        .call("device.settings", &json!({"device": COUNTER}))
        .await;
    assert!(
        told.unwrap()["features"]
            .as_array()
            .unwrap()
            .contains(&json!("apdu"))
    );
}

#[tokio::test]
async fn devices_tell_their_settings_or_that_they_cannot() {
    let setup = shop().terminal("terminal", "virtual-terminal", "{}");
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    let ask = |device: &str| SettingsParams {
        device: device.into(),
    };
    let told = soon("settings", register.0.request(&ask(COUNTER))).await;
    assert_eq!(told.unwrap().limits["display_lines"], 4);
    for (device, name) in [
        ("terminal", ErrorName::DeviceUnsupported),
        ("nowhere", ErrorName::DeviceNotFound),
    ] {
        let error = soon("a refusal", register.0.request(&ask(device))).await;
        let error = error.unwrap_err();
        let data = error.rpc().unwrap().data.as_ref().unwrap();
        assert_eq!(data.name, name, "{device}");
    }
}

#[tokio::test]
async fn keys_of_a_pin_are_told_without_which() {
    let host = Host::start(&shop()).await;
    let register = host.register("till-1").await;
    let mut selling = register.begin(&sale("k", 1250, COUNTER)).await;
    register.show(COUNTER, "insert", "visa-pin").await;
    selling.until(Stage::PinEntry).await;
    let keys = [("keys", "12<1234#".into())];
    register.act(COUNTER, "keys", &keys).await;
    let played = selling.end().await;
    let pins: Vec<_> = played.progress.iter().filter_map(|step| step.pin).collect();
    let pressed = [
        Started, Added, Added, Removed, Added, Added, Added, Added, Finished,
    ];
    assert_eq!(pins, pressed);
    assert!(
        played
            .progress
            .iter()
            .all(|step| !step.text.contains("1234"))
    );
    assert!(played.approved().approval_code.is_some());
}
