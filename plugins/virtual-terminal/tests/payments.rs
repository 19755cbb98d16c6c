// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments as customers see them: cards, PINs, signatures, tips, cancelling.

use super::*;
use payhal_messages::card::{Cvm, Entry};
use payhal_messages::prompt::{PromptAnswer, PromptKind};

#[test]
fn a_sale_is_approved_and_in_the_ledger() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "insert", "card": "visa-approve"}));
    let outcome = shop.sale("t-1", 1250);
    assert!(outcome.approved);
    assert_eq!(outcome.response_code, "00");
    assert_eq!(outcome.approved_minor, Some(1250));
    assert_eq!(outcome.entry, Some(Entry::Chip));
    assert_eq!(outcome.cvm, Some(Cvm::None));
    let card = outcome.card.expect("a card");
    assert_eq!(
        (card.masked_pan.as_str(), card.scheme.as_str()),
        ("411111******1111", "visa")
    );
    assert_eq!(card.application.as_deref(), Some("VISA CREDIT"));
    assert_eq!(outcome.reference.as_deref(), Some("R000001"));
    assert!(outcome.approval_code.is_some() && outcome.rrn.is_some() && !outcome.offline);
    shop.stands("t-1", "approved", 1250);
    let expected = [
        Stage::WaitingForCard,
        Stage::CardInserted,
        Stage::Reading,
        Stage::Authorizing,
        Stage::RemoveCard,
    ];
    assert_eq!(shop.stages(), expected);
}

#[test]
fn a_repeat_answers_what_was_done() {
    let mut shop = Shop::automatic();
    let first = shop.sale("t-1", 1250);
    assert_eq!(shop.sale("t-1", 1250), first);
    let mut shop = shop.restarted(&json!({}));
    assert_eq!(shop.sale("t-1", 1250), first, "nobody is asked for a card");
    let ledger = shop.act(json!({"action": "ledger"}));
    assert_eq!(ledger["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn amounts_and_cards_decide() {
    for (auto, minor, code, approved_minor) in [
        ("tap visa-approve", 1002, "10", Some(501)),
        ("tap visa-approve", 1005, "05", None),
        ("tap visa-approve", 1091, "91", None),
        ("tap visa-decline", 1250, "51", None),
        ("insert visa-partial", 1250, "10", Some(625)),
        ("insert maestro-pin", 1250, "00", Some(1250)),
        ("insert mastercard-pin-at-issuer", 1250, "00", Some(1250)),
        (
            "insert mastercard-declines-after-approval",
            1250,
            "Z1",
            None,
        ),
        ("swipe stripe-only", 1250, "00", Some(1250)),
        ("tap visa-approve", 0, "13", None),
        ("tap visa-approve", -5, "13", None),
    ] {
        let mut shop = Shop::with(&json!({"auto": auto}));
        let outcome = shop.sale("t-1", minor);
        assert_eq!(outcome.response_code, code, "{auto} {minor}");
        assert_eq!(outcome.approved_minor, approved_minor, "{auto} {minor}");
        let state = if outcome.approved {
            "approved"
        } else {
            "declined"
        };
        shop.stands("t-1", state, approved_minor.unwrap_or(0));
        assert_eq!(shop.bench.passed(), Duration::ZERO);
    }
}

#[test]
fn cards_that_cannot_be_used_are_refused_and_kept_as_ended() {
    for (action, why) in [
        (
            json!({"action": "tap", "card": "visa-expired"}),
            "card_expired",
        ),
        (
            json!({"action": "insert", "card": "mastercard-chip-fault"}),
            "card_unreadable",
        ),
        (
            json!({"action": "keys", "keys": "*"}),
            "cancelled_on_device",
        ),
        (json!({"action": "screen"}), "no_card"),
    ] {
        let mut shop = Shop::new();
        shop.later(action);
        assert_eq!(code(shop.pay(request("t-1", Purpose::Sale, 1250))), why);
        shop.stands("t-1", "ended", 0);
        let found = shop.found("t-1");
        assert_eq!((found.approved, found.response_code.as_str()), (false, why));
    }
}

#[test]
fn a_pin_is_asked_for_and_judged() {
    for (keys, ends) in [
        (vec!["1234#"], "00"),
        (vec!["0000#", "1234#"], "00"),
        (vec!["99<1234#"], "00"),
        (vec!["0000#0000#0000#"], "pin_failed"),
        (vec!["12*"], "cancelled_on_device"),
        (vec![], "pin_failed"),
    ] {
        let mut shop = Shop::new();
        shop.later(json!({"action": "insert", "card": "maestro-pin"}));
        for keys in &keys {
            shop.later(json!({"action": "keys", "keys": keys}));
        }
        let code = match shop.pay(request("t-1", Purpose::Sale, 1250)).unwrap() {
            Ok(outcome) => {
                assert_eq!(outcome.cvm, Some(Cvm::OfflinePin));
                outcome.response_code
            }
            Err(refusal) => refusal.code,
        };
        assert_eq!(code, ends, "{keys:?}");
        assert!(!format!("{:?}", shop.bench.said()).contains("1234"));
    }
    let mut shop = Shop::new();
    shop.later(json!({"action": "insert", "card": "mastercard-pin-at-issuer"}));
    shop.later(json!({"action": "keys", "keys": "1111#"}));
    assert_eq!(shop.sale("t-1", 1250).response_code, "55");
}

#[test]
fn a_card_removed_early_ends_it() {
    let mut shop = Shop::new();
    shop.later(json!({"action": "insert", "card": "maestro-pin"}));
    shop.later(json!({"action": "remove"}));
    assert_eq!(
        code(shop.pay(request("t-1", Purpose::Sale, 1250))),
        "card_removed"
    );
    assert!(
        shop.simulator
            .simulate(json!({"action": "remove"}))
            .is_err()
    );
}

#[test]
fn a_signature_is_confirmed_at_the_register() {
    for (answer, code) in [
        (Some(PromptAnswer::Confirmed { yes: true }), "00"),
        (Some(PromptAnswer::Confirmed { yes: false }), "S1"),
        (Some(PromptAnswer::None), "S1"),
        (None, "S1"),
    ] {
        let bench = answer.into_iter().fold(Bench::new(), Bench::answer);
        let mut shop = Shop::on(bench, &json!({"auto": "insert mastercard-signature"}));
        let context = shop.bench.call_within(Duration::from_secs(300));
        let outcome = shop
            .terminal
            .pay(request("t-1", Purpose::Sale, 1250), &context);
        let outcome = outcome.unwrap().unwrap();
        assert_eq!(outcome.response_code, code);
        assert_eq!(outcome.cvm, Some(Cvm::Signature));
        let asked = |said: &Said| matches!(said, Said::Prompt(prompt) if prompt.kind == PromptKind::ConfirmSignature);
        assert_eq!(
            shop.bench.said().iter().filter(|said| asked(said)).count(),
            1
        );
    }
}

#[test]
fn applications_are_chosen_here_or_at_the_register() {
    for (action, label) in [
        (json!({"action": "select", "index": 1}), "US DEBIT"),
        (json!({"action": "keys", "keys": "1"}), "DISCOVER"),
    ] {
        let mut shop = Shop::new();
        shop.later(json!({"action": "insert", "card": "discover-two-applications"}));
        shop.later(action);
        let card = shop.sale("t-1", 1250).card.unwrap();
        assert_eq!(card.application.as_deref(), Some(label));
    }
    let bench = Bench::new().answer(PromptAnswer::Chosen { index: 1 });
    let mut shop = Shop::on(bench, &json!({"selection": "register"}));
    shop.later(json!({"action": "insert", "card": "discover-two-applications"}));
    let card = shop.sale("t-1", 1250).card.unwrap();
    assert_eq!(card.application.as_deref(), Some("US DEBIT"));
}

#[test]
fn cancelling_works_until_the_ledger_is_written() {
    for card in [
        "none",
        "maestro-pin",
        "discover-two-applications",
        "mastercard-signature",
    ] {
        let mut shop = Shop::new();
        if card != "none" {
            shop.later(json!({"action": "insert", "card": card}));
        }
        let context = shop.bench.call();
        shop.bench.cancel_at(Duration::from_secs(3), &context);
        let outcome = shop
            .terminal
            .pay(request("t-1", Purpose::Sale, 1250), &context);
        assert_eq!(outcome, Err(PluginError::Cancelled), "{card}");
        shop.stands("t-1", "ended", 0);
        assert_eq!(shop.found("t-1").response_code, "cancelled");
    }
    // While the issuer is asked, it still works.
    let mut shop = Shop::with(&json!({"auto": "tap visa-approve", "latency_ms": 9_000}));
    let context = shop.bench.call();
    shop.bench.cancel_at(Duration::from_secs(3), &context);
    let outcome = shop
        .terminal
        .pay(request("t-1", Purpose::Sale, 1250), &context);
    assert_eq!(outcome, Err(PluginError::Cancelled));
    // Then it is too late.
    let mut shop = Shop::automatic();
    shop.act(json!({"action": "fault", "fault": "slow", "at": "pay_answer", "delay_ms": 9_000}));
    let context = shop.bench.call();
    shop.bench.cancel_at(Duration::from_secs(3), &context);
    let outcome = shop
        .terminal
        .pay(request("t-1", Purpose::Sale, 1250), &context);
    assert!(outcome.unwrap().unwrap().approved);
    shop.stands("t-1", "approved", 1250);
}

#[test]
fn tips_and_surcharges_stay_within_what_the_register_allows() {
    let allowing = |most: Option<i64>| Pay {
        total_minor_max: most,
        ..request("t-1", Purpose::Sale, 1000)
    };
    for (most, tip, surcharge, approved) in [
        (None, None, None, 1000),
        (Some(1000), None, None, 1000),
        (Some(2000), Some(150), Some(15), 1165),
        (Some(1155), Some(150), Some(5), 1155),
        (Some(1100), Some(100), None, 1100),
    ] {
        let mut shop = Shop::automatic();
        shop.act(json!({"action": "tip", "tip_minor": 150}));
        shop.act(json!({"action": "surcharge", "basis_points": 150}));
        let outcome = shop.paid(allowing(most));
        assert_eq!(outcome.tip_minor, tip, "{most:?}");
        assert_eq!(outcome.surcharge_minor, surcharge, "{most:?}");
        assert_eq!(outcome.approved_minor, Some(approved), "{most:?}");
        shop.stands("t-1", "approved", approved);
    }
    let mut shop = Shop::with(&json!({"tip": {"ask": true}}));
    // The first is more than there is room for, and asked for again.
    shop.later(json!({"action": "keys", "keys": "99999#"}));
    shop.later(json!({"action": "keys", "keys": "7<200#"}));
    shop.later(json!({"action": "tap", "card": "visa-approve"}));
    let outcome = shop.paid(allowing(Some(2000)));
    assert_eq!(
        (outcome.tip_minor, outcome.approved_minor),
        (Some(200), Some(1200))
    );
}

#[test]
fn a_part_has_no_tip() {
    let mut shop = Shop::with(&json!({"auto": "tap visa-partial", "tip": {"tip_minor": 100}}));
    let outcome = shop.paid(Pay {
        total_minor_max: Some(2000),
        ..request("t-1", Purpose::Sale, 1000)
    });
    assert_eq!(
        (outcome.approved_minor, outcome.tip_minor),
        (Some(500), None)
    );
}

#[test]
fn checks_balances_and_cash() {
    let mut shop = Shop::automatic();
    let first = shop.paid(request("t-1", Purpose::Verify, 0)).token.unwrap();
    let again = shop.paid(request("t-2", Purpose::Verify, 0)).token.unwrap();
    assert_eq!(first, again, "a card keeps its token");
    assert_no_card(&first);
    let balance = shop.paid(request("t-3", Purpose::Balance, 0));
    assert_eq!(
        (balance.approved, balance.balance_minor),
        (true, Some(12_345))
    );
    assert_eq!(balance.token, None);
    let cash = shop.paid(request("t-4", Purpose::CashAdvance, 5000));
    assert_eq!(cash.approved_minor, Some(5000));
    let with_cashback = Pay {
        amounts: Amounts {
            cashback_minor: Some(2000),
            ..euros(3000)
        },
        ..request("t-5", Purpose::Sale, 3000)
    };
    assert_eq!(shop.paid(with_cashback).approved_minor, Some(3000));
    let totals = &shop.totals("r-1", false).totals[0];
    assert_eq!((totals.sales, totals.sales_minor), (2, 8000));
}

#[test]
fn nothing_said_or_kept_holds_a_card_number() {
    for card in test_cards() {
        let auto = if card.entries.contains(&EntryMode::Stripe) {
            "swipe"
        } else if card.entries.contains(&EntryMode::Chip) {
            "insert"
        } else {
            "tap"
        };
        let mut shop = Shop::with(&json!({"auto": format!("{auto} {}", card.name)}));
        let outcome = shop.pay(request("t-1", Purpose::Sale, 1250));
        assert_no_card(&format!("{outcome:?} {:?}", shop.bench.said()));
        for file in std::fs::read_dir(shop.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let number = card.pan();
            let found = bytes
                .windows(12)
                .any(|window| window == &number.digits()[..12]);
            assert!(!found, "{}", card.name);
        }
    }
}
