// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a reader has its gateway's EMV parameters before its first card, after each start
//! of its runner and whenever the gateway has others, never in the middle of a payment; and what
//! is said where it cannot have them.

use crate::configured::{set, setting};
use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Register, sale};
use payhal_client::protocol::device::{DeviceState, DeviceSummary};
use payhal_client::protocol::error::ErrorOutcome;
use payhal_client::protocol::gateway::{GatewayListParams, GatewayState, GatewaySummary};
use payhal_client::protocol::payment::SaleParams;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use serde_json::json;

const READER: &str = "reader-1";
const OTHER: &str = "other";

async fn has(operator: &Register, wanted: &str) -> DeviceSummary {
    let mut news = operator.watch().await;
    loop {
        let device = operator.device(READER).await;
        let parameters = device.emv_parameters.as_deref();
        if device.state == DeviceState::Ready && parameters == Some(wanted) {
            return device;
        }
        news.next().await;
    }
}

fn elsewhere(key: &str) -> SaleParams {
    SaleParams {
        gateway: Some(OTHER.into()),
        ..sale(key, 1_100, READER)
    }
}

async fn other_is_up(operator: &Register) {
    let mut news = operator.watch().await;
    loop {
        let listed = operator.0.request(&GatewayListParams {}).await.unwrap();
        let up = |gateway: &GatewaySummary| {
            gateway.id.as_str() == OTHER && gateway.state == GatewayState::Ready
        };
        if listed.gateways.iter().any(up) {
            return;
        }
        news.next().await;
    }
}

/// The gateway has another version from now on.
async fn publish(operator: &Register, version: &str) {
    let config = setting(GATEWAY, None, json!({"reader_parameters": version}));
    set(operator, &config).await.unwrap();
}

#[tokio::test]
async fn a_reader_has_them_when_it_is_ready_and_after_each_start_of_its_runner() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    has(&operator, "sandbox 1").await;
    host.kill_runner(READER);
    operator.until_state(READER, DeviceState::Failed).await;
    assert_eq!(operator.device(READER).await.emv_parameters, None);
    has(&operator, "sandbox 1").await;
    let register = host.register("till-1").await;
    let sold = register
        .sell(&sale("a", 1_100, READER), "insert", "visa-approve")
        .await;
    sold.approved();
}

#[tokio::test]
async fn others_come_when_the_payment_that_runs_is_over() {
    let host = Host::start(&Setup::readers(1).further_gateway(OTHER, "sandbox")).await;
    let operator = host.operator().await;
    has(&operator, "sandbox 1").await;
    let register = host.register("till-1").await;
    // At a gateway that stays as it is.
    let begun = register.begin(&elsewhere("a")).await;
    publish(&operator, "2").await;
    let device = operator.device(READER).await;
    assert_eq!(device.state, DeviceState::Busy);
    assert_eq!(device.emv_parameters.as_deref(), Some("sandbox 1"));
    register.show(READER, "insert", "visa-approve").await;
    begun.end().await.approved();
    has(&operator, "sandbox 2").await;
    let sold = register
        .sell(&sale("b", 1_200, READER), "tap", "visa-approve")
        .await;
    sold.approved();
}

#[tokio::test]
async fn a_gateway_without_any_leaves_a_reader_with_its_own() {
    let setup = Setup::automatic(1, "tap visa-approve").gateway("{ reader_parameters = \"\" }");
    let host = Host::start(&setup).await;
    let operator = host.operator().await;
    assert_eq!(operator.device(READER).await.emv_parameters, None);
    let register = host.register("till-1").await;
    register
        .sell_alone(&sale("a", 1_100, READER))
        .await
        .approved();
    publish(&operator, "3").await;
    has(&operator, "sandbox 3").await;
}

#[tokio::test]
async fn a_reader_that_does_not_take_them_is_started_anew_and_says_so() {
    let host = Host::start(&Setup::readers(1)).await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    register.fault(READER, "panic", "load_parameters", 0).await;
    let (runner, mut news) = (host.runner(READER), operator.watch().await);
    publish(&operator, "2").await;
    loop {
        let device = operator.device(READER).await;
        let text = device.state_text.unwrap_or_default();
        if text.contains("does not take the EMV parameters sandbox 2") {
            assert_ne!(device.state, DeviceState::Ready);
            break;
        }
        news.next().await;
    }
    has(&operator, "sandbox 2").await;
    assert_ne!(host.runner(READER), runner);
}

#[tokio::test]
async fn without_its_gateway_a_reader_waits_and_a_register_hears_why() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::readers(1).gateway("{ sealing_key_days = 0 }");
    let setup = setup.further_gateway(OTHER, "sandbox");
    std::fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
    let host = Host::start_unready(folder, &[]).await;
    let (operator, register) = (host.operator().await, host.register("till-1").await);
    let mut news = operator.watch().await;
    loop {
        let device = operator.device(READER).await;
        let text = device.state_text.unwrap_or_default();
        if text.contains("EMV parameters of the gateway `sandbox`") {
            assert_eq!(device.state, DeviceState::Starting);
            break;
        }
        news.next().await;
    }
    other_is_up(&operator).await;
    let params = elsewhere("a");
    let refused = register.sell_alone(&params).await;
    let refused = refused.refused(ErrorName::DeviceUnavailable, ErrorOutcome::Failed);
    let error = refused.says(MoneyMoved::No, Retry::SameKey);
    let detail = error.detail.unwrap_or_default();
    assert!(detail.contains("waits for the EMV parameters"), "{detail}");
    publish(&operator, "1").await;
    has(&operator, "sandbox 1").await;
    let sold = register.sell(&params, "tap", "visa-approve").await;
    sold.approved();
}
