// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a plugin can do its worst and takes down its own device only: the register gets a
//! named error by the deadline, the device comes back, everybody can see its state, and a sale on
//! the device beside it goes on.

use crate::host::{Host, Setup};
use crate::register::{Played, Register, sale};
use payhal_client::protocol::device::DeviceState;
use payhal_client::protocol::error::ErrorOutcome::Failed;
use payhal_client::protocol::{ErrorName, MoneyMoved, Retry};
use std::time::{Duration, Instant};

const BROKEN: &str = "reader-1";
const OTHER: &str = "reader-2";

async fn shop(setup: Setup) -> (Host, Register) {
    let host = Host::start(&setup).await;
    let register = host.register("till-1").await;
    (host, register)
}

/// A sale on a reader with this fault, while another one waits for its card beside it.
async fn beside(register: &Register, host: &Host, fault: &str, at: &str, card: bool) -> Played {
    let other = host.register("till-2").await;
    let waiting = other.begin(&sale("other", 999, OTHER)).await;
    register.fault(BROKEN, fault, at, 0).await;
    let params = sale("k", 1250, BROKEN);
    let played = if card {
        let sale = register.begin(&params).await;
        // A reader that dies with the card in hand may not tell that it was tapped.
        let tap = [("card", "visa-approve".into())];
        register.try_act(BROKEN, "tap", &tap).await.ok();
        sale.end().await
    } else {
        register.sell_alone(&params).await
    };
    other.show(OTHER, "tap", "visa-approve").await;
    waiting.end().await.approved();
    played
}

/// The device takes sales again.
async fn assert_back(register: &Register) {
    register.until_state(BROKEN, DeviceState::Ready).await;
    let approved = register
        .sell(&sale("back", 700, BROKEN), "tap", "visa-approve")
        .await;
    approved.approved();
}

async fn a_runner_that_ends(fault: &str, at: &str, card: bool) {
    let (host, register) = shop(Setup::readers(2)).await;
    let before = host.runner(BROKEN);
    let played = beside(&register, &host, fault, at, card).await;
    let details = played
        .refused(ErrorName::PluginFailed, Failed)
        .says(MoneyMoved::No, Retry::SameKey);
    assert!(details.detail.is_some_and(|detail| !detail.is_empty()));
    assert_back(&register).await;
    assert_ne!(host.runner(BROKEN), before, "the runner was started anew");
    host.ledger()
        .assert(&[("sale", "approved", 999), ("sale", "approved", 700)]);
}

#[tokio::test]
async fn from_a_crash_while_waiting_for_a_card() {
    a_runner_that_ends("crash", "present", false).await;
}

#[tokio::test]
async fn from_a_crash_with_the_card_in_hand() {
    a_runner_that_ends("crash", "authorize_card", true).await;
}

#[tokio::test]
async fn from_a_plugin_that_exits() {
    a_runner_that_ends("exit", "present", false).await;
}

#[tokio::test]
async fn from_a_plugin_that_hangs() {
    let setup = Setup::readers(2)
        .timeout("pin_ms", 200)
        .timeout("grace_ms", 200);
    let (host, register) = shop(setup).await;
    let begun = Instant::now();
    let played = beside(&register, &host, "hang", "authorize_card", true).await;
    played
        .refused(ErrorName::PluginFailed, Failed)
        .says(MoneyMoved::No, Retry::SameKey);
    // PIN time, the grace that every call has, a ping, and the new start.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_back(&register).await;
    host.ledger()
        .assert(&[("sale", "approved", 999), ("sale", "approved", 700)]);
}

#[tokio::test]
async fn from_a_plugin_that_floods_its_host() {
    let setup = Setup::readers(2)
        .timeout("card_ms", 200)
        .timeout("grace_ms", 200);
    let (host, register) = shop(setup).await;
    let other = host.register("till-2").await;
    register.fault(BROKEN, "flood", "present", 0).await;
    let flooding = register.0.sale(&sale("k", 1250, BROKEN));
    // The other device answers while the flood goes on.
    let mut params = sale("other", 999, OTHER);
    params.timeout_ms = Some(20_000);
    other.sell(&params, "tap", "visa-approve").await.approved();
    let refused = crate::register::Sale::new(flooding).end().await;
    let refused = refused.refused(ErrorName::PluginFailed, Failed);
    refused.says(MoneyMoved::No, Retry::SameKey);
    let mut params = sale("back", 700, BROKEN);
    params.timeout_ms = Some(20_000);
    register.until_state(BROKEN, DeviceState::Ready).await;
    register
        .sell(&params, "tap", "visa-approve")
        .await
        .approved();
    host.ledger()
        .assert(&[("sale", "approved", 999), ("sale", "approved", 700)]);
}

#[tokio::test]
async fn from_a_panic_which_ends_one_call_only() {
    let (host, register) = shop(Setup::readers(2)).await;
    let played = beside(&register, &host, "panic", "present", false).await;
    played
        .refused(ErrorName::PluginFailed, Failed)
        .says(MoneyMoved::No, Retry::SameKey);
    assert_back(&register).await;
    host.ledger()
        .assert(&[("sale", "approved", 999), ("sale", "approved", 700)]);
}

#[tokio::test]
async fn from_a_plugin_that_prints_a_card_number() {
    let (host, register) = shop(Setup::readers(1)).await;
    register.fault(BROKEN, "print", "present", 0).await;
    register
        .sell(&sale("k", 1250, BROKEN), "tap", "visa-approve")
        .await
        .approved();
    let (status, folder) = host.stop().await;
    assert!(status.success());
    let log = std::fs::read_to_string(folder.path().join("daemon.log")).unwrap();
    assert!(
        !holds_long_number(&log),
        "the diagnostic log holds what a plugin printed:\n{log}"
    );
}

#[tokio::test]
async fn from_a_plugin_that_leaks_a_card_number_into_its_answer() {
    let (host, register) = shop(Setup::readers(1)).await;
    register.fault(BROKEN, "leak", "present", 0).await;
    let played = register
        .sell(&sale("k", 1250, BROKEN), "tap", "visa-approve")
        .await;
    let said = format!("{played:?}");
    assert!(!holds_long_number(&said), "{said}");
    played
        .refused(ErrorName::PluginFailed, Failed)
        .says(MoneyMoved::No, Retry::SameKey);
    host.ledger().assert(&[]);
    register.until_state(BROKEN, DeviceState::Ready).await;
}

/// A run of digits as long as a card number.
fn holds_long_number(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.into_iter().any(|run| (14..=19).contains(&run.len()))
}

#[tokio::test]
async fn from_answers_that_cannot_be() {
    for at in ["present", "authorize_card"] {
        let (host, register) = shop(Setup::readers(1)).await;
        register.fault(BROKEN, "garble", at, 0).await;
        let played = register
            .sell(&sale("k", 1250, BROKEN), "tap", "visa-approve")
            .await;
        assert!(
            played.answer.is_err(),
            "garbage at {at} was approved: {played:?}"
        );
        assert!(host.ledger().charges().is_empty());
        assert_back(&register).await;
    }
}

#[tokio::test]
async fn from_an_answer_given_before() {
    let (host, register) = shop(Setup::readers(1)).await;
    register
        .sell(&sale("a", 1250, BROKEN), "tap", "visa-approve")
        .await
        .approved();
    register
        .fault(BROKEN, "duplicate", "authorize_card", 0)
        .await;
    let played = register
        .sell(&sale("b", 1250, BROKEN), "tap", "visa-approve")
        .await;
    assert!(
        played.answer.is_err(),
        "a card read was spent twice: {played:?}"
    );
    assert_eq!(host.ledger().charges().len(), 1);
    assert_back(&register).await;
}

#[tokio::test]
async fn from_a_cable_that_is_pulled() {
    let (host, register) = shop(Setup::readers(2)).await;
    let played = beside(&register, &host, "unplug", "present", false).await;
    // Whether the call's end or the news of the cable comes first decides the name alone.
    let error = played.answer.unwrap_err();
    let names = [ErrorName::PluginFailed, ErrorName::DeviceUnavailable];
    assert!(
        error.name().is_some_and(|name| names.contains(&name)),
        "{error:?}"
    );
    let details = error.rpc().unwrap().data.clone().unwrap();
    assert_eq!(
        (details.money_moved, details.retry),
        (MoneyMoved::No, Retry::SameKey)
    );
    let unplugged = register.until_state(BROKEN, DeviceState::Unplugged).await;
    assert!(unplugged.state_text.is_some());
    let played = register.sell_alone(&sale("k", 1250, BROKEN)).await;
    played
        .refused(ErrorName::DeviceUnavailable, Failed)
        .says(MoneyMoved::No, Retry::SameKey);
    register.act(BROKEN, "plug", &[]).await;
    assert_back(&register).await;
}

#[tokio::test]
async fn a_plugin_that_keeps_crashing_is_left_alone() {
    let (host, register) = shop(Setup::readers(2)).await;
    // As often as the supervisor's breaker allows.
    for end in 1..=8 {
        register.until_state(BROKEN, DeviceState::Ready).await;
        host.kill_runner(BROKEN);
        let failed = register.until_state(BROKEN, DeviceState::Failed).await;
        let left_alone = failed.state_text.unwrap().contains("left alone");
        assert_eq!(left_alone, end == 8, "end {end}");
    }
    let played = register.sell_alone(&sale("k", 1250, BROKEN)).await;
    let refused = played.refused(ErrorName::DeviceUnavailable, Failed);
    let details = refused.says(MoneyMoved::No, Retry::SameKey);
    assert!(
        details.retry_after_ms.is_some_and(|ms| ms > 1000),
        "{details:?}"
    );
    register
        .sell(&sale("l", 700, OTHER), "tap", "visa-approve")
        .await
        .approved();
}
