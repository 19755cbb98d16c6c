// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures, adjustments, refunds and reversals: their sums hold at the terminal too.

use super::*;

fn shop_with_hold(minor: i64) -> Shop {
    let mut shop = Shop::automatic();
    assert!(
        shop.paid(request("hold", Purpose::Authorize, minor))
            .approved
    );
    shop
}

#[test]
fn captures_stay_within_the_hold() {
    let mut shop = shop_with_hold(1000);
    for (id, minor, code) in [
        ("c-1", 600, "00"),
        ("c-2", 401, "13"),
        ("c-3", 400, "00"),
        ("c-4", 1, "13"),
    ] {
        let outcome = shop.changed(id, Purpose::Capture, minor, "hold");
        assert_eq!(outcome.response_code, code, "{id}");
    }
    assert_eq!(
        shop.changed("c-5", Purpose::Capture, 1, "nobody")
            .response_code,
        "25"
    );
    assert_eq!(
        shop.changed("c-6", Purpose::Capture, 1, "c-1")
            .response_code,
        "12"
    );
    assert_eq!(
        shop.changed("c-7", Purpose::Capture, 105, "hold")
            .response_code,
        "13"
    );
    assert_eq!(
        shop.paid(request("c-8", Purpose::Capture, 1)).response_code,
        "25"
    );
    let totals = &shop.totals("r-1", false).totals[0];
    assert_eq!((totals.sales, totals.sales_minor), (2, 1000));
}

#[test]
fn a_hold_is_adjusted_before_it_is_captured() {
    let mut shop = shop_with_hold(1000);
    assert!(shop.changed("a-1", Purpose::Adjust, 1500, "hold").approved);
    assert!(shop.changed("a-2", Purpose::Adjust, 1200, "hold").approved);
    assert_eq!(
        shop.changed("c-1", Purpose::Capture, 1201, "hold")
            .response_code,
        "13"
    );
    assert_eq!(shop.reverse("a-2", 1200), Ok(Ok(Reversal::Reversed)));
    assert!(shop.changed("c-2", Purpose::Capture, 1500, "hold").approved);
    assert_eq!(
        shop.changed("a-3", Purpose::Adjust, 2000, "hold")
            .response_code,
        "12"
    );
    assert_eq!(shop.refused_reversal("a-1", 1500), "21");
    assert_eq!(shop.refused_reversal("hold", 1000), "21");
}

#[test]
fn refunds_of_a_sale_stay_within_it() {
    let mut shop = Shop::automatic();
    shop.sale("s", 1000);
    assert!(shop.changed("f-1", Purpose::Refund, 700, "s").approved);
    assert_eq!(
        shop.changed("f-2", Purpose::Refund, 301, "s").response_code,
        "13"
    );
    assert_eq!(shop.refused_reversal("s", 1000), "21");
    assert_eq!(shop.reverse("f-1", 700), Ok(Ok(Reversal::Reversed)));
    assert_eq!(
        shop.changed("f-3", Purpose::Refund, 1000, "s")
            .response_code,
        "00"
    );
    assert_eq!(
        shop.changed("f-4", Purpose::Refund, 1, "f-3").response_code,
        "12"
    );
    let other = Pay {
        amounts: Amounts {
            currency: "USD".into(),
            ..euros(1)
        },
        original: Some(OriginalPayment {
            transaction_id: "s".into(),
            stan: 1,
            reference: None,
        }),
        ..request("f-5", Purpose::Refund, 1)
    };
    assert_eq!(shop.paid(other).response_code, "12");
}

#[test]
fn an_original_is_named_by_its_right_reference() {
    let mut shop = Shop::automatic();
    let reference = shop.sale("s", 1000).reference;
    for (reference, code) in [(Some("R999999".to_owned()), "25"), (reference, "00")] {
        let refund = Pay {
            original: Some(OriginalPayment {
                transaction_id: "s".into(),
                stan: 1,
                reference,
            }),
            ..request(&format!("f-{code}"), Purpose::Refund, 100)
        };
        assert_eq!(shop.paid(refund).response_code, code);
    }
}

#[test]
fn refunds_of_captures_and_of_their_hold_draw_on_the_same_money() {
    let mut shop = shop_with_hold(1000);
    shop.changed("c-1", Purpose::Capture, 400, "hold");
    shop.changed("c-2", Purpose::Capture, 400, "hold");
    assert!(shop.changed("f-1", Purpose::Refund, 600, "hold").approved);
    assert_eq!(
        shop.changed("f-2", Purpose::Refund, 300, "c-1")
            .response_code,
        "13"
    );
    assert!(shop.changed("f-3", Purpose::Refund, 200, "c-1").approved);
    assert_eq!(shop.refused_reversal("c-2", 400), "21");
}

#[test]
fn a_refund_without_an_original_needs_a_card() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "tap", "card": "visa-decline"}));
    let outcome = shop.paid(request("f-1", Purpose::Refund, 1250));
    assert!(outcome.approved && outcome.card.is_some());
    let totals = &shop.totals("r-1", false).totals[0];
    assert_eq!((totals.refunds, totals.refunds_minor), (1, 1250));
}

#[test]
fn a_reversal_is_idempotent_and_the_inquiry_knows() {
    let mut shop = Shop::automatic();
    let outcome = shop.sale("s", 1000);
    for _ in 0..2 {
        assert_eq!(shop.reverse("s", 1000), Ok(Ok(Reversal::Reversed)));
    }
    shop.stands("s", "reversed", 1000);
    let found = shop.found("s");
    assert!(!found.approved);
    assert_eq!(
        (found.response_code.as_str(), found.reference),
        ("21", outcome.reference)
    );
    assert_eq!(
        shop.sale("s", 1000).response_code,
        "21",
        "a repeat is not approved again"
    );
    shop.sale("t", 2000);
    let wrong = ReverseTerminal {
        transaction_id: "t".into(),
        reference: Some("R000001".into()),
        amounts: euros(2000),
    };
    let reversal = shop
        .terminal
        .reverse(wrong, &shop.bench.call())
        .unwrap()
        .unwrap();
    assert!(matches!(reversal, Reversal::Refused { response_code, .. } if response_code == "25"));
    shop.stands("t", "approved", 2000);
}

#[test]
fn a_reversal_bars_what_has_not_arrived() {
    let mut shop = Shop::automatic();
    assert_eq!(shop.reverse("s", 1000), Ok(Ok(Reversal::Reversed)));
    shop.stands("s", "barred", 0);
    assert!(!shop.sale("s", 1000).approved);
    shop.sale("d", 1005);
    assert_eq!(shop.reverse("d", 1005), Ok(Ok(Reversal::Reversed)));
    shop.stands("d", "declined", 0);
}

#[test]
fn a_reversal_with_the_card_wants_the_same_card() {
    let needs_card = json!({"inquiry": "last_only", "reversal": "needs_card"});
    let mut shop = Shop::with(&needs_card);
    let tap = |card| json!({"action": "tap", "card": card});
    shop.later(tap("visa-approve"));
    shop.sale("s", 1000);
    assert_eq!(code(shop.reverse("s", 1000)), "no_card");
    shop.later(tap("mastercard-approve"));
    assert_eq!(shop.refused_reversal("s", 1000), "63");
    let context = shop.bench.call();
    shop.bench
        .cancel_at(shop.bench.passed() + Duration::from_secs(1), &context);
    let request = ReverseTerminal {
        transaction_id: "s".into(),
        reference: None,
        amounts: euros(1000),
    };
    assert_eq!(
        shop.terminal.reverse(request, &context),
        Err(PluginError::Cancelled)
    );
    shop.stands("s", "approved", 1000);
    shop.later(tap("visa-approve"));
    assert_eq!(shop.reverse("s", 1000), Ok(Ok(Reversal::Reversed)));
    assert_eq!(
        shop.reverse("s", 1000),
        Ok(Ok(Reversal::Reversed)),
        "without the card"
    );
}
