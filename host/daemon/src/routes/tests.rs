// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes in words, as somebody configures them.

use super::*;
use crate::config::{Config as File, Overrides};
use payhal_engine::money::Currency;
use std::path::Path;

const GATEWAYS: &str = "[host]\ndefault_gateway = \"bank\"\n\
    [[gateway]]\nname = \"bank\"\nplugin = \"p\"\n\
    [[gateway]]\nname = \"other\"\nplugin = \"p\"\n\
    [[gateway]]\nname = \"third\"\nplugin = \"p\"\n";

fn config(routes: &[&str]) -> Config {
    let routes: String = routes
        .iter()
        .map(|it| format!("[[routes]]\n{it}\n"))
        .collect();
    let text = format!("{GATEWAYS}{routes}");
    let (path, state) = (Path::new("payhal.toml"), Path::new("s"));
    let read = File::parse(&text, path, state, &Overrides::default());
    read.unwrap_or_else(|error| panic!("{error}")).engine
}

fn card(scheme: &str, begins: &str, country: Option<&str>) -> CardFace {
    CardFace {
        masked_pan: format!("{begins}******").into(),
        scheme: scheme.into(),
        application: None,
        aid: None,
        country: country.map(Into::into),
        expiry: None,
    }
}

fn payment(minor: i64, card: Option<CardFace>) -> Payment {
    Payment {
        register: "till-1".into(),
        total: Some(Amount {
            minor,
            currency: Currency::EUR,
        }),
        card,
        gateway: None,
    }
}

#[test]
fn each_route_is_told_in_words() {
    let config = config(&[
        "scheme = \"amex\"\ngateway = \"other\"\nfallback = [\"bank\", \"third\"]",
        "country = [\"JP\", \"CN\"]\nregister = \"till-2\"\nfrom = \"10.00 EUR\"\ngateway = \"third\"",
        "ranges = [\"41\"]\ncurrency = \"GBP\"\ngateway = \"third\"",
    ]);
    let told: Vec<_> = explain(&config).into_iter().map(|(_, to)| to).collect();
    assert_eq!(
        told,
        [
            "payments with amex cards go to other; while it cannot be reached, to bank, then to \
             third",
            "payments with cards issued in JP or CN of register till-2 from 10.00 EUR go to third",
            "payments with cards that begin with 41 in GBP go to third",
            "everything else goes to bank",
        ]
    );
    let meets = |later| {
        format!("routes 1 and {later} meet: what fits both goes to other, as route 1 stands first")
    };
    let found = look(&config);
    assert!(found.wrong.is_empty());
    assert_eq!(found.notes, [meets(2), meets(3)]);
}

#[test]
fn a_route_behind_a_wider_one_is_never_taken() {
    for (earlier, later) in [
        ("", "scheme = \"visa\""),
        ("ranges = [\"4\"]", "ranges = [\"41\", \"40\"]"),
        (
            "country = [\"JP\", \"CN\"]",
            "country = \"JP\"\nscheme = \"jcb\"",
        ),
        (
            "from = \"5.00 EUR\"",
            "from = \"6.00 EUR\"\nto = \"9.00 EUR\"",
        ),
        ("currency = \"EUR\"", "to = \"9.00 EUR\""),
    ] {
        let gateway = |name: &str, rest: &str| format!("{rest}\ngateway = \"{name}\"");
        let (first, second) = (gateway("other", earlier), gateway("third", later));
        let found = look(&config(&[&first, &second]));
        assert_eq!(found.wrong.len(), 1, "{earlier} before {later}");
        assert!(found.wrong[0].starts_with("route 2 is never taken: route 1"));
        let found = look(&config(&[&second, &first]));
        assert_eq!(found.wrong, [""; 0], "{later} before {earlier}");
    }
}

#[test]
fn routes_that_meet_are_noted() {
    let amex = "scheme = \"amex\"\ngateway = \"other\"";
    for (route, meets) in [
        ("to = \"25.00 EUR\"\ngateway = \"third\"", true),
        ("to = \"25.00 EUR\"\ngateway = \"other\"", false),
        ("scheme = \"visa\"\ngateway = \"third\"", false),
    ] {
        let found = look(&config(&[amex, route]));
        assert_eq!(!found.notes.is_empty(), meets, "{route}: {found:?}");
        assert!(found.wrong.is_empty());
    }
    let found = look(&config(&["scheme = \"mastercrd\"\ngateway = \"other\""]));
    assert!(found.notes[0].contains("mastercrd"), "{found:?}");
}

#[test]
fn one_payment_is_followed() {
    let config = config(&[
        "scheme = \"amex\"\ngateway = \"other\"\nfallback = [\"bank\"]",
        "country = \"JP\"\ngateway = \"third\"",
        "register = \"kiosk\"\ngateway = \"third\"",
        "from = \"50.00 EUR\"\ngateway = \"other\"",
    ]);
    let of = |minor, card| route(&config, &payment(minor, card));
    let amex = of(1_000, Some(card("amex", "37", None)));
    assert_eq!(amex.gateway.as_deref(), Some("other"));
    assert_eq!(amex.fallback, ["bank"]);
    assert_eq!(amex.why, ["route 1 takes it: payments with amex cards"]);
    let japanese = of(1_000, Some(card("visa", "41", Some("JP"))));
    assert_eq!(japanese.gateway.as_deref(), Some("third"));
    let small = of(1_000, Some(card("visa", "41", None)));
    assert_eq!(small.gateway.as_deref(), Some("bank"));
    assert_eq!(
        small.why,
        [
            "route 1 does not: it is for amex cards",
            "route 2 does not: it is for cards issued in JP, and the card tells no country",
            "route 3 does not: it is for register kiosk",
            "route 4 does not: it is for payments from 50.00 EUR",
            "host.default_gateway takes what no route does",
        ]
    );
    let no_card = of(5_000, None);
    assert_eq!(no_card.gateway.as_deref(), Some("other"));
    assert!(
        no_card.why[0].contains("the card is not told"),
        "{no_card:?}"
    );
    let named = Payment {
        gateway: Some("third".into()),
        ..payment(5_000, None)
    };
    assert_eq!(route(&config, &named).gateway.as_deref(), Some("third"));
}
