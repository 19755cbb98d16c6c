// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions of a reader: who is asked, whose answer counts, and what nobody's silence means.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, presented, request};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::ids::{CallId, PromptId, Ticket, TransactionId};
use crate::prompt::{DevicePrompt, PromptAnswer, PromptKind, PromptKinds};
use crate::request::{Kind, Request, Response};

fn shows() -> PromptKinds {
    PromptKinds::default().with(PromptKind::ChooseApplication)
}

fn choice(number: u64) -> DevicePrompt {
    DevicePrompt {
        number,
        kind: PromptKind::ChooseApplication,
        text: "Which?".into(),
        choices: vec!["debit".into(), "credit".into()],
        timeout_ms: 600_000,
    }
}

/// A sale whose reader waits for a card, and its call.
fn selling(prompts: PromptKinds) -> (Bench, CallId) {
    let mut bench = Bench::new();
    bench.prompts = prompts;
    bench.money(request("k", Kind::Sale, "asking"));
    let call = bench.reader_call.as_ref().unwrap().1;
    (bench, call)
}

fn raise(bench: &mut Bench, call: CallId, prompt: DevicePrompt) -> Vec<Effect> {
    bench.step(Event::DevicePrompted { call, prompt })
}

fn asked(effects: &[Effect]) -> Vec<(Ticket, PromptId)> {
    let prompts = effects.iter().filter_map(|effect| match &effect.action {
        Action::Prompt { ticket, prompt } => Some((*ticket, prompt.prompt_id)),
        _ => None,
    });
    prompts.collect()
}

fn delivered(effects: &[Effect]) -> Vec<(CallId, u64, PromptAnswer)> {
    let delivered = effects.iter().filter_map(|effect| match &effect.action {
        Action::DeliverDevice {
            call,
            number,
            answer,
            ..
        } => Some((*call, *number, answer.clone())),
        _ => None,
    });
    delivered.collect()
}

fn respond(bench: &mut Bench, prompt: PromptId, chosen: usize) -> Vec<Effect> {
    let response = Response {
        chosen: Some(chosen),
        ..Response::default()
    };
    bench.ask(Request::Respond { prompt, response })
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

#[test]
fn the_first_answer_of_its_own_register_counts() {
    let (mut bench, call) = selling(shows());
    let effects = raise(&mut bench, call, choice(7));
    let [(Ticket(1), prompt)] = asked(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(delivered(&effects), []);

    bench.register = "other";
    let effects = respond(&mut bench, prompt, 0);
    assert_eq!(refusal(&effects), Some(&Reason::TransactionNotFound));
    bench.register = "register";
    let effects = respond(&mut bench, prompt, 2);
    assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
    assert_eq!(delivered(&effects), []);

    let effects = respond(&mut bench, prompt, 1);
    assert_eq!(delivered(&effects), [(call, 7, PromptAnswer::Chosen(1))]);
    assert!(effects.iter().any(|effect| matches!(
        effect.action,
        Action::Answer {
            answer: Answer::Responded,
            ..
        }
    )));
    let effects = respond(&mut bench, prompt, 0);
    assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
    assert_eq!(delivered(&effects), []);
    let unheard = PromptId {
        transaction: TransactionId(uuid::Uuid::from_u128(12_345)),
        number: 1,
    };
    let effects = respond(&mut bench, unheard, 0);
    assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
}

#[test]
fn a_question_nobody_can_show_gets_its_default_at_once() {
    let other_kind = PromptKinds::default().with(PromptKind::EnterText);
    for prompts in [PromptKinds::default(), other_kind] {
        let (mut bench, call) = selling(prompts);
        let effects = raise(&mut bench, call, choice(3));
        assert_eq!(asked(&effects), []);
        assert_eq!(delivered(&effects), [(call, 3, PromptAnswer::None)]);
    }
    let (mut bench, call) = selling(shows());
    let senseless = DevicePrompt {
        choices: Vec::new(),
        ..choice(4)
    };
    let effects = raise(&mut bench, call, senseless);
    assert_eq!(delivered(&effects), [(call, 4, PromptAnswer::None)]);
}

#[test]
fn a_question_expires_no_later_than_the_table_says() {
    for (timeout_ms, expected_ms) in [(600_000, 60_000), (2_000, 2_000)] {
        let (mut bench, call) = selling(shows());
        let question = DevicePrompt {
            timeout_ms,
            ..choice(7)
        };
        let effects = raise(&mut bench, call, question);
        let [(_, prompt)] = asked(&effects)[..] else {
            panic!("{effects:?}")
        };
        let alarms = bench.engine.timers.iter();
        let mut alarms = alarms.filter(|(_, (_, alarm))| *alarm == Alarm::Prompt);
        let timer = *alarms.next().unwrap().0;
        let set_to = effects.iter().find_map(|effect| match effect.action {
            Action::SetTimer {
                timer: set,
                at_boot_ms,
            } if set == timer => Some(at_boot_ms),
            _ => None,
        });
        assert_eq!(set_to, Some(bench.boot_ms + expected_ms));
        let effects = bench.step(Event::TimerFired(timer));
        assert_eq!(delivered(&effects), [(call, 7, PromptAnswer::None)]);
        let effects = respond(&mut bench, prompt, 0);
        assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
    }
}

#[test]
fn a_register_that_comes_later_is_asked_too() {
    let (mut bench, call) = selling(shows());
    bench.prompts = PromptKinds::default();
    bench.money(request("k", Kind::Sale, "asking"));
    let effects = raise(&mut bench, call, choice(7));
    let [(Ticket(1), prompt)] = asked(&effects)[..] else {
        panic!("a register without the kind was asked: {effects:?}")
    };
    bench.step(Event::Forgotten { ticket: Ticket(1) });
    bench.prompts = shows();
    let effects = bench.money(request("k", Kind::Sale, "asking"));
    assert_eq!(asked(&effects), [(Ticket(3), prompt)]);
    let effects = respond(&mut bench, prompt, 0);
    assert_eq!(delivered(&effects), [(call, 7, PromptAnswer::Chosen(0))]);
}

#[test]
fn a_question_ends_with_its_call_and_no_two_have_one_name() {
    let (mut bench, call) = selling(shows());
    let first = raise(&mut bench, call, choice(7));
    // One at a time.
    let second = raise(&mut bench, call, choice(8));
    assert_eq!(asked(&second), []);
    assert_eq!(delivered(&second), [(call, 8, PromptAnswer::None)]);
    let effects = bench.reader(presented());
    assert_eq!(delivered(&effects), []);
    let effects = respond(&mut bench, asked(&first)[0].1, 0);
    assert_eq!(refusal(&effects), Some(&Reason::NotAllowed));
    // A late one of the call that ended asks nobody.
    assert!(raise(&mut bench, call, choice(9)).is_empty());
    let call = bench.reader_call.as_ref().unwrap().1;
    let next = raise(&mut bench, call, choice(7));
    assert_ne!(asked(&next)[0].1, asked(&first)[0].1);
    bench.cancel("k");
    let effects = raise(&mut bench, call, choice(8));
    assert_eq!(delivered(&effects), [(call, 8, PromptAnswer::None)]);
}

#[test]
fn names_of_questions_are_read_as_they_are_written() {
    let prompt = PromptId {
        transaction: TransactionId(uuid::Uuid::from_u128(5)),
        number: 2,
    };
    assert_eq!(prompt.to_string().parse(), Ok(prompt));
    for wrong in ["", "p-1", "00000000-0000-0000-0000-000000000005", "x.1"] {
        assert!(wrong.parse::<PromptId>().is_err(), "{wrong}");
    }
}
