// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties of money: what the engine and the register API take for an amount, measured by a
//! calculation that cannot overflow.

use payhal_engine::answer::{Answer, Reason};
use payhal_engine::effect::Action;
use payhal_engine::event::Event;
use payhal_engine::ids::{Scope, Ticket, TransactionId};
use payhal_engine::money::{AMOUNT_MINOR_MAX, Amount, Amounts, Currency};
use payhal_engine::request::{Caller, Kind, MoneyRequest, Request, Terms};
use payhal_engine::time::Now;
use payhal_engine::{Config, Engine, fingerprint};
use proptest::prelude::*;
use uuid::Uuid;

/// A JavaScript number is exact up to here.
const EXACT_MAX: i128 = (1 << 53) - 1;

/// Where it gets interesting: around nothing, around the bound, and around what fits at all.
fn minor() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => 0..2_000_i64,
        1 => -3..3_i64,
        1 => (AMOUNT_MINOR_MAX - 3)..(AMOUNT_MINOR_MAX + 3),
        1 => any::<i64>(),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX]),
    ]
}

fn currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec![Currency::CLP, Currency::EUR, Currency::BHD])
}

fn amounts() -> impl Strategy<Value = Amounts> {
    let part = || prop::option::of(minor());
    let total = (minor(), currency());
    (total, part(), part(), part()).prop_map(|((minor, currency), tip, surcharge, cashback)| {
        Amounts {
            total: Amount { minor, currency },
            tip_minor: tip,
            surcharge_minor: surcharge,
            cashback_minor: cashback,
        }
    })
}

fn sale(amounts: Amounts, amount_max: Option<Amount>) -> MoneyRequest {
    MoneyRequest {
        key: "key".into(),
        kind: Kind::Sale,
        amounts: Some(amounts),
        amount_max,
        device: None,
        gateway: None,
        timeout_ms: None,
        reference: None,
        despite: Vec::new(),
        order: None,
        terms: Terms::default(),
    }
}

/// Whether the engine takes the amounts as such.
fn is_taken(request: MoneyRequest) -> bool {
    let mut engine = Engine::new(Config::default(), Default::default());
    let now = Now {
        boot_ms: 1,
        wall_micros: 1_800_000_000_000_000,
        wall_trusted: true,
    };
    let scope = Scope {
        register: "register".into(),
        generation: 1,
    };
    let event = Event::Asked {
        ticket: Ticket(1),
        caller: Caller {
            scope,
            others: false,
            prompts: Default::default(),
        },
        transaction_id: TransactionId(Uuid::from_u128(1)),
        request: Request::Money(Box::new(request)),
    };
    let effects = engine.step(now, event);
    !effects.iter().any(|effect| match &effect.action {
        Action::Answer {
            answer: Answer::Refused { refused, .. },
            ..
        } => refused.reason == Reason::AmountInvalid,
        _ => false,
    })
}

/// The same question, without a number that could overflow.
fn can_be(amounts: &Amounts, amount_max: Option<&Amount>) -> bool {
    let total = i128::from(amounts.total.minor);
    let parts = [
        amounts.tip_minor,
        amounts.surcharge_minor,
        amounts.cashback_minor,
    ];
    let parts: Vec<i128> = parts.into_iter().flatten().map(i128::from).collect();
    let max = amount_max.is_none_or(|max| {
        max.currency == amounts.total.currency
            && (total..=i128::from(AMOUNT_MINOR_MAX)).contains(&i128::from(max.minor))
    });
    (1..=i128::from(AMOUNT_MINOR_MAX)).contains(&total)
        && parts.iter().all(|part| *part >= 0)
        && parts.iter().sum::<i128>() <= total
        && max
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_total_and_its_parts_are_taken_if_they_can_be(
        amounts in amounts(),
        max in prop::option::of((minor(), currency())),
    ) {
        let max = max.map(|(minor, currency)| Amount { minor, currency });
        let expected = can_be(&amounts, max.as_ref());
        prop_assert_eq!(is_taken(sale(amounts, max)), expected);
    }

    #[test]
    fn every_amount_that_is_taken_is_exact_in_javascript(amounts in amounts()) {
        if !can_be(&amounts, None) {
            return Ok(());
        }
        // Together with everything that one transaction can have besides.
        let all = i128::from(amounts.total.minor) * 4;
        prop_assert!(all <= EXACT_MAX);
    }

    #[test]
    fn the_register_api_and_the_engine_agree_on_a_total(minor in minor(), currency in currency()) {
        let wire = payhal_protocol::Amount::new(minor, currency.code());
        let amounts = Amounts {
            total: Amount { minor, currency },
            tip_minor: None,
            surcharge_minor: None,
            cashback_minor: None,
        };
        prop_assert_eq!(wire.check("amount").is_ok(), is_taken(sale(amounts, None)));
    }

    #[test]
    fn a_part_is_one_for_the_register_api_if_it_is_one_for_the_engine(
        minor in minor(),
        part in minor(),
    ) {
        let total = payhal_protocol::Amount::new(minor, "EUR");
        let wire = payhal_protocol::Amount::new(part, "EUR");
        let amounts = Amounts {
            total: Amount { minor, currency: Currency::EUR },
            tip_minor: Some(part),
            surcharge_minor: None,
            cashback_minor: None,
        };
        if total.check("amount").is_err() {
            return Ok(());
        }
        let taken = is_taken(sale(amounts, None));
        prop_assert_eq!(wire.check_part(&total, "tip").is_ok(), taken);
    }

    #[test]
    fn amounts_that_differ_have_fingerprints_that_differ(one in amounts(), other in amounts()) {
        let prints = [one, other].map(|amounts| fingerprint(&sale(amounts, None)));
        prop_assert_eq!(prints[0] == prints[1], one == other);
    }

    #[test]
    fn amounts_survive_the_journal(amounts in amounts()) {
        let text = serde_json::to_string(&amounts).expect("amounts are plain");
        let read: Amounts = serde_json::from_str(&text).expect("what was written");
        prop_assert_eq!(read, amounts);
    }
}

#[test]
fn currencies_have_the_decimals_of_iso_4217() {
    let decimals = |currency: Currency| currency.exponent();
    assert_eq!(decimals(Currency::CLP), Some(0));
    assert_eq!(decimals(Currency::EUR), Some(2));
    assert_eq!(decimals(Currency::BHD), Some(3));
}
