// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers that are lent: who is told of a card, who may use it, once, and who is kept waiting.

use crate::answer::{Answer, Reason};
use crate::bench::{
    Bench, answer, approved, authorized, completed, euros, prepared, presented, refused, request,
};
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{Decision, GatewayReply};
use crate::ids::{CallId, Ticket};
use crate::leases::{LeaseNews, LeaseWish, Presentation};
use crate::prompt::{PromptKind, PromptKinds};
use crate::request::{Kind, MoneyRequest, Request, Response};

pub(crate) fn wish(watches: bool) -> Request {
    Request::Lend(LeaseWish {
        device: Some("reader".into()),
        entries: Vec::new(),
        lease_ms: 600_000,
        watches,
    })
}

pub(crate) fn watching() -> Bench {
    let mut bench = Bench::new();
    let effects = bench.ask(wish(true));
    assert!(matches!(news(&effects)[..], [LeaseNews::Began { .. }]));
    assert!(is_lit(&bench));
    bench
}

pub(crate) fn news(effects: &[Effect]) -> Vec<LeaseNews> {
    let told = effects.iter().filter_map(|effect| match &effect.action {
        Action::Tell { news, .. } => Some((**news).clone()),
        _ => None,
    });
    told.collect()
}

pub(crate) fn is_lit(bench: &Bench) -> bool {
    matches!(
        bench.reader_call,
        Some((_, _, DeviceCommand::Present { .. }))
    )
}

/// A card comes to the reader that watches.
pub(crate) fn shown(bench: &mut Bench) -> Presentation {
    let effects = bench.reader(presented());
    match &news(&effects)[..] {
        [LeaseNews::Presented(shown)] => shown.clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn with(shown: &Presentation, key: &str, kind: Kind) -> MoneyRequest {
    let mut asked = request(key, kind, "asking");
    asked.terms.presentation = Some(shown.presentation_id.clone());
    asked
}

pub(crate) fn pay(bench: &mut Bench) -> Vec<Effect> {
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let answer = answer(Decision::Approved, Some(1_000));
    bench.gateway(GatewayReply::Answered(answer))
}

pub(crate) fn alarm(bench: &mut Bench, alarm: Alarm) -> Vec<Effect> {
    let mut timers = bench.engine.timers.iter();
    let timer = *timers.find(|(_, (_, set))| *set == alarm).unwrap().0;
    bench.step(Event::TimerFired(timer))
}

pub(crate) fn ended(effects: &[Effect]) -> bool {
    let ended = |effect: &Effect| {
        matches!(
            effect.action,
            Action::Answer {
                answer: Answer::LeaseEnded,
                ..
            }
        )
    };
    effects.iter().any(ended)
}

/// The calls that are stopped.
pub(crate) fn stopped(effects: &[Effect]) -> Vec<CallId> {
    let stopped = effects.iter().filter_map(|effect| match &effect.action {
        Action::CancelDevice { call, .. } => Some(*call),
        _ => None,
    });
    stopped.collect()
}

#[test]
fn a_card_that_came_before_the_sale_is_used_once_and_the_watch_goes_on() {
    for kind in [Kind::Sale, Kind::Authorize, Kind::RefundUnreferenced] {
        let mut bench = watching();
        let card = shown(&mut bench);
        assert!(bench.reader_call.is_none(), "it waits to be used");
        bench.money(with(&card, "k", kind));
        let Some((_, _, DeviceCommand::AuthorizeCard { .. })) = &bench.reader_call else {
            panic!("no card is asked for: {:?}", bench.reader_call)
        };
        let effects = pay(&mut bench);
        assert!(approved(&effects).is_some());
        bench.reader(completed(true));
        assert!(is_lit(&bench), "it watches on");

        let effects = bench.money(with(&card, "again", kind));
        assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
        let effects = bench.money(with(&card, "k", kind));
        assert!(approved(&effects).is_some(), "the same key is told again");
    }
}

#[test]
fn others_are_told_whose_it_is_and_cannot_use_its_card() {
    let mut bench = watching();
    let card = shown(&mut bench);
    bench.register = "other";
    let effects = bench.money(with(&card, "k", Kind::Sale));
    assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
    let mut sale = request("k2", Kind::Sale, "asking");
    sale.device = Some("reader".into());
    for effects in [bench.money(sale), bench.ask(wish(true))] {
        let Reason::DeviceBusy { owner, .. } = &refused(&effects).unwrap().reason else {
            panic!("{effects:?}")
        };
        assert_eq!(&*owner.0, "register");
    }
    let effects = bench.ask(Request::GiveBack {
        device: "reader".into(),
    });
    assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
}

#[test]
fn its_own_sale_without_the_card_pauses_the_watch() {
    let mut bench = watching();
    let (_, watch, _) = bench.reader_call.take().unwrap();
    let mut sale = request("k", Kind::Sale, "asking");
    sale.device = Some("reader".into());
    let effects = bench.money(sale);
    assert_eq!(stopped(&effects), [watch]);
    // A card that comes at that moment is asked for anew.
    let reply = presented();
    let effects = bench.step(Event::DeviceReplied { call: watch, reply });
    assert_eq!(news(&effects), []);
    assert!(is_lit(&bench));
    bench.reader(presented());
    pay(&mut bench);
    bench.reader(completed(true));
    assert!(is_lit(&bench));
}

#[test]
fn a_card_that_nobody_uses_is_let_go() {
    let mut bench = watching();
    let card = shown(&mut bench);
    let effects = alarm(&mut bench, Alarm::Presentation);
    let id = card.presentation_id.clone();
    let device = card.device.clone();
    let removed = LeaseNews::Removed {
        device,
        presentation_id: id,
    };
    assert_eq!(news(&effects), [removed]);
    let effects = bench.money(with(&card, "k", Kind::Sale));
    assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
    bench.reader(completed(false));
    assert!(is_lit(&bench));

    // One that is not used for the next sale is void too.
    let card = shown(&mut bench);
    let mut sale = request("k", Kind::Sale, "asking");
    sale.device = Some("reader".into());
    let effects = bench.money(sale);
    assert!(matches!(news(&effects)[..], [LeaseNews::Removed { .. }]));
    bench.reader(completed(false));
    assert!(is_lit(&bench), "for the sale");
    let effects = bench.money(with(&card, "late", Kind::Sale));
    assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
}

#[test]
fn a_lease_ends_with_its_time_its_word_and_its_connection() {
    type Ends = fn(&mut Bench) -> Vec<Effect>;
    let ends: [(bool, Ends); 4] = [
        (true, |bench| alarm(bench, Alarm::Lease)),
        (true, |bench| {
            bench.ask(Request::GiveBack {
                device: "reader".into(),
            })
        }),
        (false, |bench| {
            bench.step(Event::Forgotten { ticket: Ticket(1) })
        }),
        (true, |bench| bench.step(Event::Stopping)),
    ];
    for (told, end) in ends {
        let mut bench = watching();
        let (_, watch, _) = bench.reader_call.take().unwrap();
        let effects = end(&mut bench);
        assert_eq!(stopped(&effects), [watch]);
        assert_eq!(ended(&effects), told);
        // A card that came all the same is told to nobody, and let go.
        let reply = presented();
        let effects = bench.step(Event::DeviceReplied { call: watch, reply });
        assert_eq!(news(&effects), []);
        let Some((_, _, DeviceCommand::Complete { .. })) = &bench.reader_call else {
            panic!("{:?}", bench.reader_call)
        };
        bench.reader(completed(false));
        assert!(bench.engine.is_quiet());
    }
}

#[test]
fn a_reader_that_is_kept_is_not_lit() {
    let mut bench = Bench::new();
    bench.ask(wish(false));
    assert!(bench.reader_call.is_none());
    bench.register = "other";
    let mut sale = request("k", Kind::Sale, "asking");
    sale.device = Some("reader".into());
    let effects = bench.money(sale.clone());
    assert!(matches!(
        refused(&effects).unwrap().reason,
        Reason::DeviceBusy { .. }
    ));
    bench.register = "register";
    bench.money(sale);
    assert!(is_lit(&bench));
}

#[test]
fn a_reader_that_fails_is_lit_again_after_a_pause() {
    let mut bench = watching();
    bench.reader(DeviceReply::Failed {
        effect_possible: false,
        reason: "line".into(),
    });
    assert!(bench.reader_call.is_none());
    alarm(&mut bench, Alarm::Watch);
    assert!(is_lit(&bench));
}

#[test]
fn a_card_that_came_early_waits_for_its_amount() {
    let mut bench = watching();
    bench.prompts = PromptKinds::default().with(PromptKind::SetAmount);
    let card = shown(&mut bench);
    let mut sale = with(&card, "k", Kind::Sale);
    let amounts = sale.amounts.take();
    sale.terms.estimate = amounts.map(|amounts| crate::delayed::Estimate {
        amount: amounts.total,
        timeout_ms: None,
    });
    let effects = bench.money(sale);
    let prompt = effects.iter().find_map(|effect| match &effect.action {
        Action::Prompt { prompt, .. } => Some(prompt.prompt_id),
        _ => None,
    });
    let response = Response {
        amounts: Some(euros(1_000)),
        ..Response::default()
    };
    let prompt = prompt.expect("the register is asked");
    bench.ask(Request::Respond { prompt, response });
    assert!(approved(&pay(&mut bench)).is_some());
}

#[test]
fn a_new_lease_of_the_same_register_takes_the_place_of_the_first() {
    let mut bench = watching();
    let effects = bench.ask(wish(false));
    assert!(ended(&effects));
    assert!(matches!(news(&effects)[..], [LeaseNews::Began { .. }]));
    assert_eq!(bench.engine.lent().len(), 1);
}
