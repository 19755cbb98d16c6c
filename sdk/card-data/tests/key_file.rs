// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys at rest: what a reader and a gateway find after a restart, and what they refuse.

use payhal_card_data::key_file::{
    DeviceKeys, Enrolment, GatewayKeys, KeyFileError, KeyScheme, Sender,
};
use payhal_card_data::{DUKPT_AES_SCHEME, DukptKey, PrivateKey};
use std::path::Path;
use tempfile::TempDir;

const NOW: u64 = 1_790_000_000;

const SCHEMES: [KeyScheme; 4] = [
    KeyScheme::Tdes,
    KeyScheme::Aes128,
    KeyScheme::Aes192,
    KeyScheme::Aes256,
];

fn folders() -> (TempDir, GatewayKeys, DeviceKeys) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let gateway = GatewayKeys::of(&root.path().join("sandbox"));
    let device = DeviceKeys::of(&root.path().join("counter"));
    (root, gateway, device)
}

fn same(one: &DukptKey, other: &DukptKey) -> bool {
    match (one, other) {
        (DukptKey::Tdes(one), DukptKey::Tdes(other)) => one.bytes() == other.bytes(),
        (DukptKey::Aes(one), DukptKey::Aes(other)) => one.bytes() == other.bytes(),
        _ => false,
    }
}

#[test]
fn a_reader_and_its_gateway_have_the_same_key_for_each_transaction_over_restarts() {
    for scheme in SCHEMES {
        let (_root, gateway, device) = folders();
        gateway.make_base_key("main", scheme, true, NOW).unwrap();
        let mut base = gateway.base_key("main").unwrap().unwrap();
        let facts = gateway.inject(&mut base, &device, false, NOW).unwrap();
        assert_eq!((facts.scheme, facts.used, facts.test), (scheme, 0, true));
        let mut last = 0;
        for _ in 0..5 {
            let base = gateway.base_key("main").unwrap().unwrap();
            let mut key = device.injected(scheme.scheme()).unwrap().unwrap();
            let (ksn, of_reader) = key.next_transaction().unwrap();
            let (serial, of_gateway) = base.transaction_key(&ksn).unwrap();
            assert!(same(&of_reader, &of_gateway), "{scheme:?}");
            assert_eq!(serial.initial, facts.initial);
            assert!(serial.counter > last, "a key came again");
            last = serial.counter;
            assert_eq!(device.injected_facts().unwrap()[0].used, last);
        }
    }
}

#[test]
fn a_key_that_was_given_out_is_spent_even_when_nothing_was_done_with_it() {
    let (_root, gateway, device) = folders();
    gateway
        .make_base_key("main", KeyScheme::Aes128, true, NOW)
        .unwrap();
    let mut base = gateway.base_key("main").unwrap().unwrap();
    gateway.inject(&mut base, &device, false, NOW).unwrap();
    let next = || {
        let mut key = device.injected(DUKPT_AES_SCHEME).unwrap().unwrap();
        key.next_transaction().unwrap().0
    };
    let first = next();
    // The process ended here, before anything was sent.
    assert_ne!(next(), first);
}

#[test]
fn a_key_is_not_given_out_when_its_successor_cannot_be_stored() {
    let (root, gateway, device) = folders();
    gateway
        .make_base_key("main", KeyScheme::Tdes, true, NOW)
        .unwrap();
    let mut base = gateway.base_key("main").unwrap().unwrap();
    gateway.inject(&mut base, &device, false, NOW).unwrap();
    let mut key = device.injected("dukpt-tdes").unwrap().unwrap();
    // A folder stands where the file is written aside.
    let aside = root.path().join("counter/keys/dukpt-tdes.key.new");
    std::fs::create_dir(&aside).unwrap();
    assert!(matches!(
        key.next_transaction(),
        Err(KeyFileError::File { .. })
    ));
    std::fs::remove_dir(&aside).unwrap();
    let (ksn, _) = key.next_transaction().unwrap();
    let (serial, _) = base.transaction_key(&ksn).unwrap();
    assert_eq!(serial.counter, 2);
}

#[test]
fn the_initial_key_is_on_no_disk() {
    let (root, gateway, device) = folders();
    gateway
        .make_base_key("main", KeyScheme::Tdes, true, NOW)
        .unwrap();
    let mut base = gateway.base_key("main").unwrap().unwrap();
    let facts = gateway.inject(&mut base, &device, false, NOW).unwrap();
    let ksn = payhal_card_data::dukpt::tdes::Ksn::new(facts.initial.try_into().unwrap());
    let file = root.path().join("sandbox/keys/bdk/main.key");
    let file = std::fs::read(file).unwrap();
    // The base key is the last field, before a sum of four bytes.
    let key = &file[file.len() - 20..file.len() - 4];
    let base = payhal_card_data::dukpt::tdes::Bdk::new(key).unwrap();
    let initial = base.initial_key(&ksn);
    let on_device = std::fs::read(root.path().join("counter/keys/dukpt-tdes.key")).unwrap();
    let holds = |text: &[u8]| on_device.windows(text.len()).any(|part| part == text);
    assert!(!holds(initial.bytes()) && !holds(key));
    assert!(holds(ksn.bytes()), "the search finds what is there");
}

#[test]
fn no_two_readers_have_the_same_number_and_none_is_replaced_unasked() {
    for scheme in SCHEMES {
        let (root, gateway, device) = folders();
        gateway.make_base_key("main", scheme, true, NOW).unwrap();
        let mut base = gateway.base_key("main").unwrap().unwrap();
        let first = gateway.inject(&mut base, &device, false, NOW).unwrap();
        let refused = gateway.inject(&mut base, &device, false, NOW).unwrap_err();
        assert!(matches!(refused, KeyFileError::Occupied { .. }));
        let other = DeviceKeys::of(&root.path().join("other"));
        let second = gateway.inject(&mut base, &other, false, NOW).unwrap();
        let mut base = gateway.base_key("main").unwrap().unwrap();
        let third = gateway.inject(&mut base, &device, true, NOW).unwrap();
        assert_ne!(first.initial, second.initial);
        assert_ne!(first.initial, third.initial);
        assert_ne!(second.initial, third.initial);
        assert_eq!(device.injected_facts().unwrap()[0].initial, third.initial);
    }
}

#[test]
fn a_base_key_opens_its_own_serial_numbers_only() {
    let (_root, gateway, device) = folders();
    for slot in ["one", "two"] {
        gateway
            .make_base_key(slot, KeyScheme::Aes256, true, NOW)
            .unwrap();
    }
    let again = gateway.make_base_key("one", KeyScheme::Aes256, true, NOW);
    assert!(matches!(again, Err(KeyFileError::Occupied { .. })));
    let keys = gateway.base_keys().unwrap();
    let [one, two] = &keys[..] else {
        panic!("{keys:?}")
    };
    let mut base = gateway.base_key("one").unwrap().unwrap();
    gateway.inject(&mut base, &device, false, NOW).unwrap();
    let mut key = device.injected(DUKPT_AES_SCHEME).unwrap().unwrap();
    let (ksn, _) = key.next_transaction().unwrap();
    assert!(one.transaction_key(&ksn).is_ok());
    for wrong in [&ksn[..11], &[0; 12], b""] {
        assert!(one.transaction_key(wrong).is_err());
    }
    assert!(matches!(
        two.transaction_key(&ksn),
        Err(KeyFileError::OtherKey)
    ));
    assert!(gateway.destroy_base_key("one").unwrap());
    assert!(gateway.base_key("one").unwrap().is_none());
}

#[test]
fn a_device_is_known_by_one_key_until_it_is_forgotten() {
    let (_root, gateway, _) = folders();
    let sender = |how| Sender {
        device: "counter".to_owned(),
        key: PrivateKey::generate().public().clone(),
        how,
        at: NOW,
    };
    let first = sender(Enrolment::FirstUse);
    assert_eq!(gateway.sender("counter").unwrap(), None);
    gateway.enrol(&first).unwrap();
    gateway.enrol(&first).unwrap();
    let other = sender(Enrolment::Listed);
    let refused = gateway.enrol(&other).unwrap_err();
    assert!(matches!(refused, KeyFileError::Occupied { .. }));
    assert_eq!(gateway.sender("counter").unwrap(), Some(first.clone()));
    let listed = Sender {
        how: Enrolment::Listed,
        ..first
    };
    gateway.enrol(&listed).unwrap();
    assert_eq!(gateway.senders().unwrap(), [listed]);
    assert!(gateway.forget("counter").unwrap());
    gateway.enrol(&other).unwrap();
    assert_eq!(gateway.senders().unwrap(), [other]);
}

#[test]
fn a_reader_has_one_key_and_tells_its_public_half() {
    let (root, _, device) = folders();
    assert!(device.public_key().unwrap().is_none());
    let key = device.sealing_key(NOW).unwrap();
    let again = device.sealing_key(NOW + 1).unwrap();
    assert_eq!(key.public(), again.public());
    assert_eq!(device.public_key().unwrap().as_ref(), Some(key.public()));
    // Lost or foreign, the public half is written again.
    let public = root.path().join("counter/keys/device.pub");
    std::fs::write(&public, b"something else").unwrap();
    device.sealing_key(NOW).unwrap();
    assert_eq!(device.public_key().unwrap().as_ref(), Some(key.public()));
    let private = root.path().join("counter/keys/device.key");
    let mut bytes = std::fs::read(&private).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&private, bytes).unwrap();
    let refused = device.sealing_key(NOW).unwrap_err();
    assert!(
        matches!(refused, KeyFileError::Damaged { .. }),
        "a damaged key is not made anew: {refused}"
    );
}

#[test]
fn names_lead_nowhere_else() {
    let (root, gateway, _) = folders();
    for name in ["", "..", "../x", "a/b", ".hidden", "a\0b", &"a".repeat(65)] {
        assert!(gateway.sender(name).is_err(), "{name:?}");
    }
    for slot in ["", "Main", "slot1", "../x", "a/b", &"a".repeat(33)] {
        assert!(gateway.base_key(slot).is_err(), "{slot:?}");
        assert!(
            gateway
                .make_base_key(slot, KeyScheme::Tdes, true, NOW)
                .is_err()
        );
    }
    assert!(is_empty(root.path()));
}

#[test]
fn errors_and_debug_show_no_key() {
    let (root, gateway, device) = folders();
    gateway
        .make_base_key("main", KeyScheme::Aes128, true, NOW)
        .unwrap();
    let mut base = gateway.base_key("main").unwrap().unwrap();
    gateway.inject(&mut base, &device, false, NOW).unwrap();
    let file = std::fs::read(root.path().join("sandbox/keys/bdk/main.key")).unwrap();
    let key = &file[file.len() - 20..file.len() - 4];
    let injected = device.injected(DUKPT_AES_SCHEME).unwrap().unwrap();
    let shown = format!("{base:?} {injected:?} {gateway:?} {device:?}");
    assert!(!shown.contains(&format!("{key:?}")[1..40]));
    assert!(shown.contains("test: true"));
}

fn is_empty(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).expect("the folder is there");
    entries.next().is_none()
}
