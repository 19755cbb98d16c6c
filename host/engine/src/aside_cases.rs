// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices and gateways that are changed while transactions are open.

use crate::answer::{Answer, Reason};
use crate::bench::{
    Bench, answer, authorized, on_terminal, paid, prepared, presented, reader_is, request,
    terminal_is,
};
use crate::device::DeviceReply;
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::gateway::{Decision, GatewayReply};
use crate::ids::Acceptor;
use crate::record::Fact;
use crate::request::{Kind, Part, Request};

fn said(effects: &[Effect]) -> Result<(), Reason> {
    let said = effects.iter().find_map(|effect| match &effect.action {
        Action::Answer { answer, .. } => Some(answer),
        _ => None,
    });
    match said.expect("whoever asks is answered") {
        Answer::SetAside => Ok(()),
        Answer::Refused { refused, .. } => Err(refused.reason.clone()),
        other => panic!("{other:?}"),
    }
}

fn set_aside(bench: &mut Bench, part: Part, wholly: bool) -> Result<(), Reason> {
    said(&bench.ask(Request::SetAside { part, wholly }))
}

fn device(name: &str) -> Part {
    Part::Device(name.into())
}

fn gateway(name: &str) -> Part {
    Part::Gateway(name.into())
}

fn lost() -> GatewayReply {
    GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    }
}

#[test]
fn what_is_set_aside_takes_nothing_until_it_is_ready_again() {
    let mut bench = Bench::new();
    assert_eq!(set_aside(&mut bench, device("reader"), true), Ok(()));
    let mut sale = request("a", Kind::Sale, "asking");
    sale.device = Some("reader".into());
    assert_eq!(said(&bench.money(sale)), Err(Reason::DeviceUnavailable));
    bench.step(reader_is("reader", true));
    assert_eq!(set_aside(&mut bench, gateway("asking"), true), Ok(()));
    let sale = request("b", Kind::Sale, "asking");
    assert_eq!(said(&bench.money(sale)), Err(Reason::GatewayUnavailable));
    assert!(bench.records.is_empty(), "nothing was begun");
}

#[test]
fn a_reader_is_busy_as_long_as_a_transaction_has_it() {
    let mut bench = Bench::new();
    bench.money(request("a", Kind::Sale, "asking"));
    let (reader, ..) = bench.reader_call.clone().unwrap();
    for wholly in [false, true] {
        let busy = set_aside(&mut bench, Part::Device(reader.clone()), wholly);
        assert!(matches!(busy, Err(Reason::DeviceBusy { .. })), "{busy:?}");
    }
    bench.reader(DeviceReply::Failed {
        effect_possible: true,
        reason: "gone".into(),
    });
    assert_eq!(set_aside(&mut bench, Part::Device(reader), true), Ok(()));
}

#[test]
fn a_terminal_that_owes_a_word_may_come_back_and_not_go() {
    let mut bench = Bench::new();
    bench.money(on_terminal("a", Kind::Sale, "counter"));
    bench.step(terminal_is("counter", false));
    bench.reader(DeviceReply::Failed {
        effect_possible: true,
        reason: "gone".into(),
    });
    let busy = set_aside(&mut bench, device("counter"), true);
    assert!(matches!(busy, Err(Reason::DeviceBusy { .. })), "{busy:?}");
    assert_eq!(set_aside(&mut bench, device("counter"), false), Ok(()));
    // Back, it is asked, and then it may go.
    bench.step(terminal_is("counter", true));
    bench.reader(paid(Decision::Approved, Some(1_000)));
    assert_eq!(set_aside(&mut bench, device("counter"), true), Ok(()));
}

#[test]
fn a_gateway_that_a_reversal_waits_for_may_come_back_and_not_go() {
    let mut bench = Bench::new();
    bench.money(request("a", Kind::Sale, "mute"));
    bench.reader(presented());
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let on_its_way = set_aside(&mut bench, gateway("mute"), false);
    assert!(
        matches!(on_its_way, Err(Reason::UnresolvedTransaction { .. })),
        "{on_its_way:?}"
    );
    bench.gateway(lost());
    bench.gateway(lost());
    let needed = set_aside(&mut bench, gateway("mute"), true);
    assert!(
        matches!(needed, Err(Reason::UnresolvedTransaction { .. })),
        "{needed:?}"
    );
    assert_eq!(set_aside(&mut bench, gateway("mute"), false), Ok(()));
    assert_eq!(set_aside(&mut bench, gateway("asking"), true), Ok(()));
}

#[test]
fn a_new_acceptor_is_for_what_begins_afterwards() {
    let mut bench = Bench::new();
    let acceptor = |name: &str| Acceptor {
        merchant: name.into(),
        terminal: "t".into(),
    };
    bench.money(request("a", Kind::Sale, "asking"));
    bench.step(Event::Configured {
        part: gateway("asking"),
        acceptor: Some(acceptor("new")),
        software_sealing: true,
    });
    let sell = |bench: &mut Bench| {
        bench.reader(presented());
        bench.reader(authorized(false));
        bench.gateway(prepared());
        let intent = bench
            .records
            .iter()
            .rev()
            .find_map(|record| match &record.fact {
                Fact::Intent(intent) => Some(intent.wire.acceptor.clone()),
                _ => None,
            });
        bench.gateway(GatewayReply::Answered(answer(
            Decision::Approved,
            Some(1_000),
        )));
        intent.unwrap()
    };
    assert_eq!(sell(&mut bench), Acceptor::default());
    bench.money(request("b", Kind::Sale, "asking"));
    assert_eq!(sell(&mut bench), acceptor("new"));
    assert!(
        bench
            .engine
            .config
            .software_sealing
            .contains(&"asking".into())
    );
    bench.step(Event::Configured {
        part: gateway("asking"),
        acceptor: None,
        software_sealing: false,
    });
    assert!(bench.engine.config.acceptors.is_empty());
    assert!(bench.engine.config.software_sealing.is_empty());
}
