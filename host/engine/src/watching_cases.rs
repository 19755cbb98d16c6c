// SPDX-License-Identifier: MIT OR Apache-2.0
//! A reader that watches beside everything else that may happen to it: errands, talks with the card,
//! quotes, changes, cables, gateways that are away.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, approved, authorized, completed, prepared, reader_is, refused, request};
use crate::card::{CardFace, Cards};
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::errands::{Errand, ErrandOrder};
use crate::event::Event;
use crate::gateway::GatewayReply;
use crate::ids::{Opaque, Ticket};
use crate::lease_cases::{alarm, ended, is_lit, news, pay, shown, stopped, watching, wish, with};
use crate::leases::{LeaseNews, LeaseWish, Presentation};
use crate::offline_cases::{away, read_kept, rule, tapped};
use crate::quote::Quote;
use crate::quote_cases::{amex, listing, lists};
use crate::request::{Kind, Part, Request};
use crate::routing::Route;

fn identify() -> Request {
    Request::Identify {
        device: "reader".into(),
        lines: Vec::new(),
    }
}

fn talk(card: Option<&Presentation>) -> Request {
    Request::Errand {
        device: "reader".into(),
        order: ErrandOrder {
            errand: Errand::Apdu,
            command: Opaque(b"{}".to_vec()),
            limit_ms: 1_000,
            presentation: card.map(|card| card.presentation_id.clone()),
        },
    }
}

fn answered(effects: &[Effect]) -> Option<&Answer> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Answer { answer, .. } => Some(answer),
        _ => None,
    })
}

fn reason(effects: &[Effect]) -> &Reason {
    &refused(effects).expect("a refusal").reason
}

fn removed(effects: &[Effect]) -> bool {
    matches!(news(effects)[..], [LeaseNews::Removed { .. }])
}

#[test]
fn an_errand_of_its_register_waits_for_the_end_of_the_watch() {
    let mut bench = watching();
    let (_, watch, _) = bench.reader_call.clone().unwrap();
    let effects = bench.ask(identify());
    assert_eq!(stopped(&effects), [watch]);
    assert!(answered(&effects).is_none());
    // One at a time, and nobody else's.
    assert!(matches!(
        reason(&bench.ask(identify())),
        Reason::DeviceBusy { .. }
    ));
    bench.register = "other";
    assert!(matches!(
        reason(&bench.ask(identify())),
        Reason::DeviceBusy { .. }
    ));
    bench.reader(DeviceReply::Cancelled);
    let Some((_, _, DeviceCommand::Show { .. })) = &bench.reader_call else {
        panic!("{:?}", bench.reader_call)
    };
    let effects = bench.reader(DeviceReply::Shown);
    assert_eq!(answered(&effects), Some(&Answer::Identified));
    alarm(&mut bench, crate::engine::Alarm::Watch);
    assert!(is_lit(&bench), "it watches on");
}

#[test]
fn an_errand_that_nobody_waits_for_is_not_run() {
    let mut bench = watching();
    bench.ask(talk(None));
    bench.step(Event::Forgotten { ticket: Ticket(2) });
    bench.reader(DeviceReply::Cancelled);
    assert!(bench.reader_call.is_none());
}

#[test]
fn the_card_that_lies_there_is_talked_with_and_pays() {
    let mut bench = watching();
    let card = shown(&mut bench);
    // Nothing else meanwhile, and not by others.
    for other in [identify(), talk(None)] {
        assert!(matches!(
            reason(&bench.ask(other)),
            Reason::DeviceBusy {
                until_micros: Some(_),
                ..
            }
        ));
    }
    bench.register = "other";
    assert_eq!(*reason(&bench.ask(talk(Some(&card)))), Reason::NotAllowed);
    bench.register = "register";
    bench.ask(talk(Some(&card)));
    let Some((
        _,
        _,
        DeviceCommand::Errand {
            presentation_id: Some(named),
            ..
        },
    )) = &bench.reader_call
    else {
        panic!("{:?}", bench.reader_call)
    };
    assert_ne!(*named, card.presentation_id, "as the reader names it");
    // Its time is up in the middle of the talk: that may end, and so may a payment wait.
    let effects = alarm(&mut bench, crate::engine::Alarm::Presentation);
    assert!(!removed(&effects));
    let early = bench.money(with(&card, "early", Kind::Sale));
    assert!(matches!(reason(&early), Reason::DeviceBusy { .. }));
    bench.reader(DeviceReply::Done(Opaque(b"{}".to_vec())));
    bench.money(with(&card, "k", Kind::Sale));
    assert!(approved(&pay(&mut bench)).is_some());
    let late = bench.ask(talk(Some(&card)));
    assert_eq!(*reason(&late), Reason::NotAllowed);
}

#[test]
fn a_quote_knows_the_card_that_lies_there() {
    let mut bench = watching();
    bench.step(listing("asking", lists()));
    let (_, watch, _) = bench.reader_call.take().unwrap();
    let reply = DeviceReply::Presented {
        presentation_id: "p".into(),
        entry: crate::card::Entry::Chip,
        card: CardFace {
            masked_pan: "37****1".into(),
            ..amex()
        },
        tip_minor: None,
    };
    let effects = bench.step(Event::DeviceReplied { call: watch, reply });
    let [LeaseNews::Presented(card)] = &news(&effects)[..] else {
        panic!("{effects:?}")
    };
    let quote = Quote {
        gateway: Some("asking".into()),
        price: crate::bench::euros(1_000).total,
        tax: None,
        tip: None,
        cashback_minor: None,
        card: None,
        presentation: Some(card.presentation_id.clone()),
    };
    let effects = bench.ask(Request::Quote(Box::new(quote.clone())));
    let Some(Answer::Quoted(quoted)) = answered(&effects) else {
        panic!("{effects:?}")
    };
    assert_eq!(quoted.surcharge.map(|surcharge| surcharge.minor), Some(15));
    bench.register = "other";
    let effects = bench.ask(Request::Quote(Box::new(quote)));
    assert_eq!(*reason(&effects), Reason::NotAllowed);
    bench.register = "register";
    bench.money(with(card, "k", Kind::Sale));
    assert!(approved(&pay(&mut bench)).is_some(), "it was not used");
}

#[test]
fn others_learn_until_when() {
    let mut bench = watching();
    let until = bench.engine.lent()[0].until_micros;
    bench.register = "other";
    let mut sale = request("k", Kind::Sale, "asking");
    sale.device = Some("reader".into());
    let effects = bench.money(sale);
    let Reason::DeviceBusy { until_micros, .. } = reason(&effects) else {
        panic!("{effects:?}")
    };
    assert_eq!(*until_micros, Some(until));
    // Another reader is free for everybody.
    bench.money(request("k2", Kind::Sale, "asking"));
    assert_eq!(&*bench.reader_call.clone().unwrap().0.0, "spare");
}

#[test]
fn a_register_means_its_own_reader_where_it_names_none() {
    let mut bench = Bench::new();
    let wish = |device: &str| {
        Request::Lend(LeaseWish {
            device: Some(device.into()),
            entries: Vec::new(),
            lease_ms: 600_000,
            watches: false,
        })
    };
    bench.ask(wish("spare"));
    bench.money(request("k", Kind::Sale, "asking"));
    assert_eq!(&*bench.reader_call.clone().unwrap().0.0, "spare");
}

#[test]
fn a_terminal_can_be_kept_and_does_not_watch() {
    let kept = |watches| {
        Request::Lend(LeaseWish {
            device: Some("counter".into()),
            entries: Vec::new(),
            lease_ms: 600_000,
            watches,
        })
    };
    let mut bench = Bench::new();
    assert_eq!(*reason(&bench.ask(kept(true))), Reason::DeviceUnsupported);
    bench.ask(kept(false));
    bench.register = "other";
    let pay = |key| crate::bench::on_terminal(key, Kind::Sale, "counter");
    assert!(matches!(
        reason(&bench.money(pay("k"))),
        Reason::DeviceBusy { .. }
    ));
    bench.register = "register";
    bench.money(pay("k2"));
    assert!(matches!(
        bench.reader_call,
        Some((_, _, DeviceCommand::Pay { .. }))
    ));
}

#[test]
fn a_cable_ends_the_presentation_and_the_end_of_a_device_its_lease() {
    let mut bench = watching();
    let card = shown(&mut bench);
    let effects = bench.step(reader_is("reader", false));
    assert!(removed(&effects));
    let effects = bench.money(with(&card, "k", Kind::Sale));
    assert_eq!(*reason(&effects), Reason::NotAllowed);
    bench.reader(DeviceReply::Failed {
        effect_possible: false,
        reason: "away".into(),
    });
    bench.step(reader_is("reader", true));
    assert!(is_lit(&bench), "the lease goes on");
    let effects = bench.step(Event::DeviceChanged {
        device: "reader".into(),
        status: None,
    });
    assert!(ended(&effects));
}

#[test]
fn a_watch_makes_way_for_a_change_of_its_reader() {
    let aside = || Request::SetAside {
        part: Part::Device("reader".into()),
        wholly: false,
    };
    let mut bench = watching();
    let (_, watch, _) = bench.reader_call.clone().unwrap();
    let effects = bench.ask(aside());
    assert_eq!(stopped(&effects), [watch]);
    assert!(matches!(reason(&effects), Reason::DeviceBusy { .. }));
    bench.reader(DeviceReply::Cancelled);
    let effects = bench.ask(aside());
    assert_eq!(answered(&effects), Some(&Answer::SetAside));
    bench.step(reader_is("reader", true));
    alarm(&mut bench, crate::engine::Alarm::Watch);
    assert!(is_lit(&bench));
    // A customer with a card there comes first.
    shown(&mut bench);
    assert!(matches!(
        reason(&bench.ask(aside())),
        Reason::DeviceBusy { .. }
    ));
}

#[test]
fn the_next_gateway_asks_for_the_card_anew() {
    let mut bench = watching();
    bench.engine.config.gateway = Some("asking".into());
    bench.engine.config.routes = vec![Route {
        cards: Cards::default(),
        currency: None,
        register: None,
        from_minor: None,
        to_minor: None,
        gateway: "mute".into(),
        fallback: vec!["asking".into()],
    }];
    let card = shown(&mut bench);
    let mut sale = with(&card, "k", Kind::Sale);
    sale.gateway = None;
    bench.money(sale);
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Failed {
        sent: false,
        reason: "no line".into(),
    });
    bench.reader(completed(false));
    let Some((_, _, DeviceCommand::Present { again: true, .. })) = &bench.reader_call else {
        panic!("{:?}", bench.reader_call)
    };
    bench.reader(crate::bench::presented());
    assert!(approved(&pay(&mut bench)).is_some());
}

#[test]
fn a_card_that_came_early_is_accepted_while_the_gateway_is_away() {
    let mut bench = watching();
    bench.engine.config.offline = vec![rule()];
    let card = shown(&mut bench);
    away(&mut bench);
    let mut sale = with(&card, "k", Kind::Sale);
    sale.terms.allow_offline = true;
    bench.money(sale);
    bench.reader(tapped());
    bench.reader(completed(true));
    let effects = read_kept(&mut bench, None);
    assert!(approved(&effects).unwrap().accepted_offline);
    bench.register = "other";
    let effects = bench.ask(wish(true));
    assert!(matches!(reason(&effects), Reason::DeviceBusy { .. }));
}
