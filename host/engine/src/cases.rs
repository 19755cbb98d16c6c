// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases that cross more than one transaction, register or request.

use crate::answer::{Answer, CancelState, Reason, ResolutionState};
use crate::bench::{
    Bench, answer, authorized, caller, completed, euros, prepared, presented, reader_is, request,
};
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::gateway::{Change, Decision, GatewayReply};
use crate::ids::{Ticket, TransactionId};
use crate::record::{Fact, Past, PastChange};
use crate::request::{Kind, MoneyRequest, Request, Which};
use crate::states::sale;
use uuid::Uuid;

const ORIGINAL: TransactionId = TransactionId(Uuid::from_u128(99));

fn sale_request(key: &str) -> MoneyRequest {
    request(key, Kind::Sale, "asking")
}

fn answers(effects: &[Effect]) -> Vec<(Ticket, &Answer)> {
    let answer = |effect: &'_ Effect| match &effect.action {
        Action::Answer { ticket, .. } => Some(*ticket),
        _ => None,
    };
    let tickets = effects.iter().filter_map(answer);
    let told = effects.iter().filter_map(|effect| match &effect.action {
        Action::Answer { answer, .. } => Some(answer),
        _ => None,
    });
    tickets.zip(told).collect()
}

fn refusal(effects: &[Effect]) -> Option<&Reason> {
    match answers(effects)[..] {
        [(_, Answer::Refused { refused, .. })] => Some(&refused.reason),
        _ => None,
    }
}

fn commits(bench: &[Effect]) -> usize {
    let waits = |effect: &&Effect| matches!(effect.action, Action::Append { lazy: false, .. });
    bench.iter().filter(waits).count()
}

fn approve(minor: i64) -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(minor)))
}

fn lost() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

fn authorizing(bench: &mut Bench, request: MoneyRequest, chip: bool) -> Vec<Effect> {
    let mut effects = bench.money(request);
    effects.extend(bench.reader(presented()));
    effects.extend(bench.reader(authorized(chip)));
    effects.extend(bench.gateway(prepared()));
    effects
}

#[test]
fn a_sale_needs_two_commits_with_or_without_a_chip() {
    for chip in [true, false] {
        let mut bench = Bench::new();
        let mut effects = authorizing(&mut bench, sale_request("k"), chip);
        effects.extend(bench.gateway(approve(1_000)));
        if chip {
            effects.extend(bench.reader(completed(true)));
        }
        assert!(matches!(
            answers(&effects)[..],
            [(Ticket(1), Answer::Approved { .. })]
        ));
        assert_eq!(commits(&effects), 2);
    }
}

#[test]
fn a_refund_needs_two_commits() {
    let mut bench = Bench::new();
    bench.past = Some(sale(ORIGINAL));
    let mut effects = bench.money(request("r", Kind::Refund { original: ORIGINAL }, "asking"));
    effects.extend(bench.gateway(prepared()));
    effects.extend(bench.gateway(approve(1_000)));
    assert!(matches!(
        answers(&effects)[..],
        [(Ticket(1), Answer::Approved { .. })]
    ));
    assert_eq!(commits(&effects), 2);
}

#[test]
fn a_second_request_with_the_key_gets_the_steps_and_the_same_answer() {
    let mut bench = Bench::new();
    authorizing(&mut bench, sale_request("k"), false);
    let mut again = sale_request("k");
    again.timeout_ms = Some(1);
    let attached = bench.money(again.clone());
    let steps = attached.iter().filter(|effect| {
        matches!(
            effect.action,
            Action::Progress {
                ticket: Ticket(2),
                ..
            }
        )
    });
    assert_eq!(steps.count(), 2);
    let effects = bench.gateway(approve(1_000));
    let told = answers(&effects);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].1, told[1].1);
    let replayed = bench.money(again);
    assert!(matches!(
        answers(&replayed)[..],
        [(_, Answer::Approved { replayed: true, .. })]
    ));
}

#[test]
fn a_cashier_cannot_charge_twice_while_the_first_try_is_unknown() {
    let mut bench = Bench::new();
    let mut first = sale_request("k");
    first.reference = Some("table 7".into());
    authorizing(&mut bench, first, false);
    // In its normal course it guards nothing: another basket may cost the same.
    let other = bench.money(sale_request("other"));
    assert_eq!(refusal(&other), None);
    bench.step(Event::DeviceReplied {
        call: bench.reader_call.clone().unwrap().1,
        reply: DeviceReply::Cancelled,
    });
    bench.gateway(lost());
    let unknown = bench
        .engine
        .open
        .values()
        .find(|open| &*open.request.key.0 == "k")
        .unwrap()
        .id;
    let expected = Reason::UnresolvedTransaction {
        transaction_id: unknown,
    };

    let same_amount = bench.money(sale_request("again"));
    assert_eq!(refusal(&same_amount), Some(&expected));
    let mut knowing = sale_request("again");
    knowing.despite.push(unknown);
    assert_eq!(refusal(&bench.money(knowing)), None);
    bench.cancel("again");
    bench.reader(DeviceReply::Cancelled);

    let mut dearer = sale_request("dearer");
    dearer.amounts = Some(euros(2_000));
    dearer.reference = Some("table 7".into());
    assert_eq!(refusal(&bench.money(dearer.clone())), Some(&expected));
    dearer.reference = None;
    assert_eq!(refusal(&bench.money(dearer)), None);
    bench.cancel("dearer");
    bench.reader(DeviceReply::Cancelled);

    bench.boot_ms += 16 * 60_000;
    assert_eq!(refusal(&bench.money(sale_request("later"))), None);
}

#[test]
fn changes_never_exceed_their_original() {
    let refund = |key: &str, minor| MoneyRequest {
        amounts: Some(euros(minor)),
        ..request(key, Kind::Refund { original: ORIGINAL }, "asking")
    };
    let void = |key: &str| request(key, Kind::Void { original: ORIGINAL }, "asking");
    let mut bench = Bench::new();
    bench.past = Some(Past {
        changes: vec![PastChange {
            transaction_id: TransactionId(Uuid::from_u128(98)),
            change: Change::Refund,
            amount_minor: 300,
            counts: true,
        }],
        ..sale(ORIGINAL)
    });
    assert_eq!(refusal(&bench.money(void("v"))), Some(&Reason::NotAllowed));
    assert_eq!(
        refusal(&bench.money(refund("a", 701))),
        Some(&Reason::NotAllowed)
    );
    assert_eq!(refusal(&bench.money(refund("b", 400))), None);
    // What runs counts as well.
    assert_eq!(
        refusal(&bench.money(refund("c", 301))),
        Some(&Reason::NotAllowed)
    );
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(Decision::Declined, None)));
    assert_eq!(refusal(&bench.money(refund("d", 700))), None);
}

#[test]
fn an_original_of_another_register_is_not_there() {
    let mut bench = Bench::new();
    let mut past = sale(ORIGINAL);
    for record in &mut past.records {
        if let Fact::Intent(intent) = &mut record.fact {
            intent.scope.register = "elsewhere".into();
        }
    }
    bench.past = Some(past);
    let effects = bench.money(request("r", Kind::Refund { original: ORIGINAL }, "asking"));
    assert_eq!(refusal(&effects), Some(&Reason::TransactionNotFound));
}

#[test]
fn impossible_amounts_are_refused_before_anything() {
    let mut bench = Bench::new();
    let cases: [fn(&mut MoneyRequest); 7] = [
        |r| r.amounts = None,
        |r| r.amounts = Some(euros(0)),
        |r| r.amounts = Some(euros(-1)),
        |r| r.amounts = Some(euros(crate::money::AMOUNT_MINOR_MAX + 1)),
        |r| r.amounts.as_mut().unwrap().tip_minor = Some(-1),
        |r| {
            let amounts = r.amounts.as_mut().unwrap();
            amounts.tip_minor = Some(600);
            amounts.cashback_minor = Some(401);
        },
        |r| r.amount_max = Some(euros(999).total),
    ];
    for spoil in cases {
        let mut spoiled = sale_request("k");
        spoil(&mut spoiled);
        assert_eq!(refusal(&bench.money(spoiled)), Some(&Reason::AmountInvalid));
    }
    let mut foreign = sale_request("k");
    foreign.amounts.as_mut().unwrap().total.currency = crate::money::Currency::USD;
    assert_eq!(refusal(&bench.money(foreign)), Some(&Reason::AmountInvalid));
    assert!(bench.reader_call.is_none() && bench.records.is_empty());
}

#[test]
fn readers_are_given_to_one_transaction_at_a_time() {
    let mut bench = Bench::new();
    bench.money(sale_request("a"));
    assert_eq!(bench.reader_call.as_ref().unwrap().0, "reader".into());
    let mut named = sale_request("b");
    named.device = Some("reader".into());
    assert!(matches!(
        refusal(&bench.money(named.clone())),
        Some(Reason::DeviceBusy { .. })
    ));
    named.device = Some("nowhere".into());
    assert_eq!(refusal(&bench.money(named)), Some(&Reason::DeviceNotFound));
    bench.step(reader_is("spare", false));
    let mut spare = sale_request("c");
    spare.device = Some("spare".into());
    assert_eq!(
        refusal(&bench.money(spare)),
        Some(&Reason::DeviceUnavailable)
    );
    assert!(matches!(
        refusal(&bench.money(sale_request("d"))),
        Some(Reason::DeviceBusy { .. })
    ));
    bench.step(reader_is("spare", true));
    assert_eq!(refusal(&bench.money(sale_request("e"))), None);
    assert_eq!(bench.reader_call.as_ref().unwrap().0, "spare".into());
}

#[test]
fn a_device_is_identified_when_it_is_free() {
    let mut bench = Bench::new();
    let identify = || Request::Identify {
        device: "reader".into(),
        lines: vec!["here".into()],
    };
    bench.ask(identify());
    let (_, _, command) = bench.reader_call.clone().unwrap();
    assert!(matches!(command, DeviceCommand::Show { .. }));
    assert!(matches!(
        refusal(&bench.ask(identify())),
        Some(Reason::DeviceBusy { .. })
    ));
    let effects = bench.reader(DeviceReply::Shown);
    assert_eq!(answers(&effects), [(Ticket(1), &Answer::Identified)]);
    assert!(bench.engine.is_quiet());
}

#[test]
fn a_stopping_host_takes_no_money_and_frees_the_keys_of_what_it_stops() {
    let mut bench = Bench::new();
    bench.money(sale_request("k"));
    bench.step(Event::Stopping);
    assert_eq!(
        refusal(&bench.money(sale_request("l"))),
        Some(&Reason::HostStopping)
    );
    let effects = bench.reader(DeviceReply::Cancelled);
    assert_eq!(refusal(&effects), Some(&Reason::HostStopping));
    assert!(bench.records.is_empty() && bench.engine.is_quiet());
}

#[test]
fn a_void_nobody_answers_is_told_unknown_and_goes_on() {
    let mut bench = Bench::new();
    bench.past = Some(sale(ORIGINAL));
    let void = request("v", Kind::Void { original: ORIGINAL }, "mute");
    assert_eq!(
        refusal(&bench.money(void.clone())),
        Some(&Reason::NotAllowed)
    );
    let void = MoneyRequest {
        gateway: None,
        ..void
    };
    bench.money(void.clone());
    bench.gateway(prepared());
    bench.gateway(lost());
    let (patience, _) = bench
        .engine
        .timers
        .iter()
        .find(|(_, (_, alarm))| *alarm == crate::engine::Alarm::Patience)
        .unwrap();
    let effects = bench.step(Event::TimerFired(*patience));
    let told = answers(&effects);
    let [(_, Answer::Refused { refused, .. })] = told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(refused.reason, Reason::OutcomeUnknown);
    assert_eq!(
        refused.resolution.unwrap().state,
        ResolutionState::Resolving
    );
    // A retry waits for the end, and gets it.
    assert!(answers(&bench.money(void)).is_empty());
    let effects = bench.gateway(GatewayReply::Found(crate::gateway::Finding::Answered(
        answer(Decision::Approved, Some(1_000)),
    )));
    assert!(matches!(
        answers(&effects)[..],
        [(
            _,
            Answer::Approved {
                replayed: false,
                ..
            }
        )]
    ));
}

#[test]
fn a_cancel_meets_the_request_that_still_waits_for_the_journal() {
    let mut bench = Bench::new();
    let now = bench.now();
    let ask = |ticket, request| Event::Asked {
        ticket: Ticket(ticket),
        caller: caller(),
        transaction_id: TransactionId(Uuid::from_u128(u128::from(ticket))),
        request,
    };
    let first = ask(1, Request::Money(Box::new(sale_request("k"))));
    let effects = bench.engine.step(now, first);
    let [
        Effect {
            action: Action::Recall { recall, .. },
            ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    let cancel = ask(2, Request::Cancel(Which::Key("k".into())));
    assert!(bench.engine.step(now, cancel).is_empty());
    let effects = bench.step(Event::Recalled {
        recall: *recall,
        past: None,
    });
    assert_eq!(
        answers(&effects),
        [(Ticket(2), &Answer::Cancel(CancelState::Cancelling))]
    );
    let effects = bench.reader(DeviceReply::Cancelled);
    assert_eq!(refusal(&effects), Some(&Reason::Cancelled));
    let effects = bench.cancel("k");
    assert!(matches!(
        answers(&effects)[..],
        [(_, Answer::Cancel(CancelState::Cancelled))]
    ));
}
