// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads under DUKPT keys: opened with the base key of their slot, each key once and never an older.

use super::*;
use payhal_card_data::key_file::{DeviceKeys, GatewayKeys, InjectedKey, KeyScheme};
use payhal_messages::gateway::Forward;

/// A gateway's folder with a base key, and a reader with one of its keys.
struct Keyed {
    shop: Shop,
    key: InjectedKey,
    _reader: TempDir,
}

impl Keyed {
    fn new(scheme: KeyScheme) -> Self {
        Self::with("{}", scheme, true)
    }

    fn with(config: &str, scheme: KeyScheme, test: bool) -> Self {
        let (folder, reader) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let gateway = GatewayKeys::of(folder.path());
        gateway.make_base_key("counter", scheme, test, 1).unwrap();
        let mut base = gateway.base_key("counter").unwrap().unwrap();
        let device = DeviceKeys::of(reader.path());
        gateway.inject(&mut base, &device, false, 1).unwrap();
        Self {
            shop: Shop::with(config, folder),
            key: device.injected(scheme.scheme()).unwrap().unwrap(),
            _reader: reader,
        }
    }

    /// A sale that is sealed under the reader's next key, and its number.
    fn sale(&mut self, card: &str, pin: Option<&str>) -> (Authorize, SealedNumber) {
        let (ksn, key) = self.key.next_transaction().unwrap();
        let mut request = self.shop.request(Purpose::Sale, card, 1250);
        let card = test_card(card).unwrap();
        let inner = inner_of(&request, card);
        let wire = request.wire.clone();
        let read = read_of(&mut request);
        let sealed = Sealed {
            scheme: key.scheme().into(),
            key_id: "counter".into(),
            ksn,
            sender_key: Vec::new(),
            encapsulated_key: Vec::new(),
            ciphertext: Vec::new(),
        };
        let associated = Associated {
            version: SEAL_VERSION,
            read_id: &read.read_id,
            transaction_id: &wire.transaction_id,
            device: &read.device,
            gateway: "sandbox-1",
            key_id: "counter",
        };
        let pin = pin.map(|pin| key.encrypt_pin(&Pin::new(pin.as_bytes()).unwrap(), &card.pan()));
        let number = CardNumber {
            pan: card.pan(),
            expiry: card.expiry(),
        };
        let number = SealedNumber {
            device: read.device.clone(),
            read_id: read.read_id.clone(),
            sealed: Sealed {
                ciphertext: key.seal_number(&associated, &number).unwrap(),
                ..sealed.clone()
            },
        };
        let ciphertext = key.seal(&associated, &inner, pin).unwrap();
        read.sealed = Sealed {
            ciphertext,
            ..sealed
        };
        (request, number)
    }

    fn refused(&self, request: &Authorize) -> (String, String) {
        let answer = self.shop.authorize(request);
        assert_eq!(answer.decision, Decision::Rejected);
        (answer.response_code, answer.response_text.unwrap())
    }
}

const ALL: [KeyScheme; 4] = [
    KeyScheme::Tdes,
    KeyScheme::Aes128,
    KeyScheme::Aes192,
    KeyScheme::Aes256,
];

#[test]
fn a_read_pays_its_pin_is_checked_and_its_number_reverses() {
    for scheme in ALL {
        let mut keyed = Keyed::with(r#"{"reversal_needs_number": true}"#, scheme, true);
        let card = "mastercard-pin-at-issuer";
        let (wrong, _) = keyed.sale(card, Some("1111"));
        assert_eq!(keyed.shop.authorize(&wrong).response_code, "55");
        let (right, number) = keyed.sale(card, Some("4321"));
        let answer = keyed.shop.authorize(&right);
        assert_eq!(answer.response_code, "00");
        assert_eq!(keyed.shop.authorize(&right), answer, "a repeat");
        let told = keyed.shop.simulate(json!({"action": "ledger"}));
        let read = &told["entries"][1]["read"];
        assert_eq!(read["scheme"], scheme.scheme());
        assert_eq!(
            (&read["key_id"], &read["counter"]),
            (&json!("counter"), &json!(2))
        );
        assert_eq!(
            (&read["pin"], &read["cryptogram"]),
            (&json!("right"), &json!("right"))
        );
        let initial = read["initial_key"].as_str().unwrap();
        assert!(initial.bytes().all(|letter| letter.is_ascii_lowercase()));
        // Its key is spent, but not for its own reversal.
        let reversal = keyed.shop.reverse_with(&right.wire, Some(number));
        assert_eq!(reversal, Reversal::Reversed);
    }
}

#[test]
fn schemes_are_told_as_there_are_base_keys() {
    assert_eq!(Shop::new().parameters.opens, [AUTH_SCHEME]);
    let keyed = Keyed::new(KeyScheme::Tdes);
    // A pinpad's parts are under keys of the same kind.
    assert_eq!(
        keyed.shop.parameters.opens,
        [AUTH_SCHEME, "dukpt-tdes", "abecs-dukpt-tdes"]
    );
    let keyed = Keyed::new(KeyScheme::Aes256);
    assert_eq!(keyed.shop.parameters.opens, [AUTH_SCHEME, "dukpt-aes"]);
}

#[test]
fn a_key_pays_once() {
    for scheme in ALL {
        let mut keyed = Keyed::new(scheme);
        let (first, _) = keyed.sale("visa-approve", None);
        assert_eq!(keyed.shop.authorize(&first).response_code, "00");
        // What was sealed once opens for nothing else.
        let mut replayed = first.clone();
        replayed.wire = keyed.shop.wire();
        assert_eq!(keyed.refused(&replayed).0, "63");
        // A cloned reader that goes on with the same keys is found out, whatever it seals.
        let mut clone = Keyed {
            shop: Shop::new(),
            key: DeviceKeys::of(keyed._reader.path())
                .injected(scheme.scheme())
                .unwrap()
                .unwrap(),
            _reader: TempDir::new().unwrap(),
        };
        let (second, _) = keyed.sale("visa-approve", None);
        clone.shop.stan.store(50, Ordering::Relaxed);
        let (copied, _) = clone.sale("visa-approve", None);
        assert_eq!(keyed.shop.authorize(&second).response_code, "00");
        let (code, text) = keyed.refused(&copied);
        assert_eq!(code, "94");
        assert!(text.contains("used before"), "{text}");
    }
}

#[test]
fn an_older_key_is_refused_though_it_was_never_used() {
    for scheme in ALL {
        let mut keyed = Keyed::new(scheme);
        let (older, _) = keyed.sale("visa-approve", None);
        let (newer, _) = keyed.sale("visa-approve", None);
        assert_eq!(keyed.shop.authorize(&newer).response_code, "00");
        let (code, text) = keyed.refused(&older);
        assert_eq!(code, "94");
        assert!(text.contains("older"), "{text}");
        // It stays refused, also for who starts anew.
        let Keyed { shop, key, _reader } = keyed;
        let mut keyed = Keyed {
            shop: Shop::with("{}", shop.folder),
            key,
            _reader,
        };
        keyed.shop.stan.store(100, Ordering::Relaxed);
        let mut older = older;
        older.wire = keyed.shop.wire();
        assert_eq!(
            keyed.refused(&older).0,
            "63",
            "sealed for another transaction"
        );
        let (next, _) = keyed.sale("visa-approve", None);
        assert_eq!(keyed.shop.authorize(&next).response_code, "00");
    }
}

#[test]
fn what_was_altered_or_is_of_another_key_does_not_open() {
    let changes: [fn(&mut Authorize); 8] = [
        |request| read_of(request).sealed.ciphertext[0] ^= 1,
        |request| *read_of(request).sealed.ciphertext.last_mut().unwrap() ^= 1,
        |request| read_of(request).sealed.ciphertext.truncate(4),
        |request| *read_of(request).sealed.ksn.last_mut().unwrap() ^= 2,
        |request| read_of(request).sealed.ksn[3] ^= 1,
        |request| read_of(request).sealed.ksn.truncate(8),
        |request| read_of(request).sealed.key_id = "other".into(),
        |request| read_of(request).device = "reader-2".into(),
    ];
    for scheme in ALL {
        let mut keyed = Keyed::new(scheme);
        for (place, change) in changes.iter().enumerate() {
            let (mut request, _) = keyed.sale("visa-approve", None);
            change(&mut request);
            assert_eq!(keyed.refused(&request).0, "63", "change {place}");
        }
        // None of these moved the counter on.
        let (request, _) = keyed.sale("visa-approve", None);
        assert_eq!(keyed.shop.authorize(&request).response_code, "00");
    }
}

#[test]
fn another_amount_is_refused_and_the_key_spent() {
    let mut keyed = Keyed::new(KeyScheme::Tdes);
    let (mut request, _) = keyed.sale("visa-approve", None);
    request.amounts.total_minor = 125_000;
    let (code, text) = keyed.refused(&request);
    assert_eq!(code, "63");
    assert!(text.contains("something else"), "{text}");
    let told = keyed.shop.simulate(json!({"action": "ledger"}));
    assert_eq!(told["entries"][0]["read"]["counter"], 1);
}

#[test]
fn a_live_gateway_takes_no_test_key() {
    let live = r#"{"pretend_live": true}"#;
    let mut keyed = Keyed::with(live, KeyScheme::Aes128, true);
    assert_eq!(keyed.shop.parameters.opens, [AUTH_SCHEME]);
    let (request, _) = keyed.sale("visa-approve", None);
    let (code, text) = keyed.refused(&request);
    assert_eq!(code, "63");
    assert!(text.contains("test key"), "{text}");
    let mut keyed = Keyed::with(live, KeyScheme::Aes128, false);
    assert_eq!(keyed.shop.parameters.opens, [AUTH_SCHEME, "dukpt-aes"]);
    let (request, _) = keyed.sale("visa-approve", None);
    assert_eq!(keyed.shop.authorize(&request).response_code, "00");
}

#[test]
fn a_forwarded_read_may_come_after_younger_ones_but_not_twice() {
    for scheme in ALL {
        let mut keyed = Keyed::new(scheme);
        let (stored, _) = keyed.sale("visa-approve", None);
        let (online, _) = keyed.sale("visa-approve", None);
        assert_eq!(keyed.shop.authorize(&online).response_code, "00");
        let stored = keyed.shop.offline_of(stored);
        assert_eq!(keyed.shop.forward(&stored).response_code, "00");
        let spent = keyed.shop.offline_of(online);
        let again = Forward {
            wire: keyed.shop.wire(),
            ..spent
        };
        assert_ne!(keyed.shop.forward(&again).response_code, "00");
    }
}
