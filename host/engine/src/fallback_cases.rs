// SPDX-License-Identifier: MIT OR Apache-2.0
//! A gateway that was sent nothing, and the next one of its route.

use crate::answer::{Reason, Stage};
use crate::bench::{
    Bench, answer, approved, authorized, completed, euros, gateway_is, percent, prepared,
    presented, refused, request, spending, spent_key, with_number,
};
use crate::card::Cards;
use crate::device::{CardRefusal, DeviceCommand, DeviceReply, IssuerAnswer};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::gateway::{Decision, GatewayCommand, GatewayReply};
use crate::ids::{GatewayId, Kept, PromptId, Ticket, TransactionId};
use crate::prompt::{PromptKind, PromptKinds};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Request, Response};
use crate::routing::Route;
use uuid::Uuid;

const FIRST: TransactionId = TransactionId(Uuid::from_u128(1));

/// Everything goes to the first of these, else to the next.
fn till(gateways: &[&str]) -> Bench {
    let mut bench = Bench::new();
    let (first, others) = gateways.split_first().unwrap();
    bench.engine.config.gateway = Some("asking".into());
    bench.engine.config.routes = vec![Route {
        cards: Cards::default(),
        currency: None,
        register: None,
        from_minor: None,
        to_minor: None,
        gateway: (*first).into(),
        fallback: others.iter().map(|other| (*other).into()).collect(),
    }];
    bench
}

/// Names no gateway.
fn sale() -> MoneyRequest {
    MoneyRequest {
        gateway: None,
        ..request("k", Kind::Sale, "")
    }
}

fn not_sent() -> GatewayReply {
    GatewayReply::Failed {
        sent: false,
        reason: "no line".into(),
    }
}

fn approval() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(1_000)))
}

fn down(bench: &mut Bench, gateway: &str) -> Vec<Effect> {
    bench.step(gateway_is(gateway, true, false))
}

fn command(bench: &Bench) -> Option<&DeviceCommand> {
    bench.reader_call.as_ref().map(|(_, _, command)| command)
}

fn sealed_to(bench: &Bench) -> Option<GatewayId> {
    match command(bench) {
        Some(DeviceCommand::AuthorizeCard { recipient, .. }) => Some(recipient.gateway.clone()),
        _ => None,
    }
}

/// The reader shows that the first try is over.
#[track_caller]
fn shown(bench: &mut Bench) -> Vec<Effect> {
    let Some(DeviceCommand::Complete { answer, .. }) = command(bench) else {
        panic!("{:?}", bench.reader_call)
    };
    assert_eq!(*answer, IssuerAnswer::NoAnswer);
    bench.reader(completed(false))
}

#[track_caller]
fn waits_again(bench: &Bench) {
    let waits = matches!(
        command(bench),
        Some(DeviceCommand::Present { again: true, .. })
    );
    assert!(waits, "{:?}", bench.reader_call);
}

/// As far as the first gateway's answer.
fn authorizing(gateways: &[&str], read: DeviceReply) -> Bench {
    let mut bench = till(gateways);
    bench.money(sale());
    bench.reader(presented());
    bench.reader(read);
    bench.gateway(prepared());
    bench
}

/// The card is to be presented once more, and an intent is closed.
fn between() -> Bench {
    let mut bench = authorizing(&["mute", "asking"], authorized(false));
    bench.gateway(not_sent());
    shown(&mut bench);
    waits_again(&bench);
    bench
}

fn kinds(bench: &Bench) -> Vec<&'static str> {
    let kind = |fact: &Fact| match fact {
        Fact::Intent(_) => "intent",
        Fact::Unsent { .. } => "unsent",
        Fact::Answered(_) => "answered",
        Fact::Ended(_) => "ended",
        _ => "other",
    };
    bench
        .records
        .iter()
        .map(|record| kind(&record.fact))
        .collect()
}

#[test]
fn a_gateway_that_cannot_be_reached_is_passed_over_before_the_seal() {
    // When it is asked for, and when the card is there.
    for at_once in [true, false] {
        let mut bench = till(&["mute", "asking"]);
        if at_once {
            down(&mut bench, "mute");
        }
        bench.money(sale());
        down(&mut bench, "mute");
        bench.reader(presented());
        assert_eq!(sealed_to(&bench), Some("asking".into()));
        bench.reader(authorized(false));
        bench.gateway(prepared());
        let effects = bench.gateway(approval());
        assert_eq!(approved(&effects).unwrap().gateway, Some("asking".into()));
        assert_eq!(kinds(&bench), ["intent", "answered", "ended"]);
    }
}

#[test]
fn a_card_is_presented_once_more_where_nothing_was_sent() {
    let mut bench = authorizing(&["mute", "asking"], spending(&["1"]));
    let effects = bench.gateway(not_sent());
    assert!(refused(&effects).is_none(), "{effects:?}");
    let mut steps = effects.iter().filter_map(|effect| match &effect.action {
        Action::Progress { progress, .. } => Some((progress.stage, progress.text.clone())),
        _ => None,
    });
    let (stage, text) = steps.next_back().unwrap();
    assert_eq!(stage, Stage::WaitingForCard);
    assert!(text.contains("once more"), "{text}");
    shown(&mut bench);
    waits_again(&bench);
    bench.reader(presented());
    assert_eq!(sealed_to(&bench), Some("asking".into()));
    bench.reader(spending(&["2"]));
    bench.gateway(prepared());
    let effects = bench.gateway(approval());
    assert_eq!(approved(&effects).unwrap().gateway, Some("asking".into()));
    let facts = ["intent", "unsent", "intent", "answered", "ended"];
    assert_eq!(kinds(&bench), facts);
    let (Fact::Intent(first), Fact::Intent(second)) =
        (&bench.records[0].fact, &bench.records[2].fact)
    else {
        panic!("{:?}", bench.records)
    };
    assert_ne!(first.wire.stan, second.wire.stan);
    // Each names what it spends itself.
    assert_eq!(first.spent, [spent_key("1")]);
    assert_eq!(second.spent, [spent_key("2")]);
}

#[test]
fn a_connector_without_references_writes_nothing() {
    let mut bench = till(&["mute", "asking"]);
    bench.money(sale());
    bench.reader(presented());
    bench.reader(spending(&["1"]));
    bench.gateway(not_sent());
    shown(&mut bench);
    waits_again(&bench);
    assert!(bench.records.is_empty());
    bench.reader(presented());
    bench.reader(spending(&["2"]));
    bench.gateway(prepared());
    // What was sealed for nothing is spent all the same.
    let Fact::Intent(intent) = &bench.records[0].fact else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(intent.spent, [spent_key("1"), spent_key("2")]);
    // Before any intent, the key is free.
    let mut bench = till(&["mute", "asking"]);
    bench.money(sale());
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(not_sent());
    down(&mut bench, "asking");
    shown(&mut bench);
    let effects = bench.reader(presented());
    assert_eq!(
        refused(&effects).unwrap().reason,
        Reason::GatewayUnavailable
    );
    assert!(bench.records.is_empty() && bench.engine.keys.is_empty());
}

#[test]
fn each_gateway_is_tried_once() {
    let mut bench = between();
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let effects = bench.gateway(not_sent());
    let told = refused(&effects).unwrap();
    assert_eq!(told.reason, Reason::NothingSent);
    let facts = ["intent", "unsent", "intent", "ended"];
    assert_eq!(kinds(&bench), facts);
}

#[test]
fn nothing_goes_on_to_another_that_may_have_been_sent() {
    let sent = GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    };
    let referred = GatewayReply::Answered(answer(Decision::Referred, None));
    let declined = GatewayReply::Answered(answer(Decision::Declined, None));
    for reply in [sent, referred, declined] {
        let mut bench = authorizing(&["mute", "asking"], authorized(false));
        bench.gateway(reply);
        assert!(!kinds(&bench).contains(&"unsent"), "{:?}", bench.records);
        assert!(!matches!(
            command(&bench),
            Some(DeviceCommand::Present { .. })
        ));
    }
}

#[test]
fn a_request_that_names_a_gateway_gets_no_other() {
    let mut bench = till(&["mute", "asking"]);
    bench.money(request("k", Kind::Sale, "mute"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let effects = bench.gateway(not_sent());
    assert_eq!(refused(&effects).unwrap().reason, Reason::NothingSent);
    let mut bench = till(&["mute", "asking"]);
    down(&mut bench, "mute");
    let effects = bench.money(request("k", Kind::Sale, "mute"));
    assert_eq!(
        refused(&effects).unwrap().reason,
        Reason::GatewayUnavailable
    );
}

#[test]
fn nobody_is_asked_for_a_card_who_went_away() {
    let mut bench = authorizing(&["mute", "asking"], authorized(false));
    bench.step(Event::Forgotten { ticket: Ticket(1) });
    bench.gateway(not_sent());
    assert_eq!(kinds(&bench), ["intent", "ended"]);
}

#[test]
fn once_an_intent_was_written_every_end_is() {
    type End = fn(&mut Bench) -> Vec<Effect>;
    let cancel: End = |bench| {
        bench.cancel("k");
        bench.reader(DeviceReply::Cancelled)
    };
    let no_card: End = |bench| {
        bench.reader(DeviceReply::Refused {
            refusal: CardRefusal::NoCard,
            text: "no card".into(),
        })
    };
    let broken: End = |bench| {
        bench.reader(DeviceReply::Failed {
            effect_possible: true,
            reason: "unplugged".into(),
        })
    };
    let out_of_reach: End = |bench| {
        down(bench, "asking");
        bench.reader(presented())
    };
    let stopping: End = |bench| {
        bench.step(Event::Stopping);
        bench.reader(DeviceReply::Cancelled)
    };
    for (end, reason) in [
        (cancel, Reason::Cancelled),
        (no_card, Reason::TimedOut),
        (broken, Reason::NothingSent),
        (out_of_reach, Reason::NothingSent),
        (stopping, Reason::NothingSent),
    ] {
        let mut bench = between();
        let effects = end(&mut bench);
        let told = refused(&effects).unwrap();
        assert_eq!(told.reason, reason);
        assert!(told.reason.uses_key() && !told.reversing, "{told:?}");
        assert_eq!(kinds(&bench), ["intent", "unsent", "ended"], "{reason:?}");
    }
}

#[test]
fn a_host_that_dies_between_two_gateways_knows_that_nothing_was_sent() {
    let mut bench = between();
    bench.restart();
    assert_eq!(kinds(&bench), ["intent", "unsent", "ended"]);
    assert!(bench.gateway_call.is_none() && bench.reader_call.is_none());
    let Fact::Ended(ending) = &bench.records[2].fact else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(ending.reversal, None);
}

#[test]
fn a_host_that_dies_at_the_second_gateway_undoes_it_there() {
    let mut bench = between();
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.restart();
    let Some((_, GatewayCommand::Reverse { wire, .. })) = &bench.gateway_call else {
        panic!("{:?}", bench.gateway_call)
    };
    let Fact::Intent(second) = &bench.records[2].fact else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(*wire, second.wire);
    assert_eq!(bench.engine.open[&FIRST].gateway, Some("asking".into()));
}

#[test]
fn a_key_stays_spent_for_its_own_transaction_too() {
    let mut bench = authorizing(&["mute", "asking"], spending(&["1"]));
    bench.gateway(not_sent());
    shown(&mut bench);
    bench.reader(presented());
    let effects = bench.reader(spending(&["1"]));
    assert_eq!(refused(&effects).unwrap().reason, Reason::CardError);
}

#[test]
fn a_number_that_was_kept_is_destroyed() {
    let mut bench = authorizing(&["numbered", "asking"], with_number());
    bench.step(Event::Kept {
        transaction: FIRST,
        part: Kept::Number,
        refused: None,
    });
    let effects = bench.gateway(not_sent());
    assert_eq!(bench.destroyed, [FIRST]);
    let unsent = bench.records.len() as u64;
    let destroyed = |effect: &&Effect| matches!(effect.action, Action::Destroy { .. });
    let destroyed = effects.iter().find(destroyed).unwrap();
    assert_eq!(destroyed.after.0, unsent);
    shown(&mut bench);
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let Some(Fact::Intent(second)) = bench.records.last().map(|record| &record.fact) else {
        panic!("{:?}", bench.records)
    };
    assert!(!second.number_kept);
}

fn surcharge_is_agreed(bench: &mut Bench, number: u32) {
    bench.ask(Request::Respond {
        prompt: PromptId {
            transaction: FIRST,
            number,
        },
        response: Response {
            accepted: Some(true),
            ..Response::default()
        },
    });
}

#[test]
fn a_tip_stays_and_a_surcharge_is_asked_about_anew() {
    let mut bench = till(&["mute", "asking"]);
    bench.prompts = PromptKinds::default().with(PromptKind::ConfirmSurcharge);
    bench.engine.config.surcharges = vec![percent(10)];
    bench.money(MoneyRequest {
        amount_max: Some(euros(2_000).total),
        ..sale()
    });
    let mut tipped = presented();
    if let DeviceReply::Presented { tip_minor, .. } = &mut tipped {
        *tip_minor = Some(200);
    }
    bench.reader(tipped);
    surcharge_is_agreed(&mut bench, 1);
    bench.reader(authorized(false));
    bench.gateway(not_sent());
    shown(&mut bench);
    let Some(DeviceCommand::Present {
        amounts,
        total_minor_max,
        ..
    }) = command(&bench)
    else {
        panic!("{:?}", bench.reader_call)
    };
    assert_eq!(*total_minor_max, None);
    assert_eq!((amounts.total.minor, amounts.tip_minor), (1_200, Some(200)));
    assert_eq!(amounts.surcharge_minor, None);
    bench.reader(presented());
    surcharge_is_agreed(&mut bench, 2);
    let Some(DeviceCommand::AuthorizeCard { amounts, .. }) = command(&bench) else {
        panic!("{:?}", bench.reader_call)
    };
    assert_eq!(amounts.total.minor, 1_300);
    assert_eq!(amounts.surcharge_minor, Some(100));
}

#[test]
fn another_way_out_is_only_one_that_can_take_it() {
    let mut bench = till(&["mute", "numbered", "asking"]);
    // The next one is away, too.
    down(&mut bench, "numbered");
    down(&mut bench, "mute");
    bench.money(sale());
    bench.reader(presented());
    assert_eq!(sealed_to(&bench), Some("asking".into()));
}
