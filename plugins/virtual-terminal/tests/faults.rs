// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults that end neither the process nor the thread; the others are tried through a runner.

use super::*;
use payhal_messages::prompt::DeviceChange;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn sale(shop: &mut Shop, id: &str) -> Outcome<TerminalOutcome> {
    shop.pay(request(id, Purpose::Sale, 1000))
}

#[test]
fn a_pulled_cable_ends_the_call_and_all_that_follow_until_plugged() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "unplug"}));
    assert_eq!(sent(sale(&mut shop, "s-1")), Sent::Maybe);
    assert_eq!(sent(sale(&mut shop, "s-2")), Sent::No);
    assert_eq!(sent(shop.inquire("s-1")), Sent::No);
    assert!(shop.terminal.identify(&shop.bench.call()).is_err());
    assert_eq!(
        shop.act(json!({"action": "plug"})),
        json!({"plugged": true})
    );
    assert!(!shop.found("s-1").approved);
    let changes = shop.bench.said().into_iter().filter(|said| {
        matches!(
            said,
            Said::Change(DeviceChange::Detached { .. } | DeviceChange::Attached)
        )
    });
    assert_eq!(changes.count(), 2);
    // Between ledger and answer: the money has moved.
    shop.fault("unplug", "pay_answer");
    shop.later(json!({"action": "tap", "card": "visa-approve"}));
    assert_eq!(sent(sale(&mut shop, "s-3")), Sent::Maybe);
    shop.stands("s-3", "approved", 1000);
}

#[test]
fn a_busy_or_unwilling_terminal_moves_nothing() {
    let mut shop = Shop::automatic();
    shop.fault("busy", "pay");
    assert_eq!(code(sale(&mut shop, "s-1")), "busy");
    assert_eq!(shop.entry("s-1"), None);
    shop.fault("refuse", "pay");
    assert_eq!(sale(&mut shop, "s-2").unwrap().unwrap().response_code, "58");
    shop.stands("s-2", "declined", 0);
    for at in ["inquire", "reverse", "reconcile"] {
        shop.fault("busy", at);
    }
    assert_eq!(code(shop.inquire("s-2")), "busy");
    assert_eq!(code(shop.reverse("s-2", 1000)), "busy");
    assert_eq!(code(shop.reconcile("r", true)), "busy");
}

#[test]
fn more_than_the_most_is_charged_or_only_told() {
    let mut shop = Shop::automatic();
    let most = Pay {
        total_minor_max: Some(1500),
        ..request("s-1", Purpose::Sale, 1000)
    };
    shop.fault("overcharge", "pay");
    assert_eq!(shop.paid(most).approved_minor, Some(1600));
    shop.stands("s-1", "approved", 1600);
    shop.fault("overcharge", "pay_answer");
    assert_eq!(shop.sale("s-2", 1000).approved_minor, Some(1100));
    shop.stands("s-2", "approved", 1000);
}

#[test]
fn an_answer_can_be_garbage_a_former_one_or_a_lie() {
    let mut shop = Shop::automatic();
    let first = shop.sale("s-1", 1000);
    shop.fault("duplicate", "pay_answer");
    assert_eq!(shop.sale("s-2", 2000), first);
    shop.stands("s-2", "approved", 2000);
    shop.fault("garble", "pay_answer");
    let garbage = shop.sale("s-3", 3000);
    assert_eq!(
        (garbage.approved_minor, garbage.response_code.as_str()),
        (Some(-1), "")
    );
    shop.stands("s-3", "approved", 3000);
    shop.fault("contradict", "pay_answer");
    assert!(!shop.sale("s-4", 4000).approved);
    shop.stands("s-4", "approved", 4000);
    shop.fault("contradict", "inquire");
    assert!(!shop.found("s-4").approved);
    assert!(shop.found("s-4").approved);
    shop.fault("contradict", "pay_answer");
    let lie = shop.sale("s-5", 1005);
    assert_eq!((lie.approved, lie.approved_minor), (true, Some(1005)));
    shop.stands("s-5", "declined", 0);
}

#[test]
fn a_fault_hits_its_step_its_amount_and_as_often_as_told() {
    let mut shop = Shop::automatic();
    shop.act(json!({
        "action": "fault", "fault": "lose_answer", "at": "pay", "amount_minor": 700, "count": 2,
    }));
    for (id, minor, lost) in [
        ("1", 1000, false),
        ("2", 700, true),
        ("3", 700, true),
        ("4", 700, false),
    ] {
        let outcome = shop.pay(request(id, Purpose::Sale, minor));
        assert_eq!(outcome.is_err(), lost, "{id}");
    }
    assert_eq!(shop.act(json!({"action": "faults"}))["faults"], json!([]));
}

#[test]
fn a_slow_terminal_takes_its_time_and_heeds_cancelling() {
    let mut shop = Shop::automatic();
    let slow = json!({"action": "fault", "fault": "slow", "at": "pay", "delay_ms": 9_000});
    shop.act(slow.clone());
    assert!(sale(&mut shop, "s-1").unwrap().unwrap().approved);
    assert_eq!(shop.bench.passed(), Duration::from_secs(9));
    shop.act(slow);
    let context = shop.bench.call();
    shop.bench.cancel_at(Duration::from_secs(12), &context);
    let outcome = shop
        .terminal
        .pay(request("s-2", Purpose::Sale, 1000), &context);
    assert_eq!(outcome, Err(PluginError::Cancelled));
    assert_eq!(shop.entry("s-2"), None);
}

#[test]
fn a_leak_is_what_the_runner_must_stop() {
    let mut shop = Shop::automatic();
    shop.fault("leak", "pay_answer");
    assert!(would_redact(
        &serde_json::to_string(&shop.sale("s-1", 1000)).unwrap()
    ));
    assert!(!would_redact(
        &serde_json::to_string(&shop.found("s-1")).unwrap()
    ));
}

#[test]
fn a_panic_leaves_the_ledger_whole() {
    let mut shop = Shop::automatic();
    shop.fault("panic", "pay_answer");
    assert!(catch_unwind(AssertUnwindSafe(|| sale(&mut shop, "s"))).is_err());
    shop.stands("s", "approved", 1000);
}

#[test]
fn reset_undoes_all_but_the_ledger() {
    let mut shop = Shop::automatic();
    shop.sale("s-1", 1000);
    shop.fault("panic", "pay");
    shop.act(json!({"action": "offline", "on": true}));
    shop.act(json!({"action": "unplug"}));
    assert_eq!(
        shop.act(json!({"action": "reset"})),
        json!({"reset": true, "plugged": true})
    );
    assert_eq!(shop.sale("s-2", 1000).response_code, "00");
    shop.stands("s-1", "approved", 1000);
}

#[test]
fn planned_faults_are_bounded() {
    let shop = Shop::new();
    for _ in 0..crate::limits::FAULTS_MAX {
        shop.fault("slow", "pay");
    }
    let slow = json!({"action": "fault", "fault": "slow", "at": "pay"});
    assert!(shop.simulator.simulate(slow).is_err());
}
