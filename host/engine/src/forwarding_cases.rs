// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sales that were accepted offline, from then on: forwarded, lost, taken back, left to a person.

use crate::answer::{Answer, Notification, Outcome, Reason};
use crate::bench::{
    Bench, answer, approved, authorized, euros, gateway_is, prepared, presented, refused, request,
};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::forwarding::{Forwarding, ForwardingState, became};
use crate::gateway::{Decision, GatewayCommand, GatewayReply, Wire};
use crate::ids::TransactionId;
use crate::money::Currency;
use crate::offline_cases::{accept, away, back, offline_in, sale, shop};
use crate::record::{Fact, Restored};
use crate::request::{Kind, MoneyRequest, Request, Resolve, UndoRule};
use crate::transaction::Phase;
use uuid::Uuid;

fn id(number: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(number))
}

fn taken() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(1_000)))
}

fn lost() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Declined, None))
}

fn no_answer() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

fn told(effects: &[Effect]) -> Option<(Forwarding, bool)> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Notify(notification) => match &**notification {
            Notification::Forwarded {
                forwarding, loss, ..
            } => Some((forwarding.clone(), loss.is_some())),
            _ => None,
        },
        _ => None,
    })
}

fn state_told(effects: &[Effect]) -> Option<ForwardingState> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Approved { forwarding, .. },
            ..
        } => forwarding.as_ref().map(|forwarding| forwarding.state),
        _ => None,
    })
}

fn sent(bench: &Bench) -> (Wire, Option<String>) {
    match &bench.gateway_call {
        Some((_, GatewayCommand::Forward { wire, tags, .. })) => {
            (wire.clone(), tags.as_ref().map(ToString::to_string))
        }
        other => panic!("{other:?}"),
    }
}

fn retry(bench: &mut Bench) -> Vec<Effect> {
    let timer = *bench.engine.timers.keys().next().unwrap();
    bench.step(Event::TimerFired(timer))
}

fn of(bench: &Bench, number: u128) -> Vec<crate::record::Record> {
    let records = bench.records.iter();
    let records = records.filter(|record| record.transaction_id == id(number));
    records.cloned().collect()
}

fn change(kind: Kind) -> MoneyRequest {
    request("change", kind, "asking")
}

#[test]
fn it_is_forwarded_when_the_gateway_is_back_and_the_read_goes() {
    let mut bench = offline_in("stored").unwrap();
    back(&mut bench);
    let effects = bench.gateway(prepared());
    let recorded = bench.records.last().unwrap();
    assert!(matches!(&recorded.fact, Fact::Forwarding { wire } if &*wire.reference == "ref"));
    let position = bench.records.len() as u64;
    let call = |effect: &&Effect| matches!(effect.action, Action::CallGateway { .. });
    assert_eq!(effects.iter().find(call).unwrap().after.0, position);
    assert_eq!(sent(&bench).1.as_deref(), Some(r#"{"9F26":"01"}"#));
    let effects = bench.gateway(taken());
    let (forwarding, loss) = told(&effects).unwrap();
    assert_eq!(forwarding.state, ForwardingState::Approved);
    assert!(!loss && bench.reads.is_empty() && bench.engine.open.is_empty());
    let again = bench.money(sale("key"));
    assert!(approved(&again).unwrap().accepted_offline);
    assert_eq!(state_told(&again), Some(ForwardingState::Approved));
    let found = became(&bench.records).unwrap();
    assert_eq!(found.state, ForwardingState::Approved);
}

#[test]
fn it_is_repeated_with_the_same_references_until_there_is_an_answer() {
    let mut bench = offline_in("forwarding").unwrap();
    let (first, _) = sent(&bench);
    bench.gateway(no_answer());
    assert!(bench.gateway_call.is_none());
    retry(&mut bench);
    assert_eq!(sent(&bench).0, first);
    bench.restart();
    assert_eq!(sent(&bench).0, first);
    assert_eq!(bench.records.len(), 2);
    bench.gateway(lost());
    assert!(bench.engine.open.is_empty());
}

/// A sale with its gateway, as far as the answer.
fn sell(bench: &mut Bench, key: &str) {
    bench.money(request(key, Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(taken());
}

#[test]
fn a_gateway_that_answers_somebody_is_back() {
    let not_sent = GatewayReply::Failed {
        sent: false,
        reason: "line".into(),
    };
    for (fails, goes) in [(not_sent, true), (no_answer(), false)] {
        let mut bench = offline_in("forwarding").unwrap();
        let (first, _) = sent(&bench);
        bench.gateway(fails);
        assert!(bench.gateway_call.is_none());
        sell(&mut bench, "live");
        assert_eq!(bench.gateway_call.is_some(), goes);
        if goes {
            assert_eq!(sent(&bench).0, first);
        }
    }
}

#[test]
fn what_its_issuer_does_not_take_is_lost_and_told_so() {
    for decision in [Decision::Declined, Decision::Rejected, Decision::Referred] {
        let mut bench = offline_in("forwarding").unwrap();
        let effects = bench.gateway(GatewayReply::Answered(answer(decision, None)));
        let (forwarding, loss) = told(&effects).unwrap();
        assert_eq!(forwarding.state, ForwardingState::Declined);
        assert!(loss && bench.engine.open.is_empty() && bench.reads.is_empty());
        let undo = bench.money(change(Kind::Undo { original: id(1) }));
        assert_eq!(refused(&undo).unwrap().reason, Reason::NotAllowed);
    }
}

#[test]
fn they_go_in_the_order_of_their_acceptance_one_at_a_time() {
    let mut bench = shop();
    away(&mut bench);
    accept(&mut bench, "1");
    bench.boot_ms += 1;
    accept(&mut bench, "2");
    back(&mut bench);
    let asked = |bench: &Bench| match &bench.gateway_call {
        Some((_, GatewayCommand::Prepare { wire, .. })) => wire.transaction_id,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&bench), id(1));
    bench.gateway(prepared());
    bench.gateway(no_answer());
    assert!(
        bench.gateway_call.is_none(),
        "the second waits for the first"
    );
    retry(&mut bench);
    bench.gateway(taken());
    assert_eq!(asked(&bench), id(2));
}

#[test]
fn one_that_never_gets_an_answer_is_passed_by_the_next() {
    let mut bench = shop();
    away(&mut bench);
    accept(&mut bench, "1");
    bench.boot_ms += 1;
    accept(&mut bench, "2");
    back(&mut bench);
    bench.gateway(prepared());
    let (first, _) = sent(&bench);
    let attempts = bench.engine.config.timeouts.retry_ms.len();
    for attempt in 1..attempts {
        bench.gateway(no_answer());
        assert!(bench.gateway_call.is_none(), "attempt {attempt}");
        retry(&mut bench);
    }
    bench.gateway(no_answer());
    bench.gateway(prepared());
    assert_ne!(sent(&bench).0, first, "the second is on its way");
    // Its time comes while the second is: still one at a time.
    let second = bench.gateway_call.take();
    retry(&mut bench);
    assert!(bench.gateway_call.is_none());
    bench.gateway_call = second;
    bench.gateway(taken());
    assert_eq!(sent(&bench).0, first, "it has the same references");
    bench.gateway(taken());
    assert!(bench.engine.open.is_empty() && bench.reads.is_empty());
}

#[test]
fn sales_go_on_beside_it_and_get_their_turn() {
    let mut bench = offline_in("stored").unwrap();
    let mut status = bench.engine.gateways[&"asking".into()].clone();
    status.ready = true;
    status.parameters.as_mut().unwrap().in_flight_per_acceptor = Some(1);
    bench.step(Event::GatewayChanged {
        gateway: "asking".into(),
        status: Some(status),
    });
    let forward = bench.gateway_call.take().unwrap().0;
    bench.money(sale("online"));
    bench.reader(crate::bench::presented());
    bench.reader(crate::offline_cases::tapped());
    let waits = |bench: &Bench| {
        let mut open = bench.engine.open.values();
        open.any(|open| matches!(open.phase, Phase::AwaitingTurn(_)))
    };
    assert!(waits(&bench));
    // Whoever waits comes before the second attempt.
    bench.step(Event::GatewayReplied {
        call: forward,
        reply: no_answer(),
    });
    assert!(!waits(&bench));
}

#[test]
fn a_read_that_is_lost_is_for_a_person() {
    for (word, state) in [
        (Outcome::Approved, ForwardingState::Approved),
        (Outcome::Failed, ForwardingState::Declined),
    ] {
        let mut bench = offline_in("forwarding").unwrap();
        let effects = bench.gateway(GatewayReply::ReadLost {
            reason: "its key is gone".into(),
        });
        let (forwarding, _) = told(&effects).unwrap();
        assert_eq!(forwarding.state, ForwardingState::NeedsOperator);
        // No cashier is stopped by it.
        let other = bench.money(sale("other"));
        assert!(refused(&other).is_none());
        bench.cancel("other");
        let resolve = Resolve {
            transaction_id: id(1),
            outcome: word,
            evidence: "the gateway's list".into(),
            operator: "Ada".into(),
        };
        let effects = bench.ask(Request::Resolve(Box::new(resolve)));
        assert_eq!(told(&effects).unwrap().0.state, state);
        let again = bench.money(sale("key"));
        assert_eq!(state_told(&again), Some(state));
    }
}

#[test]
fn another_amount_than_was_accepted_is_for_a_person() {
    let mut bench = offline_in("forwarding").unwrap();
    bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(400),
    )));
    let open = bench.engine.open.values().next().unwrap();
    assert_eq!(open.phase, Phase::NeedsOperator);
}

#[test]
fn what_waits_is_taken_back_wholly_and_nothing_is_sent() {
    let original = id(1);
    for kind in [
        Kind::Undo { original },
        Kind::Void { original },
        Kind::Refund { original },
    ] {
        let mut bench = offline_in("stored").unwrap();
        let effects = bench.money(change(kind));
        let done = approved(&effects).unwrap();
        assert!(done.withdrawal && done.approved_minor == 1_000);
        assert_eq!(state_told(&effects), Some(ForwardingState::Withdrawn));
        let facts: Vec<_> = bench.records.iter().map(|record| &record.fact).collect();
        assert!(matches!(
            facts[..],
            [Fact::Ended(_), Fact::Withdrawn { .. }, Fact::Ended(_)]
        ));
        assert!(bench.reads.is_empty() && bench.engine.open.is_empty());
        back(&mut bench);
        assert!(bench.gateway_call.is_none());
        let again = bench.money(change(kind));
        assert_eq!(state_told(&again), Some(ForwardingState::Withdrawn));
        let second = bench.money(request("second", Kind::Refund { original }, "asking"));
        assert_eq!(refused(&second).unwrap().reason, Reason::NotAllowed);
    }
    let undone = Kind::Undo { original };
    let mut bench = offline_in("stored").unwrap();
    bench.money(change(undone));
    let Fact::Ended(ending) = &bench.records[2].fact else {
        panic!("{:?}", bench.records)
    };
    let request = &ending.unsent.as_ref().unwrap().request;
    assert_eq!(request.terms.undo, Some(UndoRule::NotForwarded));
}

#[test]
fn a_part_is_not_taken_back_and_nothing_that_may_have_been_sent() {
    let original = id(1);
    let mut bench = offline_in("stored").unwrap();
    let part = MoneyRequest {
        amounts: Some(euros(400)),
        ..change(Kind::Refund { original })
    };
    let effects = bench.money(part);
    let detail = refused(&effects).unwrap().detail.clone().unwrap();
    assert!(detail.contains("only the whole"), "{detail}");
    let mut other = euros(1_000);
    other.total.currency = Currency::USD;
    let other = MoneyRequest {
        amounts: Some(other),
        ..request("other", Kind::Refund { original }, "asking")
    };
    assert_eq!(
        refused(&bench.money(other)).unwrap().reason,
        Reason::NotAllowed
    );

    let mut bench = offline_in("forwarding").unwrap();
    let effects = bench.money(change(Kind::Void { original }));
    let detail = refused(&effects).unwrap().detail.clone().unwrap();
    assert!(detail.contains("is being forwarded"), "{detail}");
    bench.gateway(no_answer());
    let effects = bench.money(change(Kind::Void { original }));
    assert_eq!(refused(&effects).unwrap().reason, Reason::NotAllowed);
    assert_eq!(bench.engine.open.len(), 1);
}

#[test]
fn what_certainly_never_left_is_taken_back() {
    let original = id(1);
    let mut bench = offline_in("forwarding").unwrap();
    bench.gateway(GatewayReply::Failed {
        sent: false,
        reason: "no line".into(),
    });
    let effects = bench.money(change(Kind::Void { original }));
    assert!(approved(&effects).unwrap().withdrawal);
    assert!(bench.engine.open.is_empty());
}

#[test]
fn a_crash_between_both_records_leaves_the_change_to_its_key() {
    let original = id(1);
    let mut bench = offline_in("stored").unwrap();
    bench.money(change(Kind::Void { original }));
    // The second record did not get to disk.
    bench.records.pop();
    bench.restart();
    assert!(bench.engine.open.is_empty());
    let stranger = bench.money(request("stranger", Kind::Void { original }, "asking"));
    assert_eq!(refused(&stranger).unwrap().reason, Reason::NotAllowed);
    let effects = bench.money(change(Kind::Void { original }));
    let done = approved(&effects).unwrap();
    assert_eq!(done.transaction_id, id(2));
    assert!(done.withdrawal);
    assert_eq!(bench.records.len(), 3);
}

#[test]
fn once_forwarded_it_is_changed_as_any_sale() {
    let original = id(1);
    let mut bench = offline_in("forwarding").unwrap();
    bench.gateway(taken());
    bench.money(change(Kind::Void { original }));
    bench.gateway(prepared());
    let Some((_, GatewayCommand::Modify { original, .. })) = &bench.gateway_call else {
        panic!("{:?}", bench.gateway_call)
    };
    let crate::gateway::Original::Wire(wire) = original else {
        panic!("{original:?}")
    };
    assert_eq!(&*wire.reference, "ref");
}

#[test]
fn a_batch_is_not_closed_before_them_unless_somebody_knows() {
    let mut bench = offline_in("stored").unwrap();
    let mut status = bench.engine.gateways[&"asking".into()].clone();
    status.ready = true;
    bench.step(Event::GatewayChanged {
        gateway: "asking".into(),
        status: Some(status),
    });
    let close = request("close", Kind::BatchClose, "asking");
    let effects = bench.money(close.clone());
    let refusal = refused(&effects).unwrap();
    assert_eq!(refusal.unresolved, [id(1)]);
    let despite = MoneyRequest {
        despite: vec![id(1)],
        ..close
    };
    // It is on its way, and ends by itself.
    bench.money(despite);
    let mut open = bench.engine.open.values();
    assert!(open.any(|open| matches!(open.phase, Phase::AwaitingTurn(None))));
    bench.gateway(no_answer());
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Prepare { .. }))
    ));
}

#[test]
fn its_gateway_is_not_taken_away_while_it_is_owed() {
    let mut bench = offline_in("stored").unwrap();
    let part = crate::request::Part::Gateway("asking".into());
    let effects = bench.ask(Request::SetAside {
        part: part.clone(),
        wholly: true,
    });
    assert!(refused(&effects).is_some());
    let effects = bench.ask(Request::SetAside {
        part,
        wholly: false,
    });
    assert!(refused(&effects).is_none());
}

#[test]
fn the_vault_keeps_what_is_owed_and_no_more() {
    let kept = |state: &str| {
        let bench = offline_in(state).unwrap();
        let restored = Restored {
            open: vec![of(&bench, 1)],
            ..Restored::default()
        };
        restored.kept().len()
    };
    assert_eq!((kept("stored"), kept("forwarding")), (1, 1));
    let mut bench = offline_in("forwarding").unwrap();
    bench.gateway(taken());
    let restored = Restored {
        open: vec![of(&bench, 1)],
        ..Restored::default()
    };
    assert!(restored.kept().is_empty());
}

#[test]
fn an_order_is_told_once_it_was_taken() {
    let order = || MoneyRequest {
        order: Some(r#"{"basket":[]}"#.into()),
        ..sale("key")
    };
    for (reply, told) in [(taken(), true), (lost(), false)] {
        let mut bench = shop();
        away(&mut bench);
        bench.money(order());
        bench.reader(crate::bench::presented());
        bench.reader(crate::offline_cases::tapped());
        bench.reader(crate::bench::completed(true));
        crate::offline_cases::read_kept(&mut bench, None);
        bench.step(gateway_is("asking", true, true));
        bench.gateway(prepared());
        bench.gateway(reply);
        let reports = matches!(bench.gateway_call, Some((_, GatewayCommand::Report { .. })));
        assert_eq!(reports, told);
        bench.restart();
        assert_eq!(bench.engine.open.len(), usize::from(told));
    }
}
