// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seals: what does not fit is refused, a read is spent once, and no card number is kept.

use super::*;
use payhal_card_data::{PrivateKey, test_cards};

fn refused_for_its_seal(shop: &Shop, request: &Authorize) {
    let answer = shop.authorize(request);
    assert_eq!(answer.decision, Decision::Rejected);
    assert_eq!(answer.response_code, "63");
    assert_eq!(shop.entries(), [("rejected".into(), 0)]);
}

#[test]
fn associated_fields_must_be_those_of_the_seal() {
    let changes: [fn(&mut Authorize); 6] = [
        |request| read_of(request).device = "reader-2".into(),
        |request| read_of(request).read_id.push('x'),
        |request| request.wire.transaction_id.push('x'),
        |request| read_of(request).sealed.key_id.push('x'),
        |request| read_of(request).sealed.scheme = "dukpt-aes".into(),
        |request| read_of(request).sealed.ciphertext[0] ^= 1,
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
        let request = shop.request_with_pin(Purpose::Sale, card.name, 1250, card.pin);
        shop.authorize(&request);
    }
    let mut seen = 0;
    for file in std::fs::read_dir(shop.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        seen += bytes.len();
        for card in test_cards() {
            let pan = card.pan();
            let found = bytes
                .windows(pan.digits().len())
                .any(|part| part == pan.digits());
            assert!(!found, "the number of {}", card.name);
        }
    }
    assert!(seen > 4096, "the ledger was searched");
}

#[cfg(unix)]
#[test]
fn the_key_is_for_its_owner_and_kept() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::new();
    let file = shop.folder.path().join("sealing.key");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Shop::with("{}", shop.folder);
    assert_eq!(again.parameters.recipient, shop.parameters.recipient);
    std::fs::write(again.folder.path().join("sealing.key"), "short").unwrap();
    let bench = Bench::new().state_dir(again.folder.path());
    let error = bench.gateway::<Sandbox>("{}").unwrap_err();
    assert!(error.to_string().contains("sealing.key"), "{error}");
}
