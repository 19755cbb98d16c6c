// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refunds of what only a receipt tells of.

use super::*;

fn planted(shop: &Shop, fields: &Value) -> Value {
    let mut action = json!({
        "action": "plant_sale", "merchant": "merchant-1", "amount_minor": 5000, "currency": "EUR",
        "at_micros": 1_772_000_000_000_000_i64,
    });
    for (name, value) in fields.as_object().unwrap() {
        action[name] = value.clone();
    }
    shop.simulate(action)
}

fn receipt(reference: Option<&str>, rrn: Option<&str>, minor: i64) -> Original {
    Original::Receipt {
        reference: reference.map(str::to_owned),
        rrn: rrn.map(str::to_owned),
        at_micros: 1_772_000_030_000_000,
        amount_minor: minor,
    }
}

fn refund(shop: &Shop, original: Original, minor: i64) -> String {
    change(shop, Change::Refund, original, minor)
}

fn change(shop: &Shop, change: Change, original: Original, minor: i64) -> String {
    let request = Modify {
        wire: shop.wire(),
        original,
        change,
        amounts: eur(minor),
    };
    let answer = shop.ask_modify(&request);
    assert_eq!(shop.ask_modify(&request), answer, "a repeat");
    answer.response_code
}

#[test]
fn a_sale_made_elsewhere_is_given_back_by_its_receipt() {
    let shop = Shop::new();
    let told = planted(&shop, &json!({"reference": "shop-2-77"}));
    let rrn = told["rrn"].as_str().unwrap();
    assert_eq!(refund(&shop, receipt(None, Some(rrn), 5000), 2000), "00");
    let by_reference = receipt(Some("shop-2-77"), None, 5000);
    assert_eq!(refund(&shop, by_reference.clone(), 3001), "13");
    assert_eq!(refund(&shop, by_reference.clone(), 3000), "00");
    assert_eq!(refund(&shop, by_reference, 1), "13");
    // The sale itself counts where it was made.
    assert_eq!(shop.reconcile(false).1, [(0, 0, 2, 5000)]);
}

#[test]
fn an_rrn_may_be_printed_as_the_gateways_reference() {
    let shop = Shop::new();
    planted(&shop, &json!({"rrn": "KX4711"}));
    assert_eq!(
        refund(&shop, receipt(Some("KX4711"), None, 5000), 1000),
        "00"
    );
}

#[test]
fn a_receipt_must_be_right_in_everything_it_says() {
    let shop = Shop::new();
    let told = planted(&shop, &json!({"reference": "shop-2-77"}));
    let rrn = told["rrn"].as_str().unwrap();
    for original in [
        receipt(None, None, 5000),
        receipt(None, Some("nothing"), 5000),
        receipt(Some("shop-2-77"), None, 5001),
        receipt(Some("shop-2-77"), Some("nothing"), 5000),
        Original::Receipt {
            reference: Some("shop-2-77".into()),
            rrn: None,
            at_micros: 1_772_200_000_000_000,
            amount_minor: 5000,
        },
    ] {
        assert_eq!(refund(&shop, original, 1000), "25");
    }
    let both = receipt(Some("shop-2-77"), Some(rrn), 5000);
    assert_eq!(refund(&shop, both, 1000), "00");
    planted(
        &shop,
        &json!({"reference": "theirs", "merchant": "merchant-2"}),
    );
    assert_eq!(
        refund(&shop, receipt(Some("theirs"), None, 5000), 1000),
        "25"
    );
}

#[test]
fn a_receipt_serves_refunds_only() {
    let shop = Shop::new();
    planted(&shop, &json!({"reference": "shop-2-77"}));
    let original = receipt(Some("shop-2-77"), None, 5000);
    for kind in [Change::Void, Change::Capture, Change::Adjust] {
        assert_eq!(change(&shop, kind, original.clone(), 5000), "12");
    }
}

#[test]
fn our_own_sale_is_given_back_by_its_receipt_too() {
    let shop = Shop::new();
    let sale = shop.sale(1250);
    let original = Original::Receipt {
        reference: Some(sale.reference.clone()),
        rrn: None,
        at_micros: sale.at_micros,
        amount_minor: 1250,
    };
    assert_eq!(refund(&shop, original.clone(), 1000), "00");
    assert_eq!(refund(&shop, original, 251), "13");
    assert_eq!(shop.code(Change::Refund, &sale, 251), "13");
}

#[test]
fn what_cannot_be_planted_is_refused() {
    let shop = Shop::new();
    planted(&shop, &json!({"reference": "shop-2-77"}));
    let base = json!({
        "action": "plant_sale", "merchant": "m", "amount_minor": 1, "currency": "EUR",
    });
    for (field, value) in [
        ("card", json!("no-such-card")),
        ("amount_minor", json!(0)),
        ("reference", json!("shop-2-77")),
        ("colour", json!("red")),
    ] {
        let mut action = base.clone();
        action[field] = value;
        assert!(
            shop.sandbox.simulator().simulate(action).is_err(),
            "{field}"
        );
    }
}
