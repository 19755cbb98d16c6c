// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts: short histories without chance, into which something breaks at every single effect.
//!
//! A new kind of transaction is an [`Act`] and a script here; everything else follows.

use crate::cashiers;
use crate::gateways::{Fate, GATEWAYS};
use crate::registers::Sold;
use crate::terminals::{self, TERMINALS};
use crate::world::World;
use payhal_engine::event::Event;
use std::collections::VecDeque;

/// What is decided beforehand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fates {
    /// Whether the chip has the last word.
    pub(crate) completion_owed: bool,
    /// Whether the chip refuses what was approved.
    pub(crate) chip_refuses: bool,
    /// What becomes of each request that leaves for a gateway, in order; then all arrive.
    pub(crate) exchanges: VecDeque<Fate>,
    /// What becomes of each command to a terminal, in order; then all arrive.
    pub(crate) terminals: VecDeque<terminals::Fate>,
}

/// One thing that a register does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// 10.00 through this gateway.
    Sell(&'static str),
    /// 10.00 on this terminal.
    Pay(&'static str),
    /// So many minor units of the latest sale.
    Refund(i64),
    /// The latest sale.
    Void,
    /// The same basket under a new key.
    NewKey,
    Cancel,
    Forget,
}

impl Act {
    /// Does it, if it can be done.
    pub(crate) fn done(self, world: &mut World) -> Option<Event> {
        let sold: Option<Sold> = world.registers.sold.last().copied();
        let latest = world.registers.attempts.len().checked_sub(1);
        match self {
            Self::Sell(gateway) => {
                let scope = cashiers::register("register 1");
                let mut request = cashiers::sale(world, &scope, 1_000, gateway);
                request.reference = Some("basket".into());
                Some(cashiers::begin(world, scope, request))
            }
            Self::Pay(terminal) => {
                let scope = cashiers::register("register 1");
                let mut request = cashiers::on_terminal(world, &scope, 1_000, terminal);
                request.reference = Some("basket".into());
                Some(cashiers::begin(world, scope, request))
            }
            Self::Refund(minor) => Some(cashiers::refund(world, sold?, minor)),
            Self::Void => Some(cashiers::void(world, sold?)),
            Self::NewKey => Some(cashiers::again_under_new_key(world, latest?)),
            Self::Cancel => Some(cashiers::cancel_of(world, latest?)),
            Self::Forget => cashiers::forget(world),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) name: &'static str,
    /// When, in milliseconds, and what.
    pub(crate) acts: Vec<(u64, Act)>,
    pub(crate) fates: Fates,
}

/// Every script.
pub(crate) fn all() -> Vec<Script> {
    let mut all = sales();
    all.extend(changes());
    all.extend(terminals());
    all
}

fn script(name: &'static str, acts: Vec<(u64, Act)>, fates: Fates) -> Script {
    Script { name, acts, fates }
}

fn sale(gateway: &'static str) -> Vec<(u64, Act)> {
    vec![(5_000, Act::Sell(gateway))]
}

fn sale_then(acts: &[(u64, Act)]) -> Vec<(u64, Act)> {
    let mut all = sale(GATEWAYS[0]);
    all.extend_from_slice(acts);
    all
}

fn way(exchanges: &[Fate]) -> Fates {
    Fates {
        exchanges: exchanges.iter().copied().collect(),
        ..Fates::default()
    }
}

fn chip(chip_refuses: bool) -> Fates {
    Fates {
        completion_owed: true,
        chip_refuses,
        ..Fates::default()
    }
}

fn sales() -> Vec<Script> {
    let [asking, mute] = GATEWAYS;
    vec![
        script("a sale", sale(asking), Fates::default()),
        script("a sale with the chip's word", sale(asking), chip(false)),
        script("the chip refuses", sale(asking), chip(true)),
        script("the reply is lost", sale(asking), way(&[Fate::ReplyLost])),
        script("the request is late", sale(asking), way(&[Fate::Late])),
        script("nothing was sent", sale(asking), way(&[Fate::NotSent])),
        script(
            "the reply is lost, and so are those to the inquiry and the reversal",
            sale(mute),
            way(&[Fate::Lost, Fate::ReplyLost, Fate::ReplyLost]),
        ),
        script(
            "nobody answers within the hard limit",
            sale(asking),
            way(&[Fate::ReplyLost, Fate::Lost, Fate::Lost, Fate::Lost]),
        ),
        script(
            "a cashier tries again while nobody knows",
            sale_then(&[(20_000, Act::NewKey), (90_000, Act::NewKey)]),
            way(&[Fate::ReplyLost, Fate::Lost]),
        ),
        script(
            "cancelled",
            sale_then(&[(5_600, Act::Cancel), (30_000, Act::NewKey)]),
            chip(false),
        ),
        script(
            "the register is gone",
            sale_then(&[(6_800, Act::Forget)]),
            way(&[Fate::ReplyLost]),
        ),
    ]
}

fn changes() -> Vec<Script> {
    let refunds = [
        (60_000, Act::Refund(400)),
        (60_001, Act::Refund(700)),
        (60_002, Act::Void),
        (120_000, Act::Refund(600)),
    ];
    vec![
        script(
            "several refunds and a void",
            sale_then(&refunds),
            Fates::default(),
        ),
        script(
            "a void whose reply is lost",
            sale_then(&[(60_000, Act::Void), (60_100, Act::Refund(1))]),
            way(&[Fate::Arrives, Fate::ReplyLost]),
        ),
        script(
            "a refund that is undone",
            sale_then(&[(60_000, Act::Refund(1_000)), (400_000, Act::Refund(1_000))]),
            way(&[Fate::Arrives, Fate::Late, Fate::Lost]),
        ),
    ]
}

fn terminals() -> Vec<Script> {
    use terminals::Fate::{Arrives, Late, Lost, ReplyLost};
    let [asked, last, deaf] = TERMINALS;
    let pay = |terminal, acts: &[(u64, Act)]| {
        let mut all = vec![(5_000, Act::Pay(terminal))];
        all.extend_from_slice(acts);
        all
    };
    let way = |terminals: &[terminals::Fate]| Fates {
        terminals: terminals.iter().copied().collect(),
        ..Fates::default()
    };
    let another = [(20_000, Act::NewKey), (400_000, Act::Pay(last))];
    let changes = [
        (60_000, Act::Refund(400)),
        (60_001, Act::Void),
        (120_000, Act::Void),
        (180_000, Act::Refund(600)),
    ];
    vec![
        script("a terminal pays", pay(asked, &[]), way(&[])),
        script(
            "a terminal's word is lost",
            pay(asked, &another),
            way(&[ReplyLost, ReplyLost, Lost]),
        ),
        script(
            "a terminal remembers its last",
            pay(last, &another),
            way(&[ReplyLost, Lost]),
        ),
        script(
            "a terminal never tells",
            pay(
                deaf,
                &[(20_000, Act::Pay(deaf)), (9_000_000, Act::Pay(deaf))],
            ),
            way(&[ReplyLost]),
        ),
        script(
            "a terminal is late",
            pay(last, &[(20_000, Act::Cancel)]),
            way(&[Late]),
        ),
        script(
            "a terminal is cancelled",
            pay(asked, &[(5_300, Act::Cancel)]),
            way(&[]),
        ),
        script(
            "changes on a terminal",
            pay(asked, &changes),
            way(&[Arrives, ReplyLost, ReplyLost]),
        ),
        script(
            "a void on a terminal",
            pay(asked, &[(60_000, Act::Void), (60_001, Act::Refund(1))]),
            way(&[Arrives, ReplyLost, Lost]),
        ),
    ]
}
