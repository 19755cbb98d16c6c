// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads of pinpads: each part under a key of its own, bound to nothing but by a chip's cryptogram.

use super::*;
use payhal_card_data::key_file::{DeviceKeys, GatewayKeys, InjectedKey, KeyScheme};
use payhal_card_data::pinpad_read::{ABECS_DUKPT_TDES_SCHEME, PinpadField, PinpadPart, PinpadRead};
use payhal_card_data::{DukptKey, Padding};

/// A gateway's folder with a base key, and a pinpad with one of its keys.
struct Counter {
    shop: Shop,
    key: InjectedKey,
    _pinpad: TempDir,
}

/// What a request with a read is made of.
struct Sale<'a> {
    card: &'a str,
    entry: Entry,
    pin: Option<&'a str>,
}

const CHIP: Sale<'_> = Sale {
    card: "visa-approve",
    entry: Entry::Chip,
    pin: None,
};

impl Counter {
    fn new(config: &str) -> Self {
        let (folder, pinpad) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let gateway = GatewayKeys::of(folder.path());
        gateway
            .make_base_key("pinpad", KeyScheme::Tdes, true, 1)
            .unwrap();
        let mut base = gateway.base_key("pinpad").unwrap().unwrap();
        let device = DeviceKeys::of(pinpad.path());
        gateway.inject(&mut base, &device, false, 1).unwrap();
        Self {
            shop: Shop::with(config, folder),
            key: device.injected(KeyScheme::Tdes.scheme()).unwrap().unwrap(),
            _pinpad: pinpad,
        }
    }

    fn encrypted(&mut self, part: PinpadPart, clear: &[u8]) -> PinpadField {
        let (ksn, key) = self.key.next_transaction().unwrap();
        let DukptKey::Tdes(key) = key else {
            panic!("a TDES key")
        };
        let ciphertext = key
            .data_request_key()
            .encrypt_cbc(&[0; 8], clear, Padding::Zeros);
        PinpadField {
            part,
            ksn: payhal_card_data::dukpt::tdes::Ksn::new(ksn.try_into().unwrap()),
            ciphertext,
        }
    }

    /// What a pinpad hands out of a card.
    fn parts(&mut self, card: &TestCard, pin: Option<&str>) -> PinpadRead {
        let mut fields = Vec::new();
        if let Some(pin) = pin {
            let (ksn, key) = self.key.next_transaction().unwrap();
            let pin = Pin::new(pin.as_bytes()).unwrap();
            fields.push(PinpadField {
                part: PinpadPart::PinBlock,
                ksn: payhal_card_data::dukpt::tdes::Ksn::new(ksn.try_into().unwrap()),
                ciphertext: key.encrypt_pin(&pin, &card.pan()).bytes().to_vec(),
            });
        }
        let pan = packed(card.pan().digits());
        fields.push(self.encrypted(PinpadPart::Pan, &pan));
        let track2 = packed(card.track2().characters());
        fields.push(self.encrypted(PinpadPart::Track2, &track2));
        PinpadRead::new(fields, Some(card.expiry())).unwrap()
    }

    fn sale(&mut self, sale: &Sale<'_>) -> (Authorize, SealedNumber) {
        let card = test_card(sale.card).unwrap();
        let mut request = self.shop.request(Purpose::Sale, sale.card, 1250);
        let parts = self.parts(card, sale.pin);
        let read = read_of(&mut request);
        read.entry = sale.entry;
        read.tags = tags_of(card, sale.entry, 1250);
        if sale.entry != Entry::Stripe {
            read.tags.insert("9F03".into(), format!("{:012}", 0));
        }
        read.sealed = sealed(&parts);
        let number = SealedNumber {
            device: read.device.clone(),
            read_id: read.read_id.clone(),
            sealed: sealed(&parts.number().unwrap()),
        };
        (request, number)
    }

    fn refused(&self, request: &Authorize) -> (String, String) {
        let answer = self.shop.authorize(request);
        assert_eq!(answer.decision, Decision::Rejected);
        (answer.response_code, answer.response_text.unwrap())
    }
}

fn sealed(parts: &PinpadRead) -> Sealed {
    Sealed {
        scheme: ABECS_DUKPT_TDES_SCHEME.into(),
        key_id: "pinpad".into(),
        ksn: parts.ksn().unwrap().bytes().to_vec(),
        sender_key: Vec::new(),
        encapsulated_key: Vec::new(),
        ciphertext: parts.encode(),
    }
}

/// Half bytes, `F` behind.
fn packed(text: &[u8]) -> Vec<u8> {
    let mut halves: Vec<u8> = text
        .iter()
        .map(|symbol| match symbol {
            b'D' | b'=' => 0xD,
            digit => digit - b'0',
        })
        .collect();
    halves.resize(halves.len().next_multiple_of(16), 0xF);
    halves
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

#[test]
fn a_pinpads_read_pays_its_pin_is_checked_and_its_number_reverses() {
    let mut counter = Counter::new(r#"{"reversal_needs_number": true}"#);
    assert_eq!(
        counter.shop.parameters.opens,
        [AUTH_SCHEME, "dukpt-tdes", "abecs-dukpt-tdes"]
    );
    let card = "mastercard-pin-at-issuer";
    let with = |pin| Sale {
        card,
        pin: Some(pin),
        ..CHIP
    };
    let (wrong, _) = counter.sale(&with("1111"));
    assert_eq!(counter.shop.authorize(&wrong).response_code, "55");
    let (right, number) = counter.sale(&with("4321"));
    let answer = counter.shop.authorize(&right);
    assert_eq!(answer.response_code, "00");
    assert!(answer.issuer.contains_key("91"), "the chip is answered");
    assert_eq!(counter.shop.authorize(&right), answer, "a repeat");
    let told = counter.shop.simulate(json!({"action": "ledger"}));
    let read = &told["entries"][1]["read"];
    assert_eq!(read["scheme"], ABECS_DUKPT_TDES_SCHEME);
    assert_eq!(
        (&read["pin"], &read["cryptogram"]),
        (&json!("right"), &json!("right"))
    );
    assert_eq!(read["counter"], 6, "track 2's key names the read");
    let reversal = counter.shop.reverse_with(&right.wire, Some(number));
    assert_eq!(reversal, Reversal::Reversed);
}

#[test]
fn a_number_of_another_card_reverses_nothing() {
    let mut counter = Counter::new(r#"{"reversal_needs_number": true}"#);
    let (paid, _) = counter.sale(&CHIP);
    assert_eq!(counter.shop.authorize(&paid).response_code, "00");
    let (_, mut other) = counter.sale(&Sale {
        card: "mastercard-approve",
        ..CHIP
    });
    other.read_id = read_of(&mut paid.clone()).read_id.clone();
    let reversal = counter.shop.reverse_with(&paid.wire, Some(other));
    assert!(matches!(reversal, Reversal::Refused { .. }), "{reversal:?}");
    let mut whole = read_of(&mut paid.clone()).sealed.clone();
    whole.ksn.clear();
    let number = SealedNumber {
        device: "reader-1".into(),
        read_id: read_of(&mut paid.clone()).read_id.clone(),
        sealed: whole,
    };
    let reversal = counter.shop.reverse_with(&paid.wire, Some(number));
    assert!(
        matches!(reversal, Reversal::Refused { .. }),
        "a read is no number"
    );
}

#[test]
fn every_part_is_spent_once_whatever_it_comes_with() {
    let mut counter = Counter::new("{}");
    let with_pin = Sale {
        card: "mastercard-pin-at-issuer",
        pin: Some("4321"),
        ..CHIP
    };
    let (first, _) = counter.sale(&with_pin);
    assert_eq!(counter.shop.authorize(&first).response_code, "00");
    let mut again = first.clone();
    again.wire = counter.shop.wire();
    read_of(&mut again).read_id = "another-name".into();
    assert_eq!(counter.refused(&again).0, "94");
    // A PIN block of then beside a card of now: whoever holds the host could try it.
    let old = PinpadRead::decode(&read_of(&mut again).sealed.ciphertext).unwrap();
    let block = old.fields()[0].clone();
    assert_eq!(block.part, PinpadPart::PinBlock);
    let (mut mixed, _) = counter.sale(&Sale {
        pin: None,
        ..with_pin
    });
    let now = PinpadRead::decode(&read_of(&mut mixed).sealed.ciphertext).unwrap();
    let fields = [&[block], now.fields()].concat();
    let expiry = test_card("mastercard-pin-at-issuer").unwrap().expiry();
    read_of(&mut mixed).sealed = sealed(&PinpadRead::new(fields, Some(expiry)).unwrap());
    let (code, text) = counter.refused(&mixed);
    assert_eq!(code, "94");
    assert!(text.contains("older"), "{text}");
    // That one was not spent by it: it pays as it came.
    let (next, _) = counter.sale(&with_pin);
    assert_eq!(counter.shop.authorize(&next).response_code, "00");
}

#[test]
fn a_chip_pays_what_it_was_asked_for() {
    let changes: [fn(&mut Authorize); 6] = [
        |request| request.amounts.total_minor = 125_000,
        |request| request.amounts.currency = "USD".into(),
        |request| request.amounts.cashback_minor = Some(250),
        |request| request.purpose = Purpose::Refund,
        |request| {
            read_of(request).tags.remove("9F02");
        },
        |request| read_of(request).tags.clear(),
    ];
    let mut counter = Counter::new("{}");
    for (place, change) in changes.into_iter().enumerate() {
        let (mut request, _) = counter.sale(&CHIP);
        change(&mut request);
        let (code, text) = counter.refused(&request);
        assert_eq!(code, "63", "change {place}");
        assert!(text.contains("something else"), "{text}");
    }
    // Altered together with the request, the objects no longer fit the cryptogram.
    let (mut request, _) = counter.sale(&CHIP);
    request.amounts.total_minor = 125_000;
    let tags = &mut read_of(&mut request).tags;
    tags.insert("9F02".into(), format!("{:012}", 125_000));
    assert_eq!(counter.shop.authorize(&request).response_code, "82");
}

#[test]
fn a_stripe_is_taken_as_one() {
    let mut counter = Counter::new("{}");
    let (request, _) = counter.sale(&Sale {
        card: "stripe-only",
        entry: Entry::Stripe,
        pin: None,
    });
    assert_eq!(counter.shop.authorize(&request).response_code, "00");
    let (mut typed, _) = counter.sale(&CHIP);
    read_of(&mut typed).entry = Entry::Manual;
    assert_eq!(counter.refused(&typed).0, "63");
}

#[test]
fn what_was_altered_or_is_of_another_key_does_not_open() {
    let changes: [fn(&mut Authorize); 6] = [
        |request| *read_of(request).sealed.ciphertext.last_mut().unwrap() ^= 1,
        |request| read_of(request).sealed.ciphertext.truncate(20),
        |request| read_of(request).sealed.ciphertext[0] ^= 1,
        |request| *read_of(request).sealed.ksn.last_mut().unwrap() ^= 2,
        |request| read_of(request).sealed.key_id = "other".into(),
        |request| read_of(request).sealed.ciphertext[40] ^= 1,
    ];
    let mut counter = Counter::new("{}");
    for (place, change) in changes.into_iter().enumerate() {
        let (mut request, _) = counter.sale(&CHIP);
        let read = read_of(&mut request);
        // Without the expiry behind it, the record ends in ciphertext.
        let parts = PinpadRead::decode(&read.sealed.ciphertext).unwrap();
        let parts = PinpadRead::new(parts.fields().to_vec(), None).unwrap();
        read.sealed = sealed(&parts);
        change(&mut request);
        assert_eq!(counter.refused(&request).0, "63", "change {place}");
    }
    let (request, _) = counter.sale(&CHIP);
    assert_eq!(counter.shop.authorize(&request).response_code, "00");
}

#[test]
fn a_live_gateway_takes_no_test_key() {
    let mut counter = Counter::new(r#"{"pretend_live": true}"#);
    assert_eq!(counter.shop.parameters.opens, [AUTH_SCHEME]);
    let (request, _) = counter.sale(&CHIP);
    let (code, text) = counter.refused(&request);
    assert_eq!(code, "63");
    assert!(text.contains("test key"), "{text}");
}

#[test]
fn a_ledger_of_version_3_gets_the_table_it_lacks() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(&path).unwrap();
    let schema = include_str!("../schema.sql");
    ledger.execute_batch(schema).unwrap();
    ledger
        .execute_batch(
            "DROP TABLE part_key; DROP TABLE forwarded; DROP TABLE converted; \
             PRAGMA user_version = 3;",
        )
        .unwrap();
    drop(ledger);
    let shop = Shop::with("{}", folder);
    shop.sale(1250);
    let ledger = rusqlite::Connection::open(&path).unwrap();
    let told = |sql: &str| -> i64 { ledger.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(told("PRAGMA user_version"), 6);
    assert_eq!(told("SELECT count(*) FROM forwarded"), 0);
    assert_eq!(told("SELECT count(*) FROM converted"), 0);
    assert_eq!(told("SELECT count(*) FROM part_key"), 0);
    assert_eq!(told("SELECT count(*) FROM entry"), 1);
}
