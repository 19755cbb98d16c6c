// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device on an errand: one at a time, never together with a payment, and called back when
//! nobody waits.

use super::{Errand, ErrandOrder};
use crate::answer::{Answer, Reason};
use crate::bench::{Bench, request};
use crate::device::{CardRefusal, DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::ids::{Opaque, Ticket};
use crate::request::{Kind, MoneyRequest, Request};

fn sale_request(key: &str) -> MoneyRequest {
    request(key, Kind::Sale, "asking")
}

fn answers(effects: &[Effect]) -> Vec<(Ticket, &Answer)> {
    let answer = |effect: &'_ Effect| match &effect.action {
        Action::Answer { ticket, .. } => Some(*ticket),
        _ => None,
    };
    let tickets = effects.iter().filter_map(answer);
    let told = effects.iter().filter_map(|effect| match &effect.action {
        Action::Answer { answer, .. } => Some(answer),
        _ => None,
    });
    tickets.zip(told).collect()
}

fn refusal(effects: &[Effect]) -> Option<&Reason> {
    match answers(effects)[..] {
        [(_, Answer::Refused { refused, .. })] => Some(&refused.reason),
        _ => None,
    }
}

fn order(errand: Errand) -> Request {
    Request::Errand {
        device: "reader".into(),
        order: ErrandOrder {
            errand,
            command: Opaque(b"{}".to_vec()),
            limit_ms: 1_000,
            presentation: None,
        },
    }
}

#[test]
fn an_idle_device_goes_and_comes_back_with_its_answer() {
    for errand in [Errand::Settings, Errand::Apdu] {
        let mut bench = Bench::new();
        bench.ask(order(errand));
        let (_, _, command) = bench.reader_call.clone().unwrap();
        assert!(matches!(command, DeviceCommand::Errand { .. }));
        assert!(matches!(
            refusal(&bench.ask(order(Errand::Settings))),
            Some(Reason::DeviceBusy { .. })
        ));
        let told = Opaque(b"{}".to_vec());
        let effects = bench.reader(DeviceReply::Done(told.clone()));
        let told = Answer::ErrandDone(told);
        assert_eq!(answers(&effects), [(Ticket(1), &told)]);
        assert!(bench.engine.is_quiet());
    }
}

#[test]
fn no_payment_waits_for_a_card_that_does_not_pay() {
    let mut bench = Bench::new();
    bench.ask(order(Errand::Apdu));
    let mut sale = sale_request("k");
    sale.device = Some("reader".into());
    assert!(matches!(
        refusal(&bench.money(sale)),
        Some(Reason::DeviceBusy { .. })
    ));
}

#[test]
fn a_device_that_takes_a_payment_goes_nowhere() {
    let mut bench = Bench::new();
    bench.money(sale_request("k"));
    assert!(matches!(
        refusal(&bench.ask(order(Errand::Apdu))),
        Some(Reason::DeviceBusy { .. })
    ));
}

#[test]
fn what_stands_in_the_way_is_said() {
    for (reply, reason) in [
        (DeviceReply::Unsupported, Reason::DeviceUnsupported),
        (DeviceReply::Cancelled, Reason::Cancelled),
        (said_no(CardRefusal::NoCard), Reason::TimedOut),
        (said_no(CardRefusal::CancelledOnDevice), Reason::Cancelled),
        (said_no(CardRefusal::CardRemoved), Reason::CardError),
        (said_no(CardRefusal::Other), Reason::NotAllowed),
    ] {
        let mut bench = Bench::new();
        bench.ask(order(Errand::Apdu));
        assert_eq!(refusal(&bench.reader(reply)), Some(&reason));
        assert!(bench.engine.is_quiet());
    }
}

fn said_no(refusal: CardRefusal) -> DeviceReply {
    DeviceReply::Refused {
        refusal,
        text: "no".into(),
    }
}

#[test]
fn a_register_that_goes_away_calls_its_device_back() {
    let mut bench = Bench::new();
    bench.ask(order(Errand::Apdu));
    let effects = bench.step(Event::Forgotten { ticket: Ticket(1) });
    let is_cancel = |action: &Action| matches!(action, Action::CancelDevice { .. });
    assert!(effects.iter().any(|effect| is_cancel(&effect.action)));
    let effects = bench.reader(DeviceReply::Cancelled);
    assert_eq!(answers(&effects), []);
    assert!(bench.engine.is_quiet());
    assert_eq!(refusal(&bench.money(sale_request("k"))), None);
}
