// SPDX-License-Identifier: MIT OR Apache-2.0
//! PINs: opened under the seal's own key and compared here; three wrong ones, and none counts.

use super::*;

const CARD: &str = "mastercard-pin-at-issuer";

impl Shop {
    fn code_with_pin(&self, card: &str, pin: Option<&str>) -> String {
        let request = self.request_with_pin(Purpose::Sale, card, 1250, pin);
        self.authorize(&request).response_code
    }
}

#[test]
fn the_right_pin_pays_and_a_wrong_one_does_not() {
    let shop = Shop::new();
    assert_eq!(shop.code_with_pin(CARD, Some("4321")), "00");
    assert_eq!(shop.code_with_pin(CARD, Some("4322")), "55");
    assert_eq!(shop.code_with_pin(CARD, None), "65");
    let told = shop.simulate(json!({"action": "ledger"}));
    let pin = |place: usize| told["entries"][place]["read"]["pin"].clone();
    assert_eq!(
        [pin(0), pin(1), pin(2)],
        [json!("right"), json!("wrong"), json!(null)]
    );
}

#[test]
fn after_three_wrong_pins_none_is_looked_at() {
    let shop = Shop::new();
    for _ in 0..2 {
        // A right one in between begins anew.
        assert_eq!(shop.code_with_pin(CARD, Some("0000")), "55");
        assert_eq!(shop.code_with_pin(CARD, Some("0000")), "55");
        assert_eq!(shop.code_with_pin(CARD, Some("4321")), "00");
    }
    for _ in 0..3 {
        assert_eq!(shop.code_with_pin(CARD, Some("0000")), "55");
    }
    assert_eq!(shop.code_with_pin(CARD, Some("4321")), "75");
    assert_eq!(shop.code_with_pin(CARD, Some("0000")), "75");
    // Another card is not blocked, nor is this one for who forgets.
    assert_eq!(shop.code_with_pin("visa-pin", Some("1234")), "00");
    let shop = Shop::with("{}", shop.folder);
    shop.stan.store(100, Ordering::Relaxed);
    assert_eq!(shop.code_with_pin(CARD, Some("4321")), "75");
    shop.simulate(json!({"action": "reset"}));
    assert_eq!(shop.code_with_pin(CARD, Some("4321")), "00");
}

#[test]
fn a_repeat_with_a_wrong_pin_counts_once() {
    let shop = Shop::new();
    let request = shop.request_with_pin(Purpose::Sale, CARD, 1250, Some("0000"));
    for _ in 0..5 {
        assert_eq!(shop.authorize(&request).response_code, "55");
    }
    assert_eq!(shop.code_with_pin(CARD, Some("4321")), "00");
}
