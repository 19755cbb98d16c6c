// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reversals that come with the card's sealed number.

use super::*;

const ASKS: &str = r#"{"reversal_needs_number": true}"#;

fn why(reversal: Reversal) -> (String, String) {
    match reversal {
        Reversal::Refused {
            response_code,
            response_text,
        } => (response_code, response_text),
        Reversal::Reversed => panic!("it was reversed"),
    }
}

#[test]
fn the_number_of_the_same_card_reverses() {
    let shop = Shop::with(ASKS, TempDir::new().unwrap());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.authorize(&request);
    let number = shop.number(&request, "visa-approve");
    for _ in 0..2 {
        let reversal = shop.reverse_with(&request.wire, Some(number.clone()));
        assert_eq!(reversal, Reversal::Reversed);
    }
    assert_eq!(shop.entries(), [("reversed".into(), 1250)]);
}

#[test]
fn without_a_number_or_with_another_cards_nothing_is_reversed() {
    let shop = Shop::with(ASKS, TempDir::new().unwrap());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.authorize(&request);
    let (code, text) = why(shop.reverse_with(&request.wire, None));
    assert_eq!(code, "30");
    assert!(text.contains("without"), "{text}");
    let (code, text) = why(shop.reverse_with(
        &request.wire,
        Some(shop.number(&request, "mastercard-approve")),
    ));
    assert_eq!(code, "63");
    assert!(text.contains("another card"), "{text}");
    // A number that was sealed for another transaction does not open for this one.
    let other = shop.request(Purpose::Sale, "visa-approve", 1250);
    let (code, _) =
        why(shop.reverse_with(&request.wire, Some(shop.number(&other, "visa-approve"))));
    assert_eq!(code, "63");
    let mut altered = shop.number(&request, "visa-approve");
    altered.sealed.ciphertext[3] ^= 1;
    assert_eq!(why(shop.reverse_with(&request.wire, Some(altered))).0, "63");
    // A whole read is no number.
    let read = read_of(&mut request.clone()).clone();
    let whole = SealedNumber {
        device: read.device,
        read_id: read.read_id,
        sealed: read.sealed,
    };
    assert_eq!(why(shop.reverse_with(&request.wire, Some(whole))).0, "63");
    assert_eq!(shop.entries(), [("approved".into(), 1250)]);
}

#[test]
fn a_number_of_another_read_of_the_same_card_is_refused() {
    let shop = Shop::with(ASKS, TempDir::new().unwrap());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.authorize(&request);
    let mut other = request.clone();
    read_of(&mut other).read_id = "another read".into();
    let number = shop.number(&other, "visa-approve");
    let (code, text) = why(shop.reverse_with(&request.wire, Some(number)));
    assert_eq!(code, "63");
    assert!(text.contains("another read"), "{text}");
}

#[test]
fn what_never_arrived_is_barred_with_a_number_and_without() {
    let shop = Shop::with(ASKS, TempDir::new().unwrap());
    assert_eq!(shop.sale(100).stan, 1);
    for with in [true, false] {
        let request = shop.request(Purpose::Sale, "visa-approve", 1250);
        let number = with.then(|| shop.number(&request, "visa-approve"));
        let reversal = shop.reverse_with(&request.wire, number);
        assert_eq!(reversal, Reversal::Reversed);
        assert_eq!(shop.authorize(&request).response_code, "21");
    }
}

#[test]
fn a_change_a_token_and_a_check_have_no_number_to_ask_for() {
    let shop = Shop::with(ASKS, TempDir::new().unwrap());
    let (wire, _) = shop.modify(Change::Refund, &shop.sale(1250), 1250);
    assert_eq!(shop.reverse_with(&wire, None), Reversal::Reversed);
    let check = shop.request(Purpose::Verify, "visa-approve", 0);
    let verified = shop.authorize(&check);
    assert_eq!(shop.reverse_with(&check.wire, None), Reversal::Reversed);
    let by_token = shop.request_by(Purpose::Sale, &verified.token.unwrap(), 1250);
    shop.authorize(&by_token);
    assert_eq!(shop.reverse_with(&by_token.wire, None), Reversal::Reversed);
}

#[test]
fn who_does_not_ask_still_looks_at_what_comes() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.authorize(&request);
    let other = shop.number(&request, "mastercard-approve");
    assert_eq!(why(shop.reverse_with(&request.wire, Some(other))).0, "63");
    assert_eq!(shop.reverse_with(&request.wire, None), Reversal::Reversed);
}
