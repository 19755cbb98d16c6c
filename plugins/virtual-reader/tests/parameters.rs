// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the gateway's EMV parameters change: which cards the reader takes.

use super::*;
use payhal_messages::reader::LoadParameters;

impl Shop {
    pub(super) fn load(&mut self, parameters: Value) -> Outcome<()> {
        let request = LoadParameters {
            set: "bank".to_owned(),
            version: "1".to_owned(),
            parameters,
        };
        self.reader.load_parameters(request, &self.bench.call())
    }

    fn refusal(&mut self, gesture: &str, card: &str) -> String {
        self.later(json!({"action": gesture, "card": card}));
        self.present().unwrap().unwrap_err().code
    }
}

#[test]
fn only_applications_of_the_set_are_taken() {
    let mut shop = Shop::new();
    let visa = json!({"applications": [{"aid": "A000000003"}]});
    shop.load(visa).unwrap().unwrap();
    let presented = shop.presented("insert", "visa-approve");
    // The set names the beginning, the card the whole.
    assert_eq!(presented.card.aid.as_deref(), Some("A0000000031010"));
    assert_eq!(shop.refusal("tap", "mastercard-approve"), "not_accepted");
    // A stripe has no application.
    let swiped = shop.presented("swipe", "mastercard-approve");
    assert_eq!(swiped.card.aid, None);
    // The next set replaces it as a whole.
    let whole = json!({"applications": [{"aid": "A000000003", "whole_aid": true}]});
    shop.load(whole).unwrap().unwrap();
    assert_eq!(shop.refusal("insert", "visa-approve"), "not_accepted");
}

#[test]
fn a_set_that_cannot_be_meant_changes_nothing() {
    let mut shop = Shop::new();
    for (set, code) in [
        (json!({"applications": []}), "no_applications"),
        (json!({"applications": [{"aid": "visa"}]}), "malformed"),
        (json!({"applications": 7}), "malformed"),
    ] {
        assert_eq!(shop.load(set).unwrap().unwrap_err().code, code);
    }
    shop.presented("insert", "mastercard-approve");
}
