// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults that end neither the process nor the thread; the others are tried through a runner.

use super::*;
use payhal_messages::call::{Failure, Sent};
use payhal_messages::prompt::DeviceChange;
use payhal_plugin::PluginError;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn a_pulled_cable_ends_the_call_and_all_that_follow_until_plugged() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "fault", "fault": "unplug"}));
    let outcome = shop.present();
    let Err(PluginError::Failed(Failure { sent, .. })) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(sent, Sent::Maybe);
    assert_eq!(shop.bench.passed(), Duration::ZERO);
    let Err(PluginError::Failed(Failure { sent, .. })) = shop.present() else {
        panic!("still unplugged");
    };
    assert_eq!(sent, Sent::No);
    assert!(shop.reader.identify(&shop.bench.call()).is_err());
    let tap = json!({"action": "tap", "card": "visa-approve", "wait_ms": 0});
    assert_eq!(shop.act(tap), Err("the reader is unplugged".to_owned()));
    assert_eq!(
        shop.act(json!({"action": "plug"})),
        Ok(json!({"plugged": true}))
    );
    shop.presented("tap", "visa-approve");
    let changes: Vec<_> = shop
        .bench
        .said()
        .into_iter()
        .filter(|said| {
            matches!(
                said,
                Said::Change(DeviceChange::Detached { .. } | DeviceChange::Attached)
            )
        })
        .collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
}

#[test]
fn a_cable_can_be_pulled_at_each_step() {
    let unplug = |at| json!({"action": "fault", "fault": "unplug", "at": at});
    let mut shop = Shop::new();
    shop.act(unplug("present")).unwrap();
    assert!(shop.present().is_err());
    shop.act(json!({"action": "plug"})).unwrap();

    let presentation = shop.presented("insert", "visa-approve");
    shop.act(unplug("authorize_card")).unwrap();
    assert!(shop.authorize(&presentation).is_err());
    shop.act(json!({"action": "plug"})).unwrap();

    let presentation = shop.presented("insert", "visa-approve");
    shop.authorize(&presentation).unwrap().unwrap();
    shop.act(unplug("complete")).unwrap();
    assert!(shop.complete(&presentation, approved()).is_err());
}

#[test]
fn a_slow_step_takes_its_time_and_still_heeds_cancelling() {
    let slow = json!({"action": "fault", "fault": "slow", "at": "authorize_card", "delay_ms": 9_000, "count": 2});
    let mut shop = Shop::new();
    shop.act(slow).unwrap();
    for total in [9, 18, 18] {
        let presentation = shop.presented("tap", "visa-approve");
        shop.authorize(&presentation).unwrap().unwrap();
        assert_eq!(shop.bench.passed(), Duration::from_secs(total));
    }
    shop.act(json!({"action": "fault", "fault": "slow", "at": "present", "delay_ms": 9_000}))
        .unwrap();
    let context = shop.bench.call();
    shop.bench.cancel_at(Duration::from_secs(20), &context);
    let request = Present {
        estimated: false,
        total_minor_max: None,
        again: false,
        tip_choices: Vec::new(),
        transaction_id: "t-1".into(),
        purpose: Purpose::Sale,
        amounts: euros(),
        entries: vec![Entry::Chip],
        timeout_ms: 30_000,
    };
    assert_eq!(
        shop.reader.present(request, &context),
        Err(PluginError::Cancelled)
    );
    assert_eq!(shop.bench.passed(), Duration::from_secs(20));
}

#[test]
fn garbage_is_an_answer_that_cannot_be() {
    let garble = |at| json!({"action": "fault", "fault": "garble", "at": at});
    let mut shop = Shop::new();
    shop.act(garble("present")).unwrap();
    assert!(
        shop.presented("insert", "visa-approve")
            .presentation_id
            .is_empty()
    );

    let presentation = shop.presented("insert", "visa-approve");
    shop.act(garble("authorize_card")).unwrap();
    let read = shop.authorize(&presentation).unwrap().unwrap();
    assert!(read.sealed.ciphertext.is_empty());
    shop.act(garble("complete")).unwrap();
    let completion = shop.complete(&presentation, approved()).unwrap().unwrap();
    assert_eq!(completion.tags["ZZ"], "not hex");
}

#[test]
fn a_duplicate_answers_the_former_read_once_more() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "visa-approve");
    let first = shop.authorize(&presentation).unwrap().unwrap();
    shop.act(json!({"action": "fault", "fault": "duplicate", "at": "authorize_card"}))
        .unwrap();
    let presentation = shop.presented("insert", "visa-decline");
    assert_eq!(shop.authorize(&presentation).unwrap().unwrap(), first);
    let presentation = shop.presented("insert", "visa-decline");
    assert_ne!(
        shop.authorize(&presentation).unwrap().unwrap().read_id,
        first.read_id
    );
}

#[test]
fn a_leak_is_what_the_runner_must_stop() {
    let mut shop = Shop::new();
    shop.act(json!({"action": "fault", "fault": "leak", "at": "present"}))
        .unwrap();
    let presentation = shop.presented("insert", "visa-approve");
    assert!(would_redact(&serde_json::to_string(&presentation).unwrap()));
}

#[test]
fn a_fault_without_a_step_hits_the_call_that_waits() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "fault", "fault": "slow", "delay_ms": 4_000}));
    assert_eq!(code(shop.present()), "no_card");
    assert_eq!(shop.bench.passed(), Duration::from_secs(30));

    shop.later(json!({"action": "fault", "fault": "panic"}));
    let panicked = catch_unwind(AssertUnwindSafe(|| shop.present()));
    assert!(panicked.is_err());
}

#[test]
fn reset_undoes_faults_and_cables() {
    let mut shop = Shop::new();
    shop.act(json!({"action": "fault", "fault": "panic", "at": "present"}))
        .unwrap();
    shop.act(json!({"action": "fault", "fault": "unplug"}))
        .unwrap();
    shop.act(json!({"action": "reset"})).unwrap();
    shop.presented("tap", "visa-approve");
}

#[test]
fn planned_faults_are_bounded() {
    let shop = Shop::new();
    let slow = json!({"action": "fault", "fault": "slow", "at": "present"});
    for _ in 0..crate::limits::FAULTS_MAX {
        shop.act(slow.clone()).unwrap();
    }
    assert!(shop.act(slow).is_err());
}

#[test]
fn a_fault_tells_the_card_that_is_there() {
    let mut shop = Shop::new();
    shop.act(json!({"action": "fault", "fault": "tell", "at": "authorize_card"}))
        .unwrap();
    let presentation = shop.presented("tap", "canary-visa");
    let Err(PluginError::Failed(failure)) = shop.authorize(&presentation) else {
        panic!("it tells");
    };
    let number = payhal_card_data::test_card("canary-visa").unwrap().pan();
    let number = String::from_utf8(number.digits().to_vec()).unwrap();
    assert!(failure.reason.contains(&number), "the runner must stop it");
}
