// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person's word: when it is taken, what it settles, and what it never changes.

use crate::answer::{Answer, Notification, Outcome, Reason};
use crate::bench::{Bench, answer, on_terminal, paid, prepared, request};
use crate::device::DeviceReply;
use crate::effect::{Action, Effect};
use crate::gateway::{Decision, GatewayReply};
use crate::ids::TransactionId;
use crate::record::{Fact, FinalAnswer, Past};
use crate::request::{Kind, MoneyRequest, Request, Resolve};
use crate::states::sale;
use uuid::Uuid;

const ORIGINAL: TransactionId = TransactionId(Uuid::from_u128(99));

fn id(number: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(number))
}

fn says(bench: &mut Bench, transaction_id: TransactionId, outcome: Outcome) -> Vec<Effect> {
    let resolve = Resolve {
        transaction_id,
        outcome,
        evidence: "slip 12".into(),
        operator: "Ada".into(),
    };
    bench.ask(Request::Resolve(Box::new(resolve)))
}

fn answers(effects: &[Effect]) -> Vec<&Answer> {
    let answers = effects.iter().filter_map(|effect| match &effect.action {
        Action::Answer { answer, .. } => Some(answer),
        _ => None,
    });
    answers.collect()
}

fn refusal(effects: &[Effect]) -> Option<&Reason> {
    match answers(effects)[..] {
        [Answer::Refused { refused, .. }] => Some(&refused.reason),
        _ => None,
    }
}

fn notified(effects: &[Effect]) -> Option<(Outcome, bool)> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Notify(notification) => match **notification {
            Notification::Resolved {
                outcome, reversed, ..
            } => Some((outcome, reversed)),
            _ => None,
        },
        _ => None,
    })
}

/// A sale on a terminal that cannot be asked, and lost it.
fn lost() -> Bench {
    let mut bench = Bench::new();
    bench.money(on_terminal("k", Kind::Sale, "deaf"));
    bench.reader(DeviceReply::Failed {
        effect_possible: true,
        reason: "line".into(),
    });
    bench
}

#[test]
fn a_persons_word_answers_the_key_for_ever_and_frees_the_terminal() {
    for outcome in [Outcome::Approved, Outcome::Failed] {
        let mut bench = lost();
        let effects = says(&mut bench, id(1), outcome);
        assert_eq!(notified(&effects), Some((outcome, false)));
        let durable = bench.engine.position();
        let told = effects
            .iter()
            .filter(|effect| matches!(effect.action, Action::Answer { .. } | Action::Notify(_)));
        assert!(told.clone().count() > 0);
        assert!(told.clone().all(|effect| effect.after == durable));
        let retry = bench.money(on_terminal("k", Kind::Sale, "deaf"));
        let replayed = match (answers(&retry)[..].first(), outcome) {
            (
                Some(Answer::Approved {
                    approved, replayed, ..
                }),
                Outcome::Approved,
            ) => {
                assert_eq!(approved.approved_minor, 1_000);
                *replayed
            }
            (Some(Answer::Refused { refused, replayed }), Outcome::Failed) => {
                assert!(refused.reason.uses_key() && !refused.reversing);
                *replayed
            }
            (other, _) => panic!("{other:?}"),
        };
        assert!(replayed);
        assert_eq!(bench.engine.quarantined(), []);
        let other = MoneyRequest {
            reference: Some("next".into()),
            ..on_terminal("other", Kind::Sale, "deaf")
        };
        assert_eq!(refusal(&bench.money(other)), None);
    }
}

#[test]
fn a_word_without_its_ending_is_finished_after_a_restart() {
    let mut bench = lost();
    says(&mut bench, id(1), Outcome::Approved);
    assert!(matches!(bench.records.pop().unwrap().fact, Fact::Ended(_)));
    bench.restart();
    let retry = bench.money(on_terminal("k", Kind::Sale, "deaf"));
    assert!(matches!(answers(&retry)[..], [Answer::Approved { .. }]));
    assert_eq!(bench.engine.quarantined(), []);
}

#[test]
fn a_word_is_taken_only_where_nobody_can_know_better() {
    let mut bench = Bench::new();
    let not_allowed = |bench: &mut Bench, of| {
        let effects = says(bench, of, Outcome::Failed);
        assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
    };
    bench.money(on_terminal("k", Kind::Sale, "counter"));
    not_allowed(&mut bench, id(1));
    let (timer, _) = *bench
        .engine
        .timers
        .iter()
        .map(|(timer, of)| (*timer, *of))
        .collect::<Vec<_>>()
        .first()
        .unwrap();
    // Its register gave up, and the terminal is still at it.
    bench.step(crate::event::Event::TimerFired(timer));
    not_allowed(&mut bench, id(1));
    bench.reader(paid(Decision::Approved, Some(1_000)));
    not_allowed(&mut bench, id(1));
    // Forgotten by now, and recalled.
    bench.past = Some(sale(ORIGINAL));
    not_allowed(&mut bench, ORIGINAL);
    bench.past = None;
    let effects = says(&mut bench, id(77), Outcome::Failed);
    assert_eq!(refusal(&effects), Some(&Reason::TransactionNotFound));
    let mut bench = lost();
    for outcome in [Outcome::Unknown, Outcome::Declined, Outcome::Cancelled] {
        let effects = says(&mut bench, id(1), outcome);
        assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
    }
    bench.register = "elsewhere";
    let effects = says(&mut bench, id(1), Outcome::Failed);
    assert_eq!(refusal(&effects), Some(&Reason::TransactionNotFound));
}

#[test]
fn one_that_was_never_handed_over_can_be_settled_too() {
    let mut bench = lost();
    let records = bench.records.clone();
    bench.records.pop();
    let mut fresh = Bench::new();
    fresh.past = Some(Past {
        records,
        ..Past::default()
    });
    let effects = says(&mut fresh, id(1), Outcome::Failed);
    assert_eq!(answers(&effects), [&Answer::Resolved]);
    assert!(matches!(fresh.records.last().unwrap().fact, Fact::Ended(_)));
}

/// A refund of 400 whose reversal was refused; its register was told that it failed.
fn refused_reversal() -> Bench {
    let mut bench = Bench::new();
    bench.past = Some(sale(ORIGINAL));
    let refund = MoneyRequest {
        amounts: Some(crate::bench::euros(400)),
        ..request("r", Kind::Refund { original: ORIGINAL }, "asking")
    };
    bench.money(refund);
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(Decision::Approved, Some(1))));
    bench.gateway(GatewayReply::ReversalRefused {
        response_code: "12".into(),
        response_text: "no".into(),
    });
    bench
}

#[test]
fn what_was_told_stands_and_the_sums_follow_the_person() {
    for (word, left) in [(Outcome::Approved, 600), (Outcome::Failed, 1_000)] {
        let mut bench = refused_reversal();
        let records = bench.records.len();
        let effects = says(&mut bench, id(1), word);
        assert_eq!(answers(&effects), [&Answer::Resolved]);
        assert_eq!(
            notified(&effects),
            Some((Outcome::Failed, word == Outcome::Failed))
        );
        assert_eq!(bench.records.len(), records + 1, "no second ending");
        let refund = |key: &str, minor| MoneyRequest {
            amounts: Some(crate::bench::euros(minor)),
            ..request(key, Kind::Refund { original: ORIGINAL }, "asking")
        };
        let effects = bench.money(refund("a", left + 1));
        assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
        let effects = bench.money(refund("b", left));
        assert_eq!(refusal(&effects), None, "{effects:?}");
    }
}

#[test]
fn the_terminals_own_words_are_kept_where_it_said_any() {
    let mut bench = Bench::new();
    bench.money(on_terminal("k", Kind::Sale, "deaf"));
    bench.reader(paid(Decision::Approved, Some(1_001)));
    says(&mut bench, id(1), Outcome::Approved);
    let Fact::Ended(ending) = &bench.records.last().unwrap().fact else {
        panic!("{:?}", bench.records)
    };
    let FinalAnswer::Approved(approved) = &ending.answer else {
        panic!("{ending:?}")
    };
    assert_eq!(approved.extras.reference.as_deref(), Some("receipt 7"));
    assert_eq!(approved.approved_minor, 1_000);
}
