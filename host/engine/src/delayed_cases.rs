// SPDX-License-Identifier: MIT OR Apache-2.0
//! Amounts that follow the card: who may ask for one, what is sealed, and what nobody's silence means.

use crate::answer::{Answer, Reason};
use crate::bench::{
    Bench, answer, approved, authorized, euros, on_terminal, percent, prepared, presented, refused,
    request,
};
use crate::delayed::Estimate;
use crate::device::DeviceCommand;
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::fingerprint;
use crate::gateway::{Decision, GatewayReply};
use crate::ids::{PromptId, Ticket};
use crate::money::{Amounts, Currency};
use crate::prompt::{Prompt, PromptKind, PromptKinds};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Request, Response};
use crate::timeouts::Timeouts;

/// Fifteen euros perhaps.
fn delayed(key: &str, kind: Kind) -> MoneyRequest {
    let mut asked = MoneyRequest {
        amounts: None,
        ..request(key, kind, "asking")
    };
    asked.terms.estimate = Some(Estimate {
        amount: euros(1_500).total,
        timeout_ms: None,
    });
    asked
}

fn pump() -> Bench {
    let mut bench = Bench::new();
    bench.prompts = PromptKinds::default().with(PromptKind::SetAmount);
    bench
}

/// A card is there, and its register is asked.
fn asked(bench: &mut Bench, request: MoneyRequest) -> Prompt {
    bench.money(request);
    let effects = bench.reader(presented());
    shown(&effects).expect("the register is asked")
}

fn shown(effects: &[Effect]) -> Option<Prompt> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Prompt { prompt, .. } => Some((**prompt).clone()),
        _ => None,
    })
}

fn say(bench: &mut Bench, prompt: PromptId, amounts: Amounts) -> Vec<Effect> {
    let response = Response {
        amounts: Some(amounts),
        ..Response::default()
    };
    bench.ask(Request::Respond { prompt, response })
}

fn sealed(bench: &Bench) -> Option<Amounts> {
    match bench.reader_call.as_ref().map(|(_, _, command)| command) {
        Some(DeviceCommand::AuthorizeCard { amounts, .. }) => Some(*amounts),
        _ => None,
    }
}

fn pay(bench: &mut Bench, minor: i64) -> Vec<Effect> {
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(minor),
    )))
}

fn expire(bench: &mut Bench, alarm: Alarm) -> Vec<Effect> {
    let timers = bench.engine.timers.iter();
    let mut timers = timers.filter(|(_, (_, set))| *set == alarm);
    let timer = *timers.next().expect("an alarm is set").0;
    bench.step(Event::TimerFired(timer))
}

#[test]
fn what_the_register_says_is_sealed_recorded_and_told() {
    for kind in [Kind::Sale, Kind::Authorize] {
        let mut bench = pump();
        bench.money(delayed("k", kind));
        let Some((_, _, DeviceCommand::Present { amounts, .. })) = &bench.reader_call else {
            panic!("{:?}", bench.reader_call)
        };
        assert_eq!(*amounts, euros(1_500));
        let effects = bench.reader(presented());
        let prompt = shown(&effects).unwrap();
        assert_eq!(prompt.kind, PromptKind::SetAmount);
        assert_eq!(prompt.amount, Some(euros(1_500).total));
        assert_eq!(sealed(&bench), None, "nothing is sealed before it");

        let finals = Amounts {
            tip_minor: Some(100),
            ..euros(2_340)
        };
        say(&mut bench, prompt.prompt_id, finals);
        assert_eq!(sealed(&bench), Some(finals));
        let effects = pay(&mut bench, 2_340);
        let told = approved(&effects).expect("approved");
        assert_eq!((told.requested, told.approved_minor), (finals, 2_340));
        let Fact::Intent(intent) = &bench.records[0].fact else {
            panic!("{:?}", bench.records[0])
        };
        assert_eq!(intent.amounts, finals);
        assert_eq!(intent.request.amounts, Some(finals));
        assert_eq!(intent.fingerprint, fingerprint(&delayed("k", kind)));

        // The same request again: the same answer, whatever the amount became.
        let again = bench.money(delayed("k", kind));
        assert_eq!(
            approved(&again).map(|told| told.approved_minor),
            Some(2_340)
        );
    }
}

#[test]
fn an_amount_that_cannot_be_leaves_the_question_open() {
    let mut bench = pump();
    let limited = MoneyRequest {
        amount_max: Some(euros(2_000).total),
        ..delayed("k", Kind::Sale)
    };
    let prompt = asked(&mut bench, limited).prompt_id;
    let mut dollars = euros(1_000);
    dollars.total.currency = Currency::USD;
    let tip = Amounts {
        tip_minor: Some(1_001),
        ..euros(1_000)
    };
    for wrong in [euros(2_001), euros(0), euros(-1), dollars, tip] {
        let effects = say(&mut bench, prompt, wrong);
        assert_eq!(
            refused(&effects).map(|it| &it.reason),
            Some(&Reason::NotAllowed)
        );
        assert_eq!(sealed(&bench), None);
    }
    let nothing = Response::default();
    let effects = bench.ask(Request::Respond {
        prompt,
        response: nothing,
    });
    assert!(refused(&effects).is_some());
    say(&mut bench, prompt, euros(2_000));
    assert_eq!(sealed(&bench), Some(euros(2_000)));
}

#[test]
fn a_surcharge_comes_on_top_of_the_final_amount() {
    let mut bench = pump();
    bench.prompts = bench.prompts.with(PromptKind::ConfirmSurcharge);
    bench.engine.config.surcharges = vec![percent(2)];
    let open = MoneyRequest {
        amount_max: Some(euros(5_000).total),
        ..delayed("k", Kind::Sale)
    };
    let prompt = asked(&mut bench, open).prompt_id;
    let effects = say(&mut bench, prompt, euros(3_000));
    let prompt = shown(&effects).expect("a second question");
    assert_eq!(prompt.kind, PromptKind::ConfirmSurcharge);
    let response = Response {
        accepted: Some(true),
        ..Response::default()
    };
    bench.ask(Request::Respond {
        prompt: prompt.prompt_id,
        response,
    });
    assert_eq!(sealed(&bench).map(|it| it.total.minor), Some(3_060));
}

#[test]
fn nobody_or_a_no_cancels_and_the_card_is_let_go() {
    type Ends = fn(&mut Bench, PromptId) -> Vec<Effect>;
    let ends: [Ends; 2] = [
        |bench, _| expire(bench, Alarm::Prompt),
        |bench, prompt| {
            let response = Response {
                accepted: Some(false),
                ..Response::default()
            };
            bench.ask(Request::Respond { prompt, response })
        },
    ];
    for end in ends {
        let mut bench = pump();
        let prompt = asked(&mut bench, delayed("k", Kind::Sale)).prompt_id;
        end(&mut bench, prompt);
        let Fact::Ended(ending) = &bench.records[0].fact else {
            panic!("{:?}", bench.records[0])
        };
        assert!(ending.unsent.is_some(), "nothing was sent");
        let Some((_, _, DeviceCommand::Complete { .. })) = &bench.reader_call else {
            panic!("the reader lets the card go: {:?}", bench.reader_call)
        };
    }
}

#[test]
fn patience_waits_for_the_amount_and_begins_anew_with_it() {
    let mut bench = pump();
    let Timeouts {
        amount_ms, hard_ms, ..
    } = bench.engine.config.timeouts;
    let mut slow = delayed("k", Kind::Sale);
    slow.terms.estimate.as_mut().unwrap().timeout_ms = Some(3 * amount_ms);
    let told = asked(&mut bench, slow);
    let wait = i64::try_from(3 * amount_ms).unwrap() * 1_000;
    assert_eq!(told.expires_at_micros, bench.now().wall_micros + wait);
    bench.boot_ms += 2 * hard_ms;
    let effects = say(&mut bench, told.prompt_id, euros(1_000));
    let at = bench.boot_ms + hard_ms;
    assert!(effects.iter().any(|effect| matches!(
        effect.action,
        Action::SetTimer { at_boot_ms, .. } if at_boot_ms == at
    )));
}

#[test]
fn a_register_that_was_away_is_shown_the_question_again() {
    let mut bench = pump();
    let prompt = asked(&mut bench, delayed("k", Kind::Sale)).prompt_id;
    bench.step(Event::Forgotten { ticket: Ticket(1) });
    let effects = bench.money(delayed("k", Kind::Sale));
    assert_eq!(shown(&effects).map(|told| told.prompt_id), Some(prompt));
    say(&mut bench, prompt, euros(900));
    let effects = pay(&mut bench, 900);
    assert!(approved(&effects).is_some());
}

#[test]
fn an_earlier_try_that_is_unknown_is_found_when_the_amount_is() {
    let mut bench = pump();
    bench.money(request("first", Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    });
    let mut again = delayed("second", Kind::Sale);
    again.device = Some("spare".into());
    let prompt = asked(&mut bench, again).prompt_id;
    let effects = say(&mut bench, prompt, euros(1_000));
    let refusals = effects.iter().filter_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => Some(&refused.reason),
        _ => None,
    });
    assert!(
        refusals
            .into_iter()
            .any(|reason| matches!(reason, Reason::UnresolvedTransaction { .. }))
    );
    assert_eq!(sealed(&bench), None);
}

#[test]
fn who_cannot_be_asked_or_need_not_be_is_refused() {
    let mut bench = Bench::new();
    let effects = bench.money(delayed("k", Kind::Sale));
    let why = refused(&effects).unwrap();
    assert_eq!(why.reason, Reason::NotAllowed);
    assert!(why.detail.as_deref().unwrap().contains("set_amount"));

    let mut bench = pump();
    let both = MoneyRequest {
        amounts: Some(euros(1)),
        ..delayed("k", Kind::Sale)
    };
    let refund = delayed("k", Kind::RefundUnreferenced);
    for wrong in [both, refund] {
        let effects = bench.money(wrong);
        assert_eq!(refused(&effects).unwrap().reason, Reason::AmountInvalid);
    }
    let mut by_token = delayed("k", Kind::Sale);
    by_token.terms.token = Some("tok".into());
    let mut by_code = delayed("k", Kind::Sale);
    by_code.terms.voice_code = Some("1".into());
    for wrong in [by_token, by_code] {
        let effects = bench.money(wrong);
        assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
    }
    let mut terminal = on_terminal("k", Kind::Sale, "counter");
    terminal.amounts = None;
    terminal.terms.estimate = delayed("k", Kind::Sale).terms.estimate;
    let effects = bench.money(terminal);
    assert_eq!(refused(&effects).unwrap().reason, Reason::DeviceUnsupported);
}
