// SPDX-License-Identifier: MIT OR Apache-2.0
//! V3's connection: what comes before the request, what comes slowly, and what never comes.

use super::{Desk, TARGET, approved, at_once, echo, failure, field, is_unknown, is_unsent, sale};
use crate::terminal::ConcertTerminal;
use payhal_messages::prompt::Stage;
use payhal_plugin::testing::{Bench, Said};
use payhal_plugin::{PluginError, Terminal as _};
use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

const CONFIG: &str = r#"{"address":"terminal:8888","answer_timeout_s":1}"#;

fn yes() -> String {
    field("AE", "10") + &field("AC", "216561")
}

#[test]
fn a_terminal_that_cannot_be_reached_was_asked_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    for bench in [Bench::new(), Bench::new().reachable(TARGET, address)] {
        let mut terminal: ConcertTerminal = bench.terminal(CONFIG).expect("it opens");
        assert!(is_unsent(terminal.pay(sale(), &bench.call())));
        assert!(is_unsent(terminal.identify(&bench.call())));
    }
}

/// A terminal that takes a connection, says this, and perhaps hangs up.
fn before_asked(words: &'static [u8], hangs_up: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let bench = Bench::new().reachable(TARGET, address);
    let mut terminal: ConcertTerminal = bench.terminal(CONFIG).expect("it opens");
    // Accepted and spoken to before the plugin looks: it looks at once.
    let call = bench.call();
    let stream = call.connect(TARGET).expect("it listens");
    drop(stream);
    let (early, _) = listener.accept().expect("a connection");
    drop(early);
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.write_all(words).expect("it is heard");
        match hangs_up {
            true => None,
            false => Some(stream),
        }
    });
    // Whether it spoke before or behind the request nobody can tell; it is not believed.
    failure(terminal.pay(sale(), &bench.call()));
    drop(thread.join().expect("the terminal behaves"));
}

#[test]
fn a_terminal_that_speaks_before_it_is_asked_is_not_believed() {
    let before: &'static str =
        Box::leak((echo("0").replace("00000712AB", "00000612AB") + &yes()).into());
    before_asked(before.as_bytes(), false);
    before_asked(before.as_bytes(), true);
    before_asked(b"", true);
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let whole = echo("0") + &yes() + &field("ZT", &"ticket ".repeat(60));
    let pieces = whole.bytes().map(|byte| (Duration::ZERO, vec![byte]));
    let desk = Desk::new(vec![pieces.collect()]);
    let mut terminal = desk.terminal("");
    approved(terminal.pay(sale(), &desk.bench.call()));
}

#[test]
fn a_terminal_that_keeps_the_connection_is_heard_after_a_pause() {
    let desk = Desk::new(vec![vec![
        (Duration::ZERO, (echo("0") + &yes()).into_bytes()),
        (Duration::from_secs(2), Vec::new()),
    ]]);
    let mut terminal = desk.terminal("");
    let outcome = approved(terminal.pay(sale(), &desk.bench.call()));
    assert_eq!(outcome.approval_code.as_deref(), Some("216561"));
}

#[test]
fn silence_after_the_request_is_an_unknown_end() {
    let quiet = vec![(Duration::from_secs(3), Vec::new())];
    let half = vec![
        (Duration::ZERO, echo("0").into_bytes()),
        (Duration::from_secs(3), Vec::new()),
    ];
    let desk = Desk::new(vec![quiet, half, Vec::new()]);
    let mut terminal: ConcertTerminal = desk.bench.terminal(CONFIG).expect("it opens");
    for _ in 0..3 {
        assert!(is_unknown(terminal.pay(sale(), &desk.bench.call())));
    }
    let said = desk.bench.said();
    let waits = |said: &&Said| matches!(said, Said::Progress(progress) if progress.stage == Stage::WaitingForCard);
    assert_eq!(said.iter().filter(waits).count(), 3);
}

#[test]
fn taken_up_is_a_first_word_and_not_an_end() {
    let taken = echo("0") + &field("AE", "11");
    let end = echo("0") + &yes();
    let both = taken.clone() + &end;
    let later = vec![
        (Duration::ZERO, taken.clone().into_bytes()),
        (Duration::from_millis(300), end.clone().into_bytes()),
    ];
    let desk = Desk::new(vec![
        at_once(both),
        later,
        at_once(taken.clone()),
        at_once(taken.clone() + &taken),
        at_once(end.clone() + &end),
    ]);
    let mut terminal = desk.terminal("");
    for _ in 0..2 {
        approved(terminal.pay(sale(), &desk.bench.call()));
    }
    for _ in 0..3 {
        assert!(is_unknown(terminal.pay(sale(), &desk.bench.call())));
    }
}

#[test]
fn a_cancel_before_the_request_stops_it_and_later_ones_do_not() {
    let desk = Desk::new(vec![vec![(
        Duration::from_millis(200),
        (echo("0") + &yes()).into_bytes(),
    )]]);
    let mut terminal = desk.terminal("");
    let call = desk.bench.call();
    desk.bench.cancel_at(Duration::ZERO, &call);
    assert_eq!(
        call.sleep(Duration::from_secs(1)),
        Err(PluginError::Cancelled)
    );
    assert_eq!(terminal.pay(sale(), &call), Err(PluginError::Cancelled));
    // Too late: the terminal has it, and its word counts.
    let call = desk.bench.call();
    desk.bench.cancel_at(desk.bench.passed(), &call);
    let (register, heard) = (call.clone(), desk.heard.clone());
    let cancelling = std::thread::spawn(move || {
        while heard.lock().expect("no panic").is_empty() {
            std::thread::yield_now();
        }
        register.sleep(Duration::from_secs(1))
    });
    approved(terminal.pay(sale(), &call));
    assert_eq!(
        cancelling.join().expect("no panic"),
        Err(PluginError::Cancelled)
    );
    assert!(call.cancelled());
}

#[test]
fn who_is_there_is_known_by_its_connection_or_by_its_word() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let bench = Bench::new().reachable(TARGET, address);
    let mut terminal: ConcertTerminal = bench.terminal(CONFIG).expect("it opens");
    let identity = terminal.identify(&bench.call());
    let identity = identity.expect("no failure").expect("no refusal");
    assert_eq!(identity.model, "Concert V3 terminal");
    assert!(listener.accept().is_ok());

    let answer = |action: &str| field("CD", action) + &field("AE", "10");
    let desk = Desk::new(vec![at_once(answer("I")), at_once(answer("0"))]);
    let mut terminal = desk.terminal(r#","identification":true,"model":"Desk/5000""#);
    let identity = terminal.identify(&desk.bench.call());
    let identity = identity.expect("no failure").expect("no refusal");
    assert_eq!(identity.model, "Desk/5000");
    assert!(is_unknown(terminal.identify(&desk.bench.call())));
    let asked = "CZ0040300CJ012012345678901CA00201CB00200CD001ICE003978";
    assert_eq!(desk.heard()[0], asked);
}
