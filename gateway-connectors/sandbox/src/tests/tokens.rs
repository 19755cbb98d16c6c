// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment tokens: stable, of one merchant, and no way back to the card number.

use super::*;

fn token_of(shop: &Shop, card: &str) -> String {
    let answer = shop.authorize(&shop.request(Purpose::Verify, card, 0));
    answer.token.expect("a verified card has a token")
}

#[test]
fn a_card_has_one_token_at_one_merchant() {
    let shop = Shop::new();
    let token = token_of(&shop, "visa-approve");
    assert!(token.starts_with("tok_"), "{token}");
    assert_eq!(token_of(&shop, "visa-approve"), token);
    assert_ne!(token_of(&shop, "mastercard-approve"), token);
    let other = shop.request_like(Purpose::Verify, 0, |request| {
        request.wire.acceptor.merchant = "merchant-2".into();
    });
    assert_ne!(shop.authorize(&other).token.unwrap(), token);
    let declined = shop.request(Purpose::Verify, "visa-decline", 0);
    assert_eq!(shop.authorize(&declined).token, None);
}

#[test]
fn a_token_pays_holds_refunds_and_is_checked() {
    let shop = Shop::new();
    let token = token_of(&shop, "visa-approve");
    for (purpose, minor) in [
        (Purpose::Sale, 1250),
        (Purpose::Authorize, 900),
        (Purpose::Refund, 300),
        (Purpose::Verify, 0),
        (Purpose::Balance, 0),
    ] {
        let request = shop.request_by(purpose, &token, minor);
        let answer = shop.authorize(&request);
        assert_eq!(answer.decision, Decision::Approved, "{purpose:?}");
        assert_eq!(answer.token.as_deref(), Some(token.as_str()));
        assert_eq!(shop.authorize(&request), answer);
    }
    assert_eq!(shop.reconcile(false).1, [(1, 1250, 1, 300)]);
    let told = shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["entries"][1]["masked_pan"], "411111******1111");
}

#[test]
fn the_card_behind_a_token_decides() {
    let shop = Shop::new();
    let partial = token_of(&shop, "visa-partial");
    let answer = shop.authorize(&shop.request_by(Purpose::Sale, &partial, 1000));
    assert_eq!(answer.approved_minor, Some(500));
    // Nobody is there to be asked for a PIN.
    let pin = shop.request_with_pin(Purpose::Verify, "mastercard-pin-at-issuer", 0, Some("4321"));
    let token = shop.authorize(&pin).token.unwrap();
    let answer = shop.authorize(&shop.request_by(Purpose::Sale, &token, 1000));
    assert_eq!(answer.response_code, "00");
}

#[test]
fn a_token_that_is_not_this_merchants_is_rejected() {
    let shop = Shop::new();
    let unknown = shop.request_by(Purpose::Sale, "tok_nobody", 1250);
    let answer = shop.authorize(&unknown);
    assert_eq!(
        (answer.decision, answer.response_code.as_str()),
        (Decision::Rejected, "14")
    );
    let token = token_of(&shop, "visa-approve");
    let mut other = shop.request_by(Purpose::Sale, &token, 1250);
    other.wire.acceptor.merchant = "merchant-2".into();
    assert_eq!(shop.authorize(&other).response_code, "14");
    assert_eq!(shop.reconcile(false).1, []);
}

#[test]
fn tokens_survive_with_the_state_folder() {
    let shop = Shop::new();
    let token = token_of(&shop, "visa-approve");
    let again = Shop::with("{}", shop.folder);
    again.stan.store(100, Ordering::Relaxed);
    let answer = again.authorize(&again.request_by(Purpose::Sale, &token, 1250));
    assert_eq!(answer.decision, Decision::Approved);
}

#[test]
fn a_token_that_is_forgotten_is_nobody_s_until_its_card_is_checked_again() {
    let shop = Shop::new();
    let token = token_of(&shop, "visa-approve");
    let request = shop.request_by(Purpose::Sale, &token, 1250);
    let mut forget = ForgetToken {
        acceptor: request.wire.acceptor.clone(),
        token: token.clone(),
    };
    forget.acceptor.merchant = "merchant-2".into();
    let done = shop
        .sandbox
        .forget_token(forget.clone(), &shop.bench.call());
    assert!(matches!(done, Ok(Ok(()))), "{done:?}");
    assert_eq!(shop.authorize(&request).decision, Decision::Approved);
    forget.acceptor = request.wire.acceptor.clone();
    for _ in 0..2 {
        let done = shop
            .sandbox
            .forget_token(forget.clone(), &shop.bench.call());
        assert!(matches!(done, Ok(Ok(()))), "{done:?}");
    }
    // What was paid stays paid, and asked for once more is answered as before.
    assert_eq!(shop.authorize(&request).decision, Decision::Approved);
    let again = shop.request_by(Purpose::Sale, &token, 1250);
    assert_eq!(shop.authorize(&again).response_code, "14");
    assert_eq!(token_of(&shop, "visa-approve"), token);
    let again = shop.request_by(Purpose::Sale, &token, 1250);
    assert_eq!(shop.authorize(&again).decision, Decision::Approved);
}
