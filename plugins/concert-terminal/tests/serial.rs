// SPDX-License-Identifier: MIT OR Apache-2.0
//! E and E+ with a terminal that behaves.

use super::{MARK, approved, is_unknown, pay, sale, void};
use crate::order::Mark;
use crate::terminal::ConcertTerminal;
use crate::wire::serial::{ACK, ENQ, EOT, ETX, STX, lrc};
use payhal_messages::gateway::Reversal;
use payhal_messages::money::Purpose;
use payhal_plugin::testing::{Bench, ScriptedLine};
use payhal_plugin::{PluginError, Terminal as _};

pub(super) fn frame(fields: &str) -> Vec<u8> {
    let fields = fields.as_bytes();
    [&[STX][..], fields, &[ETX, lrc(fields)]].concat()
}

/// The usual request: E+, no report, debit.
pub(super) fn asked() -> Vec<u8> {
    frame(&format!("0100001250010978{MARK}A010B010"))
}

pub(super) fn answer(result: char) -> Vec<u8> {
    frame(&format!("01{result}000012501978{MARK}"))
}

/// A terminal that takes a request and answers it.
pub(super) fn exchange(request: &[u8], answer: &[u8]) -> ScriptedLine {
    ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(request, &[ACK])
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], answer)
        .expect(&[ACK], &[EOT])
}

pub(super) fn with(line: ScriptedLine, more: &str) -> (Bench, ConcertTerminal) {
    let bench = Bench::new()
        .port("main", line)
        .state_dir(std::env::temp_dir().join("payhal-no-such-folder"));
    let terminal = bench
        .terminal(&format!(r#"{{"protocol":"e+"{more}}}"#))
        .expect("a right configuration");
    (bench, terminal)
}

#[test]
fn a_sale_is_done_or_not() {
    let (bench, mut terminal) = with(exchange(&asked(), &answer('0')), "");
    let outcome = approved(terminal.pay(sale(), &bench.call()));
    assert_eq!(outcome.approved_minor, Some(1250));
    assert_eq!((&*outcome.response_code, outcome.offline), ("0", false));
    assert_eq!((outcome.card, outcome.entry), (None, None));
    assert_eq!(outcome.reference.as_deref(), Some(MARK));
    let (bench, mut terminal) = with(exchange(&asked(), &answer('7')), "");
    let outcome = terminal.pay(sale(), &bench.call());
    let outcome = outcome.expect("no failure").expect("no refusal");
    assert_eq!((outcome.approved, &*outcome.response_code), (false, "7"));
}

#[test]
fn what_the_terminal_does_not_know_nobody_knows() {
    for result in ['9', '1', '8', ' ', 'A'] {
        let (bench, mut terminal) = with(exchange(&asked(), &answer(result)), "");
        assert!(is_unknown(terminal.pay(sale(), &bench.call())), "{result}");
    }
}

#[test]
fn a_report_is_masked_before_it_leaves() {
    let number = format!("{:<55}", "4111111111111111");
    let told = frame(&format!("010000012501{number}978{MARK}"));
    let request = frame(&format!("0100001250110978{MARK}A010B010"));
    let (bench, mut terminal) = with(exchange(&request, &told), r#","report":true"#);
    let card = approved(terminal.pay(sale(), &bench.call())).card;
    let card = card.expect("a card");
    assert_eq!(
        (&*card.masked_pan, &*card.scheme),
        ("411111******1111", "visa")
    );
    // A cheque's line, or nothing, is no card.
    let blank = frame(&format!("010000012501{:<55}978{MARK}", ""));
    let (bench, mut terminal) = with(exchange(&request, &blank), r#","report":true"#);
    assert_eq!(approved(terminal.pay(sale(), &bench.call())).card, None);
}

#[test]
fn e_says_less_and_the_rest_is_configured() {
    let request = frame(&format!("0700001250020978{MARK}"));
    let told = frame(&format!("070000012502978{MARK}"));
    let config = r#","protocol":"e","till":"07","mode":"2""#;
    let bench = Bench::new().port("main", exchange(&request, &told));
    let config = format!("{{{}}}", &config[1..]);
    let mut terminal: ConcertTerminal = bench.terminal(&config).expect("it opens");
    approved(terminal.pay(sale(), &bench.call()));
    let request = frame(&format!("0100001250000978{MARK}A010B011"));
    let config = r#","mode":"0","force_authorization":true"#;
    let (bench, mut terminal) = with(exchange(&request, &answer('0')), config);
    approved(terminal.pay(sale(), &bench.call()));
}

#[test]
fn a_refund_and_a_cancellation_are_other_kinds() {
    let request = frame(&format!("0100001250011978{MARK}A010B010"));
    let (bench, mut terminal) = with(exchange(&request, &answer('0')), "");
    approved(terminal.pay(pay(Purpose::Refund), &bench.call()));
    let bench = Bench::new();
    let mark = Mark::of_reversal(&void().transaction_id, bench.call().calendar());
    let mark = mark.as_str();
    let request = frame(&format!("0100001250012978{mark}A010B010"));
    for (result, reversed) in [('0', true), ('7', false)] {
        let told = frame(&format!("01{result}000012501978{mark}"));
        let (bench, mut terminal) = with(exchange(&request, &told), "");
        let reply = terminal.reverse(void(), &bench.call());
        let reply = reply.expect("no failure").expect("no refusal");
        assert_eq!(reply == Reversal::Reversed, reversed);
    }
}

#[test]
fn who_is_there_says_nothing_unless_it_is_told_to() {
    let (bench, mut terminal) = with(ScriptedLine::new(), "");
    let identity = terminal.identify(&bench.call());
    let identity = identity.expect("no failure").expect("no refusal");
    assert_eq!(identity.model, "Concert E+ terminal");
    let greeted = ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(&[EOT], &[]);
    let (bench, mut terminal) = with(greeted, r#","identification":true"#);
    assert!(
        terminal
            .identify(&bench.call())
            .expect("no failure")
            .is_ok()
    );
}

#[test]
fn amounts_have_eight_digits_and_nothing_can_be_asked_later() {
    let (bench, mut terminal) = with(ScriptedLine::new(), "");
    let mut request = sale();
    request.amounts.total_minor = 100_000_000;
    let refusal = terminal.pay(request, &bench.call()).expect("no failure");
    assert_eq!(refusal.expect_err("a refusal").code, "amount_not_possible");
    let inquired = payhal_messages::terminal::InquireTerminal {
        transaction_id: "t".into(),
        stan: 7,
    };
    let found = terminal.inquire(inquired, &bench.call());
    assert_eq!(found, Err(PluginError::Unsupported));
}
