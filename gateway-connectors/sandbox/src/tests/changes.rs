// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures, voids, refunds and reversals: sums hold and repeats change nothing.

use super::*;

#[test]
fn refunds_never_exceed_the_sale() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    assert_eq!(shop.code(Change::Refund, &sale, 400), "00");
    assert_eq!(shop.code(Change::Refund, &sale, 601), "13");
    assert_eq!(shop.code(Change::Refund, &sale, 600), "00");
    assert_eq!(shop.code(Change::Refund, &sale, 1), "13");
}

#[test]
fn concurrent_refunds_never_exceed_the_sale() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| shop.modify(Change::Refund, &sale, 300));
        }
    });
    let refunded = shop
        .entries()
        .iter()
        .skip(1)
        .map(|(_, minor)| minor)
        .sum::<i64>();
    assert_eq!(refunded, 900);
}

#[test]
fn a_change_repeated_acts_once() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    let request = Modify {
        wire: shop.wire(),
        original: Original::Wire { wire: sale.clone() },
        change: Change::Refund,
        amounts: eur(600),
    };
    let ask = |request: &Modify| {
        let answer = shop.sandbox.modify(request.clone(), &shop.bench.call());
        answer.unwrap().unwrap()
    };
    let first = ask(&request);
    assert_eq!(first.decision, Decision::Approved);
    assert_eq!(ask(&request), first);
    assert_eq!(shop.entries().len(), 2);
    let mut other = request.clone();
    other.change = Change::Void;
    assert_eq!(ask(&other).response_code, "94");
}

#[test]
fn captures_and_their_refunds_stay_within_the_hold() {
    let shop = Shop::new();
    let held = shop.hold(1000);
    assert_eq!(shop.code(Change::Refund, &held, 1), "13");
    let (first, _) = shop.modify(Change::Capture, &held, 600);
    assert_eq!(shop.code(Change::Capture, &held, 401), "13");
    let (second, _) = shop.modify(Change::Capture, &held, 400);
    // Refunds by the hold and by a capture draw on the same money.
    assert_eq!(shop.code(Change::Refund, &held, 700), "00");
    assert_eq!(shop.code(Change::Refund, &second, 400), "13");
    assert_eq!(shop.code(Change::Refund, &second, 300), "00");
    assert_eq!(shop.code(Change::Refund, &first, 1), "13");
    assert_eq!(shop.code(Change::Void, &first, 600), "21");
    assert_eq!(shop.code(Change::Void, &held, 1000), "21");
}

#[test]
fn a_void_is_whole_and_once() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    assert_eq!(shop.code(Change::Void, &sale, 999), "13");
    let (void, answer) = shop.modify(Change::Void, &sale, 1000);
    assert_eq!(answer.decision, Decision::Approved);
    assert_eq!(shop.code(Change::Void, &sale, 1000), "12");
    assert_eq!(shop.code(Change::Refund, &sale, 1), "12");
    assert_eq!(shop.code(Change::Void, &void, 1000), "12");
    assert_eq!(shop.reconcile(false).1, []);
}

#[test]
fn a_void_whose_outcome_was_lost_can_be_undone() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    let (void, _) = shop.modify(Change::Void, &sale, 1000);
    assert_eq!(shop.reverse(&void, 1000), Reversal::Reversed);
    assert_eq!(shop.inquire(&void), Finding::Reversed);
    assert_eq!(shop.reconcile(false).1, [(1, 1000, 0, 0)]);
    assert_eq!(shop.code(Change::Refund, &sale, 1000), "00");
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    assert_eq!(shop.code(Change::Capture, &sale, 1000), "12");
    let declined = shop.request(Purpose::Sale, "visa-decline", 1000);
    shop.authorize(&declined);
    assert_eq!(shop.code(Change::Refund, &declined.wire, 1000), "12");
    assert_eq!(shop.code(Change::Refund, &shop.wire(), 1000), "25");
    assert_eq!(shop.code(Change::Refund, &sale, 0), "13");
    assert_eq!(shop.code(Change::Refund, &sale, 205), "05");
    let mut elsewhere = shop.wire();
    elsewhere.acceptor.merchant = "merchant-2".into();
    let request = Modify {
        wire: elsewhere,
        original: Original::Wire { wire: sale },
        change: Change::Refund,
        amounts: eur(100),
    };
    let answer = shop
        .sandbox
        .modify(request, &shop.bench.call())
        .unwrap()
        .unwrap();
    assert_eq!(answer.response_code, "25");
}

#[test]
fn a_partial_approval_is_voided_by_what_was_approved() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-partial", 1250);
    assert_eq!(shop.authorize(&request).approved_minor, Some(625));
    assert_eq!(shop.code(Change::Refund, &request.wire, 626), "13");
    assert_eq!(shop.code(Change::Void, &request.wire, 625), "00");
}

#[test]
fn a_reversal_takes_back_once_and_for_ever() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.authorize(&request);
    assert_eq!(shop.reverse(&request.wire, 1250), Reversal::Reversed);
    assert_eq!(shop.reverse(&request.wire, 1250), Reversal::Reversed);
    assert_eq!(shop.inquire(&request.wire), Finding::Reversed);
    assert_eq!(shop.authorize(&request).decision, Decision::Rejected);
    assert_eq!(shop.code(Change::Refund, &request.wire, 1), "12");
    assert_eq!(shop.entries()[0], ("reversed".into(), 1250));
    assert_eq!(shop.reconcile(false).1, []);
}

#[test]
fn a_reversal_that_comes_first_bars_the_sale() {
    let shop = Shop::new();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    assert_eq!(shop.inquire(&request.wire), Finding::NotFound);
    assert_eq!(shop.reverse(&request.wire, 1250), Reversal::Reversed);
    assert_eq!(shop.reverse(&request.wire, 1250), Reversal::Reversed);
    for _ in 0..2 {
        let answer = shop.authorize(&request);
        assert_eq!(answer.decision, Decision::Rejected);
        assert_eq!(answer.response_code, "21");
    }
    assert_eq!(shop.inquire(&request.wire), Finding::Reversed);
    assert_eq!(shop.entries(), [("barred".into(), 0)]);
}

#[test]
fn a_sale_with_a_standing_refund_is_not_reversed() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    let (refund, _) = shop.modify(Change::Refund, &sale, 400);
    assert!(matches!(
        shop.reverse(&sale, 1000),
        Reversal::Refused { .. }
    ));
    assert_eq!(shop.reverse(&refund, 400), Reversal::Reversed);
    assert_eq!(shop.reverse(&sale, 1000), Reversal::Reversed);
}

#[test]
fn an_adjusted_hold_is_captured_up_to_its_new_amount() {
    let shop = Shop::new();
    let held = shop.hold(1000);
    let (_, answer) = shop.modify(Change::Adjust, &held, 1500);
    assert_eq!(answer.approved_minor, Some(1500));
    assert_eq!(shop.code(Change::Capture, &held, 1501), "13");
    let (lower, _) = shop.modify(Change::Adjust, &held, 800);
    assert_eq!(shop.code(Change::Capture, &held, 801), "13");
    assert_eq!(shop.code(Change::Void, &held, 1000), "13");
    // Without the last adjustment, the one before it holds.
    assert_eq!(shop.reverse(&lower, 800), Reversal::Reversed);
    assert_eq!(shop.code(Change::Capture, &held, 1100), "00");
    assert_eq!(shop.code(Change::Capture, &held, 401), "13");
    assert_eq!(shop.code(Change::Capture, &held, 400), "00");
    assert_eq!(shop.code(Change::Adjust, &held, 2000), "21");
    assert_eq!(shop.reconcile(false).1, [(2, 1500, 0, 0)]);
}

#[test]
fn an_adjustment_under_a_capture_stays() {
    let shop = Shop::new();
    let held = shop.hold(1000);
    let (more, _) = shop.modify(Change::Adjust, &held, 1500);
    shop.modify(Change::Capture, &held, 1200);
    assert!(matches!(
        shop.reverse(&more, 1500),
        Reversal::Refused { .. }
    ));
}

#[test]
fn only_holds_are_adjusted_and_the_issuer_may_refuse() {
    let shop = Shop::new();
    let sale = shop.sale(1000);
    assert_eq!(shop.code(Change::Adjust, &sale, 1100), "12");
    let held = shop.hold(1000);
    assert_eq!(shop.code(Change::Adjust, &held, 0), "13");
    assert_eq!(shop.code(Change::Adjust, &held, 1151), "51");
    assert_eq!(shop.code(Change::Void, &held, 1000), "00");
    assert_eq!(shop.code(Change::Adjust, &held, 900), "12");
}

#[test]
fn concurrent_captures_never_exceed_the_hold() {
    let shop = Shop::new();
    let held = shop.hold(1000);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| shop.modify(Change::Capture, &held, 300));
        }
    });
    assert_eq!(shop.reconcile(false).1, [(3, 900, 0, 0)]);
}
