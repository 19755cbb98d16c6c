// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quotes: that each part is what a sale would make of it, and that nothing happens.

use crate::answer::{Answer, Reason};
use crate::bench::{Bench, euros, gateway_is, percent};
use crate::card::{CardFace, Cards};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::money::{AMOUNT_MINOR_MAX, Amount, Currency};
use crate::pricing::{Lists, Millionths, Surcharge, Tax, Tip, TipOf};
use crate::quote::{Quote, Quoted, QuotedSurcharge, TaxChoice, TipChoice};
use crate::request::Request;
use crate::routing::Route;

pub(crate) fn rate(millionths: u32) -> Millionths {
    Millionths::new(millionths).unwrap()
}

pub(crate) fn amex() -> CardFace {
    CardFace {
        masked_pan: "37".into(),
        scheme: "amex".into(),
        application: None,
        aid: None,
        country: None,
        expiry: None,
    }
}

/// Twenty percent tax, two tips, and one scheme costs more.
pub(crate) fn lists() -> Lists {
    let tip = |id: &str, of| Tip { id: id.into(), of };
    Lists {
        taxes: vec![Tax {
            id: "standard".into(),
            rate: rate(200_000),
        }],
        tips: vec![
            tip("10", TipOf::Rate(rate(100_000))),
            tip("coin", TipOf::Amount(euros(100).total)),
        ],
        surcharges: vec![Surcharge {
            cards: Cards {
                scheme: Some("amex".into()),
                ..Cards::default()
            },
            rate: rate(15_000),
            bypass: true,
            undisclosed: true,
            ..Surcharge::default()
        }],
    }
}

pub(crate) fn listing(gateway: &str, lists: Lists) -> Event {
    let mut event = gateway_is(gateway, true, true);
    if let Event::GatewayChanged {
        status: Some(status),
        ..
    } = &mut event
        && let Some(parameters) = &mut status.parameters
    {
        parameters.lists = lists;
    }
    event
}

fn shop() -> Bench {
    let mut bench = Bench::new();
    bench.step(listing("asking", lists()));
    bench
}

fn quote(minor: i64) -> Quote {
    Quote {
        gateway: Some("asking".into()),
        price: euros(minor).total,
        tax: None,
        tip: None,
        cashback_minor: None,
        card: None,
        presentation: None,
    }
}

fn answered(effects: &[Effect]) -> &Answer {
    match effects {
        [
            Effect {
                action: Action::Answer { answer, .. },
                ..
            },
        ] => answer,
        other => panic!("nothing but an answer: {other:?}"),
    }
}

fn quoted(bench: &mut Bench, quote: Quote) -> Quoted {
    let effects = bench.ask(Request::Quote(Box::new(quote)));
    match answered(&effects) {
        Answer::Quoted(quoted) => (**quoted).clone(),
        other => panic!("{other:?}"),
    }
}

fn reason(bench: &mut Bench, quote: Quote) -> Reason {
    let effects = bench.ask(Request::Quote(Box::new(quote)));
    match answered(&effects) {
        Answer::Refused { refused, .. } => refused.reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_part_is_told_and_the_total_is_their_sum() {
    let mut bench = shop();
    let all = Quote {
        tax: Some(TaxChoice::Listed("standard".into())),
        tip: Some(TipChoice::Listed("10".into())),
        cashback_minor: Some(2_000),
        card: Some(amex()),
        ..quote(1_000)
    };
    let told = quoted(&mut bench, all);
    assert_eq!(told.tax_minor, Some(200));
    // Of the price, without its tax.
    assert_eq!(told.tip_minor, Some(100));
    // Of the price with its tax, without tip and cash: 1.5 % of 12.00.
    let surcharge = QuotedSurcharge {
        minor: 18,
        bypass: true,
        undisclosed: true,
    };
    assert_eq!(told.surcharge, Some(surcharge));
    assert_eq!(told.total, euros(1_000 + 200 + 100 + 2_000 + 18).total);
    assert!(bench.records.is_empty());
}

#[test]
fn a_tip_is_listed_a_rate_or_an_amount() {
    let mut bench = shop();
    for (tip, minor) in [
        (TipChoice::Listed("coin".into()), 100),
        (TipChoice::Rate(rate(125_000)), 126),
        (TipChoice::Minor(7), 7),
    ] {
        let asked = Quote {
            tip: Some(tip),
            ..quote(1_004)
        };
        // 12.5 % of 10.04 is 1.255: half a cent is rounded up.
        assert_eq!(quoted(&mut bench, asked).tip_minor, Some(minor));
    }
}

#[test]
fn a_rule_of_the_host_goes_before_the_gateways() {
    let mut bench = shop();
    bench.engine.config.surcharges = vec![percent(2)];
    let asked = Quote {
        card: Some(amex()),
        ..quote(1_000)
    };
    let told = quoted(&mut bench, asked.clone()).surcharge.unwrap();
    assert_eq!(
        (told.minor, told.bypass, told.undisclosed),
        (20, false, false)
    );
    // Nobody's card, nobody's rule.
    assert_eq!(quoted(&mut bench, quote(1_000)).surcharge, None);
}

#[test]
fn the_gateway_is_the_one_a_sale_would_go_to() {
    let mut bench = shop();
    bench.engine.config.gateway = Some("asking".into());
    bench.step(listing("mute", Lists::default()));
    bench.engine.config.routes = vec![Route {
        cards: Cards::default(),
        currency: None,
        register: None,
        from_minor: Some(1_100),
        to_minor: None,
        gateway: "mute".into(),
        fallback: Vec::new(),
    }];
    let asked = |tip| Quote {
        gateway: None,
        tip: Some(tip),
        ..quote(1_000)
    };
    let small = quoted(&mut bench, asked(TipChoice::Minor(99)));
    assert_eq!(small.gateway, "asking".into());
    let large = quoted(&mut bench, asked(TipChoice::Minor(100)));
    assert_eq!(large.gateway, "mute".into());
    // The list that decided is not the list of where it goes.
    let listed = asked(TipChoice::Listed("10".into()));
    assert_eq!(reason(&mut bench, listed), Reason::NotAllowed);
}

#[test]
fn what_cannot_be_worked_out_is_refused() {
    let mut bench = shop();
    let yen = Amount {
        minor: 1_000,
        currency: Currency::JPY,
    };
    let cases = [
        (
            Quote {
                tax: Some(TaxChoice::Listed("other".into())),
                ..quote(1_000)
            },
            Reason::NotAllowed,
        ),
        (
            Quote {
                tip: Some(TipChoice::Listed("coin".into())),
                price: yen,
                ..quote(1_000)
            },
            Reason::NotAllowed,
        ),
        (
            Quote {
                price: yen,
                ..quote(1_000)
            },
            Reason::AmountInvalid,
        ),
        (
            Quote {
                cashback_minor: Some(1),
                ..quote(AMOUNT_MINOR_MAX)
            },
            Reason::AmountInvalid,
        ),
        (
            Quote {
                gateway: Some("nobody".into()),
                ..quote(1_000)
            },
            Reason::GatewayUnavailable,
        ),
    ];
    for (asked, why) in cases {
        assert_eq!(reason(&mut bench, asked.clone()), why, "{asked:?}");
    }
}

#[test]
fn a_gateway_that_is_away_is_still_known() {
    let mut bench = shop();
    let mut away = listing("asking", lists());
    if let Event::GatewayChanged {
        status: Some(status),
        ..
    } = &mut away
    {
        status.ready = false;
    }
    bench.step(away);
    assert_eq!(quoted(&mut bench, quote(1_000)).total, euros(1_000).total);
}
