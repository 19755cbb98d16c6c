// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records are laid out as the protocol's own examples are.

use super::*;
use payhal_messages::gateway::Acceptor;

fn set() -> EmvParameters {
    EmvParameters {
        applications: vec![EmvApplication {
            aid: "A0000000041010".into(),
            label: "CTLESS CREDITO".into(),
            kind: ApplicationKind::Credit,
            versions: vec!["0002".into(), "0001".into()],
            terminal_capabilities: Some("E0F8E8".into()),
            additional_capabilities: Some("7000F0F001".into()),
            terminal_type: Some(22),
            country: Some(76),
            currency: Some(986),
            exponent: Some(2),
            category: Some(5999),
            acceptor: Some(Acceptor {
                merchant: "030000000040000".into(),
                terminal: "00000000".into(),
            }),
            tac: Some(ActionCodes {
                default: "05004A000D".into(),
                denial: "800E800002".into(),
                online: "05004F8000".into(),
            }),
            contactless: Some(Contactless {
                mode: ContactlessMode::Chip,
                kernel: 2,
                version: Some("0001".into()),
                transaction_limit_minor: Some(5_000),
                on_device_limit_minor: Some(5_000),
                cvm_limit_minor: Some(24_000),
                floor_limit_minor: 40_000,
                zero_amount: ZeroAmount::Refused,
                on_device_verification: true,
                issuer_scripts: false,
                tac: None,
                terminal_capabilities: None,
                additional_capabilities: None,
                qualifiers: None,
            }),
            tdol: Some("9F02065F2A029A039C0195059F3704".into()),
            ddol: Some("9F3704".into()),
            ..EmvApplication::default()
        }],
        keys: vec![CaPublicKey {
            rid: "A000000025".into(),
            index: 0x0E,
            modulus: vec![0xAA; 144],
            exponent: 65_537,
            checksum: Some(vec![0xA7; 20]),
            expires: None,
        }],
        revoked: vec![RevokedCertificate {
            rid: "A000000004".into(),
            index: 0xFE,
            serial: "333333".into(),
        }],
    }
}

fn text(record: &[u8]) -> String {
    record.iter().copied().map(char::from).collect()
}

#[test]
fn an_application_lies_field_by_field() {
    let records = of(&set(), 2).unwrap();
    let expected = concat!(
        "340",
        "1",
        "02",
        "01",
        "07",
        "A0000000041010000000000000000000",
        "01",
        "CTLESS CREDITO  ",
        "03",
        "0002",
        "0001",
        "0002",
        "076",
        "986",
        "2",
        "030000000040000",
        "5999",
        "00000000",
        "E0F8E8",
        "7000F0F001",
        "22",
        "05004A000D",
        "800E800002",
        "05004F8000",
        "00000000",
        "R",
        "0",
        "4",
        "00001388",
        "00009C40",
        "00005DC0",
        "0001",
        "0",
        "9F02065F2A029A039C0195059F37040000000000",
        "9F37040000",
        "000000000000000000000000000000",
        "Y1Z1Y3Z3",
        "05004A000D",
        "800E800002",
        "05004F8000",
        "E0F8E8",
        "1",
        "7000F0F001",
        "00001388",
        "0",
    );
    assert_eq!(text(&records[0]), expected);
    assert_eq!(records[0].len(), APPLICATION);
}

#[test]
fn keys_and_certificates_have_the_length_they_must_have() {
    let records = of(&set(), 23).unwrap();
    assert_eq!(records[1].len(), PUBLIC_KEY);
    let key = text(&records[1]);
    let begins = format!("61122301A0000000250E003010001144{}", "AA".repeat(144));
    assert!(key.starts_with(&begins), "{key}");
    let ends = format!("{}1{}{}", "00".repeat(104), "A7".repeat(20), "0".repeat(42));
    assert!(key.ends_with(&ends), "{key}");
    // The protocol's own example.
    assert_eq!(text(&records[2]), "02632301A000000004FE333333");
}

#[test]
fn what_a_gateway_leaves_open_asks_the_issuer() {
    let bare = EmvParameters {
        applications: vec![EmvApplication {
            aid: "A0000000031010".into(),
            ..EmvApplication::default()
        }],
        ..EmvParameters::default()
    };
    let record = text(&of(&bare, 1).unwrap()[0]);
    assert_eq!(record.len(), APPLICATION);
    assert!(record.contains("FFFFFFFFFF0000000000FFFFFFFFFF00000000R00"));
}

#[test]
fn a_kernel_that_no_pinpad_has_is_told_and_left_out() {
    let mut set = set();
    assert!(without_contactless(&set).is_empty());
    set.applications[0].contactless.as_mut().unwrap().kernel = 7;
    assert_eq!(without_contactless(&set), ["A0000000041010"]);
    let record = text(&of(&set, 1).unwrap()[0]);
    assert_eq!(&record[166..168], "00", "zero amount and mode");
}

#[test]
fn what_does_not_fit_is_named() {
    let mut set = set();
    set.applications[0].tdol = Some("00".repeat(21));
    let flaw = of(&set, 1).unwrap_err();
    assert!(flaw.contains("tdol of A0000000041010"), "{flaw}");
}

#[test]
fn places_go_on_behind_the_digits() {
    let places = [0, 98, 99, 100, 125, 126].map(index);
    assert_eq!(places, ["01", "99", "AA", "AB", "BA", "BB"]);
}
