// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a V3 terminal tells of its last transaction, and when that is believed.

use super::{Desk, ID, MARK, at_once, field, is_unknown};
use crate::terminal::ConcertTerminal;
use payhal_messages::terminal::{InquireTerminal, TerminalFinding};
use payhal_plugin::{Outcome, PluginError, Terminal as _};

const ASKED: &str = "CZ0040300CJ012012345678901CA00201CB00200CD001TCE003978";

fn asked() -> InquireTerminal {
    InquireTerminal {
        transaction_id: ID.into(),
        stan: 7,
    }
}

/// What is found where a terminal answers the question with these fields.
fn found(fields: &[(&str, &str)]) -> Outcome<TerminalFinding> {
    let answer: String = [("CA", "01"), ("CD", "T"), ("CE", "978")]
        .iter()
        .chain(fields)
        .map(|(tag, value)| field(tag, value))
        .collect();
    let desk = Desk::new(vec![at_once(answer)]);
    let mut terminal = desk.terminal(r#","status_request":true"#);
    let found = terminal.inquire(asked(), &desk.bench.call());
    assert_eq!(desk.heard(), [ASKED]);
    found
}

#[test]
fn a_payment_that_has_our_mark_is_ours() {
    let yes = found(&[("CB", "1250"), ("CF", MARK), ("AE", "10"), ("AC", "216561")]);
    let Ok(Ok(TerminalFinding::Ended { outcome })) = yes else {
        panic!("{yes:?}");
    };
    assert!(outcome.approved && !outcome.offline);
    assert_eq!(outcome.approved_minor, Some(1250));
    assert_eq!(outcome.reference.as_deref(), Some(MARK));
    for reason in ["04", "06", "08", "77"] {
        let no = found(&[("CB", "1250"), ("CF", MARK), ("AE", "01"), ("AF", reason)]);
        let Ok(Ok(TerminalFinding::Ended { outcome })) = no else {
            panic!("{no:?}");
        };
        assert!(!outcome.approved && outcome.approved_minor.is_none());
    }
}

#[test]
fn what_runs_is_running_and_what_is_anothers_says_nothing_of_ours() {
    assert_eq!(found(&[("AE", "11")]), Ok(Ok(TerminalFinding::Running)));
    let another = [("CB", "1250"), ("CF", "00000699ZZ"), ("AE", "10")];
    assert!(is_unknown(found(&another)));
}

#[test]
fn a_terminal_that_does_not_give_the_mark_cannot_be_asked() {
    for fields in [
        &[("AE", "01"), ("AF", "12")][..],
        &[("AE", "01"), ("AF", "00")],
        &[("CB", "1250"), ("AE", "10")],
        &[("CB", "00"), ("AE", "10")],
    ] {
        assert_eq!(found(fields), Err(PluginError::Unsupported));
    }
    let desk = Desk::new(Vec::new());
    let mut terminal: ConcertTerminal = desk.terminal("");
    let unasked = terminal.inquire(asked(), &desk.bench.call());
    assert_eq!(unasked, Err(PluginError::Unsupported));
    assert!(desk.heard().is_empty());
}

#[test]
fn a_word_on_ours_that_cannot_be_is_not_believed() {
    for fields in [
        &[("CB", "00"), ("CF", MARK), ("AE", "10")][..],
        &[("CF", MARK), ("AE", "10")],
        &[("CB", "1250"), ("CF", MARK), ("AE", "10"), ("AF", "04")],
        &[("CB", "1250"), ("CF", MARK), ("AE", "01"), ("AC", "1")],
        &[("CB", "1250"), ("CF", MARK), ("AE", "99")],
    ] {
        assert!(is_unknown(found(fields)), "{fields:?}");
    }
}
