// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be asked of a card besides a plain sale.

use super::*;

#[test]
fn a_sale_has_its_parts_and_its_instalments_in_the_ledger() {
    let shop = Shop::new();
    let request = shop.request_like(Purpose::Sale, 5000, |request| {
        request.amounts.tip_minor = Some(300);
        request.amounts.surcharge_minor = Some(200);
        request.amounts.cashback_minor = Some(2000);
        request.installments = Some(3);
    });
    assert_eq!(shop.authorize(&request).approved_minor, Some(5000));
    let told = shop.simulate(json!({"action": "ledger"}));
    let entry = &told["entries"][0];
    assert_eq!(entry["tip_minor"], 300);
    assert_eq!(entry["surcharge_minor"], 200);
    assert_eq!(entry["cashback_minor"], 2000);
    assert_eq!(entry["installments"], 3);
}

#[test]
fn a_repeat_with_other_parts_is_another_transaction() {
    let shop = Shop::new();
    let tipped = |request: &mut Authorize| request.amounts.tip_minor = Some(100);
    let request = shop.request_like(Purpose::Sale, 5000, tipped);
    shop.authorize(&request);
    let mut other = request.clone();
    other.amounts.tip_minor = Some(200);
    shop.seal(&mut other, "visa-approve", None);
    assert_eq!(shop.authorize(&other).response_code, "94");
    let mut other = request.clone();
    other.installments = Some(2);
    assert_eq!(shop.authorize(&other).response_code, "94");
    assert_eq!(shop.authorize(&request).response_code, "00");
}

#[test]
fn parts_that_do_not_fit_are_rejected() {
    type Change = fn(&mut Authorize);
    let changes: [(Purpose, Change, &str); 9] = [
        (Purpose::Sale, |r| r.amounts.tip_minor = Some(-1), "13"),
        (Purpose::Sale, |r| r.amounts.tip_minor = Some(5001), "13"),
        (
            Purpose::Sale,
            |r| r.amounts.cashback_minor = Some(5000),
            "13",
        ),
        (
            Purpose::Authorize,
            |r| r.amounts.cashback_minor = Some(1),
            "13",
        ),
        (Purpose::Sale, |r| r.installments = Some(0), "12"),
        (Purpose::Sale, |r| r.installments = Some(37), "12"),
        (Purpose::Refund, |r| r.installments = Some(2), "12"),
        (
            Purpose::Refund,
            |r| r.voice_code = Some("ABC123".into()),
            "12",
        ),
        (
            Purpose::Sale,
            |r| r.amounts.total_minor = 1_000_000_000_000,
            "13",
        ),
    ];
    for (purpose, change, code) in changes {
        let shop = Shop::new();
        let request = shop.request_like(purpose, 5000, change);
        assert_eq!(shop.authorize(&request).response_code, code);
        assert_eq!(shop.entries(), [("rejected".into(), 0)]);
    }
}

#[test]
fn tip_and_surcharge_together_stay_within_the_total() {
    let shop = Shop::new();
    let request = shop.request_like(Purpose::Sale, 1000, |request| {
        request.amounts.tip_minor = Some(600);
        request.amounts.surcharge_minor = Some(i64::MAX);
    });
    assert_eq!(shop.authorize(&request).response_code, "13");
}

#[test]
fn a_balance_moves_nothing() {
    let shop = Shop::new();
    for (card, minor) in [
        ("visa-approve", 50_000),
        ("visa-decline", 0),
        ("visa-partial", 500),
    ] {
        let answer = shop.authorize(&shop.request(Purpose::Balance, card, 0));
        assert_eq!(answer.decision, Decision::Approved);
        assert_eq!(answer.balance_minor, Some(minor), "{card}");
    }
    let expired = shop.request(Purpose::Balance, "visa-expired", 0);
    assert_eq!(shop.authorize(&expired).response_code, "54");
    let asked = shop.request(Purpose::Balance, "visa-approve", 1);
    assert_eq!(shop.authorize(&asked).response_code, "13");
    assert_eq!(shop.reconcile(false).1, []);
}

#[test]
fn a_cash_advance_is_money_that_no_refund_brings_back() {
    let shop = Shop::new();
    let request = shop.request(Purpose::CashAdvance, "visa-approve", 5000);
    assert_eq!(shop.authorize(&request).decision, Decision::Approved);
    assert_eq!(shop.reconcile(false).1, [(1, 5000, 0, 0)]);
    assert_eq!(shop.code(Change::Refund, &request.wire, 5000), "12");
    assert_eq!(shop.code(Change::Void, &request.wire, 5000), "00");
    assert_eq!(shop.reconcile(false).1, []);
    let request = shop.request(Purpose::CashAdvance, "visa-decline", 5000);
    assert_eq!(shop.authorize(&request).response_code, "51");
}

#[test]
fn a_refund_without_an_original_needs_only_the_card() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Refund, "visa-decline", 5000);
    assert_eq!(shop.authorize(&request).decision, Decision::Approved);
    assert_eq!(shop.reconcile(false).1, [(0, 0, 1, 5000)]);
    assert_eq!(shop.reverse(&request.wire, 5000), Reversal::Reversed);
    assert_eq!(shop.reconcile(false).1, []);
}

#[test]
fn what_only_terminals_ask_is_rejected() {
    let shop = Shop::new();
    for purpose in [Purpose::Capture, Purpose::Adjust] {
        let mut request = shop.request(Purpose::Sale, "visa-approve", 1000);
        request.purpose = purpose;
        assert_eq!(shop.authorize(&request).decision, Decision::Rejected);
    }
    assert_eq!(shop.reconcile(false).1, []);
}
