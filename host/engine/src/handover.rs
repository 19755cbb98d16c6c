// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader goes from one sale to the next while it still shows how the first one ended.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, answer, authorized, completed, prepared, presented, reader_is, request};
use crate::device::{DeviceCommand, DeviceReply, IssuerAnswer};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::gateway::{Decision, GatewayReply};
use crate::ids::TransactionId;
use crate::request::{Kind, MoneyRequest, Request};
use uuid::Uuid;

fn on(key: &str, reader: &str) -> MoneyRequest {
    MoneyRequest {
        device: Some(reader.into()),
        ..request(key, Kind::Sale, "asking")
    }
}

/// A sale that was declined; its reader still says so.
fn declined() -> Bench {
    let mut bench = Bench::new();
    bench.money(on("first", "reader"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Answered(answer(Decision::Declined, None)));
    let (_, _, command) = bench.reader_call.as_ref().unwrap();
    assert!(matches!(
        command,
        DeviceCommand::Complete {
            answer: IssuerAnswer::Declined { .. },
            ..
        }
    ));
    bench
}

fn presents(effects: &[Effect]) -> Vec<TransactionId> {
    let commands = effects.iter().filter_map(|effect| match &effect.action {
        Action::CallDevice { command, .. } => Some(&**command),
        _ => None,
    });
    let presents = commands.filter_map(|command| match command {
        DeviceCommand::Present { transaction_id, .. } => Some(*transaction_id),
        _ => None,
    });
    presents.collect()
}

fn refusal(effects: &[Effect]) -> Option<&Reason> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => Some(&refused.reason),
        _ => None,
    })
}

fn id(number: u128) -> TransactionId {
    TransactionId(Uuid::from_u128(number))
}

#[test]
fn the_next_sale_has_the_reader_at_once_and_calls_it_when_it_is_done() {
    let mut bench = declined();
    let effects = bench.money(on("second", "reader"));
    assert_eq!((refusal(&effects), presents(&effects)), (None, vec![]));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect.action, Action::Progress { .. }))
    );
    // It is the second one's now.
    let third = bench.money(on("third", "reader"));
    let Some(Reason::DeviceBusy { transaction_id, .. }) = refusal(&third) else {
        panic!("{third:?}")
    };
    assert_eq!(*transaction_id, Some(id(2)));
    let effects = bench.reader(completed(true));
    assert_eq!(presents(&effects), [id(2)]);
    let effects = bench.reader(presented());
    assert!(matches!(
        bench.reader_call.as_ref().unwrap().2,
        DeviceCommand::AuthorizeCard { .. }
    ));
    assert_eq!(refusal(&effects), None);
}

#[test]
fn a_sale_that_stops_waiting_leaves_the_reader_to_the_next() {
    let mut bench = declined();
    bench.money(on("second", "reader"));
    let effects = bench.cancel("second");
    assert_eq!(refusal(&effects), Some(&Reason::Cancelled));
    assert_eq!(refusal(&bench.money(on("third", "reader"))), None);
    let effects = bench.reader(completed(true));
    assert_eq!(presents(&effects), [id(4)]);
    bench.cancel("third");
    bench.reader(DeviceReply::Cancelled);
    assert!(bench.engine.is_quiet());
}

#[test]
fn an_idle_reader_comes_before_one_that_finishes_and_that_before_a_busy_one() {
    let mut bench = declined();
    let effects = bench.money(request("second", Kind::Sale, "asking"));
    assert_eq!(presents(&effects), [id(2)]);
    let on_spare = effects.iter().any(|effect| {
        matches!(&effect.action, Action::CallDevice { device, .. } if *device == "spare".into())
    });
    assert!(on_spare);
    let effects = bench.money(request("third", Kind::Sale, "asking"));
    assert_eq!((refusal(&effects), presents(&effects)), (None, vec![]));
    let effects = bench.money(request("fourth", Kind::Sale, "asking"));
    assert!(matches!(refusal(&effects), Some(Reason::DeviceBusy { .. })));
}

#[test]
fn a_reader_that_finishes_and_is_gone_is_not_to_be_had() {
    let mut bench = declined();
    bench.step(reader_is("reader", false));
    let effects = bench.money(on("second", "reader"));
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
    bench.step(reader_is("reader", true));
    bench.money(on("third", "reader"));
    // It goes while the third one waits for it.
    bench.step(reader_is("reader", false));
    let failed = || DeviceReply::Failed {
        effect_possible: false,
        reason: "gone".into(),
    };
    bench.reader(failed());
    let effects = bench.reader(failed());
    assert_eq!(refusal(&effects), Some(&Reason::DeviceUnavailable));
    assert!(bench.engine.is_quiet());
}

#[test]
fn a_stopping_host_ends_a_sale_that_waits_for_its_reader() {
    let mut bench = declined();
    bench.money(on("second", "reader"));
    let effects = bench.step(Event::Stopping);
    assert_eq!(refusal(&effects), Some(&Reason::HostStopping));
    assert!(!bench.engine.is_quiet());
    bench.reader(completed(true));
    assert!(bench.engine.is_quiet());
}

#[test]
fn a_sale_that_waits_is_refused_once_its_basket_is_unknown() {
    let mut bench = Bench::new();
    // On the other reader, the first try of the basket is with the gateway.
    bench.money(on("first", "spare"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let (gateway_call, _) = bench.gateway_call.take().unwrap();
    bench.money(on("other", "reader"));
    bench.reader(presented());
    bench.cancel("other");
    bench.reader(completed(true));
    let showing = bench.reader_call.clone();
    assert!(matches!(
        showing,
        Some((_, _, DeviceCommand::Complete { .. }))
    ));
    assert_eq!(refusal(&bench.money(on("again", "reader"))), None);
    bench.step(Event::GatewayReplied {
        call: gateway_call,
        reply: GatewayReply::Failed {
            sent: true,
            reason: "line".into(),
        },
    });
    let effects = bench.reader(completed(true));
    assert_eq!(presents(&effects), []);
    let unknown = Reason::UnresolvedTransaction {
        transaction_id: id(1),
    };
    assert_eq!(refusal(&effects), Some(&unknown));
}

#[test]
fn a_person_who_looks_for_a_reader_waits_until_it_is_idle() {
    let mut bench = declined();
    let identify = || Request::Identify {
        device: "reader".into(),
        lines: Vec::new(),
    };
    let effects = bench.ask(identify());
    assert!(matches!(refusal(&effects), Some(Reason::DeviceBusy { .. })));
    bench.reader(completed(true));
    assert_eq!(refusal(&bench.ask(identify())), None);
    // A sale waits for that as well.
    assert_eq!(refusal(&bench.money(on("second", "reader"))), None);
    let effects = bench.reader(DeviceReply::Shown);
    assert_eq!(presents(&effects), [id(4)]);
}
