// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports: what is told, in which order, how often, and that nothing waits for them.

use crate::answer::Answer;
use crate::bench::{Bench, answer, authorized, prepared, presented, request};
use crate::device::DeviceReply;
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{Decision, GatewayCommand, GatewayReply, Report};
use crate::ids::Opaque;
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest};

const TAGS: &str = r#"{"95":"0000008000"}"#;

fn sell(key: &str) -> MoneyRequest {
    MoneyRequest {
        order: Some(r#"{"basket":[]}"#.into()),
        ..request(key, Kind::Sale, "asking")
    }
}

fn approved() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(1_000)))
}

fn completed(accepted: bool) -> DeviceReply {
    DeviceReply::Completed {
        accepted,
        tags: Opaque(TAGS.into()),
    }
}

/// A chip sale up to the chip's word.
fn sold(bench: &mut Bench, key: &str, accepted: bool) -> Vec<Effect> {
    let mut effects = bench.money(sell(key));
    effects.extend(bench.reader(presented()));
    effects.extend(bench.reader(authorized(true)));
    effects.extend(bench.gateway(prepared()));
    effects.extend(bench.gateway(approved()));
    effects.extend(bench.reader(completed(accepted)));
    effects
}

fn report(bench: &Bench) -> Option<&Report> {
    match &bench.gateway_call {
        Some((_, GatewayCommand::Report { report, .. })) => Some(report),
        _ => None,
    }
}

fn commits(effects: &[Effect]) -> usize {
    let waits = |effect: &&Effect| matches!(effect.action, Action::Append { lazy: false, .. });
    effects.iter().filter(waits).count()
}

fn is_reported(bench: &Bench, wanted: bool) -> bool {
    let last = bench.records.last().map(|record| &record.fact);
    matches!(last, Some(Fact::Reported { known }) if *known == wanted)
}

fn fire(bench: &mut Bench) {
    let timers = bench.engine.timers.iter();
    let mut due = timers.filter(|(_, (_, set))| *set == Alarm::Attempt);
    let timer = *due.next().expect("it is tried again").0;
    bench.step(Event::TimerFired(timer));
}

fn failed() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

#[test]
fn the_chip_is_reported_and_then_the_order_at_no_cost_of_a_commit() {
    let mut bench = Bench::new();
    let mut effects = sold(&mut bench, "k", true);
    assert!(effects.iter().any(|effect| matches!(
        effect.action,
        Action::Answer {
            answer: Answer::Approved { .. },
            ..
        }
    )));
    // Nothing waits for it: a host may stop, the reader is free, the key is answered.
    assert!(bench.engine.is_quiet());
    let again = bench.money(sell("k"));
    assert!(again.iter().any(|effect| matches!(
        effect.action,
        Action::Answer {
            answer: Answer::Approved { replayed: true, .. },
            ..
        }
    )));
    assert_eq!(report(&bench), Some(&Report::Advice { tags: TAGS.into() }));
    effects.extend(bench.gateway(GatewayReply::Reported));
    assert!(matches!(report(&bench), Some(Report::NotifyOrder { .. })));
    effects.extend(bench.gateway(GatewayReply::Reported));
    assert!(is_reported(&bench, true));
    assert_eq!(commits(&effects), 2);
    assert!(bench.engine.open.is_empty());
}

#[test]
fn a_chip_that_refuses_is_reported_after_its_reversal() {
    let mut bench = Bench::new();
    sold(&mut bench, "k", false);
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Reverse { .. }))
    ));
    bench.gateway(GatewayReply::Reversed);
    assert!(matches!(report(&bench), Some(Report::Advice { .. })));
    // There is no order behind what was not approved.
    bench.gateway(GatewayReply::Reported);
    assert!(is_reported(&bench, true));
}

#[test]
fn a_report_is_repeated_until_it_is_known_or_three_days_old() {
    let mut bench = Bench::new();
    sold(&mut bench, "k", true);
    for _ in 0..5 {
        bench.gateway(failed());
        fire(&mut bench);
        assert!(matches!(report(&bench), Some(Report::Advice { .. })));
    }
    bench.restart();
    assert!(matches!(report(&bench), Some(Report::Advice { .. })));
    bench.gateway(failed());
    bench.boot_ms += 73 * 60 * 60_000;
    fire(&mut bench);
    assert!(is_reported(&bench, false));
    assert!(bench.engine.open.is_empty());
}

#[test]
fn a_report_that_is_not_taken_is_not_repeated() {
    let mut bench = Bench::new();
    sold(&mut bench, "k", true);
    bench.gateway(GatewayReply::Unsupported);
    assert!(matches!(report(&bench), Some(Report::NotifyOrder { .. })));
    bench.gateway(GatewayReply::Reported);
    assert!(is_reported(&bench, false));
}

#[test]
fn one_report_at_a_time_is_on_its_way_to_a_gateway() {
    let mut bench = Bench::new();
    sold(&mut bench, "a", true);
    let first = bench.gateway_call.take();
    sold(&mut bench, "b", true);
    assert!(bench.gateway_call.is_none() || report(&bench).is_none());
    bench.gateway_call = first;
    bench.gateway(failed());
    // While the one waits, the other goes.
    assert!(matches!(report(&bench), Some(Report::Advice { .. })));
    assert_eq!(bench.engine.open.len(), 2);
}

#[test]
fn who_cannot_take_a_report_owes_nothing() {
    let mut bench = Bench::new();
    let gateway = bench.engine.gateways.get_mut(&"asking".into()).unwrap();
    gateway.parameters.as_mut().unwrap().can.clear();
    sold(&mut bench, "k", true);
    assert!(bench.engine.open.is_empty());
}

#[test]
fn an_approval_found_at_start_has_its_order_told() {
    let mut bench = Bench::new();
    bench.money(sell("k"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(approved());
    bench
        .records
        .retain(|record| !matches!(record.fact, Fact::Ended(_)));
    bench.restart();
    assert!(
        matches!(report(&bench), Some(Report::NotifyOrder { .. })),
        "{:?}",
        bench.gateway_call
    );
}
