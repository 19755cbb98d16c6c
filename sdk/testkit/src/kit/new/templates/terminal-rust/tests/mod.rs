// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the plugin does with a terminal that behaves, and with one that does not. No host, no device,
//! no time.

use crate::terminal::BeeperTerminal;
use payhal_plugin::messages::call::Sent;
use payhal_plugin::messages::gateway::Reversal;
use payhal_plugin::messages::money::{Amounts, Purpose};
use payhal_plugin::messages::terminal::{InquireTerminal, Pay, ReverseTerminal, TerminalFinding};
use payhal_plugin::testing::{Bench, ScriptedLine};
use payhal_plugin::{PluginError, Terminal};

const PAY: &[u8] = b"1 PAY t-1 sale EUR 1250\n";

fn bench(exchanges: &[(&[u8], &[u8])]) -> Bench {
    let line = exchanges
        .iter()
        .fold(ScriptedLine::new(), |line, (written, answer)| {
            line.expect(written, answer)
        });
    Bench::new().port("main", line)
}

fn terminal(bench: &Bench) -> BeeperTerminal {
    bench.terminal("{}").unwrap()
}

fn amounts() -> Amounts {
    Amounts {
        currency: "EUR".into(),
        total_minor: 1250,
        tip_minor: None,
        surcharge_minor: None,
        cashback_minor: None,
    }
}

fn sale() -> Pay {
    Pay {
        transaction_id: "t-1".into(),
        stan: 1,
        purpose: Purpose::Sale,
        amounts: amounts(),
        total_minor_max: None,
        original: None,
    }
}

fn asked() -> InquireTerminal {
    InquireTerminal {
        transaction_id: "t-1".into(),
        stan: 1,
    }
}

#[test]
fn a_payment_is_approved_and_another_declined() {
    let bench = bench(&[
        (
            PAY,
            b"1 WAIT\n1 PAID 1250 100001 R1 chip 411111******1111 visa\n",
        ),
        (
            b"2 PAY t-1 sale EUR 1250\n",
            b"2 WAIT\n2 DECLINED 51 Insufficient funds\n",
        ),
    ]);
    let mut terminal = terminal(&bench);
    let paid = terminal.pay(sale(), &bench.call()).unwrap().unwrap();
    assert_eq!((paid.approved, paid.approved_minor), (true, Some(1250)));
    assert_eq!(paid.card.unwrap().scheme, "visa");
    let declined = terminal.pay(sale(), &bench.call()).unwrap().unwrap();
    assert_eq!((declined.approved, &*declined.response_code), (false, "51"));
    assert_eq!(
        declined.response_text.as_deref(),
        Some("Insufficient funds")
    );
}

#[test]
fn no_issuer_was_asked() {
    let bench = bench(&[
        (PAY, b"1 WAIT\n1 NO no_card\n"),
        (b"2 PAY t-1 sale EUR 1250\n", b"2 NO busy\n"),
    ]);
    let mut terminal = terminal(&bench);
    for code in ["no_card", "busy"] {
        let refusal = terminal.pay(sale(), &bench.call()).unwrap().unwrap_err();
        assert_eq!(refusal.code, code);
    }
}

#[test]
fn silence_after_the_amount_may_be_anything() {
    let bench = bench(&[(PAY, b"1 WAIT\n"), (b"2 STOP\n", b"")]);
    let Err(PluginError::Failed(failure)) = terminal(&bench).pay(sale(), &bench.call()) else {
        panic!("not a failure");
    };
    assert_eq!(failure.sent, Sent::Maybe);
}

#[test]
fn what_became_of_a_payment_is_asked_and_it_is_undone() {
    let bench = bench(&[
        (
            b"1 ASK t-1\n",
            b"1 PAID 1250 100001 R1 chip 411111******1111 visa\n",
        ),
        (b"2 ASK t-1\n", b"2 RUNNING\n"),
        (b"3 ASK t-1\n", b"3 UNKNOWN\n"),
        (b"4 UNDO t-1\n", b"4 UNDONE\n"),
        (b"5 ASK t-1\n", b"5 UNDONE\n"),
    ]);
    let mut terminal = terminal(&bench);
    let mut found = || terminal.inquire(asked(), &bench.call()).unwrap().unwrap();
    assert!(matches!(found(), TerminalFinding::Ended { outcome } if outcome.approved));
    assert_eq!(found(), TerminalFinding::Running);
    assert_eq!(found(), TerminalFinding::NotFound);
    let reverse = ReverseTerminal {
        transaction_id: "t-1".into(),
        reference: None,
        amounts: amounts(),
    };
    let reversed = terminal.reverse(reverse, &bench.call()).unwrap().unwrap();
    assert_eq!(reversed, Reversal::Reversed);
    let found = terminal.inquire(asked(), &bench.call()).unwrap().unwrap();
    assert!(matches!(found, TerminalFinding::Ended { outcome } if !outcome.approved));
}
