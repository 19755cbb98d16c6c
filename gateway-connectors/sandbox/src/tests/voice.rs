// SPDX-License-Identifier: MIT OR Apache-2.0
//! Approval by telephone: after a referral, or told along with the sale.

use super::*;

fn referred(shop: &Shop) -> Wire {
    let request = shop.request(Purpose::Sale, "visa-approve", 1201);
    let answer = shop.authorize(&request);
    assert_eq!(answer.decision, Decision::Referred);
    assert_eq!(answer.response_code, "01");
    assert_eq!(answer.approved_minor, None);
    assert_eq!(shop.authorize(&request), answer, "a repeat");
    request.wire
}

fn call(shop: &Shop, wire: &Wire, code: &str, minor: i64) -> Answer {
    shop.ask_modify(&Modify {
        wire: wire.clone(),
        original: Original::Wire { wire: wire.clone() },
        change: Change::VoiceApproval { code: code.into() },
        amounts: eur(minor),
    })
}

#[test]
fn a_code_settles_a_referral_once() {
    let shop = Shop::new();
    let wire = referred(&shop);
    assert_eq!(shop.reconcile(false).1, []);
    let answer = call(&shop, &wire, "ABC123", 1201);
    assert_eq!(answer.decision, Decision::Approved);
    assert_eq!(answer.approved_minor, Some(1201));
    assert_eq!(answer.approval_code.as_deref(), Some("ABC123"));
    assert!(answer.issuer.is_empty(), "it was over the referral");
    assert_eq!(call(&shop, &wire, "ABC123", 1201), answer);
    assert_eq!(shop.inquire(&wire), Finding::Answered { answer });
    assert_eq!(call(&shop, &wire, "XYZ999", 1201).response_code, "12");
    assert_eq!(shop.entries(), [("approved".into(), 1201)]);
    assert_eq!(shop.code(Change::Refund, &wire, 1200), "00");
}

#[test]
fn a_code_that_is_none_declines_for_good() {
    let shop = Shop::new();
    let wire = referred(&shop);
    let answer = call(&shop, &wire, "nonsense", 1201);
    assert_eq!(answer.decision, Decision::Declined);
    assert_eq!(call(&shop, &wire, "nonsense", 1201), answer);
    assert_eq!(
        call(&shop, &wire, "ABC123", 1201).decision,
        Decision::Rejected
    );
    assert_eq!(shop.entries(), [("declined".into(), 0)]);
}

#[test]
fn a_code_is_for_one_amount_and_one_referral() {
    let shop = Shop::new();
    let wire = referred(&shop);
    assert_eq!(call(&shop, &wire, "ABC123", 1301).response_code, "13");
    assert_eq!(
        call(&shop, &shop.wire(), "ABC123", 1201).response_code,
        "25"
    );
    let sale = shop.sale(1250);
    assert_eq!(call(&shop, &sale, "ABC123", 1250).response_code, "12");
    assert_eq!(call(&shop, &wire, "ABC123", 1201).response_code, "00");
}

#[test]
fn a_referral_that_was_reversed_is_barred() {
    let shop = Shop::new();
    let wire = referred(&shop);
    assert_eq!(shop.reverse(&wire, 1201), Reversal::Reversed);
    assert_eq!(shop.inquire(&wire), Finding::Reversed);
    assert_eq!(call(&shop, &wire, "ABC123", 1201).response_code, "21");
    assert_eq!(shop.entries(), [("barred".into(), 0)]);
}

#[test]
fn a_referral_settled_after_the_close_counts_in_the_next_batch() {
    let shop = Shop::new();
    let wire = referred(&shop);
    assert_eq!(shop.reconcile(true).1, []);
    call(&shop, &wire, "ABC123", 1201);
    assert_eq!(
        shop.reconcile(true),
        ("000002".into(), vec![(1, 1201, 0, 0)])
    );
}

#[test]
fn a_sale_with_its_code_is_not_asked_again() {
    let shop = Shop::new();
    let with = |code: &str| {
        let voice = |request: &mut Authorize| request.voice_code = Some(code.into());
        shop.authorize(&shop.request_like(Purpose::Sale, 1251, voice))
    };
    let answer = with("ABC123");
    assert_eq!(answer.decision, Decision::Approved);
    assert_eq!(answer.approval_code.as_deref(), Some("ABC123"));
    let declined = with("abc");
    assert_eq!(
        (declined.decision, declined.response_code.as_str()),
        (Decision::Declined, "05")
    );
}
