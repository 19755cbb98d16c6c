// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency: chosen on the keypad, sealed as chosen.

use super::*;
use payhal_messages::currency::{ConfirmCurrency, CurrencyChoice, CurrencyOffer};

fn offer() -> CurrencyOffer {
    CurrencyOffer {
        offer_id: "o-1".into(),
        amount_minor: 1_410,
        currency: "USD".into(),
        rate: "1.1282".into(),
        markup_millionths: 35_000,
        expires_at_micros: i64::MAX,
    }
}

fn choose(shop: &mut Shop, presentation: &Presentation) -> Outcome<CurrencyChoice> {
    let request = ConfirmCurrency {
        transaction_id: "t-1".into(),
        presentation_id: presentation.presentation_id.clone(),
        amounts: euros(),
        offer: offer(),
        timeout_ms: 30_000,
    };
    shop.reader.confirm_currency(request, &shop.bench.call())
}

#[test]
fn both_amounts_rate_and_markup_are_shown() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "amex-approve");
    let simulator = Arc::clone(&shop.simulator);
    let seen = Arc::new(std::sync::Mutex::new(Value::Null));
    let told = Arc::clone(&seen);
    shop.bench.at(shop.bench.passed(), move || {
        *told.lock().unwrap() = simulator.simulate(json!({"action": "screen"})).unwrap();
    });
    shop.later(json!({"action": "select", "index": 1}));
    let choice = choose(&mut shop, &presentation).unwrap().unwrap();
    assert!(choice.accepted);
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen["screen"]["lines"],
        json!([
            "Choose your currency",
            "1 12.50 EUR",
            "2 14.10 USD",
            "1.1282 incl. 3.5%"
        ])
    );
    assert_eq!(seen["waiting"]["select"], json!(["12.50 EUR", "14.10 USD"]));
}

#[test]
fn only_a_yes_is_one() {
    for (keys, accepted) in [(Some("1"), false), (Some("2"), true), (None, false)] {
        let mut shop = Shop::new();
        let presentation = shop.presented("insert", "amex-approve");
        if let Some(keys) = keys {
            shop.later(json!({"action": "keys", "keys": keys}));
        }
        let choice = choose(&mut shop, &presentation).unwrap().unwrap();
        assert_eq!(choice.accepted, accepted, "{keys:?}");
        // The card is still there.
        assert!(shop.authorize(&presentation).unwrap().is_ok());
    }
}

#[test]
fn an_automatic_card_takes_none() {
    let mut shop = Shop::with(&json!({ "auto": "insert amex-approve" }));
    let presentation = shop.present().unwrap().unwrap();
    assert!(!choose(&mut shop, &presentation).unwrap().unwrap().accepted);
}

#[test]
fn it_may_be_cancelled_and_the_card_may_leave() {
    for (act, why) in [
        (
            json!({"action": "keys", "keys": "*"}),
            "cancelled_on_device",
        ),
        (json!({"action": "remove"}), "card_removed"),
    ] {
        let mut shop = Shop::new();
        let presentation = shop.presented("insert", "amex-approve");
        shop.later(act);
        assert_eq!(code(choose(&mut shop, &presentation)), why);
        assert_eq!(code(shop.authorize(&presentation)), "card_removed");
    }
}

#[test]
fn the_register_is_asked_where_it_is_told_to() {
    let mut shop = Shop::with(&json!({ "selection": "register" }));
    let presentation = shop.presented("insert", "amex-approve");
    let outcome = choose(&mut shop, &presentation);
    assert!(matches!(
        outcome,
        Err(payhal_plugin::PluginError::Unsupported)
    ));
    assert!(shop.authorize(&presentation).unwrap().is_ok());
}

#[test]
fn what_was_chosen_is_sealed_and_signed() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "amex-approve");
    let request = AuthorizeCard {
        dcc: Some(offer()),
        ..shop.request(&presentation)
    };
    let read = shop.reader.authorize_card(request, &shop.bench.call());
    let read = read.unwrap().unwrap();
    assert_eq!(read.tags["9F02"], "000000001410");
    assert_eq!(read.tags["5F2A"], "0840");
    let opened = shop.opened(&read);
    assert_eq!(opened.inner.amounts.total_minor, 1_410);
    assert_eq!(&opened.inner.amounts.currency, b"USD");
    assert_eq!(opened.inner.amounts.tip_minor, None);
}
