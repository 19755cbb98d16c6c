// SPDX-License-Identifier: MIT OR Apache-2.0
//! Captures, adjustments, refunds, voids and undos of one original, in every order that matters.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, answer, authorized, euros, prepared, presented, request};
use crate::effect::{Action, Effect};
use crate::gateway::{Change, Decision, GatewayCommand, GatewayReply};
use crate::ids::{Acceptor, TransactionId};
use crate::record::{BatchClosed, Fact, Past, PastChange};
use crate::request::{Kind, MoneyRequest, UndoRule};
use uuid::Uuid;

const ORIGINAL: TransactionId = TransactionId(Uuid::from_u128(99));

/// An approved transaction of 10 euros as the journal recalls it.
fn approved(kind: Kind, amount_max: Option<i64>) -> Past {
    let mut bench = Bench::new();
    let mut asked = request("original", kind, "asking");
    asked.amount_max = amount_max.map(|most| euros(most).total);
    bench.money(asked);
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(yes(1_000));
    let mut records = bench.records;
    for record in &mut records {
        record.transaction_id = ORIGINAL;
    }
    Past {
        records,
        ..Past::default()
    }
}

fn over(past: Past) -> Bench {
    let mut bench = Bench::new();
    bench.past = Some(past);
    bench
}

fn yes(minor: i64) -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Approved, Some(minor)))
}

fn no() -> GatewayReply {
    GatewayReply::Answered(answer(Decision::Declined, None))
}

fn of(key: &str, kind: Kind, minor: i64) -> MoneyRequest {
    MoneyRequest {
        amounts: Some(euros(minor)),
        ..request(key, kind, "asking")
    }
}

fn capture(key: &str, minor: i64) -> MoneyRequest {
    of(key, Kind::Capture { original: ORIGINAL }, minor)
}

fn adjust(key: &str, minor: i64) -> MoneyRequest {
    of(key, Kind::Adjust { original: ORIGINAL }, minor)
}

fn refund(key: &str, minor: i64) -> MoneyRequest {
    of(key, Kind::Refund { original: ORIGINAL }, minor)
}

fn void(key: &str) -> MoneyRequest {
    request(key, Kind::Void { original: ORIGINAL }, "asking")
}

fn undo(key: &str) -> MoneyRequest {
    request(key, Kind::Undo { original: ORIGINAL }, "asking")
}

fn refused(effects: &[Effect]) -> Option<(Reason, String)> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => {
            let detail = refused.detail.as_deref().unwrap_or_default();
            Some((refused.reason.clone(), detail.to_owned()))
        }
        _ => None,
    })
}

/// Refused by the rules, before anything happens.
fn forbidden(bench: &mut Bench, asked: MoneyRequest) -> String {
    let records = bench.records.len();
    let effects = bench.money(asked);
    let (reason, detail) = refused(&effects).expect("it is refused");
    assert_eq!(reason, Reason::NotAllowed, "{detail}");
    assert_eq!(bench.records.len(), records);
    detail
}

/// Accepted, and the gateway says this.
fn done(bench: &mut Bench, asked: MoneyRequest, says: GatewayReply) -> Vec<Effect> {
    let effects = bench.money(asked);
    assert_eq!(refused(&effects), None);
    bench.gateway(prepared());
    bench.gateway(says)
}

#[test]
fn captures_never_exceed_what_was_authorized() {
    let mut bench = over(approved(Kind::Authorize, None));
    assert!(forbidden(&mut bench, capture("a", 1_001)).contains("at most 1000"));
    done(&mut bench, capture("b", 600), yes(600));
    assert!(forbidden(&mut bench, capture("c", 401)).contains("at most 400"));
    // What runs counts, and what is declined counts no more.
    bench.money(capture("d", 300));
    assert!(forbidden(&mut bench, capture("e", 101)).contains("at most 100"));
    bench.gateway(prepared());
    bench.gateway(no());
    done(&mut bench, capture("f", 400), yes(400));
    assert!(forbidden(&mut bench, capture("g", 1)).contains("at most 0"));
}

#[test]
fn a_capture_whose_answer_is_lost_counts_until_its_reversal_is_acknowledged() {
    let mut bench = over(approved(Kind::Authorize, None));
    bench
        .engine
        .gateways
        .get_mut(&"asking".into())
        .unwrap()
        .parameters
        .as_mut()
        .unwrap()
        .inquiry = false;
    let lost = GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    };
    let effects = done(&mut bench, capture("a", 1_000), lost);
    assert_eq!(refused(&effects).unwrap().0, Reason::TimedOut);
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Reverse { .. }))
    ));
    forbidden(&mut bench, capture("b", 1));
    forbidden(&mut bench, refund("c", 1));
    forbidden(&mut bench, void("d"));
    bench.gateway(GatewayReply::Reversed);
    done(&mut bench, capture("e", 1_000), yes(1_000));
}

#[test]
fn an_adjustment_comes_before_captures_and_the_last_approved_one_counts() {
    let mut bench = over(approved(Kind::Authorize, Some(1_500)));
    assert!(forbidden(&mut bench, adjust("a", 1_501)).contains("at most 1500"));
    done(&mut bench, adjust("b", 1_200), yes(1_200));
    done(&mut bench, adjust("c", 1_400), no());
    assert!(forbidden(&mut bench, capture("d", 1_201)).contains("at most 1200"));
    done(&mut bench, adjust("e", 700), yes(700));
    assert!(forbidden(&mut bench, capture("f", 701)).contains("at most 700"));
    // Nothing is decided on what is undecided.
    bench.money(adjust("g", 900));
    forbidden(&mut bench, capture("h", 1));
    forbidden(&mut bench, adjust("i", 800));
    forbidden(&mut bench, void("j"));
    bench.gateway(prepared());
    bench.gateway(no());
    done(&mut bench, capture("k", 700), yes(700));
    assert!(forbidden(&mut bench, adjust("l", 800)).contains("captured"));
    let mut unlimited = over(approved(Kind::Authorize, None));
    done(&mut unlimited, adjust("a", 90_000), yes(90_000));
    done(&mut unlimited, capture("b", 90_000), yes(90_000));
}

#[test]
fn of_an_authorization_only_what_was_captured_is_refunded() {
    let mut bench = over(approved(Kind::Authorize, None));
    assert!(forbidden(&mut bench, refund("a", 1)).contains("at most 0"));
    bench.money(capture("b", 600));
    assert!(forbidden(&mut bench, refund("c", 1)).contains("at most 0"));
    bench.gateway(prepared());
    bench.gateway(yes(600));
    assert!(forbidden(&mut bench, refund("d", 601)).contains("at most 600"));
    done(&mut bench, refund("e", 250), yes(250));
    assert!(forbidden(&mut bench, refund("f", 351)).contains("at most 350"));
    assert!(forbidden(&mut bench, void("g")).contains("payment.refund"));
}

#[test]
fn a_sale_is_neither_captured_nor_adjusted() {
    let mut bench = over(approved(Kind::Sale, Some(2_000)));
    assert!(forbidden(&mut bench, capture("a", 1)).contains("only an authorization"));
    assert!(forbidden(&mut bench, adjust("b", 1)).contains("only an authorization"));
}

#[test]
fn a_void_takes_back_all_of_it_and_forbids_everything_after() {
    for kind in [Kind::Sale, Kind::Authorize] {
        let mut bench = over(approved(kind, None));
        let mut part = void("a");
        part.amounts = Some(euros(999));
        assert!(forbidden(&mut bench, part).contains("whole amount of 1000"));
        bench.money(void("b"));
        for asked in [capture("c", 1), refund("d", 1), void("e"), undo("f")] {
            assert!(forbidden(&mut bench, asked).contains("voided"));
        }
        bench.gateway(prepared());
        bench.gateway(no());
        let effects = done(&mut bench, void("g"), yes(1_000));
        assert_eq!(refused(&effects), None);
        assert!(forbidden(&mut bench, undo("h")).contains("voided"));
    }
}

#[test]
fn an_adjusted_authorization_is_voided_as_it_then_is() {
    let mut bench = over(approved(Kind::Authorize, None));
    done(&mut bench, adjust("a", 700), yes(700));
    bench.money(void("b"));
    bench.gateway(prepared());
    let Some((_, GatewayCommand::Modify { amounts, .. })) = &bench.gateway_call else {
        panic!("{:?}", bench.gateway_call)
    };
    assert_eq!(amounts.total.minor, 700);
}

/// The batch of everything before is closed.
fn close(bench: &mut Bench) {
    bench.engine.closed.push(BatchClosed {
        gateway: Some("asking".into()),
        device: None,
        acceptor: Acceptor::default(),
        at_micros: bench.now().wall_micros,
    });
}

#[test]
fn what_lies_in_a_closed_batch_is_refunded_and_not_voided() {
    let mut bench = over(approved(Kind::Sale, None));
    close(&mut bench);
    assert!(forbidden(&mut bench, void("a")).contains("payment.refund"));
    done(&mut bench, refund("b", 1_000), yes(1_000));
    // What was never captured is in no batch.
    let mut bench = over(approved(Kind::Authorize, None));
    close(&mut bench);
    done(&mut bench, void("a"), yes(1_000));
    // Another acceptor's batch says nothing.
    let mut bench = over(approved(Kind::Sale, None));
    close(&mut bench);
    bench.engine.closed[0].acceptor.terminal = "other".into();
    done(&mut bench, void("a"), yes(1_000));
}

fn became(bench: &mut Bench, asked: MoneyRequest) -> (Change, i64, Option<UndoRule>) {
    let effects = bench.money(asked);
    assert_eq!(refused(&effects), None);
    bench.gateway(prepared());
    let Some((
        _,
        GatewayCommand::Modify {
            change, amounts, ..
        },
    )) = bench.gateway_call.clone()
    else {
        panic!("{:?}", bench.gateway_call)
    };
    let Some(Fact::Intent(intent)) = bench.records.last().map(|record| &record.fact) else {
        panic!("no intent")
    };
    assert_eq!(intent.request.kind.change(), Some(change));
    (change, amounts.total.minor, intent.request.terms.undo)
}

#[test]
fn an_undo_picks_by_the_rules_and_says_which() {
    let mut bench = over(approved(Kind::Sale, None));
    let expected = (Change::Void, 1_000, Some(UndoRule::BatchOpen));
    assert_eq!(became(&mut bench, undo("a")), expected);
    // The same key is the same undo, also once the rules would say otherwise.
    close(&mut bench);
    assert_eq!(refused(&bench.money(undo("a"))), None);
    bench.gateway(yes(1_000));
    let again = bench.money(undo("a"));
    assert!(again.iter().any(|effect| matches!(
        effect.action,
        Action::Answer {
            answer: Answer::Approved { replayed: true, .. },
            ..
        }
    )));

    let mut bench = over(approved(Kind::Sale, None));
    done(&mut bench, refund("r", 300), yes(300));
    let expected = (Change::Refund, 700, Some(UndoRule::PartlyRefunded));
    assert_eq!(became(&mut bench, undo("a")), expected);
    bench.gateway(yes(700));
    assert!(forbidden(&mut bench, undo("b")).contains("nothing is left"));

    let mut bench = over(approved(Kind::Sale, None));
    close(&mut bench);
    let expected = (Change::Refund, 1_000, Some(UndoRule::BatchClosed));
    assert_eq!(became(&mut bench, undo("a")), expected);

    let mut bench = over(approved(Kind::Sale, None));
    let gateway = bench.engine.gateways.get_mut(&"asking".into()).unwrap();
    let parameters = gateway.parameters.as_mut().unwrap();
    parameters.can = vec![crate::gateway::Ability::Refund];
    let expected = (Change::Refund, 1_000, Some(UndoRule::VoidUnsupported));
    assert_eq!(became(&mut bench, undo("a")), expected);

    let mut bench = over(approved(Kind::Authorize, None));
    done(&mut bench, capture("c", 400), yes(400));
    let expected = (Change::Refund, 400, Some(UndoRule::Captured));
    assert_eq!(became(&mut bench, undo("a")), expected);

    let mut bench = over(approved(Kind::Authorize, None));
    let expected = (Change::Void, 1_000, Some(UndoRule::BatchOpen));
    assert_eq!(became(&mut bench, undo("a")), expected);
}

#[test]
fn changes_the_journal_tells_of_count_as_well() {
    let past = Past {
        changes: vec![
            past_change(1, Change::Adjust, 1_300, true),
            past_change(2, Change::Adjust, 1_500, false),
            past_change(3, Change::Capture, 900, true),
            past_change(4, Change::Refund, 200, true),
        ],
        ..approved(Kind::Authorize, None)
    };
    let mut bench = over(past);
    assert!(forbidden(&mut bench, capture("a", 401)).contains("at most 400"));
    assert!(forbidden(&mut bench, refund("b", 701)).contains("at most 700"));
}

fn past_change(id: u128, change: Change, amount_minor: i64, counts: bool) -> PastChange {
    PastChange {
        transaction_id: TransactionId(Uuid::from_u128(90 + id)),
        change,
        amount_minor,
        counts,
    }
}

#[test]
fn what_a_gateway_cannot_is_refused_before_anything_happens() {
    let mut bench = over(approved(Kind::Authorize, None));
    let gateway = bench.engine.gateways.get_mut(&"asking".into()).unwrap();
    gateway.parameters.as_mut().unwrap().can.clear();
    let mut with = |spoil: fn(&mut MoneyRequest)| {
        let mut asked = request("k", Kind::Sale, "asking");
        spoil(&mut asked);
        forbidden(&mut bench, asked)
    };
    assert!(with(|r| r.amounts.as_mut().unwrap().cashback_minor = Some(1)).contains("cash"));
    assert!(with(|r| r.terms.installments = Some(3)).contains("instalments"));
    assert!(with(|r| r.terms.voice_code = Some("1".into())).contains("telephone"));
    assert!(with(|r| r.terms.token = Some("t".into())).contains("token"));
    for kind in [
        Kind::Authorize,
        Kind::Verify,
        Kind::Balance,
        Kind::CashAdvance,
        Kind::RefundUnreferenced,
    ] {
        assert!(forbidden(&mut bench, request("k", kind, "asking")).contains("cannot"));
    }
    for asked in [
        capture("k", 1),
        adjust("k", 1),
        refund("k", 1),
        void("k"),
        undo("k"),
    ] {
        assert!(forbidden(&mut bench, asked).contains("cannot"));
    }
    assert!(bench.reader_call.is_none() && bench.gateway_call.is_none());
}
