// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cards cost more, where they go, and what customers add: the rules that the host is
//! configured with, and what really happened at the readers.

use crate::gateways::GATEWAYS;
use crate::world::World;
use payhal_engine::Config;
use payhal_engine::card::{CardFace, Cards};
use payhal_engine::device::DeviceCommand;
use payhal_engine::ids::{GatewayId, TransactionId};
use payhal_engine::money::Amounts;
use payhal_engine::pricing::{Millionths, Surcharge};
use payhal_engine::request::{Kind, MoneyRequest};
use payhal_engine::routing::Route;
use std::collections::BTreeMap;

/// Scheme and number of each card that there is.
const FACES: [(&str, &str); 3] = [
    ("mastercard", "541333******0002"),
    ("visa", "411111******1111"),
    ("amex", "371449*****8431"),
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
        ranges: Vec::new(),
    };
    let route = |cards, gateway: &str| Route {
        cards,
        currency: None,
        register: None,
        from_minor: None,
        to_minor: None,
        gateway: gateway.into(),
    };
    let [_, visa, amex] = FACES;
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
                    scheme: None,
                    ranges: vec!["34".into(), "37".into()],
                },
                fixed_minor: 7,
                ..Surcharge::default()
            },
        ],
        routes: vec![
            route(of(visa), mute),
            Route {
                register: Some("register 2".into()),
                from_minor: Some(250),
                ..route(of(amex), narrow)
            },
        ],
        ..Config::default()
    }
}

/// What a card costs more, as the rules above say it in other words; without any limit.
pub(crate) fn surcharge(card: usize, amounts: &Amounts) -> i64 {
    let tip = amounts.tip_minor.unwrap_or(0);
    let cash = amounts.cashback_minor.unwrap_or(0);
    match card {
        1 => ((amounts.total.minor - tip - cash) * 175 + 500).div_euclid(1_000),
        2 => 7,
        _ => 0,
    }
}

/// Where a card goes, likewise.
pub(crate) fn gateway(
    card: usize,
    register: &str,
    request: &MoneyRequest,
    total: i64,
) -> GatewayId {
    let [asking, mute, narrow] = GATEWAYS;
    let routed = match card {
        1 => mute,
        2 if register == "register 2" && total >= 250 && request.amounts.is_some() => narrow,
        _ => asking,
    };
    request.gateway.clone().unwrap_or_else(|| routed.into())
}

pub(crate) fn face(card: usize) -> CardFace {
    let (scheme, masked_pan) = FACES[card];
    CardFace {
        masked_pan: masked_pan.into(),
        scheme: scheme.into(),
        application: None,
        aid: None,
    }
}

/// A card is presented: which it is, and what its customer adds.
pub(crate) fn present(world: &mut World, command: &DeviceCommand) -> (usize, Tip) {
    let DeviceCommand::Present {
        transaction_id,
        amounts,
        total_minor_max,
        ..
    } = command
    else {
        return (0, Tip::None);
    };
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
        ..
    } = command
    {
        if amounts.surcharge_minor.is_some() {
            world.tally.count("surcharges agreed");
        }
        let asked = world.registers.attempt_of(*transaction_id);
        if asked.is_some_and(|asked| asked.request.gateway.is_none())
            && &*recipient.gateway.0 != GATEWAYS[0]
        {
            world.tally.count("cards routed");
        }
        let sealed = (*amounts, recipient.gateway.clone());
        world.prices.sealed.insert(*transaction_id, sealed);
    }
}

/// Whether a price may rise at all.
pub(crate) fn may_rise(kind: Kind) -> bool {
    matches!(kind, Kind::Sale | Kind::Authorize)
}
