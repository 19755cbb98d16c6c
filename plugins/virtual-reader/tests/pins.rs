// SPDX-License-Identifier: MIT OR Apache-2.0
//! PIN entry.

use super::*;
use payhal_card_data::Pin;
use payhal_messages::card::Cvm;
use payhal_messages::prompt::PinEvent::{Added, Finished, Removed, Started};

fn pin(digits: &[u8]) -> Pin {
    Pin::new(digits).unwrap()
}

#[test]
fn a_pin_is_sealed_for_the_issuer_and_shown_as_dots() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "visa-pin");
    for key in ["1", "2", "9", "<", "1234", "#"] {
        shop.later(json!({"action": "keys", "keys": key}));
    }
    let read = shop.authorize(&presentation).unwrap().unwrap();
    assert_eq!(read.cvm, Cvm::OnlinePin);
    assert_eq!(shop.opened(&read).open_pin(), Some(Ok(pin(b"1234"))));
    let said = shop.transcript();
    assert!(
        said.contains("\"**\"") && said.contains("\"****\""),
        "{said}"
    );
    assert!(!said.contains("1234"), "{said}");
    assert!(shop.stages().contains(&Stage::PinEntry));
    let keys = [
        Started, Added, Added, Added, Removed, Added, Added, Added, Added, Finished,
    ];
    assert_eq!(shop.pin_events(), keys);
}

#[test]
fn three_wrong_pins_are_final() {
    for card in ["visa-pin", "maestro-pin"] {
        let mut shop = Shop::new();
        let presentation = shop.presented("insert", card);
        for _ in 0..3 {
            shop.later(json!({"action": "keys", "keys": "9999#"}));
        }
        assert_eq!(code(shop.authorize(&presentation)), "pin_failed");
        let told = shop.pin_events();
        let asked = told.iter().filter(|event| **event == PinEvent::Started);
        assert_eq!(asked.count(), 3);
        assert_eq!(shop.screen()[1], "PIN failed");
        assert_eq!(
            code(shop.authorize(&presentation)),
            "card_removed",
            "no fourth try"
        );
    }
}

#[test]
fn the_third_try_may_be_right_and_keys_may_be_pressed_ahead() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "maestro-pin");
    shop.later(json!({"action": "keys", "keys": "9999#0000#1234#"}));
    let read = shop.authorize(&presentation).unwrap().unwrap();
    assert_eq!(read.cvm, Cvm::OfflinePin);
    assert!(shop.opened(&read).pin_block().is_none());
}

#[test]
fn a_pin_that_the_issuer_checks_is_not_judged_here() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "mastercard-pin-at-issuer");
    shop.later(json!({"action": "keys", "keys": "0000#"}));
    let read = shop.authorize(&presentation).unwrap().unwrap();
    assert_eq!(shop.opened(&read).open_pin(), Some(Ok(pin(b"0000"))));
}

#[test]
fn a_gateway_without_pins_is_sent_none() {
    let mut shop = Shop::new();
    let presentation = shop.presented("tap", "visa-pin");
    let read = shop
        .authorize_with(&presentation, PinPolicy::Never)
        .unwrap()
        .unwrap();
    assert_eq!(read.cvm, Cvm::None);
    assert!(shop.opened(&read).pin_block().is_none());
}

#[test]
fn a_short_pin_is_not_taken() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "visa-pin");
    // OK after three digits does nothing; the fourth completes the PIN.
    shop.later(json!({"action": "keys", "keys": "123#4#"}));
    assert!(shop.authorize(&presentation).unwrap().is_ok());
}

#[test]
fn pin_entry_ends_by_cancel_removal_and_time() {
    for (action, why) in [
        (
            json!({"action": "keys", "keys": "12*"}),
            "cancelled_on_device",
        ),
        (json!({"action": "remove"}), "card_removed"),
        (json!({"action": "screen"}), "pin_failed"),
    ] {
        let mut shop = Shop::new();
        let presentation = shop.presented("insert", "visa-pin");
        shop.later(action);
        assert_eq!(code(shop.authorize(&presentation)), why);
        let waited = shop.bench.passed();
        assert_eq!(
            waited == MINUTE,
            why == "pin_failed",
            "{why} after {waited:?}"
        );
    }
}

#[test]
fn the_card_knows_its_pin_so_that_no_message_has_it() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "canary-maestro");
    shop.later(json!({"action": "pin", "wrong": true}));
    shop.later(json!({"action": "pin"}));
    let read = shop.authorize(&presentation).unwrap().unwrap();
    assert_eq!(read.cvm, Cvm::OfflinePin);
    let presentation = shop.presented("tap", "canary-visa");
    shop.later(json!({"action": "pin"}));
    let read = shop.authorize(&presentation).unwrap().unwrap();
    let right = payhal_card_data::test_card("canary-visa").unwrap().pin();
    assert_eq!(shop.opened(&read).open_pin(), right.map(Ok));

    let typed = shop.act(json!({"action": "pin"}));
    assert!(typed.unwrap_err().contains("nobody waits"));
}
