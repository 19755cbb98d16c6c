// SPDX-License-Identifier: MIT OR Apache-2.0
//! What leaves the plugin of a card, whatever the terminal tells.

use super::{Desk, approved, field, sale};
use crate::answer::reference;
use crate::card::{face, masked};
use crate::order::Mark;
use payhal_messages::card_check::would_redact;
use payhal_plugin::Terminal as _;
use std::time::{Duration, UNIX_EPOCH};

#[test]
fn at_most_six_and_four_digits_leave() {
    for (told, shown) in [
        ("497010######1234", Some("497010******1234")),
        ("4970101234561234", Some("497010******1234")),
        ("49701012345612345", Some("497010*******2345")),
        ("***********0674", Some("***********0674")),
        ("4970 1012 3456 1234", Some("4970*1*********1234")),
        ("1234567890123", Some("123456***0123")),
        ("123456789012", Some("********9012")),
        ("12345678", Some("****5678")),
        ("1234567", None),
        ("12345678901234567890", None),
        ("", None),
    ] {
        assert_eq!(masked(told.as_bytes()).as_deref(), shown, "{told}");
    }
}

#[test]
fn a_terminal_that_tells_the_whole_number_is_masked_here() {
    let told = field("AE", "10") + &field("AC", "1") + &field("AA", "4111111111111111");
    let (desk, mut terminal) = Desk::echoing(&told);
    let outcome = approved(terminal.pay(sale(), &desk.bench.call()));
    let card = outcome.card.clone().expect("a card");
    assert_eq!(card.masked_pan, "411111******1111");
    assert!(!would_redact(&format!("{outcome:?}")));
}

#[test]
fn who_issued_a_card_is_told_by_its_application() {
    let scheme = |aid, application| {
        let face = face(Some(b"************1234"), aid, application);
        face.expect("a card").scheme
    };
    assert_eq!(scheme(Some("A0000000031010"), Some("001")), "visa");
    assert_eq!(scheme(Some("a0000000041010"), None), "mastercard");
    assert_eq!(scheme(Some("A0000000043060"), None), "maestro");
    assert_eq!(scheme(None, Some("00B")), "cb");
    assert_eq!(scheme(None, Some("00D")), "amex");
    assert_eq!(scheme(Some("nonsense"), None), "other");
    assert_eq!(scheme(None, None), "other");
    let aid = |aid| {
        let face = face(Some(b"************1234"), Some(aid), None);
        face.expect("a card").aid
    };
    assert_eq!(aid("a0000000031010").as_deref(), Some("A0000000031010"));
    for wrong in ["A00000000490476883371", "A000", "xx"] {
        assert_eq!(aid(wrong), None, "{wrong}");
    }
}

#[test]
fn every_payment_has_a_name_of_its_own_and_none_looks_like_a_card() {
    let first = Mark::of_payment(7, "0199aaaa-bbbb-7ccc-8ddd-eeeeffff12ab");
    let second = Mark::of_payment(7, "0199aaaa-bbbb-7ccc-8ddd-eeeeffff12ac");
    assert_eq!(first.as_str(), "00000712AB");
    assert_ne!(first, second);
    assert_eq!(Mark::of_payment(999_999, "x").as_str(), "999999000X");
    assert_eq!(Mark::of_payment(1_234_567, "").as_str(), "2345670000");
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let void = Mark::of_reversal("0199aaaa-bbbb-7ccc-8ddd-eeeeffff12ab", at(1));
    assert_eq!(void.as_str(), "VF12AB0001");
    assert_ne!(
        void,
        Mark::of_reversal("0199aaaa-bbbb-7ccc-8ddd-eeeeffff12ab", at(2))
    );
    assert_eq!(reference(Some("42"), &first), "42 / 00000712AB");
    for serial in ["4111111111111111", &"9".repeat(60)] {
        assert_eq!(reference(Some(serial), &first), first.as_str());
    }
}
