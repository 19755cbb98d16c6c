// SPDX-License-Identifier: MIT OR Apache-2.0
//! The vault in memory. It does what it is asked in order; what it says is kept outlives a crash,
//! and of what it was not through with, a crash lets any part be done.

use crate::world::{Happening, World};
use payhal_engine::event::Event;
use payhal_engine::ids::{Kept, TransactionId};
use std::collections::{BTreeSet, VecDeque};

/// What is kept, and for which transaction.
pub(crate) type Whose = (TransactionId, Kept);

/// What it was asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    Keep(Whose),
    Destroy(Whose),
    /// Destroy what belongs to nobody of these.
    Only(BTreeSet<Whose>),
}

#[derive(Debug, Default)]
pub(crate) struct Vault {
    pub(crate) held: BTreeSet<Whose>,
    waiting: VecDeque<Order>,
    /// The journal was put back to a time whose numbers are destroyed.
    pub(crate) outlived: bool,
}

impl Vault {
    fn does(&mut self, order: Order) {
        match order {
            Order::Keep(id) => {
                self.held.insert(id);
            }
            Order::Destroy(id) => {
                self.held.remove(&id);
            }
            Order::Only(open) => self.held.retain(|id| open.contains(id)),
        }
    }
}

/// It is asked for something.
pub(crate) fn asked(world: &mut World, order: Order) {
    world.vault.waiting.push_back(order);
    let delay_ms = 1 + world.random.below(20);
    world.in_ms(delay_ms, Happening::Vault);
}

/// It is through with the next thing.
pub(crate) fn done(world: &mut World) -> Option<Event> {
    let order = world.vault.waiting.pop_front()?;
    let Order::Keep((transaction, part)) = order else {
        world.vault.does(order);
        return None;
    };
    let fails = world.faults && world.random.percent(3);
    if fails {
        world.tally.count("numbers that could not be kept");
    } else {
        world.tally.count("numbers kept");
        world.vault.does(order);
    }
    Some(Event::Kept {
        transaction,
        part,
        refused: fails.then(|| "no space left".into()),
    })
}

/// The host is gone in the middle of it.
pub(crate) fn crash(world: &mut World) {
    let waiting = std::mem::take(&mut world.vault.waiting);
    let through = world.random.index(waiting.len() + 1);
    for order in waiting.into_iter().take(through) {
        world.vault.does(order);
    }
}
