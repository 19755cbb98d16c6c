// SPDX-License-Identifier: MIT OR Apache-2.0
//! What card and reader approve without the issuer.

use super::chips::{bytes, message, session};
use super::*;

/// A set that takes the schemes of the cards below, with these limits.
fn set(floor_limit_minor: u64, tac_default: &str) -> Value {
    let codes = json!({"default": tac_default, "denial": "0000000000", "online": "0000000000"});
    let applications = ["A000000003", "A000000004"].map(|aid| {
        json!({
            "aid": aid, "tac": codes, "floor_limit_minor": floor_limit_minor,
            "contactless": {"mode": "chip", "kernel": 3, "floor_limit_minor": floor_limit_minor},
        })
    });
    json!({ "applications": applications })
}

fn alone(shop: &mut Shop, gesture: &str, card: &str) -> (CardRead, CompletionRead) {
    let presentation = shop.presented(gesture, card);
    let read = shop.authorize_with(&presentation, PinPolicy::Never);
    let read = read.unwrap().unwrap();
    (read, shop.complete_alone(&presentation))
}

#[test]
fn a_chip_gives_a_certificate_that_its_issuer_can_check_later() {
    let mut shop = Shop::new();
    let (read, completion) = alone(&mut shop, "insert", "visa-approve");
    assert!(completion.accepted);
    assert_eq!(completion.tags["9F27"], "40");
    assert_eq!(completion.tags["8A"], "5933");
    assert_eq!(shop.screen()[1], "Approved offline");
    let mut tags = read.tags.clone();
    tags.extend(completion.tags.clone());
    let certificate = bytes(&completion.tags["9F26"]);
    assert!(session(&shop, &read).has_cryptogram(&message(&tags), &certificate));
}

#[test]
fn the_card_has_the_last_word() {
    for (card, approves) in [
        ("visa-approve", true),
        ("visa-decline", true),
        ("mastercard-approve", true),
        ("canary-mastercard", true),
        ("visa-pin", false),
        ("mastercard-pin-at-issuer", false),
        ("mastercard-declines-after-approval", false),
        ("amex-approve", false),
    ] {
        let mut shop = Shop::new();
        let (_, completion) = alone(&mut shop, "insert", card);
        assert_eq!(completion.accepted, approves, "{card}");
        let kind = if approves { "40" } else { "00" };
        assert_eq!(completion.tags["9F27"], kind, "{card}");
        assert_eq!(completion.tags.contains_key("8A"), approves, "{card}");
    }
}

#[test]
fn a_contactless_card_gives_nothing_more() {
    let mut shop = Shop::new();
    let (_, completion) = alone(&mut shop, "tap", "visa-approve");
    assert!(completion.accepted);
    assert!(completion.tags.is_empty());
    let (_, completion) = alone(&mut shop, "tap", "amex-approve");
    assert!(!completion.accepted);
}

#[test]
fn the_gateways_parameters_bound_it() {
    for (floor_limit_minor, tac_default, approves, results) in [
        (1250, "0000008000", true, "0000000000"),
        (1249, "0000008000", false, "0000008000"),
        (0, "0000000000", true, "0000008000"),
    ] {
        let mut shop = Shop::new();
        let parameters = set(floor_limit_minor, tac_default);
        shop.load(parameters).unwrap().unwrap();
        let (_, completion) = alone(&mut shop, "insert", "visa-approve");
        assert_eq!(completion.accepted, approves, "{floor_limit_minor}");
        assert_eq!(completion.tags["95"], results);
        let (_, completion) = alone(&mut shop, "tap", "visa-approve");
        assert_eq!(completion.accepted, approves, "{floor_limit_minor}, tapped");
    }
}

#[test]
fn nobody_asked_for_it_is_a_decline() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "visa-approve");
    shop.authorize(&presentation).unwrap().unwrap();
    let completion = shop.complete(&presentation, IssuerAnswer::NoAnswer);
    let completion = completion.unwrap().unwrap();
    assert!(!completion.accepted);
    assert_eq!(completion.tags["9F27"], "00");
}
