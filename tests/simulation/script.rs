// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a script is: acts at fixed times, and what is not left to chance. They are told in
//! `scripts.rs`.

use crate::cashiers;
use crate::gateways::Fate;
use crate::ledger::Chance;
use crate::outages;
use crate::persons;
use crate::prices::Tip;
use crate::registers::{Purpose, Sold};
use crate::requests;
use crate::terminals;
use crate::world::World;
use payhal_engine::event::Event;
use payhal_engine::gateway::Change;
use payhal_engine::request::Kind;
use std::collections::VecDeque;

/// What is not left to chance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fates {
    /// The chip must complete what the gateway approves.
    pub(crate) completion_owed: bool,
    /// It does not.
    pub(crate) chip_refuses: bool,
    /// What gateways do besides approving all that was asked.
    pub(crate) chance: Chance,
    /// The card that is presented, by its place.
    pub(crate) card: usize,
    /// What its customer adds.
    pub(crate) tip: Tip,
    /// What the people at the till say to a question; nothing, if they say nothing.
    pub(crate) says: Option<bool>,
    /// What becomes of each request that leaves for a gateway, in order; then all arrive.
    pub(crate) exchanges: VecDeque<Fate>,
    /// What becomes of each command to a terminal, in order; then all arrive.
    pub(crate) terminals: VecDeque<terminals::Fate>,
}

/// One thing that a register does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// So many minor units, with this gateway or on this terminal.
    Ask(Kind, &'static str, i64),
    /// A price that may rise by so much, wherever the card leads.
    Open(Kind, i64),
    /// The card first, with this gateway or wherever it leads; the amount, about this one, when it is
    /// known. It is at most twice that.
    Later(Kind, &'static str, i64),
    /// The same, with an order that the gateway is told of.
    Order(&'static str),
    /// A sale that may go without its gateway, with room for a tip, and with an order.
    Offline(&'static str, i64),
    /// A gateway cannot be reached any more.
    Away(&'static str),
    /// It can be reached again.
    Back(&'static str),
    /// With the token that was given out last.
    Token,
    /// What was approved last is changed by so many minor units.
    Change(Change, i64),
    /// What was approved last is taken back, however that may be.
    Undo,
    /// A look at a batch.
    Totals(&'static str),
    /// The same basket again, whatever became of it.
    NewKey,
    /// The latest request.
    Cancel,
    /// The register closes its connection.
    Forget,
    /// Somebody looks at what is open.
    Person,
}

impl Act {
    pub(crate) fn done(self, world: &mut World) -> Option<Event> {
        let latest = world.registers.attempts.len().checked_sub(1);
        let sold = world.registers.sold.last().copied();
        let scope = cashiers::register("register 1");
        match self {
            Self::Ask(kind, place, minor) => {
                let mut request = requests::of_kind(world, &scope, kind, minor, place);
                request.reference = Some("basket".into());
                if kind == Kind::RefundByReceipt {
                    request.terms.receipt = Some(requests::receipt(0));
                }
                Some(cashiers::begin(world, &scope, request))
            }
            Self::Open(kind, most) => {
                let mut request = requests::of_kind(world, &scope, kind, 1_000, "");
                request.amount_max = Some(requests::whole(1_000 + most).total);
                Some(cashiers::begin(world, &scope, request))
            }
            Self::Later(kind, place, about) => {
                let mut request = requests::of_kind(world, &scope, kind, about, place);
                requests::later(&mut request);
                request.amount_max = Some(requests::whole(2 * about).total);
                Some(cashiers::begin(world, &scope, request))
            }
            Self::Order(gateway) => {
                let kind = Kind::Sale;
                let mut request = requests::of_kind(world, &scope, kind, 1_000, gateway);
                request.order = Some(r#"{"basket":[]}"#.into());
                Some(cashiers::begin(world, &scope, request))
            }
            Self::Offline(gateway, minor) => {
                let mut request = requests::of_kind(world, &scope, Kind::Sale, minor, gateway);
                request.amount_max = Some(requests::whole(minor + 200).total);
                request.order = Some(r#"{"basket":[]}"#.into());
                request.terms.allow_offline = true;
                Some(cashiers::begin(world, &scope, request))
            }
            Self::Away(gateway) | Self::Back(gateway) => {
                outages::set(world, gateway, matches!(self, Self::Back(_)));
                None
            }
            Self::Token => {
                let request = requests::with_token(world, &scope)?;
                Some(cashiers::begin(world, &scope, request))
            }
            Self::Change(change, minor) => {
                let Sold { id: original, .. } = sold?;
                let kind = match change {
                    Change::Capture => Kind::Capture { original },
                    Change::Adjust => Kind::Adjust { original },
                    Change::Refund => Kind::Refund { original },
                    Change::Void => Kind::Void { original },
                };
                Some(cashiers::change(world, sold?, kind, minor))
            }
            Self::Undo => {
                let Sold { id: original, .. } = sold?;
                let kind = Kind::Undo { original };
                Some(cashiers::change(world, sold?, kind, 0))
            }
            Self::Totals(place) => {
                let totals = requests::totals_of(place);
                Some(cashiers::asked(world, Purpose::Other, scope, totals))
            }
            Self::NewKey => Some(cashiers::again_under_new_key(world, latest?)),
            Self::Cancel => Some(cashiers::cancel_of(world, latest?)),
            Self::Forget => cashiers::forget(world),
            Self::Person => persons::impatient(world),
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
