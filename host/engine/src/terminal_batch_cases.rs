// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches of terminals: totals, close, and offline approvals that an issuer took or did not.

use crate::answer::{Answer, Notification, Reason};
use crate::bench::{Bench, on_terminal, paid};
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{Collected, Decision, Totals};
use crate::ids::TransactionId;
use crate::record::{Fact, Past};
use crate::request::{Kind, MoneyRequest, Request};
use uuid::Uuid;

const SOLD: TransactionId = TransactionId(Uuid::from_u128(99));

fn close(key: &str, device: &str) -> MoneyRequest {
    MoneyRequest {
        amounts: None,
        ..on_terminal(key, Kind::BatchClose, device)
    }
}

fn totals(collected: &[(TransactionId, bool)]) -> DeviceReply {
    let collected = collected.iter().map(|(id, accepted)| Collected {
        transaction_id: *id,
        accepted: *accepted,
    });
    DeviceReply::Reconciled(Box::new(Totals {
        batch: "7".into(),
        rows: Vec::new(),
        collected: collected.collect(),
    }))
}

/// A bench whose journal holds a sale that its terminal approved offline.
fn sold_offline(device: &str, offline: bool) -> Bench {
    let mut before = Bench::new();
    before.money(on_terminal("sold", Kind::Sale, device));
    let mut reply = paid(Decision::Approved, Some(1_000));
    if let DeviceReply::Paid(outcome) = &mut reply {
        outcome.answer.extras.offline = offline;
    }
    before.reader(reply);
    let mut records = before.records;
    for record in &mut records {
        record.transaction_id = SOLD;
    }
    let mut bench = Bench::new();
    bench.past = Some(Past {
        records,
        ..Past::default()
    });
    bench
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

fn is_closed(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { approved, .. },
            ..
        } => approved.extras.totals.is_some(),
        _ => false,
    })
}

fn lost_money(effects: &[Effect]) -> Vec<TransactionId> {
    let lost = effects.iter().filter_map(|effect| match &effect.action {
        Action::Notify(notification) => match &**notification {
            Notification::NotCollected { transaction_id, .. } => Some(*transaction_id),
            _ => None,
        },
        _ => None,
    });
    lost.collect()
}

fn collected(bench: &Bench) -> Vec<(TransactionId, bool)> {
    let told = bench.records.iter().filter_map(|record| match record.fact {
        Fact::Collected { accepted, .. } => Some((record.transaction_id, accepted)),
        _ => None,
    });
    told.collect()
}

fn lost() -> DeviceReply {
    DeviceReply::Failed {
        effect_possible: true,
        reason: "line".into(),
    }
}

#[test]
fn a_close_tells_what_became_of_offline_approvals() {
    for accepted in [true, false] {
        let mut bench = sold_offline("counter", true);
        bench.money(close("c", "counter"));
        let effects = bench.reader(totals(&[(SOLD, accepted)]));
        assert!(is_closed(&effects));
        assert_eq!(collected(&bench), [(SOLD, accepted)]);
        let expected: &[_] = if accepted { &[] } else { &[SOLD] };
        assert_eq!(lost_money(&effects), expected);
        assert!(bench.engine.is_quiet());
    }
}

#[test]
fn a_close_tells_nothing_of_what_is_not_its_own() {
    // Of another terminal, not offline, told already, not there.
    let mut told = sold_offline("counter", true);
    let past = told.past.as_mut().unwrap();
    let mut record = past.records.last().unwrap().clone();
    record.fact = Fact::Collected {
        accepted: true,
        by: SOLD,
    };
    past.records.push(record);
    let mut absent = Bench::new();
    absent.past = None;
    let benches = [
        sold_offline("old", true),
        sold_offline("counter", false),
        told,
        absent,
    ];
    for mut bench in benches {
        bench.money(close("c", "counter"));
        let effects = bench.reader(totals(&[(SOLD, false)]));
        assert!(is_closed(&effects));
        assert_eq!((collected(&bench), lost_money(&effects)), (vec![], vec![]));
    }
}

#[test]
fn a_lost_close_is_repeated_with_the_same_references() {
    let mut bench = Bench::new();
    bench.money(close("c", "counter"));
    let first = bench.reader_call.clone().unwrap().2;
    assert!(matches!(
        first,
        DeviceCommand::Reconcile { close: true, .. }
    ));
    bench.reader(lost());
    assert!(bench.reader_call.is_none());
    let effects = bench.money(on_terminal("k", Kind::Sale, "counter"));
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
    let mut timers = bench.engine.timers.iter();
    let pause = timers.find(|(_, (_, alarm))| *alarm == Alarm::Attempt);
    let timer = *pause.unwrap().0;
    bench.step(Event::TimerFired(timer));
    assert_eq!(bench.reader_call.as_ref().unwrap().2, first);
    bench.restart();
    assert_eq!(bench.reader_call.as_ref().unwrap().2, first);
    bench.reader(totals(&[]));
    let effects = bench.money(close("c", "counter"));
    assert!(is_closed(&effects));
}

#[test]
fn a_batch_with_an_unknown_payment_is_not_closed() {
    let mut bench = Bench::new();
    bench.money(on_terminal("k", Kind::Sale, "counter"));
    let effects = bench.money(close("c", "counter"));
    assert!(matches!(refusal(&effects), Some(Reason::DeviceBusy { .. })));
    bench.reader(lost());
    let effects = bench.money(close("c", "counter"));
    let unresolved = matches!(
        refusal(&effects),
        Some(Reason::UnresolvedTransaction { .. })
    );
    assert!(unresolved);
    let effects = bench.money(close("d", "old"));
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnsupported));
}

#[test]
fn a_terminals_totals_are_told_and_nothing_is_recorded() {
    let mut bench = Bench::new();
    let ask = |device: &str| Request::Totals {
        gateway: None,
        device: Some(device.into()),
    };
    bench.ask(ask("counter"));
    let (_, _, command) = bench.reader_call.as_ref().unwrap();
    assert!(matches!(
        command,
        DeviceCommand::Reconcile { close: false, .. }
    ));
    let effects = bench.reader(totals(&[]));
    let told = effects.iter().any(|effect| {
        matches!(
            effect.action,
            Action::Answer {
                answer: Answer::Totals(_),
                ..
            }
        )
    });
    assert!(told && bench.records.is_empty() && bench.engine.is_quiet());
    let effects = bench.ask(ask("old"));
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnsupported));
}
