// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes that others made, one by one: a check character finds no two fields that changed places.

use crate::wire::serial::{Answer, Ear, Kind, Plus, Request, Word, lrc};
use crate::wire::v3::{self, Message};

/// `pyTeliumManager` 2.4.2: a full report, 12.50 EUR.
const ASK: &str = "02303130303030313235303131303937382020202020202020202041303130423031300301";
const DONE: &str = "02303130303030303132353031393738303030303030303030300333";
const NOT_DONE: &str = "02303137303030303132353031393738303030303030303030300334";
const REPORTED: &str = "023031303030303031323530313132333435363030313233343536303820202020202020202020202020202020202020202020202020202020202020202020202020202039373830303030303030303030031b";

/// `caisse-ap-ip`.
const V3_REQUEST: &str = "CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978BA0010BF0010";
const V3_ANSWER: &str = "CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978BA0010BF0010AE00210CC003001CI0011AC006216561AA016462852######8179AI021A00000000490476883371AB0042706CF0101010000000CG006424242";

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

fn fields(hex: &str) -> Vec<u8> {
    let mut ear = Ear::default();
    let words: Vec<Word> = bytes(hex)
        .into_iter()
        .filter_map(|byte| ear.hear(byte))
        .collect();
    match <[Word; 1]>::try_from(words) {
        Ok([Word::Frame(fields)]) => fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_serial_request_is_the_published_one_and_a_shorter_one_in_e() {
    let request = Request {
        position: *b"01",
        amount: 1250,
        report: true,
        mode: b'1',
        kind: Kind::Debit,
        currency: *b"978",
        private: *b"          ",
        plus: Some(Plus {
            force_authorization: false,
        }),
    };
    assert_eq!(request.frame(), bytes(ASK));
    let forced = Request {
        plus: Some(Plus {
            force_authorization: true,
        }),
        ..request.clone()
    };
    assert_eq!(&forced.frame()[31..35], b"B011");
    let short = Request {
        plus: None,
        ..request
    };
    assert_eq!(short.frame()[..27], bytes(ASK)[..27]);
    assert_eq!(short.frame().len(), 29);
}

#[test]
fn mode_stands_before_kind_though_the_check_character_does_not_tell() {
    let request = |mode, kind| Request {
        position: *b"01",
        amount: 1250,
        report: false,
        mode,
        kind,
        currency: *b"978",
        private: *b"          ",
        plus: None,
    };
    let (ours, swapped) = (request(b'1', Kind::Debit), request(b'0', Kind::Credit));
    assert_eq!(ours.frame().last(), swapped.frame().last());
    assert_eq!(&ours.frame()[12..14], b"10");
    assert_eq!(&swapped.frame()[12..14], b"01");
}

#[test]
fn serial_answers_are_the_published_ones() {
    for (hex, result) in [(DONE, b'0'), (NOT_DONE, b'7')] {
        let fields = fields(hex);
        let answer = Answer::read(&fields).expect("an answer");
        assert_eq!((answer.result, answer.amount), (result, 1250));
        assert_eq!((answer.position, answer.mode), (&b"01"[..], b'1'));
        assert_eq!(answer.currency, b"978");
        assert_eq!(answer.private, b"0000000000");
        assert_eq!(answer.report, None);
    }
    let fields = fields(REPORTED);
    let answer = Answer::read(&fields).expect("an answer");
    let report = answer.report.expect("a report");
    assert_eq!(report.trim_ascii_end(), b"1234560012345608");
    assert_eq!((answer.result, answer.private), (b'0', &b"0000000000"[..]));
}

#[test]
fn a_v3_request_is_the_published_one() {
    let message = Message::default()
        .with(v3::VERSION, "0300")
        .with(v3::PROTOCOL_ID, "012345678901")
        .with(v3::TILL, "01")
        .with(v3::AMOUNT, "1250")
        .with(v3::ACTION, "0")
        .with(v3::CURRENCY, "978")
        .with(v3::ANSWER_MODE, "0")
        .with(v3::PARTIAL, "0");
    assert_eq!(message.into_bytes(), V3_REQUEST.as_bytes());
}

#[test]
fn a_v3_answer_is_read_as_published() {
    let reading = v3::read(V3_ANSWER.as_bytes()).expect("a message");
    assert!(reading.aligned && reading.next.is_none());
    for (tag, value) in [
        (v3::STATUS, "10"),
        (v3::APPROVAL, "216561"),
        (v3::MASKED_PAN, "462852######8179"),
        (v3::AID, "A00000000490476883371"),
        (v3::READ_MODE, "1"),
        (v3::APPLICATION, "001"),
        (v3::PRIVATE, "1010000000"),
        (v3::CONTRACT, "424242"),
        (v3::AMOUNT, "1250"),
    ] {
        assert_eq!(reading.text(tag), Some(value));
    }
    assert_eq!(reading.text(v3::REASON), None);
}

#[test]
fn every_cut_of_an_answer_is_seen_as_one() {
    let whole = V3_ANSWER.as_bytes();
    let mut ends = Vec::new();
    for cut in 0..=whole.len() {
        if v3::read(&whole[..cut]).expect("no flaw").aligned {
            ends.push(cut);
        }
    }
    let fields = V3_ANSWER.len();
    assert_eq!((ends.first(), ends.last()), (Some(&0), Some(&fields)));
    // Before, between and behind 17 fields.
    assert_eq!(ends.len(), 18);
}

#[test]
fn the_check_character_stands_for_the_end_too() {
    assert_eq!(lrc(b""), 0x03);
    assert_eq!(lrc(&bytes(DONE)[1..26]), 0x33);
}
