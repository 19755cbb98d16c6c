// SPDX-License-Identifier: MIT OR Apache-2.0
//! DUKPT gives the values that the standards print, on both sides, and where they print none, those
//! of another implementation.
#![expect(clippy::unwrap_used, reason = "fixtures of a test")]

use payhal_card_data::dukpt::{aes, tdes};
use payhal_card_data::{EncryptedPinBlock, Padding, Pan, Pin};
use serde_json::Value;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    from_hex(text(value, name))
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn array<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    bytes(value, name).try_into().unwrap()
}

fn transactions(value: &Value) -> &[Value] {
    let rows = value["transactions"].as_array().unwrap();
    assert!(rows.len() > 10);
    rows
}

fn published_tdes() -> Value {
    vectors(include_str!("vectors/dukpt_tdes.json"))
}

fn published_aes() -> Value {
    vectors(include_str!("vectors/dukpt_aes.json"))
}

#[test]
fn tdes_keys_blocks_and_macs_are_the_published_ones() {
    let all = published_tdes();
    let bdk = tdes::Bdk::new(&bytes(&all, "bdk")).unwrap();
    let ksn = tdes::Ksn::new(array(&all, "initial_ksn"));
    assert_eq!(bdk.initial_key(&ksn).bytes(), bytes(&all, "initial_key"));
    let pin = Pin::new(text(&all, "pin").as_bytes()).unwrap();
    let pan = Pan::new(text(&all, "pan").as_bytes()).unwrap();
    let message = text(&all, "text").as_bytes();
    for row in transactions(&all) {
        let ksn = tdes::Ksn::new(array(row, "ksn"));
        let key = bdk.transaction_key(&ksn).unwrap();
        assert_eq!(key.bytes(), bytes(row, "key"), "{ksn}");
        let block = EncryptedPinBlock::format0(&pin, &pan, &key.pin_key());
        assert_eq!(block.bytes(), bytes(row, "pin_block"), "{ksn}");
        assert_eq!(block.open_tdes(&pan, &key.pin_key()), Ok(pin.clone()));
        for (mac_key, mac, cmac) in [
            (key.mac_request_key(), "mac_request", "cmac_request"),
            (key.mac_response_key(), "mac_response", "cmac_response"),
        ] {
            assert_eq!(mac_key.retail_mac(message).unwrap()[..4], bytes(row, mac));
            assert_eq!(mac_key.cmac(message), *bytes(row, cmac));
            assert!(mac_key.has_cmac(message, &bytes(row, cmac)));
        }
        let data_key = key.data_request_key();
        let encrypted = data_key.encrypt_cbc(&[0; 8], message, Padding::Zeros);
        assert_eq!(encrypted, bytes(row, "data_request"), "{ksn}");
        assert_ne!(key.data_response_key(), data_key);
    }
}

/// The initial sequence is the first of the published rows.
#[test]
fn a_tdes_device_goes_through_the_published_sequence() {
    let all = published_tdes();
    let bdk = tdes::Bdk::new(&bytes(&all, "bdk")).unwrap();
    let ksn = tdes::Ksn::new(array(&all, "initial_ksn"));
    let mut device = tdes::Device::load(bdk.initial_key(&ksn));
    for row in &transactions(&all)[..21] {
        let (ksn, key) = device.next_transaction().unwrap();
        assert_eq!(ksn.to_string(), text(row, "ksn"));
        assert_eq!(key.bytes(), bytes(row, "key"));
    }
}

#[test]
fn aes_keys_are_the_published_ones() {
    let all = published_aes();
    let mut compared = 0;
    for suite in all["suites"].as_array().unwrap() {
        let bdk = aes::Bdk::new(&bytes(suite, "bdk")).unwrap();
        let id = aes::InitialKeyId::new(array(suite, "initial_key_id"));
        let initial = bdk.initial_key(id);
        assert_eq!(initial.bytes(), bytes(suite, "initial_key"));
        assert_eq!(initial.update_key().bytes(), bytes(suite, "update_key"));
        compared += compare_working_keys(&initial.update_key(), &suite["update"]);
        for row in transactions(suite) {
            let key = bdk
                .transaction_key(&aes::Ksn::new(array(row, "ksn")))
                .unwrap();
            assert_eq!(key.bytes(), bytes(row, "key"), "{}", text(row, "ksn"));
            compared += compare_working_keys(&key, row);
        }
    }
    // PIN, MAC and data keys of eight counters: three of AES-128, six of AES-256. Seven more of the
    // first counter, four for updates.
    assert_eq!(compared, 8 * 9 + 7 + 4);
}

fn compare_working_keys(key: &aes::TransactionKey, row: &Value) -> usize {
    let mut compared = 0;
    for (name, usage) in [
        ("pin", aes::KeyUsage::PinEncryption),
        ("mac", aes::KeyUsage::MacGeneration),
        ("data", aes::KeyUsage::DataEncryption),
        ("kek", aes::KeyUsage::KeyEncryption),
    ] {
        for (kind, made) in [
            ("128", aes_key(key, usage, aes::AesBits::Bits128)),
            ("256", aes_key(key, usage, aes::AesBits::Bits256)),
            ("2tdea", tdes_key(key, usage, aes::TdesParts::Two)),
            ("3tdea", tdes_key(key, usage, aes::TdesParts::Three)),
        ] {
            if let Some(published) = row[format!("{name}_{kind}")].as_str() {
                assert_eq!(made, Some(from_hex(published)), "{name}_{kind}");
                compared += 1;
            }
        }
    }
    compared
}

fn aes_key(key: &aes::TransactionKey, usage: aes::KeyUsage, bits: aes::AesBits) -> Option<Vec<u8>> {
    let key = key.aes(usage, bits).ok()?;
    Some(key.bytes().to_vec())
}

fn tdes_key(
    key: &aes::TransactionKey,
    usage: aes::KeyUsage,
    parts: aes::TdesParts,
) -> Option<Vec<u8>> {
    let key = key.tdes(usage, parts).ok()?;
    Some(key.bytes().to_vec())
}

/// The published blocks open under the keys of their counters; that this crate makes the same ones
/// from the published fill is a case beside the code.
#[test]
fn aes_pin_blocks_open() {
    let all = published_aes();
    let pin = Pin::new(text(&all, "pin").as_bytes()).unwrap();
    let pan = Pan::new(text(&all, "pan").as_bytes()).unwrap();
    let suite = &all["suites"][0];
    let bdk = aes::Bdk::new(&bytes(suite, "bdk")).unwrap();
    let mut opened = 0;
    for row in transactions(suite)
        .iter()
        .filter(|row| row["pin_block"].is_string())
    {
        let key = bdk
            .transaction_key(&aes::Ksn::new(array(row, "ksn")))
            .unwrap();
        let key = key
            .aes(aes::KeyUsage::PinEncryption, aes::AesBits::Bits128)
            .unwrap();
        let block = EncryptedPinBlock::from_bytes(4, &bytes(row, "pin_block")).unwrap();
        assert_eq!(block.open_aes(&pan, &key), Ok(pin.clone()));
        opened += 1;
    }
    assert_eq!(opened, 8);
}

#[test]
fn an_aes_device_goes_through_the_published_sequence() {
    for suite in published_aes()["suites"].as_array().unwrap() {
        let id = aes::InitialKeyId::new(array(suite, "initial_key_id"));
        let initial = aes::InitialKey::new(&bytes(suite, "initial_key"), id).unwrap();
        let mut device = aes::Device::load(initial);
        assert_eq!(device.update_key().bytes(), bytes(suite, "update_key"));
        for row in &transactions(suite)[..8] {
            let (ksn, key) = device.next_transaction().unwrap();
            assert_eq!(ksn.to_string(), text(row, "ksn"));
            assert_eq!(key.bytes(), bytes(row, "key"));
        }
    }
}

/// X9.24-3's printed values have no base key of 192 bits; this one comes from the standard's
/// reference program.
#[test]
fn an_update_key_of_192_bits_is_that_of_the_reference_program() {
    let bdk = from_hex("FEDCBA9876543210F1F1F1F1F1F1F1F1FEDCBA9876543210");
    let id = aes::InitialKeyId::new([0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56]);
    let initial = aes::Bdk::new(&bdk).unwrap().initial_key(id);
    let key = initial.update_key();
    let key = key
        .aes(aes::KeyUsage::KeyEncryption, aes::AesBits::Bits192)
        .unwrap();
    let expected = from_hex("8222D2B5467D432E12269F5C85FF9F3F465528EF503A7C11");
    assert_eq!(key.bytes(), expected);
}

#[test]
fn aes_macs_and_data_of_both_directions_are_those_of_another_program() {
    let all = vectors(include_str!("vectors/dukpt_aes_others.json"));
    let bdk = aes::Bdk::new(&bytes(&all, "bdk")).unwrap();
    let message = text(&all, "text").as_bytes();
    for row in all["transactions"].as_array().unwrap() {
        let key = bdk.transaction_key(&aes::Ksn::new(array(row, "ksn")));
        let key = key.unwrap();
        for (usage, cmac, hmac) in [
            (aes::KeyUsage::MacGeneration, "cmac_request", "hmac_request"),
            (
                aes::KeyUsage::MacVerification,
                "cmac_response",
                "hmac_response",
            ),
        ] {
            let of_cmac = key.aes(usage, aes::AesBits::Bits128).unwrap();
            assert_eq!(of_cmac.cmac(message), *bytes(row, cmac), "{cmac}");
            let of_hmac = key.hmac(usage, aes::AesBits::Bits128).unwrap();
            assert_eq!(of_hmac.authenticate(message), *bytes(row, hmac), "{hmac}");
        }
        for (usage, name) in [
            (aes::KeyUsage::DataEncryption, "data_request"),
            (aes::KeyUsage::DataDecryption, "data_response"),
        ] {
            let key = key.aes(usage, aes::AesBits::Bits128).unwrap();
            let encrypted = key.encrypt_cbc(&[0; 16], message, Padding::Zeros);
            assert_eq!(encrypted, bytes(row, name), "{name}");
        }
    }
}
