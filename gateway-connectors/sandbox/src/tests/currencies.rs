// SPDX-License-Identifier: MIT OR Apache-2.0
//! The card's own currency: offered, charged as offered and no other way, and given back at its rate.

use super::*;
use payhal_card_data::masked;
use payhal_messages::card::CardFace;
use payhal_messages::currency::{CurrencyOffer, OfferCurrency};

const CARD: &str = "amex-approve";

fn offered(shop: &Shop, request: &Authorize) -> Option<CurrencyOffer> {
    let card = test_card(CARD).unwrap();
    let asked = OfferCurrency {
        transaction_id: request.wire.transaction_id.clone(),
        acceptor: request.wire.acceptor.clone(),
        purpose: request.purpose,
        amounts: request.amounts.clone(),
        card: CardFace {
            masked_pan: masked(&card.pan()),
            scheme: card.scheme().name().to_owned(),
            application: None,
            aid: None,
            country: None,
            expiry: None,
        },
        timeout_ms: 5_000,
    };
    let outcome = shop.sandbox.offer_currency(asked, &shop.bench.call());
    outcome.unwrap().unwrap().offer
}

/// A request that takes an offer after `change`, sealed as a reader does.
fn taking(shop: &Shop, minor: i64, change: impl FnOnce(&mut Authorize)) -> Authorize {
    let mut request = shop.request(Purpose::Sale, CARD, minor);
    request.dcc = offered(shop, &request);
    assert!(request.dcc.is_some());
    change(&mut request);
    shop.seal(&mut request, CARD, None);
    request
}

fn in_dollars(answer: &Answer) -> Option<i64> {
    let dcc = answer.dcc.as_ref()?;
    assert_eq!(
        (dcc.currency.as_str(), dcc.rate.as_str()),
        ("USD", "1.1282")
    );
    Some(dcc.amount_minor)
}

#[test]
fn what_was_offered_is_charged_and_told() {
    let shop = Shop::new();
    let request = taking(&shop, 1_000, |_| ());
    let answer = shop.authorize(&request);
    assert_eq!(answer.response_code, "00");
    assert_eq!(answer.approved_minor, Some(1_000));
    assert_eq!(in_dollars(&answer), Some(1_128));
    // A repeat and an inquiry say the same.
    assert_eq!(shop.authorize(&request), answer);
    assert_eq!(shop.inquire(&request.wire), Finding::Answered { answer });
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["entries"][0]["amount_minor"], 1_000);
    assert_eq!(told["entries"][0]["dcc"]["amount_minor"], 1_128);
}

#[test]
fn nothing_else_is_taken_for_an_offer() {
    let changes: [fn(&mut Authorize); 5] = [
        |request| request.dcc.as_mut().unwrap().amount_minor -= 1,
        |request| request.dcc.as_mut().unwrap().rate = "1.1281".into(),
        |request| request.dcc.as_mut().unwrap().expires_at_micros += 1,
        |request| request.amounts.total_minor += 1,
        // Too late.
        |request| request.wire.at_micros = request.dcc.as_ref().unwrap().expires_at_micros + 1,
    ];
    for change in changes {
        let shop = Shop::new();
        let answer = shop.authorize(&taking(&shop, 1_000, change));
        assert_eq!(answer.response_code, "63");
        assert_eq!(answer.dcc, None);
    }
    // What was sealed in the shop's currency is not charged in another.
    let shop = Shop::new();
    let mut request = shop.request(Purpose::Sale, CARD, 1_000);
    request.dcc = offered(&shop, &request);
    assert_eq!(shop.authorize(&request).response_code, "63");
}

#[test]
fn a_part_of_it_is_declined() {
    let shop = Shop::new();
    let answer = shop.authorize(&taking(&shop, 1_002, |_| ()));
    assert_eq!(answer.response_code, "51");
    assert_eq!(answer.dcc, None);
}

#[test]
fn refunds_come_to_the_whole_of_it() {
    let shop = Shop::new();
    let sale = taking(&shop, 1_000, |_| ());
    shop.authorize(&sale);
    let given: Vec<_> = [333, 333, 334]
        .map(|minor| shop.modify(Change::Refund, &sale.wire, minor).1)
        .iter()
        .map(in_dollars)
        .collect();
    assert_eq!(given, [Some(376), Some(375), Some(377)]);
    let other = taking(&shop, 1_000, |_| ());
    shop.authorize(&other);
    let (_, void) = shop.modify(Change::Void, &other.wire, 1_000);
    assert_eq!(in_dollars(&void), Some(1_128));
    // Of a payment in the shop's currency there is none.
    let plain = shop.sale(1_000);
    assert_eq!(shop.modify(Change::Refund, &plain, 400).1.dcc, None);
}
