// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signatures that come after their payment: whose are kept, once, and whose are not.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, answer, authorized, prepared, presented, refused, request};
use crate::effect::{Action, Effect};
use crate::gateway::{Decision, GatewayReply};
use crate::ids::TransactionId;
use crate::record::{Fact, Past};
use crate::request::{Kind, Request, Sign};
use uuid::Uuid;

/// A sale that ended so.
fn sold(decision: Decision) -> (Bench, TransactionId) {
    let mut bench = Bench::new();
    bench.money(request("k", Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(decision, Some(1_000))));
    let id = bench.records[0].transaction_id;
    (bench, id)
}

fn sign(bench: &mut Bench, transaction_id: TransactionId, drawn: &str) -> Vec<Effect> {
    let sign = Sign {
        transaction_id,
        signature: drawn.into(),
    };
    bench.ask(Request::Sign(Box::new(sign)))
}

fn signed_at(effects: &[Effect]) -> Option<i64> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Signed { at_micros },
            ..
        } => Some(*at_micros),
        _ => None,
    })
}

fn reason(effects: &[Effect]) -> Reason {
    refused(effects).expect("it is refused").reason.clone()
}

#[test]
fn it_is_kept_once_and_told_again() {
    let (mut bench, id) = sold(Decision::Approved);
    let effects = sign(&mut bench, id, "a");
    let at_micros = signed_at(&effects).expect("it is kept");
    let kept = bench.records.last().expect("a record");
    assert!(matches!(&kept.fact, Fact::Signed { signature } if **signature == *"a"));
    let count = bench.records.len();
    bench.boot_ms += 5_000;
    assert_eq!(signed_at(&sign(&mut bench, id, "a")), Some(at_micros));
    assert_eq!(reason(&sign(&mut bench, id, "b")), Reason::NotAllowed);
    assert_eq!(bench.records.len(), count);
}

#[test]
fn what_was_not_approved_is_not_signed() {
    let (mut bench, id) = sold(Decision::Declined);
    assert_eq!(reason(&sign(&mut bench, id, "a")), Reason::NotAllowed);
    let nobody = TransactionId(Uuid::from_u128(99));
    assert_eq!(
        reason(&sign(&mut bench, nobody, "a")),
        Reason::TransactionNotFound
    );
}

#[test]
fn of_one_that_was_pruned_only_the_answer_is_left() {
    let (mut bench, id) = sold(Decision::Approved);
    let mut left = bench.records.clone();
    left.retain(|record| matches!(record.fact, Fact::Ended(_)));
    for record in &mut left {
        if let Fact::Ended(ending) = &mut record.fact {
            ending.stored = None;
        }
    }
    bench.past = Some(Past {
        records: left,
        ..Past::default()
    });
    let count = bench.records.len();
    assert!(refused(&sign(&mut bench, id, "a")).is_some());
    assert_eq!(bench.records.len(), count);
}

#[test]
fn another_register_s_payment_is_not_there() {
    let (mut bench, id) = sold(Decision::Approved);
    bench.register = "another";
    assert_eq!(
        reason(&sign(&mut bench, id, "a")),
        Reason::TransactionNotFound
    );
}
