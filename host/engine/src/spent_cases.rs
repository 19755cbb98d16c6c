// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers that repeat a key.

use crate::answer::Reason;
use crate::bench::{Bench, answer, prepared, presented, refused, request, spending, spent_key};
use crate::device::DeviceReply;
use crate::effect::Effect;
use crate::gateway::{Decision, GatewayReply};
use crate::ids::{IdempotencyKey, Position, TransactionId};
use crate::record::{Fact, Past};
use crate::request::Kind;
use crate::states::sale;
use uuid::Uuid;

fn reads(bench: &mut Bench, key: &str, serials: &[&str]) -> Vec<Effect> {
    bench.money(request(key, Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(spending(serials))
}

fn approve(bench: &mut Bench) {
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(1_000),
    )));
}

/// The reader has shown how it ended.
fn shown(bench: &mut Bench) {
    bench.reader(DeviceReply::Completed {
        accepted: false,
        tags: Default::default(),
    });
}

fn assert_repeated(effects: &[Effect], by: &str) {
    let refused = refused(effects).unwrap();
    assert_eq!(refused.reason, Reason::CardError);
    let detail = refused.detail.as_ref().unwrap();
    assert!(detail.contains("slot main"), "{detail}");
    assert!(detail.contains(by), "{detail}");
    assert!(detail.contains("nothing was sent"), "{detail}");
}

#[test]
fn the_intent_names_the_keys_and_the_next_transaction_with_one_is_refused() {
    let mut bench = Bench::new();
    reads(&mut bench, "first", &["AQ==", "Ag=="]);
    approve(&mut bench);
    shown(&mut bench);
    let Fact::Intent(intent) = &bench.records[0].fact else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(intent.spent, [spent_key("AQ=="), spent_key("Ag==")]);
    let effects = reads(&mut bench, "second", &["Aw==", "Ag=="]);
    let first = TransactionId(Uuid::from_u128(1)).to_string();
    assert_repeated(&effects, &first);
    assert!(bench.gateway_call.is_none());
    shown(&mut bench);
    // What the second one did not spend, the third one may.
    let effects = reads(&mut bench, "third", &["Aw=="]);
    assert_eq!(refused(&effects), None);
    assert!(bench.gateway_call.is_some());
}

#[test]
fn a_key_that_the_journal_knows_is_spent_and_so_is_one_of_a_pruned_transaction() {
    let old = TransactionId(Uuid::from_u128(99));
    let pruned = Past {
        records: Vec::new(),
        ..Past::default()
    };
    let known = [
        (sale(old), old.to_string()),
        (pruned, "an earlier transaction".into()),
    ];
    for (past, by) in known {
        let mut bench = Bench::new();
        bench.spent_before = Some(past);
        let effects = reads(&mut bench, "key", &["AQ=="]);
        assert_repeated(&effects, &by);
        assert!(bench.gateway_call.is_none());
    }
}

#[test]
fn a_key_is_taken_while_the_journal_looks_and_free_again_when_nothing_was_sent() {
    let mut bench = Bench::new();
    bench.holds_spent = true;
    reads(&mut bench, "first", &["AQ=="]);
    bench.cancel("first");
    shown(&mut bench);
    let effects = reads(&mut bench, "second", &["AQ=="]);
    assert_eq!(refused(&effects), None);
    // The journal's word on the first one comes late, and means nothing to the second.
    assert!(bench.held_recall.is_some());
    assert!(bench.gateway_call.is_none());
}

#[test]
fn another_reader_has_keys_of_its_own_and_other_reads_are_not_looked_up() {
    let mut bench = Bench::new();
    reads(&mut bench, "first", &["AQ=="]);
    approve(&mut bench);
    let mut on_spare = request("second", Kind::Sale, "asking");
    on_spare.device = Some("spare".into());
    bench.money(on_spare);
    bench.reader(presented());
    let effects = bench.reader(spending(&["AQ=="]));
    assert_eq!(refused(&effects), None);

    let mut bench = Bench::new();
    bench.holds_spent = true;
    reads(&mut bench, "plain", &[]);
    assert!(bench.held_recall.is_none() && bench.gateway_call.is_some());
}

#[test]
fn after_a_restart_the_keys_of_open_transactions_are_known() {
    let mut bench = Bench::new();
    reads(&mut bench, "first", &["AQ=="]);
    bench.gateway(prepared());
    bench.restart();
    assert!(!bench.engine.open.is_empty());
    let mut again = request("second", Kind::Sale, "asking");
    again.despite = bench.engine.open.keys().copied().collect();
    again.key = IdempotencyKey::from("second");
    bench.money(again);
    bench.reader(presented());
    let effects = bench.reader(spending(&["AQ=="]));
    assert_repeated(&effects, "transaction");
}

#[test]
fn keys_are_forgotten_with_their_transaction_once_the_journal_can_tell() {
    let mut bench = Bench::new();
    let most = crate::limits::RECENT_MAX;
    for number in 0..=most {
        let serial = number.to_string();
        reads(&mut bench, &serial, &[&serial]);
        approve(&mut bench);
        shown(&mut bench);
    }
    bench.step(crate::event::Event::Durable(Position(u64::MAX)));
    // The first one is the journal's now.
    bench.spent_before = Some(sale(TransactionId(Uuid::from_u128(99))));
    let effects = reads(&mut bench, "again", &["0"]);
    assert_repeated(&effects, &TransactionId(Uuid::from_u128(99)).to_string());
    shown(&mut bench);
    bench.spent_before = None;
    let effects = reads(&mut bench, "and again", &["9"]);
    assert_repeated(&effects, &TransactionId(Uuid::from_u128(10)).to_string());
}
