// SPDX-License-Identifier: MIT OR Apache-2.0
//! A read sealed under DUKPT opens with the key of its own number and associated data, and with
//! nothing else, in both standards.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::dukpt::{aes, tdes};
use payhal_card_data::{
    Amounts, Associated, CardNumber, CardSecrets, DukptKey, EntryMode, Expiry, Inner, OpenError,
    Pan, Pin, Purpose, SEAL_VERSION, Track2,
};

/// A device's next key, and the key the host has for its number.
struct Transaction {
    device: DukptKey,
    host: DukptKey,
}

fn tdes_transactions() -> [Transaction; 2] {
    let bdk = tdes::Bdk::new(&[0x5A; 16]).unwrap();
    let first = tdes::Ksn::new([0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0]);
    let mut device = tdes::Device::load(bdk.initial_key(&first));
    [(); 2].map(|()| {
        let (ksn, key) = device.next_transaction().unwrap();
        Transaction {
            device: DukptKey::Tdes(key),
            host: DukptKey::Tdes(bdk.transaction_key(&ksn).unwrap()),
        }
    })
}

fn aes_transactions(key_bytes: usize) -> [Transaction; 2] {
    let bdk = aes::Bdk::new(&vec![0x5A; key_bytes]).unwrap();
    let mut device = aes::Device::load(bdk.initial_key(aes::InitialKeyId::new([7; 8])));
    [(); 2].map(|()| {
        let (ksn, key) = device.next_transaction().unwrap();
        Transaction {
            device: DukptKey::Aes(key),
            host: DukptKey::Aes(bdk.transaction_key(&ksn).unwrap()),
        }
    })
}

fn every_kind() -> Vec<[Transaction; 2]> {
    let aes = [16, 24, 32].map(aes_transactions);
    [tdes_transactions()].into_iter().chain(aes).collect()
}

fn associated() -> Associated<'static> {
    Associated {
        version: SEAL_VERSION,
        read_id: "read-1",
        transaction_id: "01J0",
        device: "counter",
        gateway: "sandbox",
        key_id: "data-slot",
    }
}

fn pan() -> Pan {
    Pan::new(b"4111111111111111").unwrap()
}

fn inner() -> Inner {
    let expiry = Expiry::new(2049, 12).unwrap();
    Inner {
        purpose: Purpose::Sale,
        amounts: Amounts {
            currency: *b"EUR",
            total_minor: 1250,
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        },
        secrets: CardSecrets {
            pan: pan(),
            track2: Some(Track2::made_of(&pan(), expiry, b"201").unwrap()),
            expiry,
            track1: None,
            entry: EntryMode::Chip,
        },
    }
}

#[test]
fn read_and_pin_come_out_whole() {
    let pin = Pin::new(b"1234").unwrap();
    for [with, without] in every_kind() {
        let aad = associated();
        let block = with.device.encrypt_pin(&pin, &pan());
        let sealed = with.device.seal(&aad, &inner(), Some(block)).unwrap();
        let opened = with.host.open(&aad, &sealed).unwrap();
        assert_eq!(opened.inner, inner());
        assert_eq!(opened.replay, aad.replay_token());
        assert_eq!(opened.pin_block(), Some(&block));
        assert_eq!(opened.open_pin(), Some(Ok(pin.clone())));
        assert_eq!(with.host.scheme(), with.device.scheme());

        let aad = associated();
        let sealed = without.device.seal(&aad, &inner(), None).unwrap();
        let opened = without.host.open(&aad, &sealed).unwrap();
        assert_eq!(opened.open_pin(), None);
        assert_eq!(opened.inner, inner());
    }
}

#[test]
fn another_key_or_name_opens_nothing() {
    for [first, second] in every_kind() {
        let aad = associated();
        let sealed = first.device.seal(&aad, &inner(), None).unwrap();
        let wrong = second.host.open(&aad, &sealed);
        assert_eq!(wrong.unwrap_err(), OpenError::Sealed);
        for altered in [
            Associated {
                key_id: "other-slot",
                ..aad
            },
            Associated {
                transaction_id: "01J1",
                ..aad
            },
            Associated {
                read_id: "read-2",
                ..aad
            },
            Associated {
                gateway: "live",
                ..aad
            },
        ] {
            let wrong = first.host.open(&altered, &sealed);
            assert_eq!(wrong.unwrap_err(), OpenError::Sealed);
        }
    }
}

#[test]
fn a_number_opens_as_a_number_and_a_read_as_a_read() {
    let number = CardNumber {
        pan: pan(),
        expiry: inner().secrets.expiry,
    };
    for [first, second] in every_kind() {
        let aad = associated();
        let read = first.device.seal(&aad, &inner(), None).unwrap();
        let sealed = first.device.seal_number(&aad, &number).unwrap();
        assert_eq!(first.host.open_number(&aad, &sealed), Ok(number.clone()));
        let wrong = OpenError::Sealed;
        assert_eq!(first.host.open(&aad, &sealed).unwrap_err(), wrong);
        assert_eq!(first.host.open_number(&aad, &read), Err(wrong));
        assert_eq!(second.host.open_number(&aad, &sealed), Err(wrong));
        let elsewhere = Associated {
            transaction_id: "01J1",
            ..aad
        };
        let refused = first.host.open_number(&elsewhere, &sealed);
        assert_eq!(refused, Err(wrong));
        // Under the same key, equal texts are not seen to be equal.
        let again = first.device.seal_number(&aad, &number).unwrap();
        assert_ne!(sealed[..24], again[..24]);
    }
}

#[test]
fn an_altered_or_cut_seal_does_not_open() {
    let pin = Pin::new(b"1234").unwrap();
    for [transaction, _] in every_kind() {
        let aad = associated();
        let block = transaction.device.encrypt_pin(&pin, &pan());
        let mut sealed = transaction
            .device
            .seal(&aad, &inner(), Some(block))
            .unwrap();
        for place in 0..sealed.len() {
            sealed[place] ^= 0x10;
            assert!(
                transaction.host.open(&aad, &sealed).is_err(),
                "byte {place}"
            );
            sealed[place] ^= 0x10;
        }
        assert!(transaction.host.open(&aad, &sealed).is_ok());
        while sealed.pop().is_some() {
            assert!(transaction.host.open(&aad, &sealed).is_err());
        }
    }
}
