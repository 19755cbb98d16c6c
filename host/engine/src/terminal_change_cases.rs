// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of what a terminal authorized: on that terminal, within its abilities.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, euros, on_terminal, paid, terminal_is};
use crate::device::{CardRefusal, DeviceCommand, DeviceReply, Purpose};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::Decision;
use crate::ids::TransactionId;
use crate::record::{Fact, Past};
use crate::request::{Kind, MoneyRequest};
use uuid::Uuid;

const ORIGINAL: TransactionId = TransactionId(Uuid::from_u128(99));

/// A bench whose journal holds an approved transaction of this terminal.
fn having(kind: Kind, device: &str) -> Bench {
    let mut before = Bench::new();
    before.money(on_terminal("original", kind, device));
    before.reader(paid(Decision::Approved, Some(1_000)));
    let mut records = before.records;
    for record in &mut records {
        record.transaction_id = ORIGINAL;
        if let Fact::Intent(intent) = &mut record.fact {
            intent.wire.transaction_id = ORIGINAL;
        }
    }
    let mut bench = Bench::new();
    bench.past = Some(Past {
        records,
        ..Past::default()
    });
    bench
}

fn change(kind: Kind, minor: i64) -> MoneyRequest {
    MoneyRequest {
        device: None,
        amounts: (!matches!(kind, Kind::Void { .. } | Kind::Undo { .. })).then(|| euros(minor)),
        ..on_terminal("k", kind, "")
    }
}

fn refund(minor: i64) -> MoneyRequest {
    change(Kind::Refund { original: ORIGINAL }, minor)
}

fn void() -> MoneyRequest {
    change(Kind::Void { original: ORIGINAL }, 0)
}

fn refusal(effects: &[Effect]) -> Option<&Reason> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => Some(&refused.reason),
        _ => None,
    })
}

fn approved(effects: &[Effect]) -> Option<i64> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { approved, .. },
            ..
        } => Some(approved.approved_minor),
        _ => None,
    })
}

fn lost() -> DeviceReply {
    DeviceReply::Failed {
        effect_possible: true,
        reason: "line".into(),
    }
}

fn refused() -> DeviceReply {
    DeviceReply::Refused {
        refusal: CardRefusal::Other,
        text: "no".into(),
    }
}

fn reversals(bench: &Bench) -> Option<(TransactionId, Option<&str>)> {
    match bench.reader_call.as_ref() {
        Some((
            _,
            _,
            DeviceCommand::Reverse {
                transaction_id,
                reference,
                ..
            },
        )) => Some((*transaction_id, reference.as_deref())),
        _ => None,
    }
}

fn pause_ends(bench: &mut Bench) {
    let mut timers = bench.engine.timers.iter();
    let pause = timers.find(|(_, (_, alarm))| *alarm == Alarm::Attempt);
    let timer = *pause.expect("a pause").0;
    bench.step(Event::TimerFired(timer));
}

#[test]
fn a_refund_is_a_payment_that_names_its_original() {
    let mut bench = having(Kind::Sale, "counter");
    let mut effects = bench.money(refund(400));
    let Some((
        device,
        _,
        DeviceCommand::Pay {
            purpose, original, ..
        },
    )) = &bench.reader_call
    else {
        panic!("{:?}", bench.reader_call)
    };
    assert_eq!((&*device.0, *purpose), ("counter", Purpose::Refund));
    let original = original.as_ref().unwrap();
    assert_eq!(original.transaction_id, ORIGINAL);
    assert_eq!(original.reference.as_deref(), Some("receipt 7"));
    effects.extend(bench.reader(paid(Decision::Approved, Some(400))));
    assert_eq!(approved(&effects), Some(400));
    let waits = |effect: &&Effect| matches!(effect.action, Action::Append { lazy: false, .. });
    assert_eq!(effects.iter().filter(waits).count(), 2);
    // Sums hold here as well, and another amount is a contradiction.
    let more = MoneyRequest {
        key: "more".into(),
        ..refund(601)
    };
    assert_eq!(refusal(&bench.money(more)), Some(&Reason::NotAllowed));
    let rest = MoneyRequest {
        key: "rest".into(),
        ..refund(600)
    };
    bench.money(rest);
    let effects = bench.reader(paid(Decision::Approved, Some(599)));
    assert_eq!(refusal(&effects), Some(&Reason::GatewayRejected));
    assert_eq!(
        reversals(&bench).map(|(id, _)| id),
        Some(TransactionId(Uuid::from_u128(3)))
    );
}

#[test]
fn a_capture_goes_to_the_terminal_that_holds_the_money() {
    let mut bench = having(Kind::Authorize, "counter");
    let effects = bench.money(change(Kind::Capture { original: ORIGINAL }, 700));
    assert_eq!(refusal(&effects), None);
    let effects = bench.reader(paid(Decision::Approved, None));
    assert_eq!(approved(&effects), Some(700));
    let elsewhere = MoneyRequest {
        key: "other".into(),
        device: Some("old".into()),
        ..change(Kind::Capture { original: ORIGINAL }, 100)
    };
    assert_eq!(refusal(&bench.money(elsewhere)), Some(&Reason::NotAllowed));
}

#[test]
fn a_void_is_a_reversal_where_the_terminal_can() {
    let mut bench = having(Kind::Sale, "counter");
    let effects = bench.money(void());
    assert_eq!(refusal(&effects), None);
    assert_eq!(reversals(&bench), Some((ORIGINAL, Some("receipt 7"))));
    let effects = bench.reader(DeviceReply::Reversed);
    assert_eq!(approved(&effects), Some(1_000));

    let mut bench = having(Kind::Sale, "deaf");
    assert_eq!(
        refusal(&bench.money(void())),
        Some(&Reason::DeviceUnsupported)
    );
    let mut bench = having(Kind::Sale, "counter");
    bench.money(void());
    let effects = bench.reader(refused());
    assert_eq!(refusal(&effects), Some(&Reason::GatewayRejected));
    assert_eq!(bench.engine.quarantined(), []);
}

#[test]
fn an_undo_asks_the_terminal_for_what_it_can() {
    let undo = || change(Kind::Undo { original: ORIGINAL }, 0);
    let mut bench = having(Kind::Sale, "old");
    bench.money(undo());
    assert!(reversals(&bench).is_some());
    // One that cannot take back gives back, if it can do that.
    let mut bench = having(Kind::Sale, "deaf");
    assert_eq!(
        refusal(&bench.money(undo())),
        Some(&Reason::DeviceUnsupported)
    );
}

#[test]
fn a_lost_void_is_repeated_by_its_reference_and_a_later_no_is_for_a_person() {
    let mut bench = having(Kind::Sale, "counter");
    bench.money(void());
    bench.reader(lost());
    assert!(bench.reader_call.is_none());
    assert_eq!(bench.engine.quarantined(), ["counter".into()]);
    pause_ends(&mut bench);
    assert_eq!(reversals(&bench), Some((ORIGINAL, Some("receipt 7"))));
    bench.restart();
    assert_eq!(reversals(&bench), Some((ORIGINAL, Some("receipt 7"))));
    bench.reader(refused());
    let last = &bench.records.last().unwrap().fact;
    assert!(matches!(last, Fact::NeedsOperator { .. }));

    let mut bench = having(Kind::Sale, "counter");
    bench.money(void());
    bench.reader(lost());
    bench.step(terminal_is("counter", false));
    bench.step(terminal_is("counter", true));
    let effects = bench.reader(DeviceReply::Reversed);
    assert_eq!(approved(&effects), Some(1_000));
}

#[test]
fn a_lost_void_that_needs_the_card_is_for_a_person() {
    let mut bench = having(Kind::Sale, "old");
    bench.money(void());
    bench.reader(lost());
    pause_ends(&mut bench);
    assert!(bench.reader_call.is_none());
    let last = &bench.records.last().unwrap().fact;
    assert!(matches!(last, Fact::NeedsOperator { .. }));
}

#[test]
fn a_lost_refund_is_asked_about() {
    let mut bench = having(Kind::Sale, "counter");
    bench.money(refund(400));
    bench.reader(lost());
    let (_, _, command) = bench.reader_call.as_ref().unwrap();
    assert!(matches!(command, DeviceCommand::Inquire { .. }));
    let more = MoneyRequest {
        key: "more".into(),
        ..refund(601)
    };
    assert_eq!(refusal(&bench.money(more)), Some(&Reason::NotAllowed));
    let effects = bench.reader(DeviceReply::NotFound);
    assert_eq!(refusal(&effects), Some(&Reason::NeverBegun));
}
