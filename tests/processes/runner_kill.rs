// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a runner killed in the middle of a sale takes nothing else down: the sale on the
//! other device in the same second is not disturbed, the broken one is resolved, and the gateway's
//! ledger agrees with what its register was told.

use crate::host::{GATEWAY, Host, Setup};
use crate::register::{Register, Sale, sale};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::progress::Stage;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};

const BROKEN: &str = "reader-1";
const OTHER: &str = "reader-2";

async fn shop() -> (Host, Register) {
    let host = Host::start(&Setup::readers(2)).await;
    let register = host.register("till-1").await;
    (host, register)
}

/// A sale on the reader that nobody kills, waiting for its card meanwhile.
async fn other_sale(host: &Host) -> (Register, Sale) {
    let other = host.register("till-2").await;
    let waiting = other.begin(&sale("other", 999, OTHER)).await;
    (other, waiting)
}

async fn finish_other((other, waiting): (Register, Sale)) {
    other.show(OTHER, "insert", "visa-approve").await;
    waiting.end().await.approved();
}

#[tokio::test]
async fn of_a_reader_that_waits_for_a_card() {
    let (host, register) = shop().await;
    let other = other_sale(&host).await;
    let params = sale("k", 1250, BROKEN);
    let selling = register.begin(&params).await;
    host.kill_runner(BROKEN);
    let refused = selling.end().await.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    finish_other(other).await;
    register.until_state(BROKEN, DeviceState::Ready).await;
    // Nothing was recorded: the same key is free.
    let approved = register
        .sell(&params, "tap", "visa-approve")
        .await
        .approved();
    assert!(!approved.replayed);
    host.ledger()
        .assert(&[("sale", "approved", 999), ("sale", "approved", 1250)]);
}

#[tokio::test]
async fn of_a_reader_with_a_pin_half_entered() {
    let (host, register) = shop().await;
    let other = other_sale(&host).await;
    let params = sale("k", 1250, BROKEN);
    let mut selling = register.begin(&params).await;
    register
        .show(BROKEN, "insert", "mastercard-pin-at-issuer")
        .await;
    selling.until(Stage::PinEntry).await;
    register.act(BROKEN, "keys", &[("keys", "43".into())]).await;
    host.kill_runner(BROKEN);
    let refused = selling.end().await.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    finish_other(other).await;
    host.ledger().assert(&[("sale", "approved", 999)]);
}

#[tokio::test]
async fn of_a_reader_that_has_done_its_part_of_a_tap() {
    let (host, register) = shop().await;
    let other = other_sale(&host).await;
    register.fault(GATEWAY, "delay", "authorize", 400).await;
    let mut selling = register.begin(&sale("k", 1250, BROKEN)).await;
    register.show(BROKEN, "tap", "visa-approve").await;
    selling.until(Stage::Authorizing).await;
    host.kill_runner(BROKEN);
    selling.end().await.approved();
    finish_other(other).await;
    host.ledger()
        .assert(&[("sale", "approved", 1250), ("sale", "approved", 999)]);
}

#[tokio::test]
async fn of_a_reader_whose_chip_still_owes_its_word() {
    let (host, register) = shop().await;
    let mut watch = register.watch().await;
    let other = other_sale(&host).await;
    register.fault(GATEWAY, "delay", "authorize", 400).await;
    let mut selling = register.begin(&sale("k", 1250, BROKEN)).await;
    register.show(BROKEN, "insert", "visa-approve").await;
    selling.until(Stage::Authorizing).await;
    host.kill_runner(BROKEN);
    let refused = selling.end().await.refused(ErrorName::CardError, Failed);
    let transaction = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    watch.resolved(&transaction).await;
    finish_other(other).await;
    host.ledger()
        .assert(&[("sale", "reversed", 1250), ("sale", "approved", 999)]);
}

#[tokio::test]
async fn of_the_gateway_in_the_middle_of_an_authorization() {
    let (host, register) = shop().await;
    let mut watch = register.watch().await;
    let other = other_sale(&host).await;
    register.fault(GATEWAY, "delay", "authorize", 20_000).await;
    let params = sale("k", 1250, BROKEN);
    let mut selling = register.begin(&params).await;
    register.show(BROKEN, "tap", "visa-approve").await;
    selling.until(Stage::Authorizing).await;
    host.kill_runner(GATEWAY);
    let refused = selling.end().await.refused(ErrorName::TimedOut, Failed);
    let transaction = refused.transaction();
    refused.says(MoneyMoved::Reversing, Retry::NewKey);
    watch.resolved(&transaction).await;
    assert!(host.ledger().charges().is_empty());
    let again = register
        .sell_alone(&params)
        .await
        .refused(ErrorName::TimedOut, Failed);
    assert!(again.0.replayed && again.transaction() == transaction);
    // The gateway is back: the sale that waited for its card meanwhile goes through it.
    finish_other(other).await;
    assert_eq!(host.ledger().charges().len(), 1);
}

#[tokio::test]
async fn of_every_runner_at_once() {
    let (host, register) = shop().await;
    let params = sale("k", 1250, BROKEN);
    let selling = register.begin(&params).await;
    for instance in [BROKEN, OTHER, GATEWAY] {
        host.kill_runner(instance);
    }
    selling.end().await.refused(ErrorName::PluginFailed, Failed);
    register.until_all_ready().await;
    register
        .sell(&params, "tap", "visa-approve")
        .await
        .approved();
    host.ledger().assert(&[("sale", "approved", 1250)]);
}
