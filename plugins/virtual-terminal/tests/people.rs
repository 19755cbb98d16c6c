// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people do beside the terminal, and what they are told.

use super::*;
use payhal_messages::reader::Show;

#[test]
fn the_list_of_cards_names_none_in_clear() {
    let cards = Shop::new().act(json!({"action": "cards"}));
    assert_no_card(&cards.to_string());
    assert_eq!(cards["cards"][0]["name"], "visa-approve");
    assert_eq!(cards["cards"][0]["masked"], "411111******1111");
}

#[test]
fn the_display_tells_what_is_waited_for() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    shop.bench.at(Duration::ZERO, move || {
        let picture = simulator.simulate(json!({"action": "screen"})).unwrap();
        assert_eq!(picture["waiting"]["card"], true);
        assert_eq!(picture["screen"]["lines"][0], "Sale 12.50 EUR");
        let tap = simulator.simulate(json!({"action": "tap", "card": "stripe-only"}));
        assert_eq!(
            tap,
            Err("this card can be read by stripe, manual only".into())
        );
    });
    assert_eq!(code(shop.pay(request("s", Purpose::Sale, 1250))), "no_card");
    let picture = shop.act(json!({"action": "screen"}));
    assert_eq!(picture["waiting"]["card"], false);
    let show = Show {
        lines: vec!["Hello\u{7}".into(), "123456789012345678901234".into()],
        beep: false,
    };
    shop.terminal
        .show(show, &shop.bench.call())
        .unwrap()
        .unwrap();
    let lines = &shop.act(json!({"action": "screen"}))["screen"]["lines"];
    assert_eq!(lines, &json!(["Hello ", "12345678901234567890", "", ""]));
}

#[test]
fn the_ledger_is_told_in_order_and_since() {
    let mut shop = Shop::automatic();
    for id in ["s-1", "s-2", "s-3"] {
        shop.sale(id, 1000);
    }
    let told = shop.act(json!({"action": "ledger"}));
    let ids: Vec<_> = told["entries"].as_array().unwrap().iter().collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(
        (&ids[0]["transaction_id"], &ids[2]["seq"]),
        (&json!("s-1"), &json!(3))
    );
    assert_eq!(ids[0]["masked_pan"], "411111******1111");
    let told = shop.act(json!({"action": "ledger", "since": 2}));
    assert_eq!(told["entries"].as_array().unwrap().len(), 1);
    let totals = shop.act(json!({"action": "totals"}));
    assert_eq!(totals["totals"][0]["sales_minor"], 3000);
    assert_no_card(&told.to_string());
}

#[test]
fn the_terminal_can_be_asked_while_a_customer_takes_time() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    shop.bench.at(Duration::ZERO, move || {
        let told = simulator.simulate(json!({"action": "ledger"})).unwrap();
        assert_eq!(told["entries"], json!([]));
    });
    shop.later(json!({"action": "tap", "card": "visa-approve"}));
    assert!(shop.sale("s", 1000).approved);
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
        json!({"action": "fault", "fault": "busy", "at": "pay_answer"}),
        json!({"action": "fault", "fault": "not_sent", "at": "reverse_answer"}),
        json!({"action": "fault", "fault": "late_approval", "at": "inquire"}),
        json!({"action": "fault", "fault": "late_approval", "card": "4111"}),
        json!({"action": "fault", "fault": "late_approval", "inquiries": -1}),
        json!({"action": "tip", "tip_minor": -4111}),
        json!({"action": "surcharge", "basis_points": 4111}),
        json!("4111"),
    ] {
        let error = shop.simulator.simulate(action).unwrap_err();
        assert!(!error.contains("4111") && !error.is_empty(), "{error}");
    }
}

#[test]
fn closing_lets_a_waiting_person_go() {
    let mut shop = Shop::new();
    let simulator = Arc::clone(&shop.simulator);
    let tap = json!({"action": "tap", "card": "visa-approve", "wait_ms": 10_000});
    let person = std::thread::spawn(move || simulator.simulate(tap));
    shop.terminal.close(&shop.bench.call());
    assert!(person.join().unwrap().is_err());
}

#[test]
fn it_says_who_it_is() {
    let mut shop = Shop::new();
    let identity = shop.terminal.identify(&shop.bench.call()).unwrap().unwrap();
    assert_eq!(identity.serial_number.as_deref(), Some("VT-test-1"));
}

#[test]
fn who_wants_that_pays_in_the_currency_of_the_card() {
    for (keys, own) in [("2", Some(1_410)), ("1", None)] {
        let mut shop = Shop::with(&json!({ "own_currency": true }));
        shop.later(json!({"action": "insert", "card": "amex-approve"}));
        shop.later(json!({"action": "keys", "keys": keys}));
        let told = shop
            .pay(request("s", Purpose::Sale, 1250))
            .unwrap()
            .unwrap();
        assert_eq!(told.approved_minor, Some(1250));
        assert_eq!(told.dcc.map(|dcc| dcc.amount_minor), own);
    }
    let mut shop = Shop::with(&json!({ "own_currency": true, "auto": "insert amex-approve" }));
    assert_eq!(shop.sale("s", 1250).dcc, None);
}
