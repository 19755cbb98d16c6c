// SPDX-License-Identifier: MIT OR Apache-2.0
//! Strict: what is sent out of turn is taken down, and nothing else is.

use super::*;

const STRICT: &str = r#"{"in_flight_per_acceptor": 1, "reversal_before_next": true}"#;

fn strict() -> Shop {
    Shop::with(STRICT, TempDir::new().unwrap())
}

fn violations(shop: &Shop) -> Vec<(String, String, String)> {
    let told = shop.simulate(json!({"action": "ledger"}));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = told["violations"].as_array().unwrap().iter();
    rows.map(|row| {
        (
            text(row, "kind"),
            text(row, "transaction_id"),
            text(row, "other"),
        )
    })
    .collect()
}

fn lost_sale(shop: &Shop) -> Wire {
    shop.simulate(json!({"action": "fault", "fault": "lose_reply", "at": "authorize"}));
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert!(shop.try_authorize(&request).is_err());
    request.wire
}

#[test]
fn one_after_the_other_is_in_order() {
    let shop = strict();
    let sale = shop.sale(1250);
    shop.modify(Change::Refund, &sale, 250);
    shop.reverse(&shop.sale(300), 300);
    shop.reconcile(true);
    assert_eq!(violations(&shop), []);
}

#[test]
fn a_sale_while_a_reversal_is_owed_is_taken_down() {
    let shop = strict();
    let lost = lost_sale(&shop);
    let next = shop.sale(700);
    let seen = (
        "reversal_owed".into(),
        next.transaction_id,
        lost.transaction_id,
    );
    assert_eq!(violations(&shop), [seen]);
}

#[test]
fn reversal_inquiry_and_repeat_settle_what_is_owed() {
    let shop = strict();
    let lost = lost_sale(&shop);
    shop.reverse(&lost, 1250);
    let lost = lost_sale(&shop);
    shop.inquire(&lost);
    shop.simulate(json!({"action": "fault", "fault": "lose_reply", "at": "authorize"}));
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert!(shop.try_authorize(&request).is_err());
    shop.authorize(&request);
    shop.sale(700);
    assert_eq!(violations(&shop), []);
}

#[test]
fn an_inquiry_that_finds_nothing_settles_nothing() {
    let shop = strict();
    shop.simulate(json!({"action": "fault", "fault": "lose_request", "at": "authorize"}));
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert!(shop.try_authorize(&request).is_err());
    assert_eq!(shop.inquire(&request.wire), Finding::NotFound);
    shop.sale(700);
    assert_eq!(violations(&shop).len(), 1);
}

#[test]
fn a_reversal_without_acknowledgement_is_owed() {
    let shop = strict();
    let sale = shop.sale(1250);
    shop.simulate(json!({"action": "fault", "fault": "lose_reply", "at": "reverse"}));
    let request = Reverse {
        number: None,
        wire: sale.clone(),
        amounts: eur(1250),
        reason: ReversalReason::CardRefused,
    };
    let lost = shop.sandbox.reverse(request, &shop.bench.call());
    assert_eq!(sent_of(lost.unwrap_err()), Sent::Maybe);
    shop.sale(700);
    assert_eq!(violations(&shop).len(), 1);
}

#[test]
fn what_never_left_owes_nothing() {
    let shop = strict();
    shop.simulate(json!({"action": "fault", "fault": "go_away", "at": "authorize"}));
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert_eq!(sent_of(shop.try_authorize(&request).unwrap_err()), Sent::No);
    shop.sale(700);
    assert_eq!(violations(&shop), []);
}

#[test]
fn a_forward_without_an_answer_keeps_nobody_waiting_and_is_known_when_it_comes_again() {
    let shop = strict();
    let lost = shop.offline("visa-approve", 1250);
    for fault in ["lose_reply", "lose_request"] {
        shop.simulate(json!({"action": "fault", "fault": fault, "at": "forward"}));
        let outcome = shop.try_forward(&lost);
        assert_eq!(sent_of(outcome.unwrap_err()), Sent::Maybe, "{fault}");
        shop.sale(700);
        shop.forward(&shop.offline("visa-approve", 300));
    }
    assert_eq!(shop.forward(&lost).decision, Decision::Approved);
    assert_eq!(violations(&shop), []);
    let entries = shop.entries();
    let taken = entries.iter().filter(|(_, minor)| *minor == 1250);
    assert_eq!(taken.count(), 1, "{entries:?}");
}

#[test]
fn a_forward_waits_for_its_turn() {
    let shop = strict();
    let lost = lost_sale(&shop);
    let early = shop.offline("visa-approve", 300);
    shop.forward(&early);
    let seen = (
        "reversal_owed".into(),
        early.wire.transaction_id,
        lost.transaction_id,
    );
    assert_eq!(violations(&shop), [seen]);
}

#[test]
fn another_acceptor_has_its_own_turn() {
    let shop = strict();
    lost_sale(&shop);
    let other = shop.request_like(Purpose::Sale, 700, |request| {
        request.wire.acceptor.terminal = "terminal-2".into();
    });
    shop.authorize(&other);
    assert_eq!(violations(&shop), []);
}

#[test]
fn two_at_once_are_taken_down() {
    let shop = std::sync::Arc::new(strict());
    let delay = json!({"action": "fault", "fault": "delay", "at": "authorize", "delay_ms": 2000});
    shop.simulate(delay);
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let other = std::sync::Arc::clone(&shop);
    shop.bench.at(Duration::from_millis(500), move || {
        other.sale(700);
    });
    shop.authorize(&request);
    let [(kind, _, first)] = &violations(&shop)[..] else {
        panic!("one violation");
    };
    assert_eq!(kind, "in_flight");
    assert_eq!(*first, request.wire.transaction_id);
    shop.sale(300);
    assert_eq!(violations(&shop).len(), 1);
}

#[test]
fn what_is_owed_survives_the_process() {
    let shop = strict();
    let lost = lost_sale(&shop);
    let again = Shop::with(STRICT, shop.folder);
    again.stan.store(100, Ordering::Relaxed);
    again.sale(700);
    assert_eq!(violations(&again)[0].2, lost.transaction_id);
}

#[test]
fn nothing_is_watched_unless_asked_for() {
    let shop = Shop::new();
    lost_sale(&shop);
    shop.sale(700);
    assert_eq!(violations(&shop), []);
}
