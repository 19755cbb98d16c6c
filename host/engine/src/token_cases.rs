// SPDX-License-Identifier: MIT OR Apache-2.0
//! Payment tokens that registers keep: where they come from, where they go, how they end.

use crate::answer::{Answer, Approved, Reason};
use crate::bench::{Bench, answer, authorized, gateway_is, prepared, presented, refused, request};
use crate::effect::{Action, Effect};
use crate::engine::Alarm;
use crate::event::Event;
use crate::gateway::{CardSource, Decision, GatewayCommand, GatewayReply};
use crate::ids::{Acceptor, TokenId, TransactionId};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Terms};
use crate::tokens::{Keep, Named};
use uuid::Uuid;

fn keep(reference: &str) -> Option<Keep> {
    Some(Keep {
        reference: Some(reference.into()),
        ..Keep::default()
    })
}

fn named(reference: &str) -> Option<Named> {
    Some(Named::Reference(reference.into()))
}

fn register(key: &str, reference: &str) -> MoneyRequest {
    let mut asked = request(key, Kind::TokenRegister, "asking");
    asked.terms.keep = keep(reference);
    asked.terms.keep.as_mut().unwrap().card = true;
    asked
}

fn update(key: &str, reference: &str, change: Keep) -> MoneyRequest {
    let terms = Terms {
        stored: named(reference),
        keep: Some(change),
        ..Terms::default()
    };
    MoneyRequest {
        gateway: None,
        terms,
        ..request(key, Kind::TokenUpdate, "asking")
    }
}

fn delete(key: &str, reference: &str) -> MoneyRequest {
    let mut asked = request(key, Kind::TokenDelete, "asking");
    asked.gateway = None;
    asked.terms.stored = named(reference);
    asked
}

fn pay(key: &str, reference: &str) -> MoneyRequest {
    let mut asked = request(key, Kind::Sale, "asking");
    asked.gateway = None;
    asked.terms.stored = named(reference);
    asked
}

fn from(id: u128, reference: &str) -> MoneyRequest {
    let mut asked = request("from", Kind::TokenRegister, "asking");
    asked.gateway = None;
    asked.terms.keep = Some(Keep {
        from: Some(TransactionId(Uuid::from_u128(id))),
        ..keep(reference).unwrap()
    });
    asked
}

/// The reader reads a card, and the gateway answers with this token.
fn present(bench: &mut Bench, token: Option<&str>) -> Vec<Effect> {
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let mut approved = answer(Decision::Approved, None);
    approved.extras.token = token.map(Into::into);
    let mut effects = bench.gateway(GatewayReply::Answered(approved));
    // The reader has shown how it ended.
    if bench.reader_call.is_some() {
        effects.extend(bench.reader(crate::bench::completed(true)));
    }
    effects
}

fn kept(bench: &mut Bench, key: &str, reference: &str, token: &str) -> Approved {
    bench.money(register(key, reference));
    approved(&present(bench, Some(token)))
}

fn approved(effects: &[Effect]) -> Approved {
    let mut answers = effects.iter().filter_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { approved, .. },
            ..
        } => Some(approved),
        _ => None,
    });
    (**answers.next().unwrap_or_else(|| panic!("{effects:?}"))).clone()
}

fn forbidden(effects: &[Effect], reason: &Reason) -> String {
    let refused = refused(effects).unwrap_or_else(|| panic!("{effects:?}"));
    assert_eq!(refused.reason, *reason);
    refused.detail.clone().unwrap().to_string()
}

fn forgotten(bench: &Bench) -> Option<String> {
    match &bench.gateway_call {
        Some((_, GatewayCommand::ForgetToken { token, .. })) => Some(token.to_string()),
        _ => None,
    }
}

fn pause_ends(bench: &mut Bench) {
    let mut timers = bench.engine.timers.iter();
    let timer = timers.find(|(_, (_, alarm))| *alarm == Alarm::Attempt);
    let timer = *timer.expect("it is tried again").0;
    bench.step(Event::TimerFired(timer));
}

#[test]
fn a_card_is_kept_under_a_reference_and_pays_where_it_came_from() {
    let mut bench = Bench::new();
    let registered = kept(&mut bench, "r", "anna", "tok");
    let stored = registered.extras.stored.unwrap();
    assert_eq!(stored.id, TokenId(registered.transaction_id.0));
    assert_eq!((&*stored.reference, &*stored.token), ("anna", "tok"));
    assert_eq!(stored.gateway, "asking".into());
    assert!(stored.card.is_some());
    // No default gateway is configured, and there are several: the token says which.
    bench.money(pay("p", "anna"));
    bench.gateway(prepared());
    match &bench.gateway_call {
        Some((
            _,
            GatewayCommand::Authorize {
                card: CardSource::Token(token),
                ..
            },
        )) => {
            assert_eq!(&**token, "tok");
        }
        other => panic!("{other:?}"),
    }
    let paid = bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(1_000),
    )));
    let paid = approved(&paid);
    assert_eq!(paid.gateway, Some("asking".into()));
    assert!(paid.card.is_some() && paid.device.is_none());
    // The same key answers the same, though the request names the reference only.
    let again = bench.money(pay("p", "anna"));
    assert_eq!(approved(&again).transaction_id, paid.transaction_id);
}

#[test]
fn a_token_never_goes_to_another_gateway_or_merchant() {
    let mut bench = Bench::new();
    kept(&mut bench, "r", "anna", "tok");
    let mut elsewhere = pay("p", "anna");
    elsewhere.gateway = Some("mute".into());
    let said = forbidden(&bench.money(elsewhere), &Reason::NotAllowed);
    assert!(said.contains("asking") && said.contains("mute"), "{said}");
    // Nor does one that is named by its own text.
    let mut bare = request("b", Kind::Sale, "mute");
    bare.terms.token = Some("tok".into());
    forbidden(&bench.money(bare.clone()), &Reason::NotAllowed);
    bare.gateway = None;
    bench.money(bare);
    assert!(bench.gateway_call.take().is_some());
    let other = Acceptor {
        merchant: "2".into(),
        terminal: "1".into(),
    };
    bench.engine.config.acceptors.insert("asking".into(), other);
    let said = forbidden(&bench.money(pay("m", "anna")), &Reason::NotAllowed);
    assert!(said.contains("another merchant"), "{said}");
}

#[test]
fn no_two_kept_tokens_have_one_reference() {
    let mut bench = Bench::new();
    bench.money(register("a", "anna"));
    bench.engine.gateways.remove(&"mute".into());
    // Under way is as good as there.
    forbidden(&bench.money(register("b", "anna")), &Reason::NotAllowed);
    present(&mut bench, Some("tok"));
    let said = forbidden(&bench.money(register("c", "anna")), &Reason::NotAllowed);
    assert!(said.contains("`anna`"), "{said}");
    kept(&mut bench, "d", "bert", "tok-2");
    let change = keep("anna").unwrap();
    forbidden(
        &bench.money(update("e", "bert", change)),
        &Reason::NotAllowed,
    );
    bench.money(delete("f", "anna"));
    bench.gateway_call = None;
    let change = keep("anna").unwrap();
    let changed = approved(&bench.money(update("g", "bert", change)))
        .extras
        .stored
        .unwrap();
    assert_eq!((&*changed.reference, &*changed.token), ("anna", "tok-2"));
}

#[test]
fn what_is_another_register_s_is_not_found() {
    let mut bench = Bench::new();
    let registered = kept(&mut bench, "r", "anna", "tok");
    bench.register = "other";
    forbidden(&bench.money(pay("p", "anna")), &Reason::TransactionNotFound);
    forbidden(
        &bench.money(delete("d", "anna")),
        &Reason::TransactionNotFound,
    );
    let mut by_id = pay("i", "anna");
    by_id.terms.stored = Some(Named::Id(registered.extras.stored.unwrap().id));
    forbidden(&bench.money(by_id), &Reason::TransactionNotFound);
    let said = bench.money(from(1, "mine"));
    forbidden(&said, &Reason::TransactionNotFound);
}

#[test]
fn a_gateway_that_gives_no_token_registers_nothing() {
    let mut bench = Bench::new();
    bench.money(register("r", "anna"));
    let effects = present(&mut bench, None);
    forbidden(&effects, &Reason::GatewayRejected);
    forbidden(&bench.money(pay("p", "anna")), &Reason::TransactionNotFound);
    // A sale stands all the same.
    let mut sale = request("s", Kind::Sale, "asking");
    sale.terms.keep = keep("anna");
    bench.money(sale);
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let paid = bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(1_000),
    )));
    assert_eq!(approved(&paid).extras.stored, None);
}

#[test]
fn an_earlier_payment_s_token_is_kept_without_a_card() {
    let mut bench = Bench::new();
    bench.money(request("v", Kind::Verify, "asking"));
    let checked = approved(&present(&mut bench, Some("tok")));
    let effects = bench.money(from(checked.transaction_id.0.as_u128(), "anna"));
    let kept = approved(&effects).extras.stored.unwrap();
    assert_eq!((&*kept.token, kept.gateway), ("tok", "asking".into()));
    assert_eq!(kept.card, checked.card);
    bench.money(request("w", Kind::Verify, "asking"));
    let checked = approved(&present(&mut bench, None));
    let mut none = from(checked.transaction_id.0.as_u128(), "bert");
    none.key = "none".into();
    forbidden(&bench.money(none), &Reason::NotAllowed);
}

#[test]
fn a_deleted_token_is_forgotten_by_its_gateway_again_and_again_until_it_has() {
    let mut bench = Bench::new();
    kept(&mut bench, "r", "anna", "tok");
    let gone = approved(&bench.money(delete("d", "anna")))
        .extras
        .stored
        .unwrap();
    assert!(gone.deleted);
    forbidden(&bench.money(pay("p", "anna")), &Reason::TransactionNotFound);
    assert_eq!(forgotten(&bench).as_deref(), Some("tok"));
    let failed = GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    };
    bench.gateway(failed);
    bench.records.drain(..bench.records.len() - 1);
    // A restart takes it up, with nothing but the deletion's own record.
    bench.restart();
    assert_eq!(forgotten(&bench).as_deref(), Some("tok"));
    bench.gateway(GatewayReply::Reported);
    let last = &bench.records.last().unwrap().fact;
    assert!(matches!(last, Fact::Reported { known: true }), "{last:?}");
    assert!(bench.engine.open.is_empty());
}

#[test]
fn what_somebody_else_keeps_is_not_forgotten() {
    let mut bench = Bench::new();
    kept(&mut bench, "r", "anna", "tok");
    kept(&mut bench, "s", "bert", "tok");
    bench.money(delete("d", "anna"));
    assert_eq!(forgotten(&bench), None);
    assert!(bench.engine.open.is_empty());
    bench.money(delete("e", "bert"));
    assert_eq!(forgotten(&bench).as_deref(), Some("tok"));
}

#[test]
fn nothing_is_forgotten_while_a_card_is_being_registered() {
    let mut bench = Bench::new();
    kept(&mut bench, "r", "anna", "tok");
    bench.money(register("s", "bert"));
    bench.money(delete("d", "anna"));
    assert_eq!(forgotten(&bench), None);
    present(&mut bench, Some("tok"));
    pause_ends(&mut bench);
    assert_eq!(forgotten(&bench), None);
    assert!(bench.engine.open.is_empty());
    // And no card is registered while something is being forgotten.
    bench.money(delete("e", "bert"));
    let call = bench.gateway_call.take();
    assert!(matches!(
        call,
        Some((_, GatewayCommand::ForgetToken { .. }))
    ));
    bench.money(register("t", "carl"));
    bench.reader(presented());
    bench.reader(authorized(false));
    assert!(bench.gateway_call.is_none(), "{:?}", bench.gateway_call);
    bench.gateway_call = call;
    bench.gateway(GatewayReply::Reported);
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Prepare { .. }))
    ));
}

#[test]
fn a_token_that_was_deleted_since_is_not_kept_again() {
    let mut bench = Bench::new();
    let registered = kept(&mut bench, "r", "anna", "tok");
    bench.money(delete("d", "anna"));
    bench.gateway(GatewayReply::Reported);
    let again = bench.money(from(registered.transaction_id.0.as_u128(), "bert"));
    let said = forbidden(&again, &Reason::NotAllowed);
    assert!(said.contains("register the card again"), "{said}");
}

#[test]
fn a_new_card_takes_the_place_of_the_old_one() {
    let mut bench = Bench::new();
    let first = kept(&mut bench, "r", "anna", "tok").extras.stored.unwrap();
    let card = Keep {
        card: true,
        ..Keep::default()
    };
    bench.money(update("u", "anna", card.clone()));
    forbidden(&bench.money(delete("d", "anna")), &Reason::NotAllowed);
    let changed = approved(&present(&mut bench, Some("tok-2")))
        .extras
        .stored
        .unwrap();
    assert_eq!((changed.id, &*changed.token), (first.id, "tok-2"));
    assert_eq!(changed.reference, first.reference);
    assert_eq!(forgotten(&bench).as_deref(), Some("tok"));
    bench.gateway(GatewayReply::Reported);
    bench.money(pay("p", "anna"));
    bench.gateway(prepared());
    let call = format!("{:?}", bench.gateway_call);
    assert!(call.contains("tok-2"), "{call}");
    // The old gateway's reader is not sent to another one's.
    let mut elsewhere = update("x", "anna", card);
    elsewhere.gateway = Some("mute".into());
    forbidden(&bench.money(elsewhere), &Reason::NotAllowed);
}

#[test]
fn who_cannot_forget_is_not_asked_to() {
    let mut bench = Bench::new();
    kept(&mut bench, "r", "anna", "tok");
    let gateway = bench.engine.gateways.get_mut(&"asking".into()).unwrap();
    gateway.parameters.as_mut().unwrap().can.pop();
    bench.money(delete("d", "anna"));
    assert_eq!(forgotten(&bench), None);
    bench.step(gateway_is("asking", true, true));
    assert!(bench.engine.open.is_empty());
}
