// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gateways whose reversals need the card's number.

use crate::answer::Reason;
use crate::bench::{Bench, answer, authorized, prepared, presented, refused, request, with_number};
use crate::device::DeviceCommand;
use crate::effect::Action;
use crate::event::Event;
use crate::gateway::{Decision, GatewayCommand, GatewayReply};
use crate::ids::{Kept, TransactionId};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest};
use crate::transaction::Phase;
use uuid::Uuid;

const FIRST: TransactionId = TransactionId(Uuid::from_u128(1));

fn kept() -> Event {
    Event::Kept {
        transaction: FIRST,
        part: Kept::Number,
        refused: None,
    }
}

fn sale() -> MoneyRequest {
    request("key", Kind::Sale, "numbered")
}

fn keeping() -> Bench {
    let mut bench = Bench::new();
    bench.money(sale());
    bench.reader(presented());
    bench.reader(with_number());
    bench.gateway(prepared());
    bench
}

fn authorizing() -> Bench {
    let mut bench = keeping();
    bench.step(kept());
    bench
}

fn lost() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

fn reversing() -> Bench {
    let mut bench = authorizing();
    bench.step(Event::Forgotten {
        ticket: crate::ids::Ticket(1),
    });
    bench.gateway(lost());
    bench
}

fn asks_for_number(bench: &Bench) -> bool {
    match &bench.reader_call {
        Some((_, _, DeviceCommand::AuthorizeCard { seal_number, .. })) => *seal_number,
        other => panic!("{other:?}"),
    }
}

fn with_its_number(bench: &Bench) -> bool {
    match &bench.gateway_call {
        Some((_, GatewayCommand::Reverse { with_number, .. })) => *with_number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_number_is_kept_before_the_intent_and_destroyed_after_the_ending() {
    let mut bench = keeping();
    assert_eq!(bench.numbers, [FIRST]);
    assert!(bench.records.is_empty() && bench.gateway_call.is_none());
    bench.step(kept());
    let Fact::Intent(intent) = &bench.records[0].fact else {
        panic!("{:?}", bench.records)
    };
    assert!(intent.number_kept);
    let approved = GatewayReply::Answered(answer(Decision::Approved, Some(1_000)));
    let effects = bench.gateway(approved);
    let destroy = effects
        .iter()
        .find(|effect| matches!(effect.action, Action::Destroy { .. }));
    // The ending is the last record.
    assert_eq!(destroy.unwrap().after.0, bench.records.len() as u64);
    assert_eq!(bench.destroyed, [FIRST]);
    // A word that comes twice changes nothing.
    assert!(bench.step(kept()).is_empty());
}

#[test]
fn only_what_can_be_reversed_at_such_a_gateway_wants_it() {
    for (gateway, kind, wanted) in [
        ("numbered", Kind::Sale, true),
        ("numbered", Kind::RefundUnreferenced, true),
        ("numbered", Kind::Verify, false),
        ("asking", Kind::Sale, false),
    ] {
        let mut bench = Bench::new();
        bench.money(request("key", kind, gateway));
        bench.reader(presented());
        assert_eq!(asks_for_number(&bench), wanted, "{kind:?} at {gateway}");
        // One that nobody asked for goes no further.
        bench.reader(with_number());
        bench.gateway(prepared());
        assert_eq!(!bench.numbers.is_empty(), wanted, "{kind:?} at {gateway}");
    }
}

#[test]
fn a_reader_that_does_not_seal_it_apart_cannot_be_used() {
    let mut bench = Bench::new();
    bench.money(sale());
    bench.reader(presented());
    let effects = bench.reader(authorized(false));
    let refused = refused(&effects).unwrap();
    assert_eq!(refused.reason, Reason::DeviceUnsupported);
    assert!(refused.detail.as_ref().unwrap().contains("another reader"));
    assert!(bench.engine.open.is_empty() && bench.gateway_call.is_none());
}

#[test]
fn a_vault_that_cannot_keep_it_refuses_the_payment() {
    let mut bench = keeping();
    let effects = bench.step(Event::Kept {
        transaction: FIRST,
        part: Kept::Number,
        refused: Some("no space left".into()),
    });
    let refused = refused(&effects).unwrap();
    assert_eq!(refused.reason, Reason::JournalUnavailable);
    assert!(refused.retry_after_ms.is_some());
    assert!(refused.detail.as_ref().unwrap().contains("no space left"));
    assert!(bench.records.is_empty() && bench.gateway_call.is_none());
    assert_eq!(bench.destroyed, [FIRST]);
}

#[test]
fn a_reversal_takes_it_along_until_it_is_acknowledged() {
    let mut bench = reversing();
    assert!(with_its_number(&bench));
    bench.gateway(lost());
    assert_eq!(bench.destroyed, []);
    bench.boot_ms += 600_000;
    bench.restart();
    assert!(with_its_number(&bench));
    let effects = bench.gateway(GatewayReply::Reversed);
    let destroy = effects
        .iter()
        .find(|effect| matches!(effect.action, Action::Destroy { .. }));
    assert_eq!(destroy.unwrap().after.0, bench.records.len() as u64);
    assert_eq!(bench.destroyed, [FIRST]);
}

#[test]
fn without_a_number_the_reversal_goes_as_it_always_did() {
    let mut bench = Bench::new();
    bench.money(request("key", Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(true));
    bench.gateway(prepared());
    bench.gateway(lost());
    assert!(!with_its_number(&bench));
    bench.gateway(GatewayReply::Reversed);
    assert_eq!(
        (&bench.numbers[..], &bench.destroyed[..]),
        (&[][..], &[][..])
    );
}

#[test]
fn a_lost_number_is_left_to_a_person_who_ends_it() {
    let mut bench = reversing();
    bench.gateway(GatewayReply::NumberLost {
        reason: "its key is gone".into(),
    });
    let transaction = &bench.engine.open[&FIRST];
    assert_eq!(transaction.phase, Phase::NeedsOperator);
    let Some(Fact::NeedsOperator { reason }) = bench.records.last().map(|record| &record.fact)
    else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(&**reason, "its key is gone");
    assert_eq!(bench.destroyed, []);
    let resolve = crate::request::Resolve {
        transaction_id: FIRST,
        outcome: crate::answer::Outcome::Failed,
        evidence: "the gateway's portal".into(),
        operator: "Ada".into(),
    };
    bench.ask(crate::request::Request::Resolve(Box::new(resolve)));
    assert_eq!(bench.destroyed, [FIRST]);
}

#[test]
fn a_start_destroys_what_a_crash_left_of_a_decided_transaction() {
    let mut bench = Bench::new();
    let mut asked = sale();
    asked.order = Some(r#"{"basket":[]}"#.into());
    bench.money(asked);
    bench.reader(presented());
    bench.reader(with_number());
    bench.gateway(prepared());
    bench.step(kept());
    bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(1_000),
    )));
    assert_eq!(bench.engine.open[&FIRST].phase, Phase::Reporting);
    bench.destroyed.clear();
    bench.restart();
    assert_eq!(bench.destroyed, [FIRST]);
}

#[test]
fn what_waits_its_turn_again_keeps_it_once() {
    let mut bench = keeping();
    // Somebody else's reversal came in between.
    let mut status = bench.engine.gateways[&"numbered".into()].clone();
    status.parameters.as_mut().unwrap().reversal_before_next = true;
    bench.step(Event::GatewayChanged {
        gateway: "numbered".into(),
        status: Some(status),
    });
    let other = TransactionId(Uuid::from_u128(77));
    let mut blocking = reversing().engine.open.remove(&FIRST).unwrap();
    blocking.id = other;
    blocking.acceptor = bench.engine.open[&FIRST].acceptor.clone();
    bench.engine.open.insert(other, blocking);
    bench.step(kept());
    assert!(matches!(
        bench.engine.open[&FIRST].phase,
        Phase::AwaitingTurn(Some(_))
    ));
    bench.engine.open.remove(&other);
    bench.step(Event::Forgotten {
        ticket: crate::ids::Ticket(99),
    });
    bench.gateway(prepared());
    assert_eq!(bench.numbers, [FIRST]);
    assert!(matches!(
        bench.gateway_call,
        Some((_, GatewayCommand::Authorize { .. }))
    ));
}
