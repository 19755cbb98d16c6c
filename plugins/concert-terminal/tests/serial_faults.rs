// SPDX-License-Identifier: MIT OR Apache-2.0
//! E and E+ on a bad line: what is repeated, what never is, and what the register is told.

use super::serial::{answer, asked, exchange, frame, with};
use super::{MARK, approved, is_unknown, is_unsent, sale};
use crate::terminal::ConcertTerminal;
use crate::wire::serial::{ACK, ENQ, EOT, ETX, NAK, STX};
use payhal_messages::terminal::TerminalOutcome;
use payhal_plugin::testing::{Bench, ScriptedLine};
use payhal_plugin::{Context, Line, Outcome, PluginError, Terminal as _};
use std::io::PipeReader;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Up to the terminal's turn.
fn taken() -> ScriptedLine {
    ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(&asked(), &[ACK])
}

fn spoilt(mut frame: Vec<u8>) -> Vec<u8> {
    frame[5] ^= 1;
    frame
}

#[test]
fn nobody_who_answers_no_bid_was_asked_anything() {
    for silence in [&[][..], &[NAK], &[EOT], b"junk", &[STX, ACK]] {
        let line = (0..3).fold(ScriptedLine::new(), |line, _| line.expect(&[ENQ], silence));
        let (bench, mut terminal) = with(line, "");
        let outcome = terminal.pay(sale(), &bench.call());
        assert!(is_unsent(outcome), "{silence:?}");
    }
}

#[test]
fn a_bid_is_repeated_and_noise_is_skipped() {
    let line = ScriptedLine::new()
        .expect(&[ENQ], &[])
        .expect(&[ENQ], &[NAK])
        .expect(&[ENQ], &[b'x', 0xff, EOT, ACK])
        .expect(&asked(), &[b'y', ACK])
        .expect(&[EOT], &[0x7f, ETX, b'z', ENQ])
        .expect(&[ACK], &[&b"zz"[..], &answer('0'), b"zz"].concat())
        .expect(&[ACK], &[b'z', EOT]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
}

#[test]
fn a_frame_that_was_refused_is_repeated_and_three_times_is_no() {
    let line = ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(&asked(), &[NAK])
        .expect(&asked(), &[NAK])
        .expect(&asked(), &[ACK])
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &answer('0'))
        .expect(&[ACK], &[EOT]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
    let line = (0..3).fold(ScriptedLine::new().expect(&[ENQ], &[ACK]), |line, _| {
        line.expect(&asked(), &[NAK])
    });
    let (bench, mut terminal) = with(line.expect(&[EOT], &[]), "");
    assert!(is_unsent(terminal.pay(sale(), &bench.call())));
}

#[test]
fn a_frame_that_may_have_been_taken_is_never_repeated() {
    // Its acknowledgement is lost: what follows shows whether it was taken.
    for word in [&[][..], &[0x86], &[EOT], &[STX, b'0']] {
        let line = ScriptedLine::new()
            .expect(&[ENQ], &[ACK])
            .expect(&asked(), word)
            .expect(&[EOT], &[ENQ])
            .expect(&[ACK], &answer('0'))
            .expect(&[ACK], &[EOT]);
        let (bench, mut terminal) = with(line, "");
        approved(terminal.pay(sale(), &bench.call()));
        let line = ScriptedLine::new()
            .expect(&[ENQ], &[ACK])
            .expect(&asked(), word)
            .expect(&[EOT], &[]);
        let (bench, mut terminal) = with(line, "");
        assert!(is_unknown(terminal.pay(sale(), &bench.call())), "{word:?}");
    }
    // It was refused once, and nothing was said to the second.
    let line = ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(&asked(), &[NAK])
        .expect(&asked(), &[])
        .expect(&[EOT], &[]);
    let (bench, mut terminal) = with(line, "");
    assert!(is_unknown(terminal.pay(sale(), &bench.call())));
    // The terminal bids instead of acknowledging: it has its answer already.
    let line = ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(&asked(), &[ENQ])
        .expect(&[EOT], &[])
        .expect(&[ACK], &answer('0'))
        .expect(&[ACK], &[EOT]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
}

#[test]
fn a_spoilt_answer_is_asked_for_again_three_times() {
    let line = taken()
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &spoilt(answer('0')))
        .expect(&[NAK], &answer('0')[..9])
        .expect(&[NAK], &frame("010"))
        .expect(&[NAK], &answer('0'))
        .expect(&[ACK], &[EOT]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
    let line = taken()
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &spoilt(answer('0')))
        .expect(&[NAK], &spoilt(answer('0')))
        .expect(&[NAK], &spoilt(answer('0')))
        .expect(&[NAK], &spoilt(answer('0')));
    let (bench, mut terminal) = with(line, "");
    assert!(is_unknown(terminal.pay(sale(), &bench.call())));
}

#[test]
fn the_terminals_repetitions_are_heard() {
    // It did not hear that it may speak, nor that it was heard.
    let line = taken()
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &[ENQ])
        .expect(&[ACK], &answer('0'))
        .expect(&[ACK], &answer('0'))
        .expect(&[ACK], &[ENQ])
        .expect(&[ACK], &spoilt(answer('0')))
        .expect(&[NAK], &answer('0'))
        .expect(&[ACK], &[EOT]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
    // It gave up its turn, and takes another.
    let line = taken()
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &[EOT, ENQ])
        .expect(&[ACK], &answer('0'))
        .expect(&[ACK], &[]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
}

#[test]
fn an_answer_to_an_earlier_request_is_taken_and_dropped() {
    let stale = frame("010000012501978000006FFFF");
    let line = taken()
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &stale)
        .expect(&[ACK], &[EOT, ENQ])
        .expect(&[ACK], &answer('7'))
        .expect(&[ACK], &[EOT]);
    let (bench, mut terminal) = with(line, "");
    let outcome = terminal.pay(sale(), &bench.call());
    assert!(!outcome.expect("no failure").expect("no refusal").approved);
    // The terminal bids with it before we do, or as we do.
    let line = ScriptedLine::new()
        .expect(&[ENQ], &[ENQ])
        .expect(&[ACK], &stale)
        .expect(&[ACK], &[EOT])
        .expect(&[ENQ], &[ACK])
        .expect(&asked(), &[ACK])
        .expect(&[EOT], &[ENQ])
        .expect(&[ACK], &answer('0'))
        .expect(&[ACK], &[EOT]);
    let (bench, mut terminal) = with(line, "");
    approved(terminal.pay(sale(), &bench.call()));
}

#[test]
fn an_answer_that_differs_in_anything_is_not_believed() {
    for wrong in [
        format!("020000012501978{MARK}"),
        format!("010000012511978{MARK}"),
        format!("010000012491978{MARK}"),
        format!("010000012502978{MARK}"),
        format!("010000012501840{MARK}"),
        format!("017000012491978{MARK}"),
        format!("010000000001978{MARK}"),
    ] {
        let line = exchange(&asked(), &frame(&wrong));
        let (bench, mut terminal) = with(line, "");
        assert!(is_unknown(terminal.pay(sale(), &bench.call())), "{wrong}");
    }
    // Of another request: it is not heard as ours, and ours does not come.
    let other = frame("010000012501978000007FFFF");
    let (bench, mut terminal) = with(exchange(&asked(), &other), "");
    assert!(is_unknown(terminal.pay(sale(), &bench.call())));
}

#[test]
fn less_counts_only_where_it_was_allowed() {
    let less = frame(&format!("010000010001978{MARK}"));
    let (bench, mut terminal) = with(exchange(&asked(), &less), r#","partial":true"#);
    let outcome = approved(terminal.pay(sale(), &bench.call()));
    assert_eq!(outcome.approved_minor, Some(1000));
    let (bench, mut terminal) = with(exchange(&asked(), &less), "");
    assert!(is_unknown(terminal.pay(sale(), &bench.call())));
}

/// A line at which somebody cancels the call just before certain bytes are written.
#[derive(Debug)]
struct Meddled {
    line: ScriptedLine,
    before: Vec<u8>,
    call: Arc<Mutex<Option<Context>>>,
}

impl Line for Meddled {
    fn read(
        &self,
        bytes: &mut [u8],
        until: Instant,
        stop: Option<&PipeReader>,
    ) -> std::io::Result<usize> {
        self.line.read(bytes, until, stop)
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        if bytes == self.before
            && let Some(call) = &*self.call.lock().expect("no panic")
        {
            // Whoever planned to cancel does so now.
            assert_eq!(
                call.sleep(Duration::from_secs(1)),
                Err(PluginError::Cancelled)
            );
        }
        self.line.write(bytes)
    }
}

/// How a sale ends that is cancelled just before these bytes are written.
fn cancelled_before(before: Vec<u8>, line: ScriptedLine) -> Outcome<TerminalOutcome> {
    let call: Arc<Mutex<Option<Context>>> = Arc::default();
    let meddled = Meddled {
        line,
        before,
        call: Arc::clone(&call),
    };
    let bench = Bench::new().port("main", meddled);
    let mut terminal: ConcertTerminal = bench.terminal(r#"{"protocol":"e+"}"#).expect("it opens");
    let context = bench.call();
    bench.cancel_at(Duration::ZERO, &context);
    *call.lock().expect("no panic") = Some(context.clone());
    terminal.pay(sale(), &context)
}

#[test]
fn a_cancel_counts_up_to_the_request_and_not_beyond() {
    let (bench, mut terminal) = with(ScriptedLine::new(), "");
    let call = bench.call();
    bench.cancel_at(Duration::ZERO, &call);
    assert_eq!(
        call.sleep(Duration::from_secs(1)),
        Err(PluginError::Cancelled)
    );
    assert_eq!(terminal.pay(sale(), &call), Err(PluginError::Cancelled));
    // During the bid: the turn is given up.
    let line = ScriptedLine::new()
        .expect(&[ENQ], &[ACK])
        .expect(&[EOT], &[]);
    assert_eq!(
        cancelled_before(vec![ENQ], line),
        Err(PluginError::Cancelled)
    );
    // With the request, and behind it: the terminal's word counts.
    for before in [asked(), vec![EOT]] {
        let done = exchange(&asked(), &answer('0'));
        approved(cancelled_before(before.clone(), done));
        let silent = taken().expect(&[EOT], &[]);
        assert!(is_unknown(cancelled_before(before, silent)));
    }
}

#[test]
fn every_cut_of_the_terminals_side_ends_and_never_in_an_approval() {
    let whole = answer('0');
    for cut in 0..whole.len() {
        let line = taken()
            .expect(&[EOT], &[ENQ])
            .expect(&[ACK], &whole[..cut])
            .expect(&[NAK], &[]);
        let (bench, mut terminal) = with(line, "");
        assert!(is_unknown(terminal.pay(sale(), &bench.call())), "{cut}");
    }
    // The whole answer is one, whatever became of our acknowledgement.
    let line = taken().expect(&[EOT], &[ENQ]).expect(&[ACK], &whole);
    let (bench, mut terminal) = with(line.expect(&[ACK], &[]), "");
    approved(terminal.pay(sale(), &bench.call()));
}

#[test]
fn no_change_of_one_bit_makes_an_answer_another() {
    let no = answer('7');
    for at in 0..no.len() {
        for bit in 0..8 {
            let mut changed = no.clone();
            changed[at] ^= 1 << bit;
            // It may be refused, be junk, or hide its own end.
            let line = (0..4).fold(
                taken().expect(&[EOT], &[ENQ]).expect(&[ACK], &changed),
                |line, _| line.expect(&[NAK], &[]),
            );
            let (bench, mut terminal) = with(line, "");
            assert!(
                is_unknown(terminal.pay(sale(), &bench.call())),
                "{at} {bit}"
            );
        }
    }
}
