// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lives of the journal, and clocks that people and batteries set.

use crate::answer::{Reason, ResolutionState};
use crate::bench::{
    Bench, authorized, on_terminal, prepared, presented, refused, request, terminal_is,
};
use crate::device::DeviceReply;
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::gateway::GatewayReply;
use crate::ids::{IdempotencyKey, Position, Ticket, TransactionId};
use crate::record::Epoch;
use crate::request::{Kind, Request};
use crate::time::Now;
use crate::transaction::Phase;
use uuid::Uuid;

/// A UUID of version 7, made at this millisecond.
fn key_made_at(millis: u64) -> String {
    let bits = (u128::from(millis) << 80) | (7 << 76) | (2 << 62) | 99;
    Uuid::from_u128(bits).to_string()
}

const BEGAN: u64 = 1_800_000_000_000;

#[test]
fn a_key_older_than_the_journal_is_never_new() {
    let mut bench = Bench::new();
    let sale = |key: &str| request(key, Kind::Sale, "asking");
    let old = key_made_at(BEGAN - 1);
    // The first life of a journal knows every key.
    assert_eq!(refused(&bench.money(sale(&old))), None);
    let mut bench = Bench::new();
    bench.engine.epoch = Epoch {
        number: 1,
        began_micros: i64::try_from(BEGAN).unwrap() * 1_000,
    };
    let effects = bench.money(sale(&old));
    let told = refused(&effects).unwrap();
    assert_eq!(told.reason, Reason::OutcomeUnknown);
    let resolution = told.resolution.unwrap();
    assert_eq!(resolution.state, ResolutionState::NeedsOperator);
    assert!(told.detail.as_ref().unwrap().contains("older"));
    assert!(bench.reader_call.is_none() && bench.engine.open.is_empty());
    // Again, and upper case or without dashes as well.
    for spelled in [old.clone(), old.to_uppercase(), old.replace('-', "")] {
        let effects = bench.money(sale(&spelled));
        assert_eq!(refused(&effects).unwrap().reason, Reason::OutcomeUnknown);
    }
    let random = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a";
    for new in [&key_made_at(BEGAN), "receipt 12", random] {
        let effects = bench.money(sale(new));
        assert_eq!(refused(&effects), None);
        bench.cancel(new);
        bench.reader(crate::device::DeviceReply::Cancelled);
    }
}

#[test]
fn only_version_7_says_when_a_key_was_made() {
    let made = |key: &str| IdempotencyKey::from(key).made_micros();
    assert_eq!(made(&key_made_at(5)), Some(5_000));
    assert_eq!(made("0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"), None);
    assert_eq!(made("017f22e2"), None);
}

fn ask(ticket: u64, request: crate::request::MoneyRequest) -> Event {
    Event::Asked {
        ticket: Ticket(ticket),
        caller: crate::bench::caller(),
        transaction_id: TransactionId(Uuid::from_u128(u128::from(ticket))),
        request: Request::Money(Box::new(request)),
    }
}

fn dates(effects: &[Effect]) -> Vec<i64> {
    let dates = effects.iter().filter_map(|effect| match &effect.action {
        Action::Append { record, .. } => Some(record.at_micros),
        _ => None,
    });
    dates.collect()
}

#[test]
fn no_record_is_dated_before_the_one_before_it() {
    let mut bench = Bench::new();
    bench.engine.last_at_micros = 9_000_000;
    let effects = bench.money(on_terminal("k", Kind::Sale, "counter"));
    assert!(bench.now().wall_micros < 9_000_000);
    assert_eq!(dates(&effects), [9_000_000]);
    bench.boot_ms = 10_000;
    let effects = bench.reader(crate::bench::paid(
        crate::gateway::Decision::Approved,
        Some(1_000),
    ));
    assert_eq!(dates(&effects), [10_000_000, 10_000_000]);
}

/// A sale that is unknown since boot time 0, and a second try of it so much later.
fn tried_again(boot_ms: u64, wall_micros: i64, wall_trusted: bool) -> Option<Reason> {
    let mut bench = Bench::new();
    bench.money(request("k", Kind::Sale, "asking"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    });
    let now = Now {
        boot_ms,
        wall_micros,
        wall_trusted,
    };
    let mut request = request("again", Kind::Sale, "asking");
    request.device = Some("spare".into());
    let effects = bench.engine.step(now, ask(90, request));
    let recall = effects.iter().find_map(|effect| match effect.action {
        Action::Recall { recall, .. } => Some(recall),
        _ => None,
    });
    let recalled = Event::Recalled {
        recall: recall.unwrap(),
        past: None,
    };
    let effects = bench.engine.step(now, recalled);
    assert!(bench.engine.position() >= Position(1));
    refused(&effects).map(|refused| refused.reason.clone())
}

#[test]
fn the_guard_takes_the_larger_age() {
    const MINUTE: u64 = 60_000;
    let micros = |millis: u64| i64::try_from(millis).unwrap() * 1_000;
    let guards =
        |reason: Option<Reason>| matches!(reason, Some(Reason::UnresolvedTransaction { .. }));
    assert!(guards(tried_again(10 * MINUTE, micros(10 * MINUTE), true)));
    assert!(!guards(tried_again(16 * MINUTE, micros(16 * MINUTE), true)));
    // Set back, set forward, and set forward by nobody who knows.
    assert!(!guards(tried_again(17 * MINUTE, 0, true)));
    assert!(!guards(tried_again(2 * MINUTE, micros(20 * MINUTE), true)));
    assert!(guards(tried_again(2 * MINUTE, micros(20 * MINUTE), false)));
}

#[test]
fn after_a_reboot_the_guard_counts_from_the_start_where_the_wall_clock_is_no_use() {
    let mut bench = Bench::new();
    bench.boot_ms = 50 * 60_000;
    bench.money(on_terminal("k", Kind::Sale, "deaf"));
    bench.boot_ms = 1_000;
    bench.restart();
    assert!(
        bench
            .engine
            .open
            .values()
            .all(|open| open.known_boot_ms == 1_000)
    );
    let effects = bench.money(on_terminal("again", Kind::Sale, "counter"));
    let told = refused(&effects).map(|refused| &refused.reason);
    assert!(matches!(told, Some(Reason::UnresolvedTransaction { .. })));
}

#[test]
fn a_terminal_that_knows_its_last_payment_only_cannot_deny_one_of_a_former_journal() {
    for (device, left_to_people) in [("old", true), ("counter", false)] {
        let mut bench = Bench::new();
        bench.money(on_terminal("pay", Kind::Sale, device));
        bench.boot_ms += 60_000;
        bench.restart_with(|bench| {
            bench.engine.epoch = Epoch {
                number: 1,
                began_micros: bench.now().wall_micros,
            };
            bench.step(terminal_is(device, true));
        });
        bench.reader(DeviceReply::NotFound);
        let open = bench.engine.open.values().next();
        let waits = open.is_some_and(|open| open.phase == Phase::NeedsOperator);
        assert_eq!(waits, left_to_people, "{device}");
    }
}
