// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cards cost more, where they go, and what customers add: the rules that the host is
//! configured with, and what really happened at the readers.

use crate::currencies;
use crate::gateways::GATEWAYS;
use crate::world::World;
use payhal_engine::Config;
use payhal_engine::card::{CardFace, Cards};
use payhal_engine::device::DeviceCommand;
use payhal_engine::ids::{GatewayId, TransactionId};
use payhal_engine::money::{Amounts, Currency};
use payhal_engine::offline::Rule;
use payhal_engine::pricing::{Lists, Millionths, Surcharge};
use payhal_engine::prompt::PromptKind;
use payhal_engine::request::{Kind, MoneyRequest};
use payhal_engine::routing::Route;
use std::collections::BTreeMap;

/// Scheme and number of each card that there is.
const FACES: [(&str, &str); 5] = [
    ("mastercard", "541333******0002"),
    ("visa", "411111******1111"),
    ("amex", "371449*****8431"),
    ("discover", "601100******1117"),
    ("unionpay", "620000******0005"),
];

/// What really happened at the readers.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    /// The card that was presented last, by its place, and what its customer added.
    pub(crate) presented: BTreeMap<TransactionId, (usize, Tip)>,
    /// What was sealed, to whom.
    pub(crate) sealed: BTreeMap<TransactionId, (Amounts, GatewayId)>,
}

/// What a reader told of a tip.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Tip {
    #[default]
    None,
    Chosen(i64),
    /// One that cannot be.
    Wrong(i64),
}

impl Tip {
    pub(crate) fn told(self) -> Option<i64> {
        match self {
            Self::None => None,
            Self::Chosen(minor) | Self::Wrong(minor) => Some(minor),
        }
    }
}

/// What the host is configured with.
pub(crate) fn config() -> Config {
    let [asking, mute, narrow] = GATEWAYS;
    let of = |(scheme, _): (&str, &str)| Cards {
        scheme: Some(scheme.into()),
        ..Cards::default()
    };
    let route = |cards, gateway: &str| Route {
        cards,
        currency: None,
        register: None,
        from_minor: None,
        to_minor: None,
        gateway: gateway.into(),
        fallback: Vec::new(),
    };
    let [_, visa, amex, discover, _] = FACES;
    Config {
        gateway: Some(asking.into()),
        surcharges: vec![
            Surcharge {
                cards: of(visa),
                rate: Millionths::new(175_000).unwrap_or_default(),
                ..Surcharge::default()
            },
            Surcharge {
                cards: Cards {
                    ranges: vec!["34".into(), "37".into()],
                    ..Cards::default()
                },
                fixed_minor: 7,
                ..Surcharge::default()
            },
        ],
        routes: vec![
            Route {
                fallback: vec![narrow.into()],
                ..route(of(visa), mute)
            },
            Route {
                register: Some("register 2".into()),
                from_minor: Some(250),
                fallback: vec![asking.into(), mute.into()],
                ..route(of(amex), narrow)
            },
            Route {
                fallback: vec![mute.into()],
                ..route(of(discover), asking)
            },
        ],
        offline: offline(),
        ..Config::default()
    }
}

/// How much may be accepted without its gateway: little by one register and for one gateway.
pub(crate) fn offline() -> Vec<Rule> {
    let [.., narrow] = GATEWAYS;
    let much = Rule {
        gateway: None,
        register: None,
        currency: Currency::EUR,
        amount_max_minor: 5_000,
        count_max: 10,
        total_max_minor: 20_000,
        age_max_ms: 4 * 3_600_000,
    };
    vec![
        Rule {
            gateway: Some(narrow.into()),
            count_max: 2,
            total_max_minor: 1_500,
            age_max_ms: 40_000,
            ..much.clone()
        },
        Rule {
            register: Some("register 3".into()),
            amount_max_minor: 250,
            count_max: 2,
            total_max_minor: 350,
            ..much.clone()
        },
        much,
    ]
}

/// What each gateway lists: two schemes cost more, and nobody is asked about either.
pub(crate) fn lists() -> Lists {
    let [.., discover, unionpay] = FACES;
    let more = |(scheme, _): (&str, &str), fixed_minor, bypass| Surcharge {
        cards: Cards {
            scheme: Some(scheme.into()),
            ..Cards::default()
        },
        fixed_minor,
        bypass,
        undisclosed: true,
        ..Surcharge::default()
    };
    Lists {
        surcharges: vec![more(discover, 11, true), more(unionpay, 5, false)],
        ..Lists::default()
    }
}

/// Whether a card's surcharge is added without a question, likewise.
pub(crate) fn is_silent(card: usize, request: &MoneyRequest) -> bool {
    card >= 3 && !request.terms.bypass_surcharge
}

/// What a card costs more, as the rules above say it in other words; without any limit.
pub(crate) fn surcharge(card: usize, amounts: &Amounts, request: &MoneyRequest) -> i64 {
    let tip = amounts.tip_minor.unwrap_or(0);
    let cash = amounts.cashback_minor.unwrap_or(0);
    match card {
        1 => ((amounts.total.minor - tip - cash) * 175 + 500).div_euclid(1_000),
        2 => 7,
        3 if !request.terms.bypass_surcharge => 11,
        4 => 5,
        _ => 0,
    }
}

/// Where a card may go, likewise, in order.
pub(crate) fn gateways(
    card: usize,
    register: &str,
    request: &MoneyRequest,
    total: i64,
) -> Vec<GatewayId> {
    if let Some(named) = &request.gateway {
        return vec![named.clone()];
    }
    let [asking, mute, narrow] = GATEWAYS;
    let routed = match card {
        1 => vec![mute, narrow],
        2 if register == "register 2" && total >= 250 && request.expected().is_some() => {
            vec![narrow, asking, mute]
        }
        3 => vec![asking, mute],
        _ => vec![asking],
    };
    routed.into_iter().map(Into::into).collect()
}

pub(crate) fn face(card: usize) -> CardFace {
    let (scheme, masked_pan) = FACES[card];
    CardFace {
        masked_pan: masked_pan.into(),
        scheme: scheme.into(),
        application: None,
        aid: None,
        country: None,
        expiry: None,
    }
}

/// A card is presented: which it is, and what its customer adds.
pub(crate) fn present(world: &mut World, command: &DeviceCommand) -> (usize, Tip) {
    let DeviceCommand::Present {
        transaction_id,
        amounts,
        total_minor_max,
        again,
        ..
    } = command
    else {
        return (0, Tip::None);
    };
    if *again {
        return present_again(world, *transaction_id);
    }
    let room = total_minor_max.map(|max| max - amounts.total.minor);
    let chosen = match &world.script {
        Some(fates) => (fates.card, fates.tip),
        None => (world.random.index(FACES.len()), some_tip(world, room)),
    };
    match chosen.1 {
        Tip::None => {}
        Tip::Chosen(_) => world.tally.count("tips on the reader"),
        Tip::Wrong(_) => world.tally.count("tips that cannot be"),
    }
    world.prices.presented.insert(*transaction_id, chosen);
    chosen
}

/// For another gateway: with the tip as it was, perhaps with another card, and nobody has agreed to
/// what that one costs.
fn present_again(world: &mut World, id: TransactionId) -> (usize, Tip) {
    world.tally.count("cards presented once more");
    let about = (id, PromptKind::ConfirmSurcharge as u8);
    world.registers.agreed.remove(&about);
    let (card, tip) = world.prices.presented.get(&id).copied().unwrap_or_default();
    let another = world.script.is_none() && world.random.percent(10);
    let card = match another {
        true => world.random.index(FACES.len()),
        false => card,
    };
    world.prices.presented.insert(id, (card, tip));
    (card, Tip::None)
}

fn some_tip(world: &mut World, room: Option<i64>) -> Tip {
    let Some(room) = room else {
        // One that was not asked for.
        return match world.faults && world.random.percent(5) {
            true => Tip::Wrong(1),
            false => Tip::None,
        };
    };
    match world.random.below(10) {
        0 => Tip::Wrong(room + 1),
        1 => Tip::Wrong(-1),
        2 => Tip::Chosen(room),
        3..=7 => Tip::Chosen(10),
        _ => Tip::None,
    }
}

/// A card is sealed.
pub(crate) fn seal(world: &mut World, command: &DeviceCommand) {
    if let DeviceCommand::AuthorizeCard {
        transaction_id,
        amounts,
        recipient,
        dcc,
        ..
    } = command
    {
        let asked = world.registers.attempt_of(*transaction_id);
        if asked.is_some_and(|asked| asked.request.terms.estimate.is_some()) {
            world.tally.count("amounts after the card");
        }
        currencies::sealed(world, *transaction_id, dcc.as_ref());
        if amounts.surcharge_minor.is_some() {
            world.tally.count("surcharges agreed");
        }
        let bypass = world.registers.attempt_of(*transaction_id);
        if bypass.is_some_and(|asked| asked.request.terms.bypass_surcharge) {
            world.tally.count("surcharges to be left out");
        }
        let asked = world.registers.attempt_of(*transaction_id);
        if asked.is_some_and(|asked| asked.request.gateway.is_none())
            && &*recipient.gateway.0 != GATEWAYS[0]
        {
            world.tally.count("cards routed");
        }
        let asked = world.registers.attempt_of(*transaction_id);
        let presentation = asked.and_then(|asked| asked.request.terms.presentation.clone());
        if let Some(presentation) = presentation {
            world.tally.count("cards used that came early");
            world.watches.sealed.insert(presentation, *transaction_id);
        }
        let sealed = (*amounts, recipient.gateway.clone());
        world.prices.sealed.insert(*transaction_id, sealed);
    }
}

/// Whether a price may rise at all.
pub(crate) fn may_rise(kind: Kind) -> bool {
    matches!(kind, Kind::Sale | Kind::Authorize)
}
