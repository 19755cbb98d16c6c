// SPDX-License-Identifier: MIT OR Apache-2.0
//! Acceptors: who waits for whom, what a batch close waits for, and that nobody waits for ever.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, answer, authorized, prepared, presented, reader_is, request};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{
    CurrencyTotals, Decision, Finding, GatewayCommand, GatewayParameters, GatewayReply, Totals,
};
use crate::ids::{Acceptor, CallId, TransactionId};
use crate::money::Currency;
use crate::record::{Fact, FinalAnswer};
use crate::request::{Kind, MoneyRequest, Request};
use crate::states::sale;
use uuid::Uuid;

const ORIGINAL: TransactionId = TransactionId(Uuid::from_u128(99));

/// One acceptor for everybody, at a gateway with these rules.
fn shop(rules: fn(&mut GatewayParameters)) -> Bench {
    let mut bench = Bench::new();
    let acceptor = Acceptor {
        merchant: "m".into(),
        terminal: "t".into(),
    };
    bench
        .engine
        .config
        .acceptors
        .insert("asking".into(), acceptor);
    let gateway = bench.engine.gateways.get_mut(&"asking".into()).unwrap();
    rules(gateway.parameters.as_mut().unwrap());
    bench
}

fn sell(key: &str) -> MoneyRequest {
    request(key, Kind::Sale, "asking")
}

fn close(key: &str) -> MoneyRequest {
    request(key, Kind::BatchClose, "asking")
}

fn totals() -> Totals {
    Totals {
        batch: "7".into(),
        rows: vec![CurrencyTotals {
            currency: Currency::EUR,
            sales: 1,
            sales_minor: 1_000,
            refunds: 0,
            refunds_minor: 0,
        }],
        collected: Vec::new(),
    }
}

fn approved() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(1_000)))
}

fn lost() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

/// The card is read; whether its gateway was called then.
fn read(bench: &mut Bench, chip: bool) -> bool {
    let before = bench.gateway_call.as_ref().map(|(call, _)| *call);
    bench.reader(presented());
    bench.reader(authorized(chip));
    bench.gateway_call.as_ref().map(|(call, _)| *call) != before
}

fn asked_of(bench: &Bench) -> &GatewayCommand {
    &bench.gateway_call.as_ref().unwrap().1
}

fn refusals(effects: &[Effect]) -> Vec<Reason> {
    let reasons = effects.iter().filter_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => Some(refused.reason.clone()),
        _ => None,
    });
    reasons.collect()
}

fn approvals(effects: &[Effect]) -> usize {
    let approved = effects.iter().filter(|effect| {
        matches!(
            effect.action,
            Action::Answer {
                answer: Answer::Approved { .. },
                ..
            }
        )
    });
    approved.count()
}

fn fire(bench: &mut Bench, alarm: Alarm) -> Vec<Effect> {
    let timers = bench.engine.timers.iter();
    let mut due = timers.filter(|(_, (_, set))| *set == alarm);
    let timer = *due.next().expect("the alarm is set").0;
    bench.step(Event::TimerFired(timer))
}

fn key_of(bench: &Bench, command: &GatewayCommand) -> String {
    let (GatewayCommand::Prepare { wire, .. } | GatewayCommand::Reconcile { wire, .. }) = command
    else {
        panic!("{command:?}")
    };
    bench.engine.open[&wire.transaction_id]
        .request
        .key
        .to_string()
}

#[test]
fn whoever_has_no_room_waits_and_is_served_in_order() {
    let mut bench = shop(|rules| rules.in_flight_per_acceptor = Some(1));
    bench.step(reader_is("third", true));
    bench.money(sell("a"));
    assert!(read(&mut bench, false));
    let first = bench.gateway_call.take();
    bench.money(sell("b"));
    assert!(!read(&mut bench, false));
    bench.money(sell("c"));
    assert!(!read(&mut bench, false));
    assert!(bench.gateway_call.is_none());

    bench.gateway_call = first;
    bench.gateway(prepared());
    let effects = bench.gateway(approved());
    assert_eq!(approvals(&effects), 1);
    assert_eq!(key_of(&bench, asked_of(&bench)), "b");
    bench.gateway(prepared());
    bench.gateway(approved());
    assert_eq!(key_of(&bench, asked_of(&bench)), "c");
    bench.gateway(prepared());
    assert_eq!(approvals(&bench.gateway(approved())), 1);
}

#[test]
fn who_waits_too_long_or_does_not_want_to_lets_go() {
    let mut bench = shop(|rules| rules.in_flight_per_acceptor = Some(1));
    bench.money(sell("a"));
    read(&mut bench, false);
    let first = bench.gateway_call.take();
    bench.money(sell("b"));
    read(&mut bench, false);
    let effects = fire(&mut bench, Alarm::Turn);
    assert_eq!(refusals(&effects), [Reason::GatewayUnavailable]);
    assert!(bench.records.is_empty());
    let told = effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => refused.retry_after_ms,
        _ => None,
    });
    assert!(told.is_some());

    bench.reader(crate::bench::completed(false));
    bench.money(sell("b"));
    read(&mut bench, false);
    let effects = bench.cancel("b");
    assert_eq!(refusals(&effects), [Reason::Cancelled]);
    // The first one does not notice, and the line is empty.
    bench.gateway_call = first;
    bench.gateway(prepared());
    bench.gateway(approved());
    assert!(bench.gateway_call.is_none());
    assert!(bench.engine.open.is_empty());
}

#[test]
fn a_reversal_comes_before_the_next() {
    let mut bench = shop(|rules| rules.reversal_before_next = true);
    bench.money(sell("a"));
    read(&mut bench, true);
    bench.gateway(prepared());
    let running = bench.gateway_call.take();
    // This one has its references already when the other comes into trouble.
    bench.money(sell("b"));
    read(&mut bench, false);
    let second = bench.gateway_call.take();
    bench.gateway_call = running;
    bench.gateway(lost());
    let reversal = bench.gateway_call.take();
    assert!(matches!(
        reversal,
        Some((_, GatewayCommand::Reverse { .. }))
    ));
    bench.gateway_call = second;
    let intents = bench.records.len();
    bench.gateway(prepared());
    assert!(bench.gateway_call.is_none());
    assert_eq!(bench.records.len(), intents);
    bench.gateway_call = reversal;
    bench.gateway(GatewayReply::Reversed);
    assert_eq!(key_of(&bench, asked_of(&bench)), "b");
    bench.gateway(prepared());
    assert_eq!(approvals(&bench.gateway(approved())), 1);
}

#[test]
fn a_close_waits_for_what_is_in_flight_and_new_money_waits_for_the_close() {
    let mut bench = shop(|_| {});
    bench.step(reader_is("third", true));
    bench.money(sell("a"));
    read(&mut bench, false);
    let first = bench.gateway_call.take();
    bench.money(sell("b"));
    assert!(bench.money(close("z")).iter().all(|effect| !matches!(
        effect.action,
        Action::Answer { .. } | Action::CallGateway { .. }
    )));
    // A second one is refused; a card that was asked for before the close is new money.
    assert_eq!(refusals(&bench.money(close("y"))), [Reason::NotAllowed]);
    assert!(!read(&mut bench, false));
    bench.gateway_call = first;
    bench.gateway(prepared());
    bench.gateway(approved());
    assert_eq!(key_of(&bench, asked_of(&bench)), "z");
    bench.gateway(prepared());
    assert!(matches!(
        asked_of(&bench),
        GatewayCommand::Reconcile { close: true, .. }
    ));
    let effects = bench.gateway(GatewayReply::Reconciled(Box::new(totals())));
    let told = effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { approved, .. },
            ..
        } => approved.extras.totals.clone(),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some(&totals()));
    assert_eq!(key_of(&bench, asked_of(&bench)), "b");
    bench.gateway(prepared());
    assert_eq!(approvals(&bench.gateway(approved())), 1);
}

#[test]
fn a_close_needs_two_commits_and_ends_the_time_for_voids() {
    let mut bench = shop(|_| {});
    bench.past = Some(sale(ORIGINAL));
    bench.boot_ms += 1;
    let mut effects = bench.money(close("z"));
    effects.extend(bench.gateway(prepared()));
    effects.extend(bench.gateway(GatewayReply::Reconciled(Box::new(totals()))));
    let commits = effects
        .iter()
        .filter(|effect| matches!(effect.action, Action::Append { lazy: false, .. }));
    assert_eq!(commits.count(), 2);
    // The original was made by another acceptor's terminal.
    assert_eq!(bench.engine.closed.len(), 1);
    bench.engine.closed[0].acceptor = Acceptor::default();
    let void = request("v", Kind::Void { original: ORIGINAL }, "asking");
    assert_eq!(refusals(&bench.money(void)), [Reason::NotAllowed]);
}

#[test]
fn a_close_whose_answer_is_lost_is_asked_about_and_repeated_with_the_same_references() {
    let mut bench = shop(|_| {});
    bench.money(close("z"));
    bench.gateway(prepared());
    let GatewayCommand::Reconcile { wire, .. } = asked_of(&bench).clone() else {
        panic!("no close")
    };
    bench.gateway(lost());
    assert_eq!(
        *asked_of(&bench),
        GatewayCommand::Inquire { wire: wire.clone() }
    );
    bench.gateway(GatewayReply::Found(Finding::NotFound));
    let repeated = GatewayCommand::Reconcile { wire, close: true };
    assert_eq!(*asked_of(&bench), repeated);
    // Also by the next host.
    bench.restart();
    assert!(matches!(asked_of(&bench), GatewayCommand::Inquire { .. }));
    // New money waits meanwhile, and for nothing once the batch is closed.
    let inquiry = bench.gateway_call.take();
    bench.money(sell("a"));
    assert!(!read(&mut bench, false));
    bench.gateway_call = inquiry;
    bench.gateway(GatewayReply::Found(Finding::Reconciled(Box::new(totals()))));
    assert!(bench.records.iter().any(|record| matches!(
        &record.fact,
        Fact::Ended(ending) if matches!(ending.answer, FinalAnswer::Approved(_))
    )));
    assert_eq!(key_of(&bench, asked_of(&bench)), "a");
}

#[test]
fn a_batch_with_an_unknown_in_it_is_closed_only_by_who_knows() {
    let mut bench = shop(|_| {});
    bench.money(sell("a"));
    read(&mut bench, false);
    bench.gateway(prepared());
    bench.gateway(lost());
    let unknown = *bench.engine.open.keys().next().unwrap();
    let expected = Reason::UnresolvedTransaction {
        transaction_id: unknown,
    };
    assert_eq!(refusals(&bench.money(close("z"))), [expected]);
    let inquiry = bench.gateway_call.take();
    let knowing = MoneyRequest {
        despite: vec![unknown],
        ..close("z")
    };
    bench.money(knowing);
    assert_eq!(key_of(&bench, asked_of(&bench)), "z");
    bench.gateway(prepared());
    let effects = bench.gateway(GatewayReply::Reconciled(Box::new(totals())));
    assert_eq!(approvals(&effects), 1);
    assert!(inquiry.is_some());
}

#[test]
fn no_close_passes_what_is_on_its_way_back() {
    let mut bench = shop(|_| {});
    bench.money(sell("a"));
    read(&mut bench, false);
    bench.gateway(prepared());
    bench.gateway(lost());
    let unknown = *bench.engine.open.keys().next().unwrap();
    bench.gateway(GatewayReply::Found(Finding::NotFound));
    let reversal = bench.gateway_call.take().unwrap();
    let knowing = MoneyRequest {
        despite: vec![unknown],
        ..close("z")
    };
    bench.money(knowing);
    assert!(bench.gateway_call.is_none(), "{:?}", bench.gateway_call);
    bench.gateway_call = Some(reversal);
    bench.gateway(GatewayReply::Reversed);
    assert_eq!(key_of(&bench, asked_of(&bench)), "z");
}

#[test]
fn a_close_waits_again_for_what_is_on_its_way_back_meanwhile() {
    let mut bench = shop(|_| {});
    bench.money(sell("a"));
    read(&mut bench, false);
    bench.gateway(prepared());
    bench.gateway(lost());
    let unknown = *bench.engine.open.keys().next().unwrap();
    let inquiry = bench.gateway_call.take().unwrap();
    bench.money(MoneyRequest {
        despite: vec![unknown],
        ..close("z")
    });
    let prepare = bench.gateway_call.replace(inquiry).unwrap();
    bench.gateway(GatewayReply::Found(Finding::NotFound));
    let reversal = bench.gateway_call.replace(prepare).unwrap();
    bench.gateway(prepared());
    assert!(bench.gateway_call.is_none(), "{:?}", bench.gateway_call);
    bench.gateway_call = Some(reversal);
    bench.gateway(GatewayReply::Reversed);
    assert_eq!(key_of(&bench, asked_of(&bench)), "z");
}

#[test]
fn a_close_that_cannot_begin_gives_up_and_holds_nobody() {
    let mut bench = shop(|_| {});
    bench.money(sell("a"));
    read(&mut bench, true);
    bench.gateway(prepared());
    bench.gateway(lost());
    // The reversal is never acknowledged.
    bench.gateway_call.take();
    bench.money(close("z"));
    assert!(bench.gateway_call.is_none());
    bench.money(sell("b"));
    assert!(!read(&mut bench, false));
    let effects = fire(&mut bench, Alarm::Turn);
    assert_eq!(refusals(&effects), [Reason::GatewayUnavailable]);
    assert_eq!(key_of(&bench, asked_of(&bench)), "b");
}

#[test]
fn totals_are_told_and_nothing_is_recorded() {
    let mut bench = shop(|_| {});
    let ask = || Request::Totals {
        gateway: Some("asking".into()),
        device: None,
    };
    bench.ask(ask());
    assert!(!bench.engine.is_quiet());
    let (call, command) = bench.gateway_call.take().unwrap();
    let GatewayCommand::Reconcile { wire, close: false } = command else {
        panic!("{command:?}")
    };
    assert_eq!(&*wire.acceptor.terminal, "t");
    let reply = GatewayReply::Reconciled(Box::new(totals()));
    let effects = bench.step(Event::GatewayReplied { call, reply });
    assert!(matches!(
        &effects[..],
        [Effect {
            action: Action::Answer {
                answer: Answer::Totals(told),
                ..
            },
            ..
        }] if **told == totals()
    ));
    assert!(bench.records.is_empty() && bench.engine.is_quiet());

    let failed = GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    };
    bench.ask(ask());
    assert_eq!(
        refusals(&bench.gateway(failed)),
        [Reason::GatewayUnavailable]
    );
    // A late reply harms nobody.
    let reply = GatewayReply::Reconciled(Box::new(totals()));
    let call = CallId(call.0);
    assert!(bench.step(Event::GatewayReplied { call, reply }).is_empty());
}
