// SPDX-License-Identifier: MIT OR Apache-2.0
//! A read sealed under DUKPT opens with the key of its own number and associated data, and with
//! nothing else, in both standards.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::dukpt::{aes, tdes};
use payhal_card_data::{
    Amounts, Associated, CardSecrets, DukptKey, EntryMode, Expiry, Inner, OpenError, Pan, Pin,
    PinBlock, Purpose, SEAL_VERSION, SealError, Track2,
};

/// A device's next key, with its number as messages carry it; and the key the host has for that.
struct Transaction {
    ksn: String,
    device: DukptKey,
    host: DukptKey,
}

fn tdes_transactions() -> [Transaction; 2] {
    let bdk = tdes::Bdk::new(&[0x5A; 16]).unwrap();
    let first = tdes::Ksn::new([0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0]);
    let mut device = tdes::Device::load(bdk.initial_key(&first));
    [(); 2].map(|()| {
        let (ksn, key) = device.next_transaction().unwrap();
        let ksn = ksn.to_string();
        Transaction {
            device: DukptKey::Tdes(key),
            host: DukptKey::Tdes(bdk.transaction_key(&ksn.parse().unwrap()).unwrap()),
            ksn,
        }
    })
}

fn aes_transactions(key_bytes: usize) -> [Transaction; 2] {
    let bdk = aes::Bdk::new(&vec![0x5A; key_bytes]).unwrap();
    let mut device = aes::Device::load(bdk.initial_key(aes::InitialKeyId::new([7; 8])));
    [(); 2].map(|()| {
        let (ksn, key) = device.next_transaction().unwrap();
        let ksn = ksn.to_string();
        Transaction {
            device: DukptKey::Aes(key),
            host: DukptKey::Aes(bdk.transaction_key(&ksn.parse().unwrap()).unwrap()),
            ksn,
        }
    })
}

fn every_kind() -> Vec<[Transaction; 2]> {
    let aes = [16, 24, 32].map(aes_transactions);
    [tdes_transactions()].into_iter().chain(aes).collect()
}

fn associated(ksn: &str) -> Associated<'_> {
    Associated {
        version: SEAL_VERSION,
        read_id: "read-1",
        transaction_id: "01J0",
        device: "counter",
        gateway: "sandbox",
        key_id: ksn,
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
            online_pin: None,
            entry: EntryMode::Chip,
        },
    }
}

#[test]
fn read_and_pin_come_out_whole() {
    let pin = Pin::new(b"1234").unwrap();
    for [with, without] in every_kind() {
        let aad = associated(&with.ksn);
        let block = with.device.encrypt_pin(&pin, &pan());
        let sealed = with.device.seal(&aad, &inner(), Some(block)).unwrap();
        let (opened, block) = with.host.open(&aad, &sealed).unwrap();
        assert_eq!(opened.inner, inner());
        assert_eq!(opened.replay, aad.replay_token());
        assert_eq!(with.host.open_pin(&block.unwrap(), &pan()), Ok(pin.clone()));
        assert_eq!(with.host.scheme(), with.device.scheme());

        let aad = associated(&without.ksn);
        let sealed = without.device.seal(&aad, &inner(), None).unwrap();
        let (opened, block) = without.host.open(&aad, &sealed).unwrap();
        assert_eq!((opened.inner, block), (inner(), None));
    }
}

#[test]
fn another_key_or_name_opens_nothing() {
    for [first, second] in every_kind() {
        let aad = associated(&first.ksn);
        let sealed = first.device.seal(&aad, &inner(), None).unwrap();
        let wrong = second.host.open(&aad, &sealed);
        assert_eq!(wrong.unwrap_err(), OpenError::Sealed);
        for altered in [
            associated(&second.ksn),
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
fn an_altered_or_cut_seal_does_not_open() {
    let pin = Pin::new(b"1234").unwrap();
    for [transaction, _] in every_kind() {
        let aad = associated(&transaction.ksn);
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

#[test]
fn a_clear_pin_is_not_sealed() {
    let [transaction, _] = tdes_transactions();
    let mut inner = inner();
    inner.secrets.online_pin = Some(PinBlock::format0(b"1234", &pan()).unwrap());
    let refused = transaction
        .device
        .seal(&associated(&transaction.ksn), &inner, None);
    assert_eq!(refused.unwrap_err(), SealError::ClearPin);
}
