// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a live gateway takes nothing of, before the reader lights up and once its card is known.

use crate::answer::Reason;
use crate::bench::{Bench, gateway_is, presented, reader_is, refused, request};
use crate::card::Cards;
use crate::device::DeviceCommand;
use crate::event::Event;
use crate::protection::{Protection, Sealing};
use crate::request::{Kind, MoneyRequest};
use crate::routing::Route;

const HPKE: &str = "hpke";
const DUKPT: &str = "dukpt-aes";

fn real(scheme: &str, software: bool, test_keys: bool) -> Protection {
    Protection {
        simulated: false,
        sealing: Some(Sealing {
            scheme: scheme.into(),
            software,
            test_keys,
        }),
    }
}

fn reader(bench: &mut Bench, protection: Protection) {
    let Event::DeviceChanged {
        device,
        status: Some(mut status),
    } = reader_is("reader", true)
    else {
        panic!("a reader")
    };
    status.protection = protection;
    bench.step(Event::DeviceChanged {
        device,
        status: Some(status),
    });
}

fn gateway(bench: &mut Bench, id: &str, live: bool, opens: &[&str]) {
    let Event::GatewayChanged {
        gateway,
        status: Some(mut status),
    } = gateway_is(id, true, true)
    else {
        panic!("a gateway")
    };
    let parameters = status.parameters.as_mut().expect("it is open");
    parameters.live = live;
    parameters.opens = opens.iter().map(|scheme| (*scheme).into()).collect();
    bench.step(Event::GatewayChanged {
        gateway,
        status: Some(status),
    });
}

fn is_sealing(bench: &Bench) -> bool {
    let call = bench.reader_call.as_ref().map(|(_, _, command)| command);
    matches!(call, Some(DeviceCommand::AuthorizeCard { .. }))
}

/// What a sale with this reader at a live gateway that opens everything is refused for.
fn at_live_gateway(protection: Protection, software_allowed: bool) -> Option<(Reason, String)> {
    let mut bench = Bench::new();
    gateway(&mut bench, "asking", true, &[]);
    reader(&mut bench, protection);
    if software_allowed {
        let allowed = &mut bench.engine.config.software_sealing;
        allowed.insert("asking".into());
    }
    let effects = bench.money(request("k", Kind::Sale, "asking"));
    let refused = refused(&effects)?;
    assert!(bench.reader_call.is_none(), "the reader lit up");
    assert!(bench.records.is_empty());
    let detail = refused.detail.as_deref().expect("says what to do");
    Some((refused.reason.clone(), detail.to_owned()))
}

#[test]
fn a_live_gateway_takes_what_a_reader_encrypts_by_itself() {
    assert_eq!(at_live_gateway(real(DUKPT, false, false), false), None);
    assert_eq!(at_live_gateway(real(HPKE, true, false), true), None);
}

#[test]
fn a_live_gateway_takes_nothing_else_and_the_reader_stays_dark() {
    let simulated = Protection {
        simulated: true,
        ..real(DUKPT, false, false)
    };
    let silent = Protection::default();
    let cases = [
        (simulated.clone(), false, Reason::NotAllowed, "simulated"),
        (simulated, true, Reason::NotAllowed, "simulated"),
        (
            real(DUKPT, false, true),
            false,
            Reason::NotAllowed,
            "for tests",
        ),
        (
            real(HPKE, true, true),
            true,
            Reason::NotAllowed,
            "for tests",
        ),
        (
            real(HPKE, true, false),
            false,
            Reason::NotAllowed,
            "allow_software_sealing = true",
        ),
        (
            silent.clone(),
            false,
            Reason::DeviceUnsupported,
            "does not say",
        ),
        (silent, true, Reason::DeviceUnsupported, "does not say"),
    ];
    for (protection, software_allowed, reason, word) in cases {
        let told = format!("{protection:?}");
        let (refused, detail) = at_live_gateway(protection, software_allowed).expect(&told);
        assert_eq!(refused, reason, "{told}");
        assert!(detail.contains(word), "{told}: {detail}");
        assert!(detail.contains("device reader: gateway asking"), "{detail}");
    }
}

#[test]
fn what_a_gateway_does_not_open_is_not_read_for_it_live_or_not() {
    for live in [false, true] {
        let mut bench = Bench::new();
        gateway(&mut bench, "asking", live, &[HPKE]);
        reader(&mut bench, real(DUKPT, false, false));
        let effects = bench.money(request("k", Kind::Sale, "asking"));
        let refused = refused(&effects).expect("it is refused");
        assert_eq!(refused.reason, Reason::DeviceUnsupported);
        let detail = refused.detail.as_deref().unwrap();
        assert!(detail.contains(DUKPT) && detail.contains(HPKE), "{detail}");
        assert!(bench.reader_call.is_none());
    }
}

#[test]
fn a_gateway_for_tests_takes_keys_for_tests_and_software() {
    for protection in [
        real(HPKE, true, true),
        real(DUKPT, false, true),
        Protection::default(),
        Protection {
            simulated: true,
            ..real(HPKE, true, true)
        },
    ] {
        let mut bench = Bench::new();
        reader(&mut bench, protection);
        let effects = bench.money(request("k", Kind::Sale, "asking"));
        assert!(refused(&effects).is_none());
        assert!(bench.reader_call.is_some());
    }
}

/// The card of the bench is routed to the gateway `mute` once it is known.
fn routed() -> (Bench, MoneyRequest) {
    let mut bench = Bench::new();
    bench.engine.config.gateway = Some("asking".into());
    bench.engine.config.routes = vec![Route {
        cards: Cards {
            scheme: Some("mastercard".into()),
            ..Cards::default()
        },
        currency: None,
        register: None,
        from_minor: None,
        to_minor: None,
        gateway: "mute".into(),
        fallback: Vec::new(),
    }];
    let sale = MoneyRequest {
        gateway: None,
        ..request("k", Kind::Sale, "")
    };
    (bench, sale)
}

#[test]
fn routing_cannot_lead_a_card_to_a_gateway_that_may_not_have_it() {
    for (live, opens, reason) in [
        (true, &[][..], Reason::NotAllowed),
        (false, &[DUKPT][..], Reason::DeviceUnsupported),
    ] {
        let (mut bench, sale) = routed();
        reader(&mut bench, real(HPKE, true, true));
        gateway(&mut bench, "mute", live, opens);
        assert!(refused(&bench.money(sale)).is_none());
        let effects = bench.reader(presented());
        let refused = refused(&effects).expect("it is refused");
        assert_eq!(refused.reason, reason);
        assert!(!is_sealing(&bench), "nothing is sealed to it");
        assert!(bench.records.is_empty());
    }
    let (mut bench, sale) = routed();
    reader(&mut bench, real(HPKE, true, true));
    bench.money(sale);
    assert!(refused(&bench.reader(presented())).is_none());
    assert!(is_sealing(&bench), "and is where it may");
}

#[test]
fn what_changed_while_the_card_was_presented_counts() {
    let sale = || request("k", Kind::Sale, "asking");
    let mut bench = Bench::new();
    gateway(&mut bench, "asking", true, &[]);
    reader(&mut bench, real(DUKPT, false, false));
    assert!(refused(&bench.money(sale())).is_none());
    reader(&mut bench, real(DUKPT, false, true));
    let effects = bench.reader(presented());
    assert!(refused(&effects).is_some());
    assert!(!is_sealing(&bench));

    let mut bench = Bench::new();
    reader(&mut bench, real(HPKE, true, true));
    assert!(refused(&bench.money(sale())).is_none());
    gateway(&mut bench, "asking", true, &[]);
    let effects = bench.reader(presented());
    assert!(refused(&effects).is_some());
    assert!(!is_sealing(&bench));
}
