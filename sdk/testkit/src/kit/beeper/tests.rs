// SPDX-License-Identifier: MIT OR Apache-2.0
//! The example devices, spoken to as the check speaks to them.

use super::*;
use serde_json::{Value, json};

/// Says something at that time on `main`, as the check does.
fn spoken(beeper: &mut Beeper, told: &Value) -> Out {
    let now_us = told["now_us"].as_u64().unwrap();
    let mut out = Out::default();
    beeper.due(now_us, &mut out);
    if let Some(words) = told["scenario"].as_str() {
        beeper.act(words, now_us, &mut out).unwrap();
    }
    if let Some(line) = told["line"].as_str() {
        beeper.hear(0, format!("{line}\n").as_bytes(), now_us, &mut out);
    }
    out
}

fn beeper(role: Role) -> Beeper {
    Beeper::new(role, Keys::known())
}

/// Says a line at that time; the lines that come back, and when it wants to go on.
fn heard(beeper: &mut Beeper, now_us: u64, line: &str) -> (Vec<String>, Option<u64>) {
    told(beeper, &json!({ "now_us": now_us, "line": line }))
}

fn told(beeper: &mut Beeper, told: &Value) -> (Vec<String>, Option<u64>) {
    let out = spoken(beeper, told);
    let said = out.said.into_iter().map(|said| {
        let text = String::from_utf8(said.bytes).unwrap();
        text.trim_end().to_owned()
    });
    (said.collect(), beeper.next_us())
}

const READ: &str = "READ sale EUR 1250 - - - t-1 beeper-1 sandbox yes no";

#[test]
fn a_card_is_waited_for_read_and_answered() {
    let mut beeper = beeper(Role::Reader);
    let (said, _) = heard(&mut beeper, 0, "1 HELLO");
    assert_eq!(said, ["1 HELLO beeper 1 B-0001 1.2.0 dukpt-aes known test"]);
    let (said, next) = heard(&mut beeper, 10, "2 CARD 1250 EUR 30");
    assert_eq!((said, next), (vec!["2 WAIT".to_owned()], Some(30_000_010)));
    let (said, next) = told(&mut beeper, &json!({ "now_us": 20, "scenario": "tap" }));
    assert_eq!((said.len(), next), (0, Some(300_020)));
    let (said, next) = told(&mut beeper, &json!({ "now_us": 300_020 }));
    assert_eq!(
        said,
        ["2 CARD contactless 411111******1111 visa A0000000031010 VISA CREDIT"]
    );
    assert_eq!(next, None);
    let (said, _) = heard(&mut beeper, 300_030, &format!("3 {READ}"));
    let words: Vec<_> = said[0].split(' ').collect();
    assert_eq!(
        (words[1], words[3], words[4], words[7]),
        ("READ", "none", "no", "-")
    );
    assert!(words[8].contains("9F27:80") && said[0].len() < wire::LINE_BYTES_MAX);
    let (said, _) = heard(&mut beeper, 300_040, "4 DONE approved -");
    assert_eq!(said, ["4 DONE yes"]);
}

#[test]
fn nobody_comes_somebody_cancels_and_the_host_stops() {
    let mut beeper = beeper(Role::Reader);
    heard(&mut beeper, 0, "1 CARD 1250 EUR 1");
    assert_eq!(told(&mut beeper, &json!({ "now_us": 999_999 })).0.len(), 0);
    assert_eq!(
        told(&mut beeper, &json!({ "now_us": 1_000_000 })).0,
        ["1 NO no_card"]
    );
    heard(&mut beeper, 2_000_000, "2 CARD 1250 EUR 9");
    told(
        &mut beeper,
        &json!({ "now_us": 2_000_000, "scenario": "cancel" }),
    );
    let (said, _) = told(&mut beeper, &json!({ "now_us": 2_300_000 }));
    assert_eq!(said, ["2 NO cancelled_on_device"]);
    heard(&mut beeper, 3_000_000, "3 CARD 1250 EUR 9");
    let (said, next) = heard(&mut beeper, 3_000_001, "4 STOP");
    assert_eq!(said, ["3 NO stopped", "4 OK"]);
    assert_eq!(next, None);
}

#[test]
fn two_applications_are_chosen_from_and_a_pin_takes_time() {
    let mut beeper = beeper(Role::Reader);
    told(&mut beeper, &json!({ "now_us": 0, "scenario": "apps" }));
    heard(&mut beeper, 0, "1 CARD 1250 EUR 9");
    let (said, _) = told(&mut beeper, &json!({ "now_us": 300_000 }));
    assert!(
        said[0].starts_with("1 APPS ") && said[0].contains('|'),
        "{said:?}"
    );
    assert_eq!(
        heard(&mut beeper, 300_000, "2 APP 7").0,
        ["2 NO unknown_command"]
    );
    assert!(heard(&mut beeper, 300_000, "3 APP 1").0[0].starts_with("3 CARD chip "));

    told(
        &mut beeper,
        &json!({ "now_us": 400_000, "scenario": "pin" }),
    );
    heard(&mut beeper, 400_000, "4 CARD 1250 EUR 9");
    told(&mut beeper, &json!({ "now_us": 700_000 }));
    let (said, next) = heard(&mut beeper, 700_000, &format!("5 {READ}"));
    assert_eq!((said, next), (vec!["5 PIN".to_owned()], Some(2_700_000)));
    let (said, _) = told(&mut beeper, &json!({ "now_us": 2_700_000 }));
    assert!(
        said[0].starts_with("5 READ ") && said[0].contains(" online_pin yes "),
        "{said:?}"
    );
}

#[test]
fn a_card_that_is_taken_away_is_not_read() {
    let mut beeper = beeper(Role::Reader);
    told(&mut beeper, &json!({ "now_us": 0, "scenario": "remove" }));
    heard(&mut beeper, 0, "1 CARD 1250 EUR 9");
    assert!(told(&mut beeper, &json!({ "now_us": 300_000 })).0[0].starts_with("1 CARD chip"));
    assert_eq!(
        heard(&mut beeper, 300_000, &format!("2 {READ}")).0,
        ["2 NO card_removed"]
    );
}

#[test]
fn a_card_that_comes_another_way_than_is_wanted_is_not_accepted() {
    let mut beeper = beeper(Role::Reader);
    told(&mut beeper, &json!({ "now_us": 0, "scenario": "tap" }));
    heard(&mut beeper, 0, "1 CARD 1250 EUR 9 chip,stripe");
    let (said, _) = told(&mut beeper, &json!({ "now_us": 300_000 }));
    assert_eq!(said, ["1 NO not_accepted"]);
}

/// What the reader sealed, as the connector passes it on.
fn sealed_by_a_reader(scenario: &str) -> String {
    let mut beeper = beeper(Role::Reader);
    told(&mut beeper, &json!({ "now_us": 0, "scenario": scenario }));
    heard(&mut beeper, 0, "1 CARD 1250 EUR 9");
    told(&mut beeper, &json!({ "now_us": 300_000 }));
    let (mut said, next) = heard(&mut beeper, 300_000, &format!("2 {READ}"));
    if let Some(next) = next {
        (said, _) = told(&mut beeper, &json!({ "now_us": next }));
    }
    let words: Vec<_> = said[0].split(' ').collect();
    let (id, ksn, sealed) = (words[2], words[5], words[6]);
    format!("t-1 sale EUR 1250 beeper-1 sandbox {id} dukpt-aes known {ksn} {sealed}")
}

#[test]
fn the_gateway_opens_what_the_reader_sealed_and_answers_for_the_issuer() {
    for (scenario, answer) in [
        ("tap", "1 YES 1250 100001 000000000001"),
        ("decline", "1 NO 51 Declined by the issuer"),
        ("pin", "1 YES 1250 100001 000000000001"),
        ("wrong-pin", "1 NO 55 Declined by the issuer"),
    ] {
        let mut gateway = beeper(Role::Gateway);
        let sealed = sealed_by_a_reader(scenario);
        let said = heard(&mut gateway, 0, &format!("1 AUTH {sealed}")).0;
        assert_eq!(said, [answer], "{scenario}");
        assert_eq!(
            heard(&mut gateway, 0, "1 ASK t-1").0,
            [answer],
            "{scenario}"
        );
        let other = sealed.replace(" 1250 ", " 1251 ").replace("t-1", "t-2");
        let said = heard(&mut gateway, 0, &format!("2 AUTH {other}")).0;
        assert_eq!(said, ["2 NO 63 The seal does not open"]);
    }
}

#[test]
fn what_the_gateway_undid_does_not_happen_later() {
    let mut gateway = beeper(Role::Gateway);
    assert_eq!(heard(&mut gateway, 0, "1 ASK t-1").0, ["1 UNKNOWN"]);
    assert_eq!(heard(&mut gateway, 0, "2 UNDO t-1").0, ["2 UNDONE"]);
    let line = format!("3 AUTH {}", sealed_by_a_reader("tap"));
    assert_eq!(heard(&mut gateway, 0, &line).0, ["3 UNDONE"]);
}

#[test]
fn the_terminal_pays_remembers_and_undoes() {
    let mut terminal = beeper(Role::Terminal);
    told(&mut terminal, &json!({ "now_us": 0, "scenario": "tap" }));
    let (said, next) = heard(&mut terminal, 0, "1 PAY t-1 sale EUR 1250");
    assert_eq!((said, next), (vec!["1 WAIT".to_owned()], Some(1_500_000)));
    assert_eq!(heard(&mut terminal, 1, "2 ASK t-1").0, ["2 RUNNING"]);
    assert_eq!(
        heard(&mut terminal, 1, "3 PAY t-2 sale EUR 1").0,
        ["3 NO busy"]
    );
    let (said, _) = told(&mut terminal, &json!({ "now_us": 1_500_000 }));
    assert_eq!(
        said,
        ["1 PAID 1250 100001 R000001 contactless 411111******1111 visa"]
    );
    let paid = said[0].replacen('1', "4", 1);
    assert_eq!(heard(&mut terminal, 1_500_001, "4 ASK t-1").0, [paid]);
    assert_eq!(
        heard(&mut terminal, 1_500_001, "5 UNDO t-1").0,
        ["5 UNDONE"]
    );
    assert_eq!(heard(&mut terminal, 1_500_001, "6 ASK t-1").0, ["6 UNDONE"]);
}

#[test]
fn what_they_did_is_in_their_books() {
    let mut terminal = beeper(Role::Terminal);
    told(&mut terminal, &json!({ "now_us": 0, "scenario": "tap" }));
    heard(&mut terminal, 0, "1 PAY t-1 sale EUR 1250");
    told(&mut terminal, &json!({ "now_us": 1_500_000 }));
    heard(&mut terminal, 1_500_001, "2 UNDO t-1");
    heard(&mut terminal, 1_500_002, "3 UNDO t-1");
    let money = payhal_testkit::simulate::Money {
        minor: 1250,
        approved: true,
        tag: Some("t-1".to_owned()),
    };
    let booked = [Booked::Payment(money.clone()), Booked::Reversal(money)];
    assert_eq!(terminal.books(), booked);

    let mut reader = beeper(Role::Reader);
    told(&mut reader, &json!({ "now_us": 0, "scenario": "tap" }));
    heard(&mut reader, 0, "1 CARD 1250 EUR 9");
    told(&mut reader, &json!({ "now_us": 300_000 }));
    let (said, _) = heard(&mut reader, 300_000, &format!("2 {READ}"));
    heard(&mut reader, 300_001, "3 DONE approved -");
    let [Booked::Read { parts }, Booked::Completed { accepted: true }] = &reader.books()[..] else {
        panic!("{:?}", reader.books());
    };
    use base64::Engine as _;
    let sealed = said[0].split(' ').nth(6).unwrap();
    let sealed = base64::engine::general_purpose::STANDARD
        .decode(sealed)
        .unwrap();
    assert_eq!(parts, &[card::hex(&sealed)]);
}

#[test]
fn words_that_nobody_knows_name_those_that_are_known() {
    let mut beeper = beeper(Role::Reader);
    let why = beeper.act("dance", 0, &mut Out::default()).unwrap_err();
    assert!(why.contains("wrong-pin"), "{why}");
}

#[test]
fn whoever_plays_it_sees_no_ciphertext() {
    let mut beeper = beeper(Role::Reader);
    told(&mut beeper, &json!({ "now_us": 0, "scenario": "tap" }));
    heard(&mut beeper, 0, "1 CARD 1250 EUR 9");
    told(&mut beeper, &json!({ "now_us": 300_000 }));
    let out = spoken(
        &mut beeper,
        &json!({ "now_us": 300_000, "line": format!("2 {READ}") }),
    );
    let shown: Vec<_> = out.shown.iter().map(|line| line.len() < 40).collect();
    assert_eq!(shown, [true, true], "{:?}", out.shown);
    assert!(out.said[0].bytes.len() > 200);
}
