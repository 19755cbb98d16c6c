// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seals: what does not fit is refused, a read is spent once, and no card number is kept.

use super::*;
use payhal_card_data::key_file::{Enrolment, GatewayKeys, Sender};
use payhal_card_data::{PrivateKey, Verification, key_id, test_cards};

impl Shop {
    /// The response code of a sale with a card that this device read.
    fn sale_code(&self, device: &str) -> String {
        let mut request = self.request(Purpose::Sale, "visa-approve", 1250);
        read_of(&mut request).device = device.into();
        self.seal(&mut request, "visa-approve", None);
        self.authorize(&request).response_code
    }
}

fn refused_for_its_seal(shop: &Shop, request: &Authorize) {
    let answer = shop.authorize(request);
    assert_eq!(answer.decision, Decision::Rejected);
    assert_eq!(answer.response_code, "63");
    assert_eq!(shop.entries(), [("rejected".into(), 0)]);
}

#[test]
fn associated_fields_must_be_those_of_the_seal() {
    let changes: [fn(&mut Authorize); 9] = [
        |request| read_of(request).device = "reader-2".into(),
        |request| read_of(request).read_id.push('x'),
        |request| request.wire.transaction_id.push('x'),
        |request| read_of(request).sealed.key_id.push('x'),
        |request| read_of(request).sealed.scheme = "dukpt-aes".into(),
        |request| read_of(request).sealed.ciphertext[0] ^= 1,
        |request| read_of(request).sealed.ciphertext.truncate(40),
        |request| read_of(request).sealed.encapsulated_key[7] ^= 1,
        |request| read_of(request).sealed.sender_key.clear(),
    ];
    for change in changes {
        let shop = Shop::new();
        let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
        change(&mut request);
        refused_for_its_seal(&shop, &request);
    }
}

#[test]
fn what_is_asked_must_be_what_the_reader_used() {
    let changes: [fn(&mut Authorize); 5] = [
        |request| request.amounts.total_minor = 125_000,
        |request| request.amounts.tip_minor = Some(1),
        |request| request.amounts.currency = "USD".into(),
        |request| request.purpose = Purpose::Authorize,
        |request| read_of(request).entry = Entry::Stripe,
    ];
    for change in changes {
        let shop = Shop::new();
        let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
        change(&mut request);
        refused_for_its_seal(&shop, &request);
    }
}

#[test]
fn a_seal_to_another_key_is_refused() {
    let mut shop = Shop::new();
    let own = shop.parameters.recipient.public_key.clone();
    shop.parameters.recipient.public_key = PrivateKey::generate().public_bytes();
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.parameters.recipient.public_key = own;
    refused_for_its_seal(&shop, &request);
}

#[test]
fn only_the_device_that_is_known_may_have_sealed() {
    let mut shop = Shop::new();
    assert_eq!(shop.sale_code("reader-1"), "00");
    // The gateway's name for it, and somebody else's key.
    let known = std::mem::replace(&mut shop.device, PrivateKey::generate());
    let request = shop.request(Purpose::Sale, "visa-approve", 1250);
    let answer = shop.authorize(&request);
    assert_eq!(answer.response_code, "63");
    assert!(answer.response_text.unwrap().contains("enrolled"));
    // Its key does not help who cannot use it.
    let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
    read_of(&mut request).sealed.sender_key = known.public_bytes();
    assert_eq!(shop.authorize(&request).response_code, "63");
    // Forgotten, the next key that comes is its own.
    let told = shop.simulate(json!({"action": "forget_device", "name": "reader-1"}));
    assert_eq!(told, json!({"name": "reader-1", "forgotten": true}));
    assert_eq!(shop.sale_code("reader-1"), "00");
    shop.device = known;
    assert_eq!(shop.sale_code("reader-1"), "63");
    assert_eq!(shop.sale_code("reader-2"), "00");
}

#[test]
fn a_seal_that_does_not_open_makes_nobody_known() {
    let mut shop = Shop::new();
    let own = std::mem::replace(&mut shop.device, PrivateKey::generate());
    let mut forged = shop.request(Purpose::Sale, "visa-approve", 1250);
    read_of(&mut forged).sealed.ciphertext[0] ^= 1;
    assert_eq!(shop.authorize(&forged).response_code, "63");
    shop.device = own;
    assert_eq!(shop.sale_code("reader-1"), "00");
}

#[test]
fn listed_devices_are_those_that_somebody_enrolled() {
    let folder = TempDir::new().unwrap();
    let listed = r#"{"enrolment": "listed"}"#;
    let shop = Shop::with("{}", folder);
    assert_eq!(shop.sale_code("reader-1"), "00");
    // What came by itself does not count here.
    let shop = Shop::with(listed, shop.folder);
    shop.stan.store(100, Ordering::Relaxed);
    assert_eq!(shop.sale_code("reader-1"), "63");
    let files = GatewayKeys::of(shop.folder.path());
    let sender = Sender {
        device: "reader-1".into(),
        key: shop.device.public().clone(),
        how: Enrolment::Listed,
        at: 1,
    };
    files.enrol(&sender).unwrap();
    assert_eq!(shop.sale_code("reader-1"), "00");
    assert_eq!(shop.sale_code("reader-2"), "63");
    assert_eq!(shop.sale_code("../reader-1"), "63");
}

#[test]
fn a_read_of_another_device_may_have_the_same_name() {
    let shop = Shop::new();
    assert_eq!(shop.sale_code("reader-1"), "00");
    let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
    read_of(&mut request).device = "reader-2".into();
    read_of(&mut request).read_id = "read-1".into();
    shop.seal(&mut request, "visa-approve", None);
    assert_eq!(shop.authorize(&request).response_code, "00");
}

#[test]
fn a_read_for_another_amount_is_spent_all_the_same() {
    let shop = Shop::new();
    let mut request = shop.request(Purpose::Sale, "visa-approve", 1250);
    request.amounts.total_minor = 2500;
    assert_eq!(shop.authorize(&request).response_code, "63");
    let read_id = read_of(&mut request).read_id.clone();
    let mut second = shop.request(Purpose::Sale, "visa-approve", 1250);
    read_of(&mut second).read_id = read_id;
    shop.seal(&mut second, "visa-approve", None);
    assert_eq!(shop.authorize(&second).response_code, "94");
}

#[test]
fn the_ledger_tells_how_a_read_was_sealed() {
    let shop = Shop::new();
    assert_eq!(shop.sale_code("reader-1"), "00");
    let told = shop.simulate(json!({"action": "ledger"}));
    let read = told["entries"][0]["read"].clone();
    let sender = key_id(&shop.device.public_bytes());
    let key = shop.parameters.recipient.key_id.clone();
    assert_eq!(
        read,
        json!({
            "device": "reader-1", "scheme": AUTH_SCHEME, "key_id": key, "sender": sender,
            "cryptogram": "right",
        })
    );
}

#[test]
fn a_read_is_spent_once() {
    let shop = Shop::new();
    let first = shop.request(Purpose::Sale, "visa-approve", 1250);
    shop.authorize(&first);
    let mut second = shop.request(Purpose::Sale, "visa-approve", 1250);
    read_of(&mut second).read_id = read_of(&mut first.clone()).read_id.clone();
    shop.seal(&mut second, "visa-approve", None);
    let answer = shop.authorize(&second);
    assert_eq!(
        (answer.decision, answer.response_code.as_str()),
        (Decision::Rejected, "94")
    );
    assert_eq!(shop.authorize(&first).decision, Decision::Approved);
    assert_eq!(shop.authorize(&second), answer);
}

#[test]
fn no_card_number_lies_in_the_state_folder() {
    let shop = Shop::new();
    for card in test_cards() {
        let pin = card.pin();
        let pin = pin.filter(|_| card.verification == Verification::OnlinePin);
        let mut request = shop.request(Purpose::Sale, card.name, 1250);
        shop.seal_with(&mut request, card.name, pin.as_ref());
        shop.authorize(&request);
        shop.reverse_with(&request.wire, Some(shop.number(&request, card.name)));
    }
    let mut seen = 0;
    let mut folders = vec![shop.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_dir() {
                folders.push(file.path());
                continue;
            }
            let bytes = std::fs::read(file.path()).unwrap();
            seen += bytes.len();
            for card in test_cards() {
                let (pan, track) = (card.pan(), card.track2());
                for secret in [pan.digits(), &track.characters()[pan.digits().len()..]] {
                    let found = bytes.windows(secret.len()).any(|part| part == secret);
                    assert!(!found, "the number of {}", card.name);
                }
            }
        }
    }
    assert!(seen > 4096, "the ledger was searched");
}
