// SPDX-License-Identifier: MIT OR Apache-2.0
//! A seal in auth mode opens for its key, its associated data and its sender, and for nothing else;
//! and whoever opens it learns what to compare and what to spend.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::{
    Amounts, Associated, CardNumber, CardSecrets, Difference, EntryMode, Expiry, Inner, OpenError,
    Opened, Pan, Pin, PrivateKey, PublicKey, Purpose, SEAL_VERSION, SealError, Track1, Track2,
    open_from, open_number_from, seal_from, seal_number_from,
};

const TRACK1: &[u8] = b"B4111111111111111^DOE/JANE^49122010000000";

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

fn amounts() -> Amounts {
    Amounts {
        currency: *b"EUR",
        total_minor: 1250,
        tip_minor: Some(150),
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn inner() -> Inner {
    let pan = Pan::new(b"4111111111111111").unwrap();
    let expiry = Expiry::new(2049, 12).unwrap();
    Inner {
        purpose: Purpose::Sale,
        amounts: amounts(),
        secrets: CardSecrets {
            track2: Some(Track2::made_of(&pan, expiry, b"201").unwrap()),
            track1: Some(Track1::new(TRACK1).unwrap()),
            entry: EntryMode::Chip,
            pan,
            expiry,
        },
    }
}

fn pin() -> Pin {
    Pin::new(b"739150").unwrap()
}

fn number() -> CardNumber {
    CardNumber {
        pan: inner().secrets.pan.clone(),
        expiry: inner().secrets.expiry,
    }
}

/// A device, a recipient, and one seal between them.
struct Sealed {
    device: PrivateKey,
    recipient: PrivateKey,
    encapsulated: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Sealed {
    fn new() -> Self {
        let (device, recipient) = (PrivateKey::generate(), PrivateKey::generate());
        let to = recipient.public_bytes();
        let (encapsulated, ciphertext) =
            seal_from(&device, &to, &associated(), &inner(), Some(&pin())).unwrap();
        Self {
            device,
            recipient,
            encapsulated,
            ciphertext,
        }
    }

    fn open(&self, sender: &PublicKey, key: &PrivateKey) -> Result<Opened, OpenError> {
        let associated = associated();
        open_from(
            sender,
            key,
            &associated,
            &self.encapsulated,
            &self.ciphertext,
        )
    }

    fn open_as(&self, associated: &Associated<'_>) -> Result<Opened, OpenError> {
        let sender = self.device.public();
        let (key, body) = (&self.encapsulated, &self.ciphertext);
        open_from(sender, &self.recipient, associated, key, body)
    }
}

#[test]
fn what_is_sealed_comes_out_whole() {
    let sealed = Sealed::new();
    let opened = sealed
        .open(sealed.device.public(), &sealed.recipient)
        .unwrap();
    assert_eq!(opened.inner, inner());
    assert_eq!(opened.open_pin(), Some(Ok(pin())));
    let digits = b"4111111111111111";
    assert!(
        !sealed
            .ciphertext
            .windows(8)
            .any(|part| part == &digits[..8])
    );
}

#[test]
fn a_pin_is_a_block_of_format_4_under_a_key_of_its_seal() {
    let sealed = Sealed::new();
    let opened = [(); 2].map(|()| sealed.open_as(&associated()).unwrap());
    let [block, again] = opened.each_ref().map(|opened| *opened.pin_block().unwrap());
    assert_eq!((block.format(), block), (4, again));
    let other = Sealed::new().open_as(&associated());
    assert_ne!(
        other.unwrap().pin_block(),
        Some(&block),
        "every seal has a key of its own"
    );

    let to = sealed.recipient.public_bytes();
    let (key, body) = seal_from(&sealed.device, &to, &associated(), &inner(), None).unwrap();
    let sender = sealed.device.public();
    let without = open_from(sender, &sealed.recipient, &associated(), &key, &body).unwrap();
    assert_eq!((without.pin_block(), without.open_pin()), (None, None));
}

#[test]
fn a_number_opens_as_a_number_and_a_read_as_a_read() {
    let Sealed {
        device,
        recipient,
        encapsulated,
        ciphertext,
    } = Sealed::new();
    let (sender, aad) = (device.public(), associated());
    let to = recipient.public_bytes();
    let (key, body) = seal_number_from(&device, &to, &aad, &number()).unwrap();
    let opened = open_number_from(sender, &recipient, &aad, &key, &body);
    assert_eq!(opened, Ok(number()));
    let as_read = open_from(sender, &recipient, &aad, &key, &body);
    assert_eq!(as_read.unwrap_err(), OpenError::Sealed);
    let as_number = open_number_from(sender, &recipient, &aad, &encapsulated, &ciphertext);
    assert_eq!(as_number, Err(OpenError::Sealed));

    let elsewhere = Associated {
        transaction_id: "01J1",
        ..aad
    };
    let refused = open_number_from(sender, &recipient, &elsewhere, &key, &body);
    assert_eq!(refused, Err(OpenError::Sealed));
    let forged = open_number_from(recipient.public(), &recipient, &aad, &key, &body);
    assert_eq!(forged, Err(OpenError::Sealed));
    assert!(
        body.len() < ciphertext.len() - TRACK1.len(),
        "it holds no track"
    );
}

#[test]
fn another_sender_or_recipient_opens_nothing() {
    let sealed = Sealed::new();
    let other = PrivateKey::generate();
    let wrong = OpenError::Sealed;
    let by_other = sealed.open(other.public(), &sealed.recipient);
    assert_eq!(by_other.unwrap_err(), wrong);
    let for_other = sealed.open(sealed.device.public(), &other);
    assert_eq!(for_other.unwrap_err(), wrong);
    let swapped = sealed.open(sealed.recipient.public(), &sealed.device);
    assert_eq!(swapped.unwrap_err(), wrong);
}

#[test]
fn who_knows_the_gateways_key_alone_makes_up_no_read() {
    let sealed = Sealed::new();
    let to = sealed.recipient.public_bytes();
    let forger = PrivateKey::generate();
    let forged = seal_from(&forger, &to, &associated(), &inner(), None);
    let (encapsulated, ciphertext) = forged.unwrap();
    let forged = Sealed {
        encapsulated,
        ciphertext,
        ..sealed
    };
    assert!(forged.open_as(&associated()).is_err());
}

#[test]
fn optional_fields_stay_absent() {
    let mut sent = inner();
    sent.amounts.tip_minor = None;
    sent.secrets.track1 = None;
    sent.secrets.track2 = None;
    sent.secrets.entry = EntryMode::Manual;
    sent.purpose = Purpose::Refund;
    let of = Sealed::new();
    let to = of.recipient.public_bytes();
    let (key, body) = seal_from(&of.device, &to, &associated(), &sent, None).unwrap();
    assert_eq!(body.len(), of.ciphertext.len(), "a length tells nothing");
    let opened = open_from(
        of.device.public(),
        &of.recipient,
        &associated(),
        &key,
        &body,
    );
    assert_eq!(opened.unwrap().inner, sent);
}

#[test]
fn two_seals_of_one_read_share_nothing() {
    let of = Sealed::new();
    let to = of.recipient.public_bytes();
    let again = seal_from(&of.device, &to, &associated(), &inner(), Some(&pin())).unwrap();
    assert_ne!(of.encapsulated, again.0);
    assert!(
        of.ciphertext
            .iter()
            .zip(&again.1)
            .filter(|(a, b)| a == b)
            .count()
            < 32
    );
}

#[test]
fn a_private_key_survives_storage() {
    let of = Sealed::new();
    let stored = of.recipient.to_bytes();
    assert_eq!(stored.len(), 32);
    let loaded = PrivateKey::from_bytes(&stored).unwrap();
    assert!(of.open(of.device.public(), &loaded).is_ok());
    assert_eq!(format!("{loaded:?}"), "PrivateKey[32 bytes]");
    for wrong in [&[0; 32][..], &[1; 31]] {
        let refused = OpenError::PrivateKey(wrong.len());
        assert_eq!(PrivateKey::from_bytes(wrong).unwrap_err(), refused);
    }
}

#[test]
fn every_name_in_the_associated_data_counts() {
    let sealed = Sealed::new();
    let right = associated();
    assert!(sealed.open_as(&right).is_ok());
    let wrong = |change: fn(&mut Associated<'static>)| {
        let mut altered = right;
        change(&mut altered);
        assert_eq!(
            sealed.open_as(&altered).unwrap_err(),
            OpenError::Sealed,
            "{altered:?}"
        );
    };
    wrong(|altered| altered.version = 2);
    wrong(|altered| altered.read_id = "read-2");
    wrong(|altered| altered.transaction_id = "01J1");
    wrong(|altered| altered.device = "counter2");
    wrong(|altered| altered.gateway = "live");
    wrong(|altered| altered.key_id = "key-2");
    wrong(|altered| (altered.device, altered.gateway) = ("countersand", "box"));
}

#[test]
fn an_altered_or_cut_seal_does_not_open() {
    let mut sealed = Sealed::new();
    for place in 0..sealed.ciphertext.len() {
        sealed.ciphertext[place] ^= 1;
        assert!(sealed.open_as(&associated()).is_err(), "byte {place}");
        sealed.ciphertext[place] ^= 1;
    }
    for place in 0..sealed.encapsulated.len() {
        sealed.encapsulated[place] ^= 1;
        assert!(sealed.open_as(&associated()).is_err(), "key byte {place}");
        sealed.encapsulated[place] ^= 1;
    }
    assert!(sealed.open_as(&associated()).is_ok());
    while sealed.ciphertext.pop().is_some() {
        assert!(sealed.open_as(&associated()).is_err());
    }
}

#[test]
fn a_read_sent_again_has_the_token_of_the_first_time() {
    let sealed = Sealed::new();
    let first = sealed.open_as(&associated()).unwrap().replay;
    assert_eq!(sealed.open_as(&associated()).unwrap().replay, first);
    let right = associated();
    // A device that gives one read out for two transactions spends it twice.
    let twice = Associated {
        transaction_id: "01J1",
        ..right
    };
    assert_eq!(twice.replay_token(), first);
    for other in [
        Associated {
            read_id: "read-2",
            ..right
        },
        Associated {
            device: "counter2",
            ..right
        },
        Associated {
            device: "counterread",
            read_id: "-1",
            ..right
        },
    ] {
        assert_ne!(other.replay_token(), first, "{other:?}");
    }
}

#[test]
fn other_amounts_than_the_reader_used_are_named() {
    let sealed = Sealed::new();
    let inner = sealed.open_as(&associated()).unwrap().inner;
    let differences = |purpose, change: fn(&mut Amounts)| {
        let mut asked = amounts();
        change(&mut asked);
        inner.differences(purpose, &asked).collect::<Vec<_>>()
    };
    let sale = Purpose::Sale;
    assert_eq!(differences(sale, |_| ()), []);
    assert_eq!(differences(Purpose::Refund, |_| ()), [Difference::Purpose]);
    for (change, difference) in [
        (
            (|asked| asked.currency = *b"USD") as fn(&mut Amounts),
            Difference::Currency,
        ),
        (|asked| asked.total_minor = 12_500, Difference::Total),
        (|asked| asked.tip_minor = None, Difference::Tip),
        (
            |asked| asked.surcharge_minor = Some(0),
            Difference::Surcharge,
        ),
        (|asked| asked.cashback_minor = Some(1), Difference::Cashback),
    ] {
        assert_eq!(differences(sale, change), [difference]);
    }
}

#[test]
fn keys_that_are_none_are_refused() {
    let device = PrivateKey::generate();
    for wrong in [&[][..], &[4; 65], &[0; 65], &[2; 33]] {
        let refused = OpenError::PublicKey(wrong.len());
        assert_eq!(PublicKey::from_bytes(wrong).unwrap_err(), refused);
        let sealed = seal_from(&device, wrong, &associated(), &inner(), None);
        assert_eq!(sealed.unwrap_err(), SealError::PublicKey(wrong.len()));
    }
    let public = device.public();
    assert_eq!(public.to_bytes(), device.public_bytes());
    assert_eq!(
        PublicKey::from_bytes(&public.to_bytes()).as_ref(),
        Ok(public)
    );
}
