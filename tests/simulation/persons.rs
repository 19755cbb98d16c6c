// SPDX-License-Identifier: MIT OR Apache-2.0
//! People who look at the ledgers and settle what nobody can find out. They never say anything
//! about what may still be on its way; and since they say that money moved and not how much, they
//! undo by hand what is another amount than was asked.

use crate::cashiers;
use crate::registers::Purpose;
use crate::world::{Happening, World};
use payhal_engine::answer::Outcome;
use payhal_engine::event::Event;
use payhal_engine::ids::TransactionId;
use payhal_engine::prompt::PromptKinds;
use payhal_engine::request::{Caller, Request, Resolve};

/// Somebody was called; and comes again until it is settled.
pub(crate) fn called(world: &mut World, id: TransactionId) -> Option<Event> {
    if !world.journal.needs_operator(id) {
        return None;
    }
    world.in_ms(1_200_000, Happening::Person(id));
    if is_another_amount(world, id) && !world.is_on_its_way(id) {
        world.undo_by_hand(id);
    }
    look(world, id)
}

/// Somebody does not wait to be called.
pub(crate) fn impatient(world: &mut World) -> Option<Event> {
    let lines = world.journal.lines();
    let open = lines.filter(|(_, line)| line.intent.is_some() && line.ended.is_none());
    let mut open: Vec<TransactionId> = open.map(|(id, _)| id).collect();
    // The worst moment is while somebody else is at it.
    let busy: Vec<_> = open.iter().filter(|id| world.is_asked(**id)).collect();
    if !busy.is_empty() && world.random.below(2) == 0 {
        open = busy.into_iter().copied().collect();
    }
    if open.is_empty() {
        return None;
    }
    let id = open[world.random.index(open.len())];
    look(world, id)
}

fn look(world: &mut World, id: TransactionId) -> Option<Event> {
    if world.is_on_its_way(id) || is_another_amount(world, id) {
        return None;
    }
    world.tally.count("people looked");
    let done = world.stands(id) || world.is_closed_by(id);
    let outcome = match done {
        true => Outcome::Approved,
        false => Outcome::Failed,
    };
    let resolve = Resolve {
        transaction_id: id,
        outcome,
        evidence: "the ledger".into(),
        operator: "Ada".into(),
    };
    let caller = Caller {
        scope: cashiers::register("office"),
        others: true,
        prompts: PromptKinds::default(),
    };
    Some(Event::Asked {
        ticket: world.registers.ticket(Purpose::Other),
        caller,
        transaction_id: world.fresh_id(),
        request: Request::Resolve(Box::new(resolve)),
    })
}

fn is_another_amount(world: &World, id: TransactionId) -> bool {
    let asked = world.journal.intent_of(id).map(|it| it.amounts.total.minor);
    let entry = world.entry(id).filter(|entry| entry.stands());
    entry.is_some_and(|entry| Some(entry.minor) != asked)
}
