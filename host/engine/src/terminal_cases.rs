// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payments on terminals: which one gets them, what their word is worth, and what nobody may ask of
//! one that still owes a word.

use crate::answer::{Answer, Notification, Reason, ResolutionState, Stage};
use crate::bench::{Bench, euros, on_terminal, paid, reader_is, request, terminal_is};
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::Decision;
use crate::ids::{CallId, TransactionId};
use crate::money::Amount;
use crate::prompt::{PromptKind, PromptKinds};
use crate::record::{Fact, FinalAnswer, Restored};
use crate::request::{Kind, MoneyRequest};
use uuid::Uuid;

fn sale(key: &str, device: &str) -> MoneyRequest {
    on_terminal(key, Kind::Sale, device)
}

fn lost() -> DeviceReply {
    DeviceReply::Failed {
        effect_possible: true,
        reason: "line".into(),
    }
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

fn asked(bench: &Bench) -> (&str, &DeviceCommand) {
    let (device, _, command) = bench.reader_call.as_ref().expect("a device was called");
    (&device.0, command)
}

fn id(number: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(number))
}

fn last_fact(bench: &Bench) -> &Fact {
    &bench.records.last().expect("something was recorded").fact
}

/// A tip of 150 on 1000, up to 1200.
fn with_tip(mut reply: DeviceReply, tip_minor: i64) -> DeviceReply {
    if let DeviceReply::Paid(outcome) = &mut reply {
        outcome.answer.extras.tip_minor = Some(tip_minor);
    }
    reply
}

fn tippable(key: &str, device: &str) -> MoneyRequest {
    MoneyRequest {
        amount_max: Some(euros(1_200).total),
        ..sale(key, device)
    }
}

#[test]
fn a_terminal_needs_two_commits_and_no_gateway() {
    let mut bench = Bench::new();
    let mut effects = bench.money(sale("k", "counter"));
    let pay = effects
        .iter()
        .find(|effect| matches!(effect.action, Action::CallDevice { .. }))
        .unwrap();
    assert_eq!(pay.after, bench.engine.position(), "before its intent");
    let Fact::Intent(intent) = &bench.records[0].fact else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(
        (&intent.gateway, &intent.device),
        (&None, &Some("counter".into()))
    );
    effects.extend(bench.reader(paid(Decision::Approved, Some(1_000))));
    assert_eq!(approved(&effects), Some(1_000));
    let waits = |effect: &&Effect| matches!(effect.action, Action::Append { lazy: false, .. });
    assert_eq!(effects.iter().filter(waits).count(), 2);
    assert!(bench.gateway_call.is_none() && bench.engine.is_quiet());
}

#[test]
fn what_a_request_names_decides_who_takes_it() {
    let mut bench = Bench::new();
    let any = |key: &str| MoneyRequest {
        gateway: None,
        ..request(key, Kind::Sale, "")
    };
    bench.engine.config.gateway = Some("asking".into());
    // A gateway without a device is for a reader, and so is nothing at all while one is idle.
    for (key, asks) in [("a", request("a", Kind::Sale, "asking")), ("b", any("b"))] {
        bench.money(asks);
        assert!(
            matches!(asked(&bench).1, DeviceCommand::Present { .. }),
            "{key}"
        );
    }
    // Both readers are busy now.
    bench.money(any("c"));
    assert!(matches!(
        asked(&bench),
        ("counter", DeviceCommand::Pay { .. })
    ));
    let effects = bench.money(request("d", Kind::Sale, "asking"));
    assert!(matches!(refusal(&effects), Some(Reason::DeviceBusy { .. })));
    let both = MoneyRequest {
        gateway: Some("asking".into()),
        ..sale("e", "old")
    };
    assert_eq!(
        refusal(&bench.money(both)),
        Some(&Reason::DeviceUnsupported)
    );
}

#[test]
fn what_a_terminal_cannot_do_is_refused_before_anything() {
    let mut bench = Bench::new();
    type Spoil = fn(&mut MoneyRequest);
    let cases: [(&str, Spoil); 6] = [
        ("counter", |r| r.kind = Kind::CashAdvance),
        ("old", |r| r.kind = Kind::Authorize),
        ("old", |r| {
            r.amounts.as_mut().unwrap().cashback_minor = Some(5)
        }),
        ("counter", |r| r.terms.installments = Some(3)),
        ("counter", |r| r.terms.voice_code = Some("1".into())),
        ("counter", |r| r.terms.online_always = true),
    ];
    for (device, spoil) in cases {
        let mut request = sale("k", device);
        spoil(&mut request);
        let effects = bench.money(request);
        assert_eq!(refusal(&effects), Some(&Reason::DeviceUnsupported));
    }
    assert!(bench.reader_call.is_none() && bench.records.is_empty());
    let mut cashback = sale("k", "counter");
    cashback.amounts.as_mut().unwrap().cashback_minor = Some(500);
    assert_eq!(refusal(&bench.money(cashback)), None);
}

#[test]
fn a_tip_may_raise_the_amount_as_far_as_it_was_allowed() {
    let mut bench = Bench::new();
    bench.money(tippable("a", "counter"));
    let max = |bench: &Bench| match asked(bench).1 {
        DeviceCommand::Pay {
            total_minor_max, ..
        } => *total_minor_max,
        _ => None,
    };
    assert_eq!(max(&bench), Some(1_200));
    let effects = bench.reader(with_tip(paid(Decision::Approved, Some(1_150)), 150));
    assert_eq!(approved(&effects), Some(1_150));
    for (key, minor, tip) in [("b", 1_150, 140), ("c", 1_201, 201), ("d", 1_000, 1)] {
        let mut bench = Bench::new();
        bench.money(tippable(key, "counter"));
        let effects = bench.reader(with_tip(paid(Decision::Approved, Some(minor)), tip));
        assert_eq!(refusal(&effects), Some(&Reason::GatewayRejected), "{key}");
        let DeviceCommand::Reverse {
            reference, amounts, ..
        } = asked(&bench).1
        else {
            panic!("{:?}", bench.reader_call)
        };
        assert_eq!(reference.as_deref(), Some("receipt 7"));
        assert_eq!(amounts.total.minor, minor);
        bench.reader(DeviceReply::Reversed);
    }
    // One that cannot undo by a reference leaves it to a person.
    bench.money(tippable("e", "old"));
    let effects = bench.reader(with_tip(paid(Decision::Approved, Some(1_150)), 100));
    assert_eq!(refusal(&effects), Some(&Reason::OutcomeUnknown));
    assert!(matches!(last_fact(&bench), Fact::NeedsOperator { .. }));
}

/// The word on a payment that the terminal names thus.
fn paid_as(name: &str) -> DeviceReply {
    let mut reply = paid(Decision::Approved, Some(1_000));
    if let DeviceReply::Paid(outcome) = &mut reply {
        outcome.answer.extras.reference = Some(name.into());
    }
    reply
}

#[test]
fn the_word_on_the_payment_before_is_no_word_on_this_one() {
    let mut bench = Bench::new();
    bench.money(sale("a", "counter"));
    bench.reader(paid_as("receipt 7"));
    bench.money(sale("b", "counter"));
    let effects = bench.reader(paid_as("receipt 7"));
    assert_eq!((approved(&effects), refusal(&effects)), (None, None));
    assert!(matches!(asked(&bench).1, DeviceCommand::Inquire { .. }));
    // Nor is it as the answer to an inquiry, and the terminal is not asked in a circle.
    let effects = bench.reader(paid_as("receipt 7"));
    assert_eq!((approved(&effects), refusal(&effects)), (None, None));
    assert!(bench.reader_call.is_none());
    bench.step(terminal_is("counter", false));
    bench.step(terminal_is("counter", true));
    let effects = bench.reader(paid_as("receipt 8"));
    assert_eq!(approved(&effects), Some(1_000));
}

#[test]
fn what_a_terminal_cannot_name_it_cannot_undo() {
    let mut bench = Bench::new();
    bench.money(sale("a", "counter"));
    let effects = bench.reader(with_tip(paid_as(""), -1));
    assert_eq!(refusal(&effects), Some(&Reason::OutcomeUnknown));
    assert!(matches!(last_fact(&bench), Fact::NeedsOperator { .. }));
}

/// The register's time for a card ends; whether the terminal is told to stop.
fn time_for_a_card_ends(bench: &mut Bench) -> bool {
    let mut timers = bench.engine.timers.iter();
    let (timer, _) = timers
        .find(|(_, (_, alarm))| *alarm == Alarm::Card)
        .expect("an alarm");
    let effects = bench.step(Event::TimerFired(*timer));
    let mut actions = effects.iter().map(|effect| &effect.action);
    actions.any(|action| matches!(action, Action::CancelDevice { .. }))
}

#[test]
fn a_terminal_waits_for_a_card_no_longer_than_its_register_said() {
    let hurried = || MoneyRequest {
        timeout_ms: Some(5_000),
        ..sale("k", "counter")
    };
    let mut bench = Bench::new();
    bench.money(hurried());
    assert!(time_for_a_card_ends(&mut bench));
    let effects = bench.reader(DeviceReply::Cancelled);
    assert_eq!(refusal(&effects), Some(&Reason::TimedOut));
    // With a card, nobody stops it.
    let mut bench = Bench::new();
    bench.money(hurried());
    let (_, call, _) = bench.reader_call.clone().unwrap();
    bench.step(Event::DeviceProgressed {
        call,
        stage: Stage::CardTapped,
        pin: None,
        text: "".into(),
    });
    assert!(!time_for_a_card_ends(&mut bench));
    let effects = bench.reader(paid(Decision::Approved, Some(1_000)));
    assert_eq!(approved(&effects), Some(1_000));
}

/// What watchers of devices were told about quarantines.
fn quarantine(effects: &[Effect]) -> Vec<(&str, bool)> {
    let told = effects.iter().filter_map(|effect| match &effect.action {
        Action::Notify(notification) => match &**notification {
            Notification::Quarantine { device, owes } => Some((&*device.0, *owes)),
            _ => None,
        },
        _ => None,
    });
    told.collect()
}

#[test]
fn a_quarantine_is_told_once_when_it_begins_and_once_when_it_ends() {
    let mut bench = Bench::new();
    assert_eq!(quarantine(&bench.money(sale("k", "counter"))), []);
    assert_eq!(quarantine(&bench.reader(lost())), [("counter", true)]);
    let again = bench.money(MoneyRequest {
        amounts: Some(euros(2_000)),
        ..sale("next", "counter")
    });
    assert_eq!(quarantine(&again), []);
    let found = DeviceReply::NotFound;
    assert_eq!(quarantine(&bench.reader(found)), [("counter", false)]);
}

#[test]
fn a_terminal_that_owes_a_word_takes_no_money() {
    for (device, despite) in [("old", false), ("counter", true)] {
        let mut bench = Bench::new();
        bench.money(sale("first", device));
        bench.reader(lost());
        let mut next = MoneyRequest {
            amounts: Some(euros(2_000)),
            ..sale("next", device)
        };
        if despite {
            next.despite.push(id(1));
        }
        let refused = |bench: &mut Bench| {
            let effects = bench.money(next.clone());
            assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
        };
        refused(&mut bench);
        bench.reader(lost());
        refused(&mut bench);
        // Nor after a restart, before it could be asked.
        bench.restart();
        refused(&mut bench);
        assert_eq!(bench.engine.quarantined(), [device.into()]);
        let effects = bench.reader(DeviceReply::NotFound);
        assert_eq!(refusal(&effects), None);
        assert_eq!(refusal(&bench.money(next.clone())), None);
        assert_eq!(bench.engine.quarantined(), []);
    }
}

#[test]
fn a_terminal_is_asked_again_at_longer_and_longer_intervals() {
    let mut bench = Bench::new();
    bench.money(sale("k", "old"));
    bench.reader(lost());
    for pause_ms in [2_000, 30_000, 300_000, 300_000] {
        assert!(matches!(
            asked(&bench).1,
            DeviceCommand::Inquire { stan: 1, .. }
        ));
        let effects = bench.reader(DeviceReply::Running);
        let (timer, at) = effects
            .iter()
            .find_map(|effect| match effect.action {
                Action::SetTimer { timer, at_boot_ms } => Some((timer, at_boot_ms)),
                _ => None,
            })
            .expect("a pause");
        assert_eq!(at - bench.boot_ms, pause_ms);
        assert!(bench.reader_call.is_none());
        bench.step(Event::TimerFired(timer));
    }
    let effects = bench.reader(paid(Decision::Declined, None));
    assert_eq!(refusal(&effects), Some(&Reason::Declined));
}

#[test]
fn a_terminal_that_turns_out_not_to_answer_questions_is_left_to_a_person() {
    // Its manifest says that it can be asked; this one cannot.
    let mut bench = Bench::new();
    bench.money(sale("k", "counter"));
    bench.reader(lost());
    assert!(matches!(asked(&bench).1, DeviceCommand::Inquire { .. }));
    let effects = bench.reader(DeviceReply::Unsupported);
    assert_eq!(refusal(&effects), Some(&Reason::OutcomeUnknown));
    let Fact::NeedsOperator { reason } = last_fact(&bench) else {
        panic!("{:?}", last_fact(&bench));
    };
    assert!(reason.contains("counter cannot be asked"), "{reason}");
    assert!(bench.reader_call.is_none(), "nor is it asked for an undo");
    assert_eq!(bench.engine.quarantined(), ["counter".into()]);
    let effects = bench.money(MoneyRequest {
        amounts: Some(euros(2_000)),
        ..sale("next", "counter")
    });
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
}

#[test]
fn a_question_that_keeps_failing_settles_nothing() {
    let mut bench = Bench::new();
    bench.money(sale("k", "counter"));
    bench.reader(lost());
    for _ in 0..5 {
        assert!(matches!(asked(&bench).1, DeviceCommand::Inquire { .. }));
        let effects = bench.reader(lost());
        let pause = effects.iter().find_map(|effect| match effect.action {
            Action::SetTimer { timer, .. } => Some(timer),
            _ => None,
        });
        assert_eq!(bench.engine.quarantined(), ["counter".into()]);
        assert!(!matches!(last_fact(&bench), Fact::NeedsOperator { .. }));
        bench.step(Event::TimerFired(pause.expect("a pause")));
    }
    // The plugin was replaced by one that says that it cannot.
    bench.reader(DeviceReply::Unsupported);
    assert!(matches!(last_fact(&bench), Fact::NeedsOperator { .. }));
    // A person has looked; until then it takes no money.
    assert_eq!(bench.engine.quarantined(), ["counter".into()]);
}

#[test]
fn a_terminal_that_is_attached_late_is_asked_then() {
    let mut bench = Bench::new();
    bench.money(sale("k", "counter"));
    bench.restart_with(|bench| {
        bench.step(reader_is("reader", true));
    });
    assert!(bench.reader_call.is_none());
    let effects = bench.money(sale("k", "counter"));
    assert_eq!(refusal(&effects), None, "its register waits");
    bench.step(terminal_is("counter", true));
    assert!(matches!(
        asked(&bench),
        ("counter", DeviceCommand::Inquire { .. })
    ));
    let effects = bench.reader(paid(Decision::Approved, Some(1_000)));
    assert_eq!(approved(&effects), Some(1_000));
}

#[test]
fn a_word_that_comes_late_still_counts() {
    let mut bench = Bench::new();
    bench.money(sale("k", "deaf"));
    let (_, call, _) = bench.reader_call.clone().unwrap();
    let effects = bench.reader(lost());
    assert_eq!(refusal(&effects), Some(&Reason::OutcomeUnknown));
    let word = |reply| Event::DeviceReplied { call, reply };
    assert!(bench.step(word(lost())).is_empty(), "no word at all");
    bench.step(word(paid(Decision::Approved, Some(1_000))));
    assert!(matches!(last_fact(&bench), Fact::Ended(_)));
    let effects = bench.money(sale("k", "deaf"));
    assert_eq!(approved(&effects), Some(1_000));
    // And what comes after the end does not.
    let records = bench.records.len();
    bench.step(word(paid(Decision::Declined, None)));
    assert_eq!(bench.records.len(), records);
}

#[test]
fn a_question_outlives_the_inquiry_that_a_late_word_overtook() {
    let mut bench = Bench::new();
    bench.prompts = PromptKinds::default().with(PromptKind::ConfirmPartial);
    bench.money(sale("k", "counter"));
    let (_, call, _) = bench.reader_call.clone().unwrap();
    bench.reader(lost());
    assert!(matches!(asked(&bench).1, DeviceCommand::Inquire { .. }));
    let part = paid(Decision::Approved, Some(400));
    bench.step(Event::DeviceReplied {
        call,
        reply: part.clone(),
    });
    bench.reader(part);
    let mut timers = bench.engine.timers.iter();
    let (timer, _) = timers
        .find(|(_, (_, alarm))| *alarm == Alarm::Prompt)
        .expect("the question has its end");
    bench.step(Event::TimerFired(*timer));
    assert!(matches!(last_fact(&bench), Fact::Ended(_)));
    assert!(matches!(asked(&bench).1, DeviceCommand::Reverse { .. }));
}

#[test]
fn a_late_word_on_another_payment_leaves_the_inquiry_its_answer() {
    let mut bench = Bench::new();
    bench.money(sale("a", "counter"));
    bench.reader(paid_as("receipt 7"));
    bench.money(sale("b", "counter"));
    let (_, call, _) = bench.reader_call.clone().unwrap();
    bench.reader(lost());
    assert!(matches!(asked(&bench).1, DeviceCommand::Inquire { .. }));
    let effects = bench.step(Event::DeviceReplied {
        call,
        reply: paid_as("receipt 7"),
    });
    assert_eq!((approved(&effects), refusal(&effects)), (None, None));
    let effects = bench.reader(paid_as("receipt 8"));
    assert_eq!(approved(&effects), Some(1_000));
}

#[test]
fn what_moves_no_money_is_never_unknown() {
    let mut bench = Bench::new();
    let balance = |key: &str| MoneyRequest {
        amounts: None,
        ..on_terminal(key, Kind::Balance, "counter")
    };
    bench.money(balance("a"));
    let effects = bench.reader(lost());
    assert_eq!(refusal(&effects), Some(&Reason::TimedOut));
    assert_eq!(bench.engine.quarantined(), []);
    bench.money(balance("b"));
    let mut reply = paid(Decision::Approved, None);
    if let DeviceReply::Paid(outcome) = &mut reply {
        outcome.answer.extras.balance_minor = Some(4_200);
    }
    let effects = bench.reader(reply);
    assert_eq!(approved(&effects), Some(0));
    let Fact::Ended(ending) = last_fact(&bench) else {
        panic!("{:?}", bench.records)
    };
    let FinalAnswer::Approved(approved) = &ending.answer else {
        panic!("{ending:?}")
    };
    assert_eq!(approved.extras.balance_minor, Some(4_200));
}

#[test]
fn an_offline_approval_says_so() {
    let mut bench = Bench::new();
    bench.money(sale("k", "counter"));
    let mut reply = paid(Decision::Approved, Some(1_000));
    if let DeviceReply::Paid(outcome) = &mut reply {
        outcome.answer.extras.offline = true;
    }
    let effects = bench.reader(reply);
    let offline = effects.iter().any(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { approved, .. },
            ..
        } => approved.extras.offline,
        _ => false,
    });
    assert!(offline);
}

#[test]
fn a_cancel_never_overtakes_its_payment_and_claims_nothing() {
    let mut bench = Bench::new();
    let effects = bench.money(sale("k", "counter"));
    let pay_after = effects
        .iter()
        .find(|effect| matches!(effect.action, Action::CallDevice { .. }))
        .map(|effect| effect.after);
    let effects = bench.cancel("k");
    let stop_after = effects
        .iter()
        .find(|effect| matches!(effect.action, Action::CancelDevice { .. }))
        .map(|effect| effect.after);
    assert_eq!(stop_after, pay_after);
    assert_eq!(bench.records.len(), 1, "only the intent");
    let effects = bench.reader(paid(Decision::Approved, Some(1_000)));
    assert_eq!(approved(&effects), Some(1_000));
}

#[test]
fn a_question_about_the_lost_payment_waits_for_its_register_no_longer_than_it_may() {
    let mut bench = Bench::new();
    bench.money(sale("k", "counter"));
    bench.reader(lost());
    let mut timers = bench.engine.timers.iter();
    let (patience, _) = timers
        .find(|(_, (_, alarm))| *alarm == Alarm::Patience)
        .unwrap();
    let effects = bench.step(Event::TimerFired(*patience));
    let told = effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => Some(refused),
        _ => None,
    });
    let resolution = told.unwrap().resolution.unwrap();
    assert_eq!(resolution.state, ResolutionState::Resolving);
    // Its retry gets the word when it comes.
    assert_eq!(refusal(&bench.money(sale("k", "counter"))), None);
    let effects = bench.reader(paid(Decision::Approved, Some(1_000)));
    assert_eq!(approved(&effects), Some(1_000));
}

/// The journal failed and is open again: what a payment's call is worth to the next engine.
fn reopened(bench: &mut Bench, unmade: &[CallId]) {
    let now = bench.now();
    bench.engine.abandon(now, unmade);
    let restored = Restored {
        position: bench.engine.position(),
        stan: 1,
        open: vec![bench.records.clone()],
        ..Restored::default()
    };
    bench.engine = bench.engine.successor(restored);
}

#[test]
fn a_payment_goes_on_when_the_journal_is_opened_again() {
    let mut bench = Bench::new();
    bench.money(sale("k", "deaf"));
    let (_, call, _) = bench.reader_call.clone().unwrap();
    reopened(&mut bench, &[]);
    let mut other = sale("other", "deaf");
    other.amounts = Some(euros(700));
    let effects = bench.money(other);
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
    let stopped = effects.iter().any(|effect| {
        matches!(effect.action, Action::CancelDevice { call: stopped, .. } if stopped == call)
    });
    assert!(stopped, "nobody waits for it: better it does not happen");
    bench.step(Event::DeviceReplied {
        call,
        reply: paid(Decision::Approved, Some(1_000)),
    });
    let effects = bench.money(sale("k", "deaf"));
    assert_eq!(approved(&effects), Some(1_000));
}

#[test]
fn a_word_that_was_lost_with_the_disk_is_asked_for_again() {
    let mut bench = Bench::new();
    bench.money(sale("k", "counter"));
    let written = bench.records.clone();
    reopened(&mut bench, &[]);
    let (_, call, _) = bench.reader_call.take().unwrap();
    bench.step(Event::DeviceReplied {
        call,
        reply: paid(Decision::Approved, Some(1_000)),
    });
    bench.records = written;
    reopened(&mut bench, &[]);
    bench.step(terminal_is("counter", true));
    let (_, again, command) = bench.reader_call.clone().unwrap();
    assert!(
        matches!(command, DeviceCommand::Inquire { .. }),
        "{command:?}"
    );
    assert_ne!(again, call);
}

#[test]
fn a_payment_whose_call_never_left_is_known_not_to_have_happened() {
    let mut bench = Bench::new();
    bench.money(sale("k", "deaf"));
    let (_, call, _) = bench.reader_call.take().unwrap();
    reopened(&mut bench, &[call]);
    let effects = bench.money(sale("k", "deaf"));
    assert_eq!(refusal(&effects), Some(&Reason::NeverBegun));
    assert!(bench.reader_call.is_none());
}

#[test]
fn a_terminal_that_goes_away_before_the_intent_costs_no_key() {
    let mut bench = Bench::new();
    bench.ask(crate::request::Request::Identify {
        device: "counter".into(),
        lines: Vec::new(),
    });
    bench.money(sale("k", "counter"));
    bench.step(terminal_is("counter", false));
    let effects = bench.reader(DeviceReply::Shown);
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
    assert!(bench.records.is_empty() && bench.engine.is_quiet());
}

#[test]
fn the_maximum_is_in_the_amounts_currency() {
    let mut bench = Bench::new();
    let mut foreign = sale("k", "counter");
    foreign.amount_max = Some(Amount {
        minor: 2_000,
        currency: crate::money::Currency::USD,
    });
    assert_eq!(refusal(&bench.money(foreign)), Some(&Reason::AmountInvalid));
}
