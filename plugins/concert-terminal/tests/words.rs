// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a V3 terminal says yes and no, and what the register is told.

use super::{Desk, approved, at_once, echo, field, is_unknown, pay, sale};
use crate::error::{Ending, REASONS};
use payhal_messages::card::Entry;
use payhal_messages::money::Purpose;
use payhal_plugin::{PluginError, Terminal as _};

#[test]
fn an_approval_brings_everything_that_the_terminal_tells() {
    let told = [
        ("AE", "10"),
        ("AF", "01"),
        ("AC", "216561"),
        ("AA", "497010######1234"),
        ("AI", "A0000000421010"),
        ("CI", "2"),
        ("AQ", "000042"),
    ];
    let told = told.map(|(tag, value)| field(tag, value)).concat();
    let (desk, mut terminal) = Desk::echoing(&told);
    let outcome = approved(terminal.pay(sale(), &desk.bench.call()));
    assert_eq!(outcome.approved_minor, Some(1250));
    assert_eq!(outcome.response_code, "10");
    assert_eq!(outcome.approval_code.as_deref(), Some("216561"));
    assert_eq!(outcome.entry, Some(Entry::Contactless));
    assert_eq!(outcome.reference.as_deref(), Some("000042 / 00000712AB"));
    assert!(!outcome.offline);
    let card = outcome.card.expect("a card");
    assert_eq!(
        (&*card.masked_pan, &*card.scheme),
        ("497010******1234", "cb")
    );
    assert_eq!(card.aid.as_deref(), Some("A0000000421010"));
    let request =
        "CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978BA0010BF0010CF01000000712AB";
    assert_eq!(desk.heard(), [request]);
}

#[test]
fn every_reason_is_told_in_words() {
    for (code, ending, text) in REASONS {
        let (desk, mut terminal) = Desk::echoing(&(field("AE", "01") + &field("AF", code)));
        let outcome = terminal.pay(sale(), &desk.bench.call());
        match ending {
            Ending::Contradictory => assert!(is_unknown(outcome), "{code}"),
            Ending::Refused(known) => {
                let refusal = outcome.expect("no failure").expect_err("a refusal");
                assert_eq!((&*refusal.code, &*refusal.text), (known, text));
            }
            Ending::Declined => {
                let outcome = outcome.expect("no failure").expect("no refusal");
                assert!(!outcome.approved && outcome.approved_minor.is_none());
                assert_eq!(outcome.response_code, code);
                assert_eq!(outcome.response_text.as_deref(), Some(text));
            }
        }
    }
}

#[test]
fn an_unknown_reason_is_a_no_and_none_is_a_busy_terminal() {
    let (desk, mut terminal) = Desk::echoing(&(field("AE", "01") + &field("AF", "77 DIVERS")));
    let outcome = terminal.pay(sale(), &desk.bench.call());
    let outcome = outcome.expect("no failure").expect("no refusal");
    assert_eq!((outcome.approved, &*outcome.response_code), (false, "77"));
    let (desk, mut terminal) = Desk::echoing(&field("AE", "01"));
    let outcome = terminal.pay(sale(), &desk.bench.call());
    let refusal = outcome.expect("no failure").expect_err("a refusal");
    assert_eq!(refusal.code, "busy");
}

#[test]
fn parts_that_contradict_each_other_are_not_believed() {
    for told in [
        field("AE", "10") + &field("AF", "04"),
        field("AE", "10") + &field("AF", "06"),
        field("AE", "10") + &field("AF", "77"),
        field("AE", "01") + &field("AF", "04") + &field("AC", "216561"),
        field("AE", "01") + &field("AC", "216561"),
        field("AE", "00"),
        field("AE", "1"),
        field("AE", ""),
    ] {
        let (desk, mut terminal) = Desk::echoing(&told);
        assert!(
            is_unknown(terminal.pay(sale(), &desk.bench.call())),
            "{told}"
        );
    }
}

#[test]
fn an_approval_of_the_terminal_alone_is_offline_unless_it_is_a_credit() {
    for (told, offline) in [
        (field("AE", "10"), true),
        (
            field("AE", "10") + &field("AF", "03") + &field("AC", "1"),
            true,
        ),
        (field("AE", "10") + &field("AC", "  "), true),
        (field("AE", "10") + &field("AF", "01"), false),
        (field("AE", "10") + &field("AC", "216561"), false),
    ] {
        let (desk, mut terminal) = Desk::echoing(&told);
        let outcome = approved(terminal.pay(sale(), &desk.bench.call()));
        assert_eq!(outcome.offline, offline, "{told}");
    }
    let desk = Desk::new(vec![at_once(echo("1") + &field("AE", "10"))]);
    let mut terminal = desk.terminal("");
    let outcome = approved(terminal.pay(pay(Purpose::Refund), &desk.bench.call()));
    assert!(!outcome.offline);
    assert!(desk.heard()[0].contains("CD0011CE003978BA0010BF0010"));
}

#[test]
fn less_than_the_amount_counts_only_where_it_was_allowed() {
    let less = echo("0").replace("CB0041250", "CB0041000") + &field("AE", "10") + &field("AC", "7");
    for (allowed, believed) in [(false, false), (true, true)] {
        let desk = Desk::new(vec![at_once(less.clone())]);
        let mut terminal = desk.terminal(&format!(r#","partial":{allowed}"#));
        let outcome = terminal.pay(sale(), &desk.bench.call());
        match believed {
            true => assert_eq!(approved(outcome).approved_minor, Some(1000)),
            false => assert!(is_unknown(outcome)),
        }
        assert!(desk.heard()[0].contains(&field("BF", &u8::from(allowed).to_string())));
    }
    for wrong in ["1251", "0", "000000000000", "12500", "-1", "12a0"] {
        let more = echo("0").replace("CB0041250", &field("CB", wrong)) + &field("AE", "10");
        let desk = Desk::new(vec![at_once(more)]);
        let mut terminal = desk.terminal(r#","partial":true"#);
        assert!(
            is_unknown(terminal.pay(sale(), &desk.bench.call())),
            "{wrong}"
        );
    }
    // A refund is given whole.
    let part = echo("1").replace("CB0041250", "CB0041000") + &field("AE", "10");
    let desk = Desk::new(vec![at_once(part)]);
    let mut terminal = desk.terminal(r#","partial":true"#);
    let outcome = terminal.pay(pay(Purpose::Refund), &desk.bench.call());
    assert!(is_unknown(outcome));
}

#[test]
fn what_no_terminal_can_be_told_is_refused_before_anything() {
    let desk = Desk::new(Vec::new());
    let mut terminal = desk.terminal("");
    let refused = |terminal: &mut crate::terminal::ConcertTerminal, request| {
        let outcome = terminal.pay(request, &desk.bench.call());
        outcome.expect("no failure").expect_err("a refusal").code
    };
    for minor in [0, -5, 1_000_000_000_000] {
        let mut request = sale();
        request.amounts.total_minor = minor;
        assert_eq!(refused(&mut terminal, request), "amount_not_possible");
    }
    let mut request = sale();
    request.amounts.currency = "ZZZ".into();
    assert_eq!(refused(&mut terminal, request), "currency_unsupported");
    let mut request = sale();
    request.amounts.cashback_minor = Some(100);
    assert_eq!(refused(&mut terminal, request), "cashback_unsupported");
    let outcome = terminal.pay(pay(Purpose::Verify), &desk.bench.call());
    assert_eq!(outcome, Err(PluginError::Unsupported));
    assert!(desk.heard().is_empty());
}

#[test]
fn what_is_configured_is_told_the_terminal() {
    let desk = Desk::new(vec![at_once(
        echo("0")
            .replace("CA00201", "CA00207")
            .replace("0300", "0320")
            + &field("AE", "10"),
    )]);
    let config = r#","till":"07","version":"0320","protocol_id":"323540032810","application":"00B",
        "contract":"4242","read_mode":"contactless""#;
    let mut terminal = desk.terminal(config);
    approved(terminal.pay(sale(), &desk.bench.call()));
    let request = "CZ0040320CJ012323540032810CA00207CB0041250CD0010CE003978BA0010BF0010CF01000000712ABCC00300BCG0044242CI0012";
    assert_eq!(desk.heard(), [request]);
}

#[test]
fn a_configuration_that_cannot_be_is_refused_at_once() {
    let bench = payhal_plugin::testing::Bench::new();
    for wrong in [
        r"{}",
        r#"{"address":"nowhere"}"#,
        r#"{"address":"t:1","till":"1"}"#,
        r#"{"address":"t:1","till":"AB"}"#,
        r#"{"address":"t:1","answer_timeout_s":0}"#,
        r#"{"address":"t:1","answer_timeout_s":301}"#,
        r#"{"address":"t:1","protocol_id":"1"}"#,
        r#"{"address":"t:1","application":"0001"}"#,
        r#"{"address":"t:1","contract":""}"#,
        r#"{"address":"t:1","mode":"X"}"#,
        r#"{"address":"t:1","status_request":true,"private_data":false}"#,
        r#"{"address":"t:1","model":""}"#,
        r#"{"address":"t:1","adress":"t:2"}"#,
        r#"{"protocol":"e+"}"#,
    ] {
        let opened = bench.terminal::<crate::terminal::ConcertTerminal>(wrong);
        assert!(opened.is_err(), "{wrong}");
    }
}
