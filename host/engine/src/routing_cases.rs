// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes: which gateway a card is sealed to, and what is checked of it first.

use crate::answer::Reason;
use crate::bench::{
    Bench, answer, approved, authorized, euros, gateway_is, prepared, presented, refused, request,
};
use crate::card::Cards;
use crate::device::{DeviceCommand, DeviceReply};
use crate::event::Event;
use crate::gateway::{Ability, Decision, GatewayParameters, GatewayReply};
use crate::ids::{Acceptor, GatewayId};
use crate::money::Currency;
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest};
use crate::routing::Route;

fn route(gateway: &str) -> Route {
    Route {
        cards: Cards::default(),
        currency: None,
        register: None,
        from_minor: None,
        to_minor: None,
        gateway: gateway.into(),
        fallback: Vec::new(),
    }
}

fn of_scheme(scheme: &str, gateway: &str) -> Route {
    Route {
        cards: Cards {
            scheme: Some(scheme.into()),
            ..Cards::default()
        },
        ..route(gateway)
    }
}

fn till(routes: Vec<Route>) -> Bench {
    let mut bench = Bench::new();
    bench.engine.config.gateway = Some("asking".into());
    bench.engine.config.routes = routes;
    bench
}

/// Names no gateway.
fn sale() -> MoneyRequest {
    MoneyRequest {
        gateway: None,
        ..request("k", Kind::Sale, "")
    }
}

fn sealed_to(bench: &Bench) -> Option<GatewayId> {
    match bench.reader_call.as_ref().map(|(_, _, command)| command) {
        Some(DeviceCommand::AuthorizeCard { recipient, .. }) => Some(recipient.gateway.clone()),
        _ => None,
    }
}

/// A gateway as it was, but for this.
fn changed(bench: &mut Bench, gateway: &str, change: impl FnOnce(&mut GatewayParameters)) {
    let Event::GatewayChanged {
        gateway,
        status: Some(mut status),
    } = gateway_is(gateway, false, true)
    else {
        panic!("a gateway")
    };
    change(status.parameters.as_mut().unwrap());
    bench.step(Event::GatewayChanged {
        gateway,
        status: Some(status),
    });
}

#[test]
fn a_card_goes_to_the_gateway_of_its_scheme() {
    let mut bench = till(vec![of_scheme("mastercard", "mute")]);
    let acceptor = Acceptor {
        merchant: "m".into(),
        terminal: "t".into(),
    };
    bench
        .engine
        .config
        .acceptors
        .insert("mute".into(), acceptor.clone());
    bench.money(sale());
    bench.reader(presented());
    assert_eq!(sealed_to(&bench), Some("mute".into()));
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let Some(Fact::Intent(intent)) = bench.records.last().map(|record| &record.fact) else {
        panic!("{:?}", bench.records)
    };
    assert_eq!(intent.gateway, Some("mute".into()));
    assert_eq!(intent.wire.acceptor, acceptor);
    let effects = bench.gateway(GatewayReply::Answered(answer(
        Decision::Approved,
        Some(1_000),
    )));
    assert_eq!(approved(&effects).unwrap().gateway, Some("mute".into()));
}

#[test]
fn the_first_route_that_fits_counts() {
    let register = |register: &str| Route {
        register: Some(register.into()),
        ..route("mute")
    };
    let total = |from, to| Route {
        from_minor: from,
        to_minor: to,
        ..route("mute")
    };
    let currency = |currency| Route {
        currency: Some(currency),
        ..route("mute")
    };
    for (routes, gateway) in [
        (vec![], "asking"),
        (vec![of_scheme("visa", "mute")], "asking"),
        (
            vec![of_scheme("visa", "asking"), of_scheme("mastercard", "mute")],
            "mute",
        ),
        (
            vec![of_scheme("mastercard", "asking"), route("mute")],
            "asking",
        ),
        (vec![route("mute")], "mute"),
        (vec![register("register")], "mute"),
        (vec![register("other")], "asking"),
        (vec![total(Some(1_000), Some(1_000))], "mute"),
        (vec![total(Some(1_001), None)], "asking"),
        (vec![total(None, Some(999))], "asking"),
        (vec![currency(Currency::EUR)], "mute"),
        (vec![currency(Currency::GBP)], "asking"),
    ] {
        let mut bench = till(routes.clone());
        bench.money(sale());
        bench.reader(presented());
        assert_eq!(sealed_to(&bench), Some(gateway.into()), "{routes:?}");
    }
}

#[test]
fn a_request_that_names_a_gateway_gets_it() {
    let mut bench = till(vec![route("mute")]);
    bench.money(request("k", Kind::Sale, "asking"));
    bench.reader(presented());
    assert_eq!(sealed_to(&bench), Some("asking".into()));
}

#[test]
fn the_tip_counts_for_the_route() {
    let big = Route {
        from_minor: Some(1_500),
        ..route("mute")
    };
    let mut bench = till(vec![big]);
    bench.money(MoneyRequest {
        amount_max: Some(euros(2_000).total),
        ..sale()
    });
    let mut reply = presented();
    if let DeviceReply::Presented { tip_minor, .. } = &mut reply {
        *tip_minor = Some(500);
    }
    bench.reader(reply);
    assert_eq!(sealed_to(&bench), Some("mute".into()));
}

#[test]
fn what_needs_no_card_to_be_known_is_decided_at_once() {
    // The default gateway takes no pounds; it is never asked about them.
    let pounds = Route {
        currency: Some(Currency::GBP),
        ..route("mute")
    };
    let mut bench = till(vec![of_scheme("visa", "asking"), pounds]);
    changed(&mut bench, "mute", |parameters| {
        parameters.currencies = vec![Currency::GBP];
    });
    let mut asked = sale();
    asked.amounts.as_mut().unwrap().total.currency = Currency::GBP;
    let effects = bench.money(asked);
    assert!(refused(&effects).is_none(), "{effects:?}");
    bench.reader(presented());
    assert_eq!(sealed_to(&bench), Some("mute".into()));
}

#[test]
fn a_gateway_that_cannot_take_it_gets_nothing() {
    type Change = fn(&mut Bench);
    let down: Change = |bench| drop(bench.step(gateway_is("mute", false, false)));
    let no_euros: Change = |bench| {
        changed(bench, "mute", |it| it.currencies = vec![Currency::GBP]);
    };
    let no_holds: Change = |bench| {
        changed(bench, "mute", |it| {
            it.can.retain(|can| *can != Ability::Authorize);
        });
    };
    for (change, kind, reason) in [
        (down, Kind::Sale, Reason::GatewayUnavailable),
        (no_euros, Kind::Sale, Reason::AmountInvalid),
        (no_holds, Kind::Authorize, Reason::NotAllowed),
    ] {
        let mut bench = till(vec![of_scheme("mastercard", "mute")]);
        change(&mut bench);
        bench.money(MoneyRequest { kind, ..sale() });
        let effects = bench.reader(presented());
        assert_eq!(refused(&effects).unwrap().reason, reason);
        assert_eq!(sealed_to(&bench), None);
        assert!(bench.records.is_empty() && bench.gateway_call.is_none());
        // The key is free: the same request may be made again.
        assert!(bench.engine.keys.is_empty());
    }
}

#[test]
fn a_card_is_checked_where_its_scheme_goes() {
    let mut bench = till(vec![of_scheme("mastercard", "mute")]);
    changed(&mut bench, "mute", |it| it.currencies = vec![Currency::GBP]);
    bench.money(MoneyRequest {
        kind: Kind::Verify,
        amounts: None,
        ..sale()
    });
    bench.reader(presented());
    let Some((_, _, DeviceCommand::AuthorizeCard { amounts, .. })) = &bench.reader_call else {
        panic!("{:?}", bench.reader_call)
    };
    // Nothing, in a currency of that gateway.
    assert_eq!(
        (amounts.total.minor, amounts.total.currency),
        (0, Currency::GBP)
    );
    assert_eq!(sealed_to(&bench), Some("mute".into()));
}
