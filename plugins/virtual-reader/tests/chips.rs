// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cryptograms: the issuer can check the card's, the card the issuer's.

use super::*;
use payhal_card_data::emv::{CRYPTOGRAM_DOL, SessionKey, Tag, fill_dol, read_dol};
use payhal_card_data::{by_pan, test_issuer};
use std::collections::BTreeMap;

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// The issuer's side: the key of the read's card and counter.
pub(super) fn session(shop: &Shop, read: &CardRead) -> SessionKey {
    let secrets = shop.opened(read).inner.secrets.clone();
    assert!(by_pan(&secrets.pan).is_some());
    let sequence: u8 = read.tags["5F34"].parse().unwrap();
    let atc = u16::from_str_radix(&read.tags["9F36"], 16).unwrap();
    test_issuer()
        .card_key(&secrets.pan, sequence)
        .session_key(atc)
}

pub(super) fn message(tags: &BTreeMap<String, String>) -> Vec<u8> {
    let objects: BTreeMap<u32, Vec<u8>> = tags
        .iter()
        .map(|(tag, value)| (u32::from_str_radix(tag, 16).unwrap(), bytes(value)))
        .collect();
    let value_of = |tag: Tag| objects.get(&tag.number()).map(Vec::as_slice);
    fill_dol(CRYPTOGRAM_DOL, value_of).unwrap().bytes().to_vec()
}

fn arqc(read: &CardRead) -> [u8; 8] {
    bytes(&read.tags["9F26"]).try_into().unwrap()
}

fn read(shop: &mut Shop, gesture: &str) -> (Presentation, CardRead) {
    let presentation = shop.presented(gesture, "visa-approve");
    let read = shop.authorize(&presentation).unwrap().unwrap();
    (presentation, read)
}

#[test]
fn the_issuer_finds_the_cryptogram_right() {
    let mut shop = Shop::new();
    for gesture in ["insert", "tap"] {
        let (_, read) = read(&mut shop, gesture);
        for entry in read_dol(CRYPTOGRAM_DOL) {
            let tag = format!("{:02X}", entry.unwrap().tag.number());
            assert!(read.tags.contains_key(&tag), "{tag}");
        }
        let key = session(&shop, &read);
        assert!(key.has_cryptogram(&message(&read.tags), &arqc(&read)));
        for (tag, other) in [
            ("9F02", "000000001251"),
            ("5F2A", "0840"),
            ("95", "8000000000"),
            ("9A", "260302"),
            ("9C", "20"),
            ("9F37", "00000000"),
        ] {
            let mut altered = read.tags.clone();
            altered.insert(tag.to_owned(), other.to_owned());
            assert!(
                !key.has_cryptogram(&message(&altered), &arqc(&read)),
                "{tag}"
            );
        }
        assert_eq!(read.tags["9A"], "260301");
        assert_eq!(read.tags["5F2A"], "0978");
    }
}

/// Tag 91 as the issuer makes it.
fn authentication(key: &SessionKey, arqc: [u8; 8], code: &str) -> String {
    let code: [u8; 2] = code.as_bytes().try_into().unwrap();
    let response = key.response_by_method_1(&arqc, code);
    let bytes = response.iter().chain(&code);
    bytes.map(|byte| format!("{byte:02X}")).collect()
}

fn approved_with(data: String) -> IssuerAnswer {
    IssuerAnswer::Approved {
        response_code: "00".into(),
        issuer: [("91".to_owned(), data)].into(),
    }
}

#[test]
fn the_card_accepts_its_issuers_answer() {
    let mut shop = Shop::new();
    let (presentation, read) = read(&mut shop, "insert");
    let data = authentication(&session(&shop, &read), arqc(&read), "00");
    let completion = shop.complete(&presentation, approved_with(data));
    let completion = completion.unwrap().unwrap();
    assert!(completion.accepted);
    assert_eq!(completion.tags["9F27"], "40");
    assert_eq!(
        completion.tags["9B"], "F800",
        "the issuer was authenticated"
    );
    assert_eq!(completion.tags["95"], "0000000000");
    // The certificate is a cryptogram, too.
    let certificate = bytes(&completion.tags["9F26"]);
    let key = session(&shop, &read);
    assert!(key.has_cryptogram(&message(&read.tags), &certificate));
}

#[test]
fn an_answer_that_is_not_the_issuers_is_refused() {
    type Forge = fn(&SessionKey, [u8; 8]) -> String;
    let forged: [Forge; 5] = [
        |_, _| "0011223344556677".to_owned() + "3030",
        // A decline, told as an approval.
        |key, arqc| authentication(key, arqc, "51"),
        // The answer to another cryptogram.
        |key, arqc| authentication(key, arqc.map(|byte| byte ^ 1), "00"),
        |key, arqc| authentication(key, arqc, "00")[..18].to_owned(),
        |_, _| "not hex".to_owned(),
    ];
    for forge in forged {
        let mut shop = Shop::new();
        let (presentation, read) = read(&mut shop, "insert");
        let data = forge(&session(&shop, &read), arqc(&read));
        let completion = shop.complete(&presentation, approved_with(data.clone()));
        let completion = completion.unwrap().unwrap();
        assert!(!completion.accepted, "{data}");
        assert_eq!(completion.tags["9F27"], "00");
        assert_eq!(completion.tags["95"], "0000000040");
        assert_eq!(shop.screen()[1], "Refused by card");
    }
}

#[test]
fn no_tag_is_card_data() {
    let mut shop = Shop::new();
    for card in test_cards()
        .iter()
        .filter(|card| !card.applications.is_empty())
    {
        let contactless = card
            .entries
            .contains(&payhal_card_data::EntryMode::Contactless);
        if !contactless || card.name == "visa-expired" || card.pin().is_some() {
            continue;
        }
        let presentation = shop.presented("tap", card.name);
        let read = shop.authorize(&presentation).unwrap().unwrap();
        for tag in read.tags.keys() {
            let tag = Tag::new(u32::from_str_radix(tag, 16).unwrap()).unwrap();
            assert!(!tag.is_sensitive(), "{tag}");
        }
    }
}
