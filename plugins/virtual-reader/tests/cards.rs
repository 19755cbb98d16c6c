// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every test card, every way it can be read.

use super::*;
use crate::action::entry_of;
use payhal_card_data::{
    Behaviour, Purpose as SealedPurpose, TestCard, Verification, masked, test_card,
};
use payhal_messages::card::Cvm;

fn gesture(entry: Entry) -> &'static str {
    match entry {
        Entry::Chip => "insert",
        Entry::Contactless => "tap",
        Entry::Stripe => "swipe",
        Entry::Manual => "key_in",
    }
}

/// Reads a card up to its seal.
fn read(shop: &mut Shop, card: &TestCard, entry: Entry) -> (Presentation, CardRead) {
    shop.later(json!({"action": gesture(entry), "card": card.name}));
    if card.applications.len() > 1 && entry == Entry::Chip {
        shop.later(json!({"action": "select", "index": 1}));
    }
    let presentation = shop.present().unwrap().unwrap();
    if card.pin().is_some() {
        shop.later(json!({"action": "pin"}));
    }
    let read = shop.authorize(&presentation).unwrap().unwrap();
    (presentation, read)
}

#[test]
fn every_card_is_read_sealed_and_never_shown() {
    for card in test_cards() {
        for entry in card.entries.iter().map(|mode| entry_of(*mode)) {
            let broken = card.behaviour == Behaviour::ChipFault && entry == Entry::Chip;
            if broken || card.behaviour == Behaviour::Expired {
                continue;
            }
            let mut shop = Shop::new();
            let (presentation, read) = read(&mut shop, card, entry);
            assert_eq!(presentation.entry, entry);
            assert_eq!(presentation.card.masked_pan, masked(&card.pan()));
            assert_eq!(presentation.card.scheme, card.scheme().name());
            assert_eq!(read.completion_owed, entry == Entry::Chip);
            let inner = shop.opened(&read).inner;
            assert_eq!(inner.secrets.pan, card.pan());
            assert_eq!(inner.secrets.expiry, card.expiry());
            assert_eq!(entry_of(inner.secrets.entry), entry);
            let swiped = entry == Entry::Stripe;
            assert_eq!(inner.secrets.track1, swiped.then(|| card.track1()));
            let track2 = (entry != Entry::Manual).then(|| card.track2());
            assert_eq!(inner.secrets.track2, track2);
            assert_eq!(inner.purpose, SealedPurpose::Sale);
            assert_eq!(inner.amounts.total_minor, 1250);
            assert_eq!(inner.amounts.tip_minor, Some(50));
            let completion = shop.complete(&presentation, approved()).unwrap().unwrap();
            let refuses = card.behaviour == Behaviour::RefusesAfterApproval;
            assert_eq!(completion.accepted, !refuses, "{}", card.name);
            for reply in [
                serde_json::to_string(&presentation).unwrap(),
                serde_json::to_string(&read).unwrap(),
                serde_json::to_string(&completion).unwrap(),
                shop.transcript(),
            ] {
                assert_no_card(&reply);
            }
        }
    }
}

#[test]
fn a_chip_goes_through_its_stages() {
    let mut shop = Shop::new();
    let card = test_card("visa-approve").unwrap();
    let (presentation, read) = read(&mut shop, card, Entry::Chip);
    assert_eq!(read.tags["9F27"], "80");
    assert_eq!(read.tags["9F02"], "000000001250");
    assert_eq!(read.tags["84"], "A0000000031010");
    let completion = shop.complete(&presentation, approved()).unwrap().unwrap();
    assert_eq!(completion.tags["9F27"], "40");
    assert_eq!(
        shop.stages(),
        [
            Stage::WaitingForCard,
            Stage::CardInserted,
            Stage::Reading,
            Stage::Completing,
            Stage::RemoveCard
        ]
    );
    assert_eq!(shop.screen(), ["", "Approved", "", "Remove card"]);
    shop.act(json!({"action": "remove"})).unwrap();
    assert_eq!(shop.screen()[1].trim(), "Welcome");
}

#[test]
fn without_an_approval_the_chip_declines() {
    for (answer, words) in [
        (
            IssuerAnswer::Declined {
                response_code: "51".into(),
                issuer: Default::default(),
            },
            "Declined",
        ),
        (IssuerAnswer::NoAnswer, "No connection"),
    ] {
        let mut shop = Shop::new();
        let presentation = shop.presented("insert", "visa-approve");
        shop.authorize(&presentation).unwrap().unwrap();
        let completion = shop.complete(&presentation, answer).unwrap().unwrap();
        assert!(!completion.accepted);
        assert_eq!(completion.tags["9F27"], "00");
        assert_eq!(shop.screen()[1], words);
    }
}

#[test]
fn a_chip_can_refuse_after_approval() {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "mastercard-declines-after-approval");
    shop.authorize(&presentation).unwrap().unwrap();
    let completion = shop.complete(&presentation, approved()).unwrap().unwrap();
    assert!(!completion.accepted);
    assert_eq!(completion.tags["9F27"], "00");
    assert_eq!(shop.screen()[1], "Refused by card");
}

#[test]
fn cards_that_cannot_be_used_say_why() {
    for (gesture, card, why) in [
        ("insert", "visa-expired", "card_expired"),
        ("tap", "visa-expired", "card_expired"),
        ("insert", "mastercard-chip-fault", "card_unreadable"),
    ] {
        let mut shop = Shop::new();
        shop.later(json!({"action": gesture, "card": card}));
        let outcome = shop.present();
        assert_eq!(code(outcome), why, "{gesture} {card}");
    }
    let mut shop = Shop::new();
    shop.presented("swipe", "mastercard-chip-fault");
}

#[test]
fn the_cardholder_is_verified_as_the_card_wants() {
    for (card, entry, cvm) in [
        ("visa-approve", Entry::Chip, Cvm::None),
        ("visa-pin", Entry::Contactless, Cvm::OnlinePin),
        ("maestro-pin", Entry::Chip, Cvm::OfflinePin),
        ("mastercard-signature", Entry::Chip, Cvm::Signature),
        ("contactless-only", Entry::Contactless, Cvm::OnDevice),
    ] {
        let mut shop = Shop::new();
        let card = test_card(card).unwrap();
        let (_, read) = read(&mut shop, card, entry);
        assert_eq!(read.cvm, cvm, "{}", card.name);
        let online = card.verification == Verification::OnlinePin;
        let pin = shop.opened(&read).open_pin();
        assert_eq!(pin, online.then(|| Ok(card.pin().unwrap())));
    }
}

#[test]
fn two_reads_never_share_a_name() {
    let mut shop = Shop::new();
    let card = test_card("visa-approve").unwrap();
    let (first, first_read) = read(&mut shop, card, Entry::Chip);
    let (second, second_read) = read(&mut shop, card, Entry::Chip);
    assert_ne!(first.presentation_id, second.presentation_id);
    assert_ne!(first_read.read_id, second_read.read_id);
    assert_ne!(first_read.tags["9F36"], second_read.tags["9F36"]);
    assert_eq!(
        code(shop.authorize(&first)),
        "card_removed",
        "an old presentation"
    );
}
