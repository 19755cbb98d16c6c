// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a terminal approved alone waits for its upload, over restarts, and is told once.

use super::{Desk, ID, approved, at_once, echo, field, is_unknown, sale, void};
use payhal_messages::gateway::{Acceptor, Collected, Reconcile, Reversal, Wire};
use payhal_plugin::{PluginError, Terminal as _};

fn close(by: &str) -> Reconcile {
    Reconcile {
        wire: Wire {
            transaction_id: by.into(),
            stan: 9,
            at_micros: 0,
            acceptor: Acceptor {
                merchant: String::new(),
                terminal: String::new(),
            },
            reference: String::new(),
        },
        close: true,
    }
}

fn uploaded(status: &[(&str, &str)]) -> String {
    [("CA", "01"), ("CB", "00"), ("CD", "B"), ("CE", "978")]
        .iter()
        .chain(status)
        .map(|(tag, value)| field(tag, value))
        .collect()
}

fn collected() -> Vec<Collected> {
    vec![Collected {
        transaction_id: ID.into(),
        accepted: true,
    }]
}

#[test]
fn an_offline_approval_is_told_with_the_upload_and_once() {
    let desk = Desk::new(vec![
        at_once(echo("0") + &field("AE", "10")),
        at_once(uploaded(&[("AE", "10"), ("AQ", "17")])),
        at_once(uploaded(&[("AE", "10")])),
    ]);
    let call = || desk.bench.call();
    assert!(approved(desk.terminal("").pay(sale(), &call())).offline);
    // Another process.
    let mut terminal = desk.terminal("");
    let totals = terminal.reconcile(close("c-1"), &call());
    let totals = totals.expect("no failure").expect("no refusal");
    assert_eq!((&*totals.batch, totals.totals.len()), ("17", 0));
    assert_eq!(totals.collected, collected());
    // A repeat asks nobody.
    let mut terminal = desk.terminal("");
    let again = terminal.reconcile(close("c-1"), &call());
    assert_eq!(again, Ok(Ok(totals)));
    let next = terminal.reconcile(close("c-2"), &call());
    let next = next.expect("no failure").expect("no refusal");
    assert!(next.collected.is_empty());
    let heard = desk.heard();
    let question = "CZ0040300CJ012012345678901CA00201CB00200CD001BCE003978";
    assert_eq!(heard[1..], [question, question]);
}

#[test]
fn an_upload_that_failed_leaves_everything_waiting() {
    let desk = Desk::new(vec![
        at_once(echo("0") + &field("AE", "10")),
        at_once(uploaded(&[("AE", "01"), ("AF", "07")])),
        at_once(uploaded(&[("AE", "01"), ("AF", "12")])),
        at_once(uploaded(&[])),
        at_once(uploaded(&[("AE", "10")]).replace("CA00201", "CA00202")),
        at_once(uploaded(&[("AE", "10")])),
    ]);
    let call = || desk.bench.call();
    let mut terminal = desk.terminal("");
    approved(terminal.pay(sale(), &call()));
    for code in ["07", "unknown_action"] {
        let refused = terminal.reconcile(close("c-1"), &call());
        let refused = refused.expect("no failure").expect_err("a refusal");
        assert_eq!(refused.code, code);
    }
    for _ in 0..2 {
        assert!(is_unknown(terminal.reconcile(close("c-1"), &call())));
    }
    let totals = terminal.reconcile(close("c-1"), &call());
    let totals = totals.expect("no failure").expect("no refusal");
    assert_eq!(totals.collected, collected());
}

#[test]
fn what_was_undone_before_its_upload_does_not_wait() {
    let undone = |private: &str| echo("2").replace("CF01000000712AB", &field("CF", private));
    // The first of March 2026 and no second of virtual time.
    let mark = crate::order::Mark::of_reversal(ID, payhal_calendar());
    let desk = Desk::new(vec![
        at_once(echo("0") + &field("AE", "10")),
        at_once(undone(mark.as_str()) + &field("AE", "01") + &field("AF", "04")),
        at_once(undone(mark.as_str()) + &field("AE", "10")),
        at_once(uploaded(&[("AE", "10")])),
    ]);
    let call = || desk.bench.call();
    let mut terminal = desk.terminal("");
    approved(terminal.pay(sale(), &call()));
    let refused = terminal.reverse(void(), &call()).expect("no failure");
    assert!(
        matches!(refused, Ok(Reversal::Refused { response_code, .. }) if response_code == "04")
    );
    let reversed = terminal.reverse(void(), &call());
    assert_eq!(reversed, Ok(Ok(Reversal::Reversed)));
    let totals = terminal.reconcile(close("c-1"), &call());
    let totals = totals.expect("no failure").expect("no refusal");
    assert!(totals.collected.is_empty());
    assert!(desk.heard()[1].contains("CD0012"));
}

/// What the bench's calendar says.
fn payhal_calendar() -> std::time::SystemTime {
    payhal_plugin::testing::Bench::new().call().calendar()
}

#[test]
fn a_spoilt_file_begins_anew_and_only_an_upload_is_known() {
    let desk = Desk::new(vec![at_once(echo("0") + &field("AE", "10"))]);
    let file = desk.folder.path().join("waiting.json");
    std::fs::write(&file, b"{").expect("a file");
    let mut terminal = desk.terminal("");
    approved(terminal.pay(sale(), &desk.bench.call()));
    let book = std::fs::read_to_string(file).expect("a file");
    assert!(book.contains(ID) && !book.contains("1250"));
    let totals = Reconcile {
        close: false,
        ..close("c-1")
    };
    let told = terminal.reconcile(totals, &desk.bench.call());
    assert_eq!(told, Err(PluginError::Unsupported));
}
