// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a gateway lists: tips that readers offer, surcharges that are asked about, added or left out.

use crate::bench::{Bench, authorized, euros, presented, request};
use crate::card::CardFace;
use crate::device::{DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::money::Amounts;
use crate::pricing::{Lists, Surcharge, Tip, TipOf};
use crate::prompt::{PromptKind, PromptKinds};
use crate::quote_cases::{amex, listing, lists, rate};
use crate::request::{Kind, MoneyRequest};

/// Ten euros, which may become so many.
fn open_price(max: i64) -> MoneyRequest {
    MoneyRequest {
        amount_max: Some(euros(max).total),
        ..request("k", Kind::Sale, "asking")
    }
}

fn shop(lists: Lists) -> Bench {
    let mut bench = Bench::new();
    bench.step(listing("asking", lists));
    bench
}

fn offered(bench: &Bench) -> Vec<(String, i64)> {
    match bench.reader_call.as_ref().map(|(_, _, command)| command) {
        Some(DeviceCommand::Present { tips, .. }) => tips
            .iter()
            .map(|tip| (tip.label.to_string(), tip.minor))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Total and surcharge, once the card is to be sealed.
fn sealed(bench: &Bench) -> Option<(i64, Option<i64>)> {
    let told = |amounts: &Amounts| (amounts.total.minor, amounts.surcharge_minor);
    match bench.reader_call.as_ref().map(|(_, _, command)| command) {
        Some(DeviceCommand::AuthorizeCard { amounts, .. }) => Some(told(amounts)),
        _ => None,
    }
}

fn shown(card: CardFace) -> DeviceReply {
    let mut reply = presented();
    if let DeviceReply::Presented { card: face, .. } = &mut reply {
        *face = card;
    }
    reply
}

fn is_asked(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect.action, Action::Prompt { .. }))
}

/// A sale with that card, of a register that can show the question or not.
fn sale(lists: Lists, shows: bool, bypass: bool) -> (Bench, Vec<Effect>) {
    let mut bench = shop(lists);
    if shows {
        bench.prompts = PromptKinds::default().with(PromptKind::ConfirmSurcharge);
    }
    let mut asked = open_price(2_000);
    asked.terms.bypass_surcharge = bypass;
    bench.money(asked);
    let effects = bench.reader(shown(amex()));
    (bench, effects)
}

fn rule(bypass: bool, undisclosed: bool) -> Lists {
    let [mut surcharge] = <[Surcharge; 1]>::try_from(lists().surcharges).unwrap();
    surcharge.bypass = bypass;
    surcharge.undisclosed = undisclosed;
    Lists {
        surcharges: vec![surcharge],
        ..Lists::default()
    }
}

#[test]
fn tips_of_the_list_are_offered_as_far_as_they_fit() {
    let mut bench = shop(lists());
    bench.money(open_price(2_000));
    let all = [("10%".to_owned(), 100), ("1.00 EUR".to_owned(), 100)];
    assert_eq!(offered(&bench), all);

    let mut bench = shop(lists());
    bench.money(open_price(1_099));
    assert_eq!(offered(&bench), []);

    // A share is of the goods, not of the cash.
    let mut bench = shop(lists());
    let mut asked = open_price(2_000);
    asked.amounts.as_mut().unwrap().cashback_minor = Some(500);
    bench.money(asked);
    assert_eq!(offered(&bench)[0], ("10%".to_owned(), 50));
}

#[test]
fn no_tip_is_offered_where_none_is_asked_for() {
    let mut bench = shop(lists());
    bench.money(request("k", Kind::Sale, "asking"));
    assert_eq!(offered(&bench), []);
    let nothing = Lists {
        tips: vec![Tip {
            id: "0".into(),
            of: TipOf::Rate(rate(0)),
        }],
        ..Lists::default()
    };
    let mut bench = shop(nothing);
    bench.money(open_price(2_000));
    assert_eq!(offered(&bench), []);
}

#[test]
fn who_may_leave_a_surcharge_out_who_is_asked_and_who_is_not() {
    // bypass allowed, undisclosed, bypass wanted → asked, sealed at once
    let cases = [
        ((false, false, false), (true, None)),
        ((false, true, false), (false, Some((1_015, Some(15))))),
        ((true, false, true), (false, Some((1_000, None)))),
        ((true, true, true), (false, Some((1_000, None)))),
        // It may not be left out: then at least somebody is asked.
        ((false, true, true), (true, None)),
        ((false, false, true), (true, None)),
    ];
    for ((bypass, undisclosed, wanted), told) in cases {
        let (bench, effects) = sale(rule(bypass, undisclosed), true, wanted);
        let case = (bypass, undisclosed, wanted);
        assert_eq!((is_asked(&effects), sealed(&bench)), told, "{case:?}");
    }
}

#[test]
fn a_register_that_shows_no_question_adds_only_what_needs_none() {
    let (bench, effects) = sale(rule(false, false), false, false);
    assert!(!is_asked(&effects));
    assert_eq!(sealed(&bench), Some((1_000, None)));
    let (mut bench, _) = sale(rule(false, true), false, false);
    assert_eq!(sealed(&bench), Some((1_015, Some(15))));
    bench.reader(authorized(false));
    let (bench, _) = sale(rule(false, true), false, true);
    assert_eq!(sealed(&bench), Some((1_000, None)));
}

#[test]
fn a_surcharge_of_the_list_never_goes_above_what_its_register_allowed() {
    let mut bench = shop(rule(false, true));
    bench.money(open_price(1_010));
    bench.reader(shown(amex()));
    assert_eq!(sealed(&bench), Some((1_010, Some(10))));
    let mut bench = shop(rule(false, true));
    bench.money(request("k", Kind::Sale, "asking"));
    bench.reader(shown(amex()));
    assert_eq!(sealed(&bench), Some((1_000, None)));
}
