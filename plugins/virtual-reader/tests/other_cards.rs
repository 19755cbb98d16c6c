// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cards that do not pay, and what may be said to them.

use super::*;
use payhal_messages::device::{Apdu, ApduReply};

const LOYALTY: &str = "F0504159484C01";
const IDENTITY: &str = "F0504159484C02";

fn shop(allowed: &[&str]) -> Shop {
    Shop::with(&json!({ "apdu": allowed }))
}

impl Shop {
    fn say(&mut self, aid: &str, commands: &[&str]) -> Outcome<ApduReply> {
        self.say_to(None, aid, commands)
    }

    fn say_to(
        &mut self,
        presentation_id: Option<String>,
        aid: &str,
        commands: &[&str],
    ) -> Outcome<ApduReply> {
        let request = Apdu {
            aid: aid.to_owned(),
            commands: commands.iter().map(|one| (*one).to_owned()).collect(),
            timeout_ms: 5_000,
            presentation_id,
        };
        let call = self.bench.call();
        self.reader.apdu(request, &call)
    }
}

#[test]
fn an_allowed_application_is_talked_to() {
    let mut shop = shop(&[LOYALTY]);
    shop.later(json!({"action": "tap", "card": "loyalty"}));
    let said = shop.say(
        LOYALTY,
        &["00B0000006", "00B00001FF", "00D600000141", "00C0000000"],
    );
    let said = said.unwrap().unwrap();
    assert_eq!(said.selected, "6F098407F0504159484C019000");
    assert_eq!(said.responses[0], "4D454D4245529000"); // MEMBER
    assert!(said.responses[1].starts_with("454D424552"));
    assert_eq!(said.responses[2..], ["6982", "6D00"]);
}

#[test]
fn what_is_not_on_the_list_never_reaches_a_card() {
    let mut shop = shop(&[LOYALTY]);
    for aid in [IDENTITY, "A0000000031010"] {
        assert_eq!(code(shop.say(aid, &[])), "not_allowed");
    }
    let pin = "0020008008241234FFFFFFFFFF";
    assert_eq!(code(shop.say(LOYALTY, &[pin])), "not_allowed");
    assert!(!shop.stages().contains(&Stage::WaitingForCard));
}

#[test]
fn a_card_without_the_application_says_so_and_hears_no_command() {
    let mut shop = shop(&[LOYALTY, IDENTITY]);
    shop.later(json!({"action": "tap", "card": "identity"}));
    let said = shop.say(LOYALTY, &["00B0000006"]).unwrap().unwrap();
    assert_eq!((said.selected.as_str(), said.responses.len()), ("6A82", 0));
}

#[test]
fn a_card_that_was_presented_is_talked_with_before_it_pays() {
    let mut shop = shop(&[LOYALTY]);
    let shown = shop.presented("insert", "visa-approve");
    let id = Some(shown.presentation_id.clone());
    let said = shop.say_to(id.clone(), LOYALTY, &["00B0000006"]);
    assert_eq!(said.unwrap().unwrap().responses, ["4D454D4245529000"]);
    // What is not allowed does not end the presentation either.
    let code_of = code(shop.say_to(id, "A0000000031010", &[]));
    assert_eq!(code_of, "not_allowed");
    shop.authorize(&shown).unwrap().unwrap();

    // Not every card has it, and a presentation that is over is over.
    let shown = shop.presented("insert", "mastercard-approve");
    let id = Some(shown.presentation_id);
    let said = shop.say_to(id.clone(), LOYALTY, &["00B0000006"]);
    assert_eq!(said.unwrap().unwrap().selected, "6A82");
    shop.act(json!({"action": "remove"})).unwrap();
    assert_eq!(code(shop.say_to(id, LOYALTY, &[])), "card_removed");
}

#[test]
fn the_two_kinds_of_cards_are_not_taken_for_each_other() {
    let mut shop = shop(&[LOYALTY]);
    let early = shop.act(json!({"action": "tap", "card": "loyalty", "wait_ms": 0}));
    assert!(early.is_err(), "nobody waits");
    shop.later(json!({"action": "keys", "keys": "*"}));
    assert_eq!(code(shop.say(LOYALTY, &[])), "cancelled_on_device");
}

#[test]
fn the_reader_tells_how_it_is_set_up() {
    let mut shop = shop(&[LOYALTY]);
    let call = shop.bench.call();
    let told = shop.reader.settings(&call).unwrap().unwrap();
    assert!(told.features.contains(&"apdu".to_owned()));
    assert_eq!(told.limits["display_lines"], 4);
    assert_eq!(told.keys[0].purpose, "data");
}

#[test]
fn a_list_with_payment_on_it_is_a_flaw_of_the_configuration() {
    let flawed = json!({ "apdu": ["A0000000041010"] }).to_string();
    let bench = Bench::new();
    assert!(bench.reader::<VirtualReader>(&flawed).is_err());
}
