// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tips on the reader and surcharges: who is asked, what is sealed, what is told.

use crate::answer::Reason;
use crate::bench::{
    Bench, answer, approved, authorized, euros, percent, prepared, presented, reader_is, refused,
    request,
};
use crate::device::{DeviceAbilities, DeviceCommand, DeviceReply};
use crate::effect::{Action, Effect};
use crate::event::Event;
use crate::gateway::{Decision, GatewayCommand, GatewayReply};
use crate::money::{AMOUNT_MINOR_MAX, Amounts, Currency};
use crate::pricing::{Millionths, Surcharge};
use crate::prompt::{Prompt, PromptKind, PromptKinds};
use crate::record::Fact;
use crate::request::{Kind, MoneyRequest, Request, Response};

/// Ten euros, which may become twenty.
fn open_price(kind: Kind) -> MoneyRequest {
    MoneyRequest {
        amount_max: Some(euros(2_000).total),
        ..request("k", kind, "asking")
    }
}

/// A register that can show the question, or not.
fn till(shows: bool, surcharges: Vec<Surcharge>) -> Bench {
    let mut bench = Bench::new();
    if shows {
        bench.prompts = PromptKinds::default().with(PromptKind::ConfirmSurcharge);
    }
    bench.engine.config.surcharges = surcharges;
    bench
}

fn tipped(tip: i64) -> DeviceReply {
    let mut reply = presented();
    if let DeviceReply::Presented { tip_minor, .. } = &mut reply {
        *tip_minor = Some(tip);
    }
    reply
}

fn tip_wanted(bench: &Bench) -> Option<i64> {
    match bench.reader_call.as_ref().map(|(_, _, command)| command) {
        Some(DeviceCommand::Present {
            total_minor_max, ..
        }) => *total_minor_max,
        other => panic!("{other:?}"),
    }
}

/// Total, tip and surcharge.
fn parts(amounts: &Amounts) -> (i64, Option<i64>, Option<i64>) {
    (
        amounts.total.minor,
        amounts.tip_minor,
        amounts.surcharge_minor,
    )
}

fn sealed(bench: &Bench) -> Option<Amounts> {
    match bench.reader_call.as_ref().map(|(_, _, command)| command) {
        Some(DeviceCommand::AuthorizeCard { amounts, .. }) => Some(*amounts),
        _ => None,
    }
}

fn shown(effects: &[Effect]) -> Option<Prompt> {
    effects.iter().find_map(|effect| match &effect.action {
        Action::Prompt { prompt, .. } => Some((**prompt).clone()),
        _ => None,
    })
}

fn says(bench: &mut Bench, effects: &[Effect], yes: bool) -> Vec<Effect> {
    let prompt = shown(effects).expect("somebody is asked").prompt_id;
    let response = Response {
        accepted: Some(yes),
        ..Response::default()
    };
    bench.ask(Request::Respond { prompt, response })
}

/// From the seal to the answer; what was asked of the gateway is what was sealed.
fn pay(bench: &mut Bench) -> Vec<Effect> {
    let sealed = sealed(bench).expect("the card is sealed");
    bench.reader(authorized(false));
    bench.gateway(prepared());
    let Some((_, GatewayCommand::Authorize { amounts, .. })) = &bench.gateway_call else {
        panic!("{:?}", bench.gateway_call)
    };
    assert_eq!(*amounts, sealed);
    let mut intents = bench
        .records
        .iter()
        .filter_map(|record| match &record.fact {
            Fact::Intent(intent) => Some(intent.amounts),
            _ => None,
        });
    assert_eq!(intents.next_back(), Some(sealed));
    let answer = answer(Decision::Approved, Some(sealed.total.minor));
    bench.gateway(GatewayReply::Answered(answer))
}

#[test]
fn a_tip_on_the_reader_is_sealed_asked_and_told() {
    let mut bench = till(false, Vec::new());
    bench.money(open_price(Kind::Sale));
    assert_eq!(tip_wanted(&bench), Some(2_000));
    bench.reader(tipped(150));
    assert_eq!(
        sealed(&bench).map(|it| parts(&it)),
        Some((1_150, Some(150), None))
    );
    let effects = pay(&mut bench);
    let told = approved(&effects).expect("approved");
    assert_eq!(told.approved_minor, 1_150);
    assert_eq!(parts(&told.requested), (1_000, Some(150), None));
    assert!(!told.partial);
}

#[test]
fn only_a_price_that_may_rise_gets_a_tip() {
    let amounts = euros(1_000);
    let given = Amounts {
        tip_minor: Some(0),
        ..amounts
    };
    let cases = [
        (open_price(Kind::Sale), Some(2_000)),
        (open_price(Kind::Authorize), Some(2_000)),
        (request("k", Kind::Sale, "asking"), None),
        (open_price(Kind::RefundUnreferenced), None),
        (open_price(Kind::CashAdvance), None),
        (
            MoneyRequest {
                amounts: Some(given),
                ..open_price(Kind::Sale)
            },
            None,
        ),
        (
            MoneyRequest {
                amount_max: Some(amounts.total),
                ..open_price(Kind::Sale)
            },
            None,
        ),
    ];
    for (asked, max) in cases {
        let mut bench = till(false, Vec::new());
        bench.money(asked.clone());
        assert_eq!(tip_wanted(&bench), max, "{asked:?}");
    }
}

#[test]
fn a_reader_without_a_keypad_is_not_asked_for_a_tip() {
    let mut bench = till(false, Vec::new());
    let Event::DeviceChanged {
        device,
        status: Some(mut status),
    } = reader_is("reader", true)
    else {
        panic!("a reader")
    };
    if let DeviceAbilities::Reader { tip, .. } = &mut status.abilities {
        *tip = false;
    }
    bench.step(Event::DeviceChanged {
        device,
        status: Some(status),
    });
    bench.money(open_price(Kind::Sale));
    assert_eq!(tip_wanted(&bench), None);
    let effects = bench.reader(tipped(1));
    assert_eq!(refused(&effects).unwrap().reason, Reason::PluginFailed);
}

#[test]
fn a_tip_that_cannot_be_is_a_broken_plugin_and_moves_nothing() {
    for tip in [-1, 1_001, i64::MAX, i64::MIN] {
        let mut bench = till(false, Vec::new());
        bench.money(open_price(Kind::Sale));
        let effects = bench.reader(tipped(tip));
        assert_eq!(
            refused(&effects).map(|refused| &refused.reason),
            Some(&Reason::PluginFailed),
            "{tip}"
        );
        assert!(sealed(&bench).is_none(), "{tip}");
        assert!(bench.records.is_empty(), "{tip}");
    }
    let mut bench = till(false, Vec::new());
    bench.money(open_price(Kind::Sale));
    bench.reader(tipped(1_000));
    assert_eq!(
        sealed(&bench).map(|it| parts(&it)),
        Some((2_000, Some(1_000), None))
    );
}

#[test]
fn a_surcharge_is_added_when_the_customer_agrees() {
    let mut bench = till(true, vec![percent(2)]);
    bench.money(open_price(Kind::Sale));
    let effects = bench.reader(presented());
    let asked = shown(&effects).expect("somebody is asked");
    assert_eq!(asked.kind, PromptKind::ConfirmSurcharge);
    assert_eq!(asked.amount, Some(euros(20).total));
    assert!(asked.text.contains("0.20 EUR") && asked.text.contains("10.20 EUR"));
    assert_eq!(sealed(&bench), None);
    let effects = says(&mut bench, &effects, true);
    assert!(refused(&effects).is_none());
    assert_eq!(
        sealed(&bench).map(|it| parts(&it)),
        Some((1_020, None, Some(20)))
    );
    let effects = pay(&mut bench);
    let told = approved(&effects).expect("approved");
    assert_eq!(told.approved_minor, 1_020);
    assert_eq!(parts(&told.requested), (1_000, None, Some(20)));
}

#[test]
fn a_customer_who_does_not_agree_pays_nothing() {
    let mut bench = till(true, vec![percent(2)]);
    bench.money(open_price(Kind::Sale));
    let asked = bench.reader(presented());
    let effects = says(&mut bench, &asked, false);
    let told = refused(&effects).expect("refused");
    assert_eq!(told.reason, Reason::Cancelled);
    assert!(bench.gateway_call.is_none());
    // The answer is the key's for ever.
    assert_eq!(bench.records.len(), 1);
}

#[test]
fn nothing_is_added_where_nobody_can_be_asked() {
    let plain = request("k", Kind::Sale, "asking");
    let given = Amounts {
        surcharge_minor: Some(0),
        ..euros(1_000)
    };
    let worked_out = MoneyRequest {
        amounts: Some(given),
        ..open_price(Kind::Sale)
    };
    let cases = [
        (false, open_price(Kind::Sale)),
        (true, plain),
        (true, worked_out),
        (true, open_price(Kind::CashAdvance)),
        (true, open_price(Kind::RefundUnreferenced)),
    ];
    for (shows, asked) in cases {
        let mut bench = till(shows, vec![percent(2)]);
        bench.money(asked.clone());
        let effects = bench.reader(presented());
        assert_eq!(shown(&effects), None, "{asked:?}");
        let sealed = sealed(&bench).expect("sealed").total;
        assert_eq!(sealed.minor, 1_000, "{asked:?}");
    }
}

#[test]
fn a_surcharge_fills_no_more_than_what_is_left() {
    let mut bench = till(true, vec![percent(50)]);
    bench.money(open_price(Kind::Sale));
    let effects = bench.reader(tipped(900));
    assert_eq!(shown(&effects).unwrap().amount, Some(euros(100).total));
    says(&mut bench, &effects, true);
    assert_eq!(
        sealed(&bench).map(|it| parts(&it)),
        Some((2_000, Some(900), Some(100)))
    );
    let mut bench = till(true, vec![percent(50)]);
    bench.money(open_price(Kind::Sale));
    let effects = bench.reader(tipped(1_000));
    assert_eq!(shown(&effects), None);
}

#[test]
fn the_first_rule_that_fits_counts() {
    let of_scheme = |scheme: &str, rate| Surcharge {
        cards: crate::card::Cards {
            scheme: Some(scheme.into()),
            ..crate::card::Cards::default()
        },
        ..percent(rate)
    };
    let of_range = |range: &str, rate| Surcharge {
        cards: crate::card::Cards {
            scheme: None,
            ranges: vec!["99".into(), range.into()],
            ..crate::card::Cards::default()
        },
        ..percent(rate)
    };
    let elsewhere = Surcharge {
        gateway: Some("mute".into()),
        ..percent(9)
    };
    let pounds = Surcharge {
        currency: Some(Currency::GBP),
        ..percent(9)
    };
    // The card reads 541333******0002, of mastercard.
    for (rules, minor) in [
        (vec![of_scheme("visa", 9), percent(2)], 20),
        (vec![of_scheme("mastercard", 3), percent(2)], 30),
        (vec![of_range("541333", 4), percent(2)], 40),
        // Of what is masked nobody can say anything.
        (vec![of_range("5413330", 4), percent(2)], 20),
        (vec![of_range("41", 4)], 0),
        (vec![elsewhere, pounds, percent(2)], 20),
        // Some pay nothing.
        (vec![percent(0), percent(2)], 0),
    ] {
        let mut bench = till(true, rules.clone());
        bench.money(open_price(Kind::Sale));
        let effects = bench.reader(presented());
        let asked = shown(&effects).and_then(|prompt| prompt.amount);
        let expected = (minor > 0).then(|| euros(minor).total);
        assert_eq!(asked, expected, "{rules:?}");
    }
}

#[test]
fn a_rate_is_of_the_price_without_tip_and_cash() {
    let amounts = Amounts {
        cashback_minor: Some(500),
        ..euros(1_500)
    };
    let rule = Surcharge {
        fixed_minor: 30,
        ..percent(2)
    };
    let mut bench = till(true, vec![rule]);
    bench.money(MoneyRequest {
        amounts: Some(amounts),
        ..open_price(Kind::Sale)
    });
    let effects = bench.reader(tipped(100));
    assert_eq!(shown(&effects).unwrap().amount, Some(euros(50).total));
}

#[test]
fn a_half_is_rounded_up_and_nothing_overflows() {
    let of = |rate: u32, minor: i64| {
        let rule = Surcharge {
            rate: Millionths::new(rate).unwrap(),
            ..Surcharge::default()
        };
        let mut bench = till(true, vec![rule]);
        bench.money(MoneyRequest {
            amounts: Some(euros(minor)),
            amount_max: Some(euros(AMOUNT_MINOR_MAX).total),
            ..request("k", Kind::Sale, "asking")
        });
        let effects = bench.reader(presented());
        let amount = shown(&effects).and_then(|prompt| prompt.amount);
        amount.map_or(0, |amount| amount.minor)
    };
    // 1.5 %.
    for (minor, surcharge) in [
        (33, 0),
        (34, 1),
        (100, 2),
        (99, 1),
        (166, 2),
        (167, 3),
        (1_000, 15),
    ] {
        assert_eq!(of(15_000, minor), surcharge, "{minor}");
    }
    assert_eq!(of(1, 499_999), 0);
    assert_eq!(of(1, 500_000), 1);
    let half = AMOUNT_MINOR_MAX / 2;
    assert_eq!(of(1_000_000, half), half);
    assert_eq!(Millionths::new(1_000_001), None);
}

#[test]
fn a_card_that_leaves_while_people_think_is_no_lost_money() {
    let mut bench = till(true, vec![percent(2)]);
    bench.money(open_price(Kind::Sale));
    let asked = bench.reader(presented());
    bench.step(reader_is("reader", false));
    says(&mut bench, &asked, true);
    let effects = bench.reader(DeviceReply::Failed {
        effect_possible: false,
        reason: "unplugged".into(),
    });
    assert_eq!(refused(&effects).unwrap().reason, Reason::DeviceUnavailable);
    assert!(bench.records.is_empty());
}

#[test]
fn a_basket_is_known_again_though_its_price_rose() {
    let mut bench = till(false, Vec::new());
    bench.money(open_price(Kind::Sale));
    bench.reader(tipped(150));
    bench.reader(authorized(false));
    bench.gateway(prepared());
    bench.gateway(GatewayReply::Failed {
        sent: true,
        reason: "line".into(),
    });
    let again = MoneyRequest {
        key: "other".into(),
        ..open_price(Kind::Sale)
    };
    let effects = bench.money(again);
    let reason = &refused(&effects).expect("refused").reason;
    assert!(
        matches!(reason, Reason::UnresolvedTransaction { .. }),
        "{reason:?}"
    );
}
