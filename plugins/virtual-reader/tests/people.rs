// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people do beside the reader, and what they are told.

use super::*;
use payhal_messages::prompt::{DeviceChange, PromptAnswer, PromptKind};
use payhal_messages::reader::Show;
use payhal_plugin::PluginError;

#[test]
fn the_list_of_cards_names_none_in_clear() {
    let cards = Shop::new().act(json!({"action": "cards"})).unwrap();
    assert_no_card(&cards.to_string());
    let rows = cards["cards"].as_array().unwrap();
    assert!(rows.len() >= 12);
    let visa = &rows[0];
    assert_eq!(visa["name"], "visa-approve");
    assert_eq!(visa["scheme"], "visa");
    assert_eq!(visa["masked"], "411111******1111");
    assert_eq!(visa["behaviour"], "approve");
    assert_eq!(
        visa["entries"],
        json!(["chip", "contactless", "stripe", "manual"])
    );
    assert!(visa["label"].is_string());
}

#[test]
fn nobody_comes() {
    let mut shop = Shop::new();
    assert_eq!(code(shop.present()), "no_card");
    assert_eq!(shop.bench.passed(), Duration::from_secs(30));
    assert_eq!(shop.screen()[1], "No card");
}

#[test]
fn the_calls_deadline_ends_the_wait_too() {
    let mut shop = Shop::new();
    let request = Present {
        estimated: false,
        total_minor_max: None,
        again: false,
        tip_choices: Vec::new(),
        transaction_id: "t-1".into(),
        purpose: Purpose::Verify,
        amounts: euros(),
        entries: vec![Entry::Chip],
        timeout_ms: u64::MAX,
    };
    let context = shop.bench.call_within(Duration::from_secs(7));
    assert_eq!(code(shop.reader.present(request, &context)), "no_card");
    assert_eq!(shop.bench.passed(), Duration::from_secs(7));
}

#[test]
fn cancelling_ends_the_wait_and_the_next_read_works() {
    let mut shop = Shop::new();
    let context = shop.bench.call();
    shop.bench.cancel_at(Duration::from_secs(3), &context);
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
    let outcome = shop.reader.present(request, &context);
    assert_eq!(outcome, Err(PluginError::Cancelled));
    assert_eq!(shop.bench.passed(), Duration::from_secs(3));
    assert_eq!(shop.screen()[1], "Cancelled");
    let picture = shop.act(json!({"action": "screen"})).unwrap();
    assert_eq!(
        picture["waiting"],
        json!({"card": [], "keys": false, "select": [], "tip": null, "tip_choices": null})
    );
    shop.presented("insert", "visa-approve");
}

#[test]
fn the_cancel_key_refuses() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "keys", "keys": "*"}));
    assert_eq!(code(shop.present()), "cancelled_on_device");
}

#[test]
fn applications_are_chosen_by_action_or_key() {
    for (action, label) in [
        (json!({"action": "select", "index": 0}), "DISCOVER"),
        (json!({"action": "select", "index": 1}), "US DEBIT"),
        (json!({"action": "keys", "keys": "2#"}), "US DEBIT"),
        (json!({"action": "keys", "keys": "91"}), "DISCOVER"),
    ] {
        let mut shop = Shop::new();
        shop.later(json!({"action": "insert", "card": "discover-two-applications"}));
        shop.later(action);
        let presentation = shop.present().unwrap().unwrap();
        assert_eq!(presentation.card.application.as_deref(), Some(label));
        assert!(shop.stages().contains(&Stage::ApplicationSelection));
        assert!(shop.transcript().contains("2 US DEBIT"));
    }
}

#[test]
fn a_selection_ends_by_cancel_removal_and_time() {
    for (action, why) in [
        (
            json!({"action": "keys", "keys": "*"}),
            "cancelled_on_device",
        ),
        (json!({"action": "remove"}), "card_removed"),
        (json!({"action": "screen"}), "no_card"),
    ] {
        let mut shop = Shop::new();
        shop.later(json!({"action": "insert", "card": "discover-two-applications"}));
        shop.later(action);
        assert_eq!(code(shop.present()), why);
    }
    let mut shop = Shop::new();
    let presentation = shop.presented("tap", "discover-two-applications");
    assert_eq!(presentation.card.application.as_deref(), Some("DISCOVER"));
}

#[test]
fn the_register_chooses_where_the_configuration_says_so() {
    for (index, label) in [(0, "DISCOVER"), (1, "US DEBIT")] {
        let bench = Bench::new().answer(PromptAnswer::Chosen { index });
        let mut shop = Shop::on(bench, &json!({"selection": "register"}));
        let presentation = shop.presented("insert", "discover-two-applications");
        assert_eq!(presentation.card.application.as_deref(), Some(label));
        let said = shop.bench.said();
        let asked = said.iter().find_map(|said| match said {
            Said::Prompt(prompt) => Some(prompt),
            _ => None,
        });
        let asked = asked.expect("a prompt");
        assert_eq!(asked.kind, PromptKind::ChooseApplication);
        assert_eq!(asked.choices, ["DISCOVER", "US DEBIT"]);
        assert_eq!(asked.timeout_ms, 30_000);
    }
}

#[test]
fn a_choice_at_the_register_ends_by_silence_cancel_and_removal() {
    let config = json!({"selection": "register"});
    let silent = || Shop::with(&config);
    let mut told = Shop::on(Bench::new().answer(PromptAnswer::None), &config);
    let mut cancelled = silent();
    let mut removed = silent();
    let cards = json!({"action": "insert", "card": "discover-two-applications"});
    for shop in [&told, &cancelled, &removed] {
        shop.later(cards.clone());
    }
    assert_eq!(code(told.present()), "cancelled_on_device");
    assert_eq!(told.bench.passed(), Duration::ZERO);
    cancelled.later(json!({"action": "keys", "keys": "2*"}));
    assert_eq!(code(cancelled.present()), "cancelled_on_device");
    removed.later(json!({"action": "remove"}));
    assert_eq!(code(removed.present()), "card_removed");
    let mut forgotten = silent();
    forgotten.later(cards);
    assert_eq!(code(forgotten.present()), "cancelled_on_device");
    assert_eq!(forgotten.bench.passed(), Duration::from_secs(31));
}

#[test]
fn a_card_removed_early_is_noticed() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "visa-approve");
    shop.act(json!({"action": "remove"})).unwrap();
    assert_eq!(code(shop.authorize(&presentation)), "card_removed");

    let presentation = shop.presented("insert", "visa-approve");
    shop.authorize(&presentation).unwrap().unwrap();
    shop.act(json!({"action": "remove"})).unwrap();
    assert_eq!(
        code(shop.complete(&presentation, approved())),
        "card_removed"
    );
    assert!(shop.act(json!({"action": "remove"})).is_err());
}

#[test]
fn a_tap_waits_for_the_read_to_start() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    let tap = json!({"action": "tap", "card": "visa-approve", "wait_ms": 10_000});
    let person = std::thread::spawn(move || simulator.simulate(tap));
    // When the reader first waits, the person is let go and the card is there.
    shop.bench.at(Duration::ZERO, move || {
        assert_eq!(person.join().unwrap(), Ok(json!({"read": true})));
    });
    assert!(shop.present().unwrap().is_ok());
}

#[test]
fn closing_lets_a_waiting_person_go() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    let tap = json!({"action": "tap", "card": "visa-approve", "wait_ms": 10_000});
    let person = std::thread::spawn(move || simulator.simulate(tap));
    shop.reader.close(&shop.bench.call());
    assert!(person.join().unwrap().is_err());
}

#[test]
fn impossible_actions_say_so_and_repeat_nothing() {
    let shop = Shop::new();
    for action in [
        json!({"action": "tap", "card": "visa-approve", "wait_ms": 0}),
        json!({"action": "tap", "card": "4111111111111111"}),
        json!({"action": "keys", "keys": "4111x"}),
        json!({"action": "4111111111111111"}),
        json!({"action": "fault", "fault": "4111"}),
        json!("4111"),
    ] {
        let error = shop.act(action).unwrap_err();
        assert!(!error.contains("4111") && !error.is_empty(), "{error}");
    }
    let nobody = shop.act(json!({"action": "tap", "card": "visa-approve", "wait_ms": 0}));
    assert_eq!(nobody, Err("no read is running".to_owned()));
}

#[test]
fn a_card_is_refused_where_it_cannot_be_read() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    shop.bench.at(Duration::ZERO, move || {
        let tap = |card| simulator.simulate(json!({"action": "tap", "card": card}));
        assert_eq!(
            tap("stripe-only"),
            Err("this card can be read by stripe, manual only".into())
        );
        assert_eq!(
            tap("visa-approve"),
            Err("the reader waits for chip only".into())
        );
        let picture = simulator.simulate(json!({"action": "screen"})).unwrap();
        assert_eq!(picture["waiting"]["card"], json!(["chip"]));
        assert_eq!(picture["screen"]["lines"][0], "Sale 12.50 EUR");
    });
    assert_eq!(code(shop.present_by(&[Entry::Chip])), "no_card");
    assert_eq!(code(shop.present_by(&[])), "not_accepted");
}

#[test]
fn text_is_shown_cut_and_heard_of() {
    let mut shop = Shop::new();
    let lines = ["Hello\u{7}", "123456789012345678901234", "", "", "five"];
    let show = |lines: &[&str], beep| Show {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        beep,
    };
    shop.reader
        .show(show(&lines, false), &shop.bench.call())
        .unwrap()
        .unwrap();
    let shown = ["Hello ", "12345678901234567890", "", ""];
    assert_eq!(shop.screen(), shown);
    let lines = shown.map(str::to_owned).to_vec();
    assert!(
        shop.bench
            .said()
            .contains(&Said::Change(DeviceChange::Screen { lines }))
    );
    shop.reader
        .show(show(&[], true), &shop.bench.call())
        .unwrap()
        .unwrap();
    assert!(shop.screen()[1].contains("I am here"));
}

#[test]
fn it_says_who_it_is() {
    let mut shop = Shop::new();
    let identity = shop.reader.identify(&shop.bench.call()).unwrap().unwrap();
    assert_eq!(identity.serial_number.as_deref(), Some("VR-test-1"));
}
