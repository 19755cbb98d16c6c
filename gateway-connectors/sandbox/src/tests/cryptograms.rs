// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cryptograms: the card's own and over what is asked, or declined; and answered so that the card
//! can tell the issuer.

use super::*;

fn code_after(change: impl FnOnce(&mut BTreeMap<String, String>)) -> String {
    let shop = Shop::new();
    let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
    change(&mut read_of(&mut request).tags);
    let answer = shop.authorize(&request);
    assert_eq!(answer.issuer.get("91"), None, "nobody is answered");
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["entries"][0]["read"]["cryptogram"], "wrong");
    answer.response_code
}

#[test]
fn whatever_a_cryptogram_is_over_must_be_as_it_was() {
    for (tag, other) in [
        ("9F26", "0011223344556677"),
        ("9F26", "00"),
        ("9F26", "not hex, 16 char"),
        ("9F02", "000000001251"),
        ("9F36", "0008"),
        ("9F37", "1A2B3C4E"),
        ("95", "0000000000"),
        ("9A", "261122"),
        ("9C", "20"),
        ("5F2A", "0840"),
        ("9F1A", "0840"),
        ("9F03", "000000000001"),
        ("82", "3800"),
        ("9F27", "00"),
        ("ZZ", "00"),
    ] {
        let code = code_after(|tags| drop(tags.insert(tag.into(), other.into())));
        assert_eq!(code, "82", "{tag}");
    }
    for tag in ["9F26", "9F27", "9F02", "9F36"] {
        assert_eq!(code_after(|tags| drop(tags.remove(tag))), "82", "{tag}");
    }
    assert_eq!(code_after(BTreeMap::clear), "82");
}

#[test]
fn a_cryptogram_over_another_amount_is_no_good_though_it_is_the_cards() {
    let card = test_card("visa-approve").unwrap();
    let code = code_after(|tags| *tags = tags_of(card, Entry::Chip, 125));
    assert_eq!(code, "82");
    let other = test_card("visa-decline").unwrap();
    let code = code_after(|tags| *tags = tags_of(other, Entry::Chip, 1250));
    assert_eq!(code, "82");
}

#[test]
fn the_answer_to_the_chip_is_what_the_chip_expects() {
    let shop = Shop::new();
    for (card, code) in [
        ("visa-approve", "00"),
        ("visa-decline", "51"),
        ("visa-partial", "10"),
    ] {
        let mut request = shop.request(Purpose::Sale, card, 1250);
        let answer = shop.authorize(&request);
        assert_eq!(answer.response_code, code);
        let arqc = &read_of(&mut request).tags["9F26"];
        let arqc = u64::from_str_radix(arqc, 16).unwrap().to_be_bytes();
        let key = test_card(card).unwrap().card_key().session_key(7);
        let code: [u8; 2] = code.as_bytes().try_into().unwrap();
        let expected = [&key.response_by_method_1(&arqc, code)[..], &code].concat();
        let expected: String = expected.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(answer.issuer["91"], expected);
        // A repeat is answered as before.
        assert_eq!(shop.authorize(&request), answer);
    }
}

#[test]
fn a_stripe_has_no_cryptogram_and_a_tap_no_answer() {
    let shop = Shop::new();
    for (entry, checked) in [
        (Entry::Stripe, json!(null)),
        (Entry::Contactless, json!("right")),
    ] {
        let request = shop.request_like(Purpose::Sale, 1250, |request| {
            read_of(request).entry = entry;
        });
        let answer = shop.authorize(&request);
        assert_eq!(
            (answer.response_code.as_str(), answer.issuer.len()),
            ("00", 0)
        );
        let told = shop.simulate(json!({"action": "ledger"}));
        let entries = told["entries"].as_array().unwrap();
        assert_eq!(entries.last().unwrap()["read"]["cryptogram"], checked);
    }
}
