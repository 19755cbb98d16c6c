// SPDX-License-Identifier: MIT OR Apache-2.0
//! A seal opens for its key and its associated data, and for nothing else.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::{
    Amounts, Associated, CardSecrets, EntryMode, Expiry, Inner, OpenError, Pan, PinBlock,
    PrivateKey, Purpose, SEAL_VERSION, SealError, Track2, open, seal,
};

const PAN: &[u8] = b"4111111111111111";

fn associated() -> Associated<'static> {
    Associated {
        version: SEAL_VERSION,
        read_id: "read-1",
        transaction_id: "01J0",
        device: "counter",
        gateway: "sandbox",
        key_id: "key-1",
    }
}

fn inner() -> Inner {
    let pan = Pan::new(PAN).unwrap();
    let expiry = Expiry::new(2049, 12).unwrap();
    Inner {
        purpose: Purpose::Sale,
        amounts: Amounts {
            currency: *b"EUR",
            total_minor: 1250,
            tip_minor: Some(150),
            surcharge_minor: None,
            cashback_minor: Some(-1),
        },
        secrets: CardSecrets {
            track2: Some(Track2::made_of(&pan, expiry, b"201").unwrap()),
            track1: None,
            online_pin: Some(PinBlock::format0(b"1234", &pan).unwrap()),
            entry: EntryMode::Chip,
            pan,
            expiry,
        },
    }
}

#[test]
fn what_is_sealed_comes_out_whole() {
    let key = PrivateKey::generate();
    let (encapsulated, ciphertext) = seal(&key.public_bytes(), &associated(), &inner()).unwrap();
    assert_eq!(encapsulated.len(), 65);
    assert!(!ciphertext.windows(8).any(|window| window == &PAN[..8]));
    let opened = open(&key, &associated(), &encapsulated, &ciphertext).unwrap();
    assert_eq!(opened, inner());
}

#[test]
fn optional_fields_stay_absent() {
    let mut sent = inner();
    sent.amounts.tip_minor = None;
    sent.amounts.cashback_minor = None;
    sent.secrets.track2 = None;
    sent.secrets.online_pin = None;
    sent.secrets.entry = EntryMode::Manual;
    sent.purpose = Purpose::Refund;
    let key = PrivateKey::generate();
    let (encapsulated, ciphertext) = seal(&key.public_bytes(), &associated(), &sent).unwrap();
    let opened = open(&key, &associated(), &encapsulated, &ciphertext).unwrap();
    assert_eq!(opened, sent);
}

#[test]
fn two_seals_of_one_read_share_nothing() {
    let key = PrivateKey::generate().public_bytes();
    let first = seal(&key, &associated(), &inner()).unwrap();
    let second = seal(&key, &associated(), &inner()).unwrap();
    assert_ne!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

#[test]
fn every_name_in_the_associated_data_counts() {
    let key = PrivateKey::generate();
    let (encapsulated, ciphertext) = seal(&key.public_bytes(), &associated(), &inner()).unwrap();
    let right = associated();
    let wrong = [
        Associated {
            version: 2,
            ..right
        },
        Associated {
            read_id: "read-2",
            ..right
        },
        Associated {
            transaction_id: "01J1",
            ..right
        },
        Associated {
            device: "counter2",
            ..right
        },
        Associated {
            gateway: "live",
            ..right
        },
        Associated {
            key_id: "key-2",
            ..right
        },
        // The same bytes in a row, cut elsewhere: lengths keep them apart.
        Associated {
            device: "countersand",
            gateway: "box",
            ..right
        },
    ];
    for associated in wrong {
        assert_eq!(
            open(&key, &associated, &encapsulated, &ciphertext).unwrap_err(),
            OpenError::Sealed,
            "{associated:?}"
        );
    }
}

#[test]
fn another_key_opens_nothing() {
    let key = PrivateKey::generate();
    let (encapsulated, ciphertext) = seal(&key.public_bytes(), &associated(), &inner()).unwrap();
    let other = PrivateKey::generate();
    assert_eq!(
        open(&other, &associated(), &encapsulated, &ciphertext).unwrap_err(),
        OpenError::Sealed
    );
}

#[test]
fn an_altered_seal_does_not_open() {
    let key = PrivateKey::generate();
    let (encapsulated, ciphertext) = seal(&key.public_bytes(), &associated(), &inner()).unwrap();
    for place in 0..ciphertext.len() {
        let mut altered = ciphertext.clone();
        altered[place] ^= 1;
        assert!(open(&key, &associated(), &encapsulated, &altered).is_err());
    }
    for short in [0, 1, 15, 16, ciphertext.len() - 1] {
        assert!(open(&key, &associated(), &encapsulated, &ciphertext[..short]).is_err());
    }
    let mut altered = encapsulated.clone();
    altered[40] ^= 1;
    assert!(open(&key, &associated(), &altered, &ciphertext).is_err());
    assert!(open(&key, &associated(), &[], &ciphertext).is_err());
}

#[test]
fn a_private_key_survives_storage() {
    let key = PrivateKey::generate();
    let stored = key.to_bytes();
    assert_eq!(stored.len(), 32);
    let loaded = PrivateKey::from_bytes(&stored).unwrap();
    assert_eq!(loaded.public_bytes(), key.public_bytes());
    let (encapsulated, ciphertext) = seal(&key.public_bytes(), &associated(), &inner()).unwrap();
    assert!(open(&loaded, &associated(), &encapsulated, &ciphertext).is_ok());
    assert_eq!(format!("{key:?}"), "PrivateKey[32 bytes]");
    assert_eq!(
        PrivateKey::from_bytes(&[0; 32]).unwrap_err(),
        OpenError::PrivateKey(32)
    );
    assert_eq!(
        PrivateKey::from_bytes(&[1; 31]).unwrap_err(),
        OpenError::PrivateKey(31)
    );
}

#[test]
fn a_recipient_key_that_is_no_point_is_refused() {
    for wrong in [&[][..], &[4; 65], &[0; 65], &[2; 33]] {
        assert_eq!(
            seal(wrong, &associated(), &inner()).unwrap_err(),
            SealError::PublicKey(wrong.len())
        );
    }
}

#[test]
fn debug_of_what_lies_inside_shows_no_card() {
    let shown = format!("{:?}", inner());
    for part in ["4111", "1111", "4912", "1234"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}
