// SPDX-License-Identifier: MIT OR Apache-2.0
//! Readers that watch for a register: who is told of which card, and who uses it.

use crate::cashiers;
use crate::checkers::contract;
use crate::readers::DEVICES;
use crate::registers::Purpose;
use crate::requests;
use crate::world::{Happening, World};
use payhal_engine::event::Event;
use payhal_engine::ids::{RegisterId, Scope, Ticket, TransactionId};
use payhal_engine::leases::{LeaseNews, LeaseWish};
use payhal_engine::request::{Kind, Request};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What really happened.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// Who asked for a lease.
    owners: BTreeMap<Ticket, Scope>,
    /// Presentations: to whom each was told, and which card it was.
    pub(crate) told: BTreeMap<Arc<str>, (RegisterId, usize)>,
    /// What each was sealed for.
    pub(crate) sealed: BTreeMap<Arc<str>, TransactionId>,
}

/// A register wants a reader for itself.
pub(crate) fn lend(world: &mut World) -> Event {
    let scope = cashiers::a_register(world);
    let wish = LeaseWish {
        device: Some(DEVICES[world.random.index(DEVICES.len())].into()),
        entries: Vec::new(),
        lease_ms: 60_000,
        watches: world.random.percent(80),
    };
    let event = cashiers::asked(world, Purpose::Other, scope.clone(), Request::Lend(wish));
    if let Event::Asked { ticket, .. } = &event {
        world.watches.owners.insert(*ticket, scope);
    }
    event
}

/// The owner of a lease hears of it, and mostly uses the card.
pub(crate) fn told(world: &mut World, ticket: Ticket, news: LeaseNews) {
    let Some(scope) = world.watches.owners.get(&ticket).cloned() else {
        contract::broken("news of a lease for somebody who asked for none");
    };
    if !world.registers.listens(ticket) {
        contract::broken("news of a lease for somebody who went away");
    }
    let LeaseNews::Presented(shown) = news else {
        return;
    };
    let id = shown.presentation_id;
    let lease = id.rsplit_once('-').map(|(lease, _)| lease);
    let lease = lease.and_then(|lease| Uuid::parse_str(lease).ok());
    let card = lease.and_then(|lease| world.prices.presented.get(&TransactionId(lease)));
    let card = card.map_or(0, |(card, _)| *card);
    let owner = scope.register;
    world.watches.told.insert(id.clone(), (owner, card));
    world.tally.count("cards told");
    let delay_ms = 200 + world.random.below(20_000);
    world.in_ms(delay_ms, Happening::UseCard(id.clone()));
    if world.random.percent(30) {
        // Again, or by somebody else.
        let delay_ms = 200 + world.random.below(20_000);
        world.in_ms(delay_ms, Happening::UseCard(id));
    }
}

/// A payment with a card that was presented before.
pub(crate) fn use_card(world: &mut World, id: Arc<str>) -> Option<Event> {
    let (owner, _) = world.watches.told.get(&id)?.clone();
    let scope = match world.random.percent(80) {
        true => cashiers::register(&owner.0),
        false => cashiers::a_register(world),
    };
    let minor = requests::some_minor(world);
    let kinds = [Kind::Sale, Kind::Sale, Kind::Authorize];
    let kind = kinds[world.random.index(kinds.len())];
    let mut request = requests::of_kind(world, &scope, kind, minor, "");
    request.terms.presentation = Some(id);
    Some(cashiers::begin(world, &scope, request))
}
