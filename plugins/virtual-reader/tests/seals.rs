// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader seals in every mode, to whom its own anchors vouch for, and under each key once.

use super::*;
use payhal_card_data::{AUTH_SCHEME, CardNumber, open_number_from, test_card};
use payhal_plugin::PluginError;
use std::collections::HashSet;

const MODES: [&str; 3] = ["hpke", "dukpt_tdes", "dukpt_aes"];

fn read(shop: &mut Shop, seal_number: bool) -> CardRead {
    let presentation = shop.presented("insert", "canary-visa");
    shop.later(json!({"action": "pin"}));
    let request = AuthorizeCard {
        seal_number,
        ..shop.request(&presentation)
    };
    let read = shop.reader.authorize_card(request, &shop.bench.call());
    read.unwrap().unwrap()
}

#[test]
fn every_mode_seals_card_and_pin() {
    let card = test_card("canary-visa").unwrap();
    for (mode, scheme, format) in [
        ("hpke", AUTH_SCHEME, 4),
        ("dukpt_tdes", DUKPT_TDES_SCHEME, 0),
        ("dukpt_aes", DUKPT_AES_SCHEME, 4),
    ] {
        let mut shop = Shop::sealing(mode);
        let identity = shop.reader.identify(&shop.bench.call()).unwrap().unwrap();
        let told = identity.sealing.unwrap();
        assert_eq!(told.scheme, scheme);
        assert!(told.software && told.test_keys);
        let read = read(&mut shop, false);
        assert_eq!((read.sealed.scheme.as_str(), &read.number), (scheme, &None));
        let opened = shop.opened(&read);
        assert_eq!(opened.inner.secrets.pan, card.pan());
        assert_eq!(opened.pin_block().unwrap().format(), format);
        assert_eq!(opened.open_pin(), card.pin().map(Ok));
        assert_no_card(&serde_json::to_string(&read).unwrap());
    }
}

#[test]
fn the_number_is_sealed_apart_where_it_is_asked_for() {
    let card = test_card("canary-visa").unwrap();
    let number = CardNumber {
        pan: card.pan(),
        expiry: card.expiry(),
    };
    for mode in MODES {
        let mut shop = Shop::sealing(mode);
        let read = read(&mut shop, true);
        let sealed = read.number.as_ref().unwrap();
        assert_eq!(sealed.ksn, read.sealed.ksn, "the same key serves both");
        let associated = associated(&read, sealed);
        let opened = if mode == "hpke" {
            let sender = PublicKey::from_bytes(&sealed.sender_key).unwrap();
            let (key, body) = (&sealed.encapsulated_key, &sealed.ciphertext);
            open_number_from(&sender, &shop.key, &associated, key, body)
        } else {
            let gateway = GatewayKeys::of(&shop.folder.path().join("gateway"));
            let base = gateway.base_key(SLOT).unwrap().unwrap();
            let (_, key) = base.transaction_key(&sealed.ksn).unwrap();
            key.open_number(&associated, &sealed.ciphertext)
        };
        assert_eq!(opened, Ok(number.clone()), "{mode}");
    }
}

#[test]
fn a_key_serial_number_never_comes_again() {
    for mode in ["dukpt_tdes", "dukpt_aes"] {
        let mut shop = Shop::sealing(mode);
        let mut seen = HashSet::new();
        for round in 0..6 {
            assert!(
                seen.insert(read(&mut shop, false).sealed.ksn),
                "{mode} {round}"
            );
            if round % 2 == 1 {
                // A new process finds what the former one stored.
                let config = json!({ "sealing": mode }).to_string();
                shop.reader = shop.bench.reader(&config).unwrap();
                shop.simulator = shop.reader.simulator();
            }
        }
    }
}

#[test]
fn the_readers_own_key_stays_its_own() {
    let mut shop = Shop::new();
    let first = read(&mut shop, false).sealed.sender_key;
    shop.reader = shop.bench.reader("{}").unwrap();
    shop.simulator = shop.reader.simulator();
    assert_eq!(read(&mut shop, false).sealed.sender_key, first);
    assert_ne!(read(&mut Shop::new(), false).sealed.sender_key, first);
}

/// Refused before anybody is asked for a PIN.
fn refused(change: impl FnOnce(&Shop, &mut Recipient)) -> String {
    let mut shop = Shop::new();
    let presentation = shop.presented("insert", "visa-pin");
    let mut request = shop.request(&presentation);
    change(&shop, &mut request.recipient);
    let outcome = shop.reader.authorize_card(request, &shop.bench.call());
    let Err(PluginError::Failed(failure)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(!shop.stages().contains(&Stage::PinEntry));
    failure.reason
}

#[test]
fn nothing_is_sealed_to_a_key_that_no_anchor_vouches_for() {
    let authority = |name| Authority::new(name, AUTHORITY_KEY).unwrap();
    let other = PrivateKey::generate();
    // What a host that wants the card would do.
    let swapped = refused(|_, to| {
        to.public_key = other.public_bytes();
        to.key_id = key_id(&to.public_key);
    });
    assert!(
        swapped.contains("not the one that its certificate"),
        "{swapped}"
    );
    let own = refused(|_, to| {
        let own = Authority::new(AUTHORITY, &[7; 32]).unwrap();
        to.public_key = other.public_bytes();
        to.key_id = key_id(&to.public_key);
        to.certificates = vec![own.issue("sandbox", &to.public_key, VALID).unwrap()];
    });
    assert!(own.contains("altered or forged"), "{own}");
    let unknown = refused(|_, to| {
        let other = authority("another authority");
        to.certificates = vec![other.issue("sandbox", &to.public_key, VALID).unwrap()];
    });
    assert!(unknown.contains("does not know"), "{unknown}");
    assert!(refused(|_, to| to.certificates.clear()).contains("no certificate"));
    for (valid, why) in [
        ((VALID.from - 9, VALID.from), "has expired"),
        ((VALID.until, VALID.until + 9), "not valid yet"),
    ] {
        let text = refused(|_, to| {
            let valid = ValidTime {
                from: valid.0,
                until: valid.1,
            };
            let issued = authority(AUTHORITY).issue("sandbox", &to.public_key, valid);
            to.certificates = vec![issued.unwrap()];
        });
        assert!(text.contains(why), "{text}");
    }
    let renamed = refused(|_, to| to.key_id = "another-name".into());
    assert!(renamed.contains("another key's name"), "{renamed}");
    let none = refused(|_, to| to.public_key = vec![4; 65]);
    assert!(none.contains("seal the card"), "{none}");
}

#[test]
fn a_reader_says_what_the_system_refuses_its_memory() {
    use payhal_card_data::MemoryProtection;
    let warnings = |locked, out_of_dumps| {
        let bench = Bench::new();
        let granted = MemoryProtection {
            locked,
            out_of_dumps,
        };
        crate::reader::warn_of_memory(granted, &bench.call());
        bench.said().len()
    };
    assert_eq!(warnings(true, true), 0);
    assert_eq!(warnings(false, true), 1);
    assert_eq!(warnings(false, false), 2);
}
